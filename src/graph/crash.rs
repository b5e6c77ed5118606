//! Where tests end the process as `kill -9` would, to see what is found after it.

/// Ends the process at the boundary that `CGO_TEST_CRASH_AT` names, as `kill -9` would. Counting begins at 1; with
/// `CGO_TEST_CRASH_COUNT` the number of boundaries passed is kept in that file. Only debug builds have it.
#[cfg(debug_assertions)]
pub(super) fn crash_point() {
    use std::sync::atomic::{AtomicU64, Ordering};
    static PASSED: AtomicU64 = AtomicU64::new(0);
    let passed = PASSED.fetch_add(1, Ordering::SeqCst) + 1;
    if let Some(file) = std::env::var_os("CGO_TEST_CRASH_COUNT") {
        std::fs::write(file, passed.to_string()).expect("the test's count file can be written");
    }
    if std::env::var("CGO_TEST_CRASH_AT").is_ok_and(|at| at == passed.to_string()) {
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL)
            .expect("a process may kill itself");
        loop {
            std::thread::park();
        }
    }
}

#[cfg(not(debug_assertions))]
pub(super) fn crash_point() {}
