//! The `cgo` program: everything is in the library.

fn main() -> std::process::ExitCode {
    cgo::cli::main()
}
