//! The `cgo` program: everything is in the library.

fn main() -> std::process::ExitCode {
    // Inside a sandbox, the first program is this one under another name.
    cgo::coder::sandbox::inside::main().unwrap_or_else(cgo::cli::main)
}
