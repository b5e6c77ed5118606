//! What every error can say about itself: who has to act, and what to do next.

/// Who has to act on an error. Decides the exit code and the heading of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The command line or an input file is wrong.
    Usage,
    /// Nothing changed, and the user can put it right.
    User,
    /// A person has to answer, approve or provide something before work can go on.
    Person,
    /// Another process holds the lease.
    Locked,
    /// A health gate failed and the old version still serves.
    Gate,
    /// The old version serves again, after visitors had been sent to the new one.
    Reverted,
    /// Some hosts have it and others do not.
    Partial,
    /// A precondition of the machine is missing: disk, program, port, architecture.
    Preflight,
    /// It is not known whether an effect happened; resuming finds out.
    Unknown,
    /// The user interrupted the work.
    Interrupted,
    /// A bug in cgo.
    Internal,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::Usage,
        Self::User,
        Self::Person,
        Self::Locked,
        Self::Gate,
        Self::Reverted,
        Self::Partial,
        Self::Preflight,
        Self::Unknown,
        Self::Interrupted,
        Self::Internal,
    ];

    /// The exit code of a command that ends with such an error.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::User => 1,
            Self::Usage => 2,
            Self::Person => 4,
            Self::Locked => 5,
            Self::Gate => 6,
            Self::Reverted => 7,
            Self::Partial => 8,
            Self::Preflight => 9,
            Self::Unknown => 10,
            Self::Internal => 70,
            Self::Interrupted => 130,
        }
    }
}

/// The one thing the reader can do now, as data; each front end words it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Advice {
    /// Run this command.
    Run(String),
    /// Do this, in words.
    Do(String),
}

impl Advice {
    /// The advice as a hint reads.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::Run(command) => format!("run `{command}`"),
            Self::Do(text) => text,
        }
    }
}

/// An error with its causes in one line: `cannot reach x: connection refused`.
#[must_use]
pub fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = inner.source();
    }
    text
}

/// An error that knows its kind and its advice.
pub trait Diagnose: std::error::Error {
    /// Who has to act.
    fn kind(&self) -> Kind;
    /// What to do next, where something can be done.
    fn advice(&self) -> Option<Advice> {
        None
    }
}
