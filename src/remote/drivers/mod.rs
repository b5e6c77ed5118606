//! What runs a release on a host: shell functions of the same names for each sort of program that keeps processes.
//!
//! Each has `driver_check`, `driver_install`, `driver_prepare`, `driver_build`, `driver_once`, `driver_start`, `driver_keep`,
//! `driver_state`, `driver_stop`, `driver_log`, `driver_log_from`, `driver_exec`, `driver_exec_end`, `driver_listeners`,
//! `driver_forget` and `driver_remove`; the engine's scripts call nothing else of it. To start what runs and to stop what does not are no
//! errors. Which one it is, `$driver` says.

/// Sets `WITH_VALUES`, a program that runs a command with the variables of a file, and `PYTHON`, which reads it.
macro_rules! with_values {
    () => {
        concat!(
            "WITH_VALUES='",
            include_str!("values.py"),
            "'\nPYTHON=$(PATH=/usr/local/bin:/usr/bin:/bin:$PATH; command -v python3)\n",
        )
    };
}

/// The functions of the driver that `$driver` names.
pub(super) const FUNCTIONS: &str = concat!(
    "case $driver in\nprocess | systemd)\n",
    with_values!(),
    include_str!("python.sh"),
    ";;\nesac\ncase $driver in\nprocess)\n",
    include_str!("process.sh"),
    ";;\nsystemd)\n",
    include_str!("systemd.sh"),
    ";;\ncontainer)\n",
    include_str!("../image/gc.sh"),
    include_str!("container.sh"),
    ";;\n*) echo \"there is no driver $driver\" >&2; exit 9 ;;\nesac",
);

/// What the driver `process` leaves on a host to keep processes.
pub(super) const KEEPER: &str = concat!(with_values!(), include_str!("keep.sh"));

#[cfg(test)]
mod tests {
    #[test]
    fn a_program_between_single_quotes_has_none() {
        assert!(!include_str!("values.py").contains('\''));
    }
}
