//! A small service without packages, for tests of what happens to services.

use std::path::Path;
use std::process::Command;

/// It answers everything with its release, in Python.
pub const SERVICE: &str = include_str!("service.py");

/// Has a project that was just made be this service.
pub fn serve_less(folder: &Path) {
    let service = folder.join("services/backend");
    std::fs::write(service.join("serve.py"), SERVICE).expect("a file");
    std::fs::write(service.join("requirements.lock"), "# nothing\n").expect("a file");
    let manifest = std::fs::read_to_string(folder.join("cgo.yaml")).expect("it was made");
    let (head, rest) = manifest.split_once("    migrate:").expect("it migrates");
    let (_, tail) = rest.split_once("    # The variable that carries the port.").expect("it has a port");
    let (tail, _) = tail.split_once("    checks:").expect("it is checked");
    let own = "    migrate: [python, -c, pass]\n    command: [python, -u, serve.py]\n";
    let checks = "    checks:\n      - name: tests\n        command: [python, -m, pytest]\n";
    std::fs::write(folder.join("cgo.yaml"), format!("{head}{own}{tail}{checks}")).expect("a file");
    for arguments in [&["add", "-A"][..], &["commit", "-qm", "Serve less"]] {
        let identity = ["-c", "user.name=t", "-c", "user.email=t@t"];
        let done = Command::new("git").args(identity).args(arguments).current_dir(folder).status();
        assert!(done.expect("git starts").success(), "git {arguments:?}");
    }
}
