//! What can go wrong with an image on its way to a host.

use std::io;
use std::path::PathBuf;

use crate::domain::diagnose::{Advice, Diagnose, Kind};
use crate::{exec, remote::host};

/// Why an image was not built, sent or removed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no engine, or it does not answer.
    #[error("`{engine}` does not answer on `{host}`")]
    NoEngine {
        /// The server's name.
        host: String,
        /// The engine.
        engine: &'static str,
        /// What it says; nothing when there is none.
        evidence: Vec<String>,
    },
    /// The image is for other machines.
    #[error("the image is for {image}, and `{host}` is {server}")]
    Architecture {
        /// The image's.
        image: String,
        /// The server's.
        server: String,
        /// The server's name.
        host: String,
    },
    /// There is too little room.
    #[error("`{host}` has {available_mb} MB free, and the image needs {needed_mb} MB{}", match freeable_mb { 0 => String::new(), mb => format!("; old releases could give back up to {mb} MB") })]
    NoRoom {
        /// The server's name.
        host: String,
        /// What it needs, in megabytes: sent, unpacked, and a tenth more.
        needed_mb: u64,
        /// What there is.
        available_mb: u64,
        /// What old releases hold; what they share with others is counted, too.
        freeable_mb: u64,
    },
    /// A Dockerfile did not build.
    #[error("the image does not build on `{host}`")]
    Build {
        /// Where it was built.
        host: String,
        /// The last lines of the build.
        evidence: Vec<String>,
    },
    /// A Dockerfile builds for too long; its build was ended.
    #[error("the image was not built on `{host}` within {seconds} s")]
    Slow {
        /// Where it was built.
        host: String,
        /// How long it was given.
        seconds: u64,
        /// The last lines of the build.
        evidence: Vec<String>,
    },
    /// A build ended without an outcome: it was killed, or the host went down.
    #[error("the build on `{host}` was cut off")]
    CutOff {
        /// The server's name.
        host: String,
    },
    /// The engine does not take the image.
    #[error("`{engine}` on `{host}` does not take the image")]
    Rejected {
        /// The server's name.
        host: String,
        /// The engine.
        engine: &'static str,
        /// What it says.
        evidence: Vec<String>,
    },
    /// What arrived is not what was sent.
    #[error("`{reference}` on `{host}` is not the image that was sent")]
    Different {
        /// The server's name.
        host: String,
        /// The image's name.
        reference: String,
    },
    /// There is no such image.
    #[error("there is no image `{reference}` on `{host}`")]
    NoImage {
        /// The server's name.
        host: String,
        /// The image's name.
        reference: String,
    },
    /// What the engine of this machine saved cannot be read.
    #[error("the image that was saved here cannot be read: {reason}")]
    Archive {
        /// Why.
        reason: String,
    },
    /// A file of this machine could not be used.
    #[error("cannot use `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A program of this machine.
    #[error(transparent)]
    Exec(#[from] exec::Error),
    /// The host, or the way to it.
    #[error(transparent)]
    Host(#[from] host::Error),
}

impl Error {
    /// The last lines of the program that failed.
    #[must_use]
    pub fn evidence(&self) -> &[String] {
        match self {
            Self::NoEngine { evidence, .. }
            | Self::Build { evidence, .. }
            | Self::Slow { evidence, .. }
            | Self::Rejected { evidence, .. } => evidence,
            Self::Host(error) => error.evidence(),
            _ => &[],
        }
    }
}

impl Diagnose for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NoEngine { .. } | Self::Architecture { .. } | Self::NoRoom { .. } => Kind::Preflight,
            Self::Build { .. }
            | Self::Slow { .. }
            | Self::Rejected { .. }
            | Self::Different { .. }
            | Self::NoImage { .. }
            | Self::Archive { .. }
            | Self::File { .. } => Kind::User,
            Self::CutOff { .. } => Kind::Unknown,
            Self::Exec(error) => error.kind(),
            Self::Host(error) => error.kind(),
        }
    }

    fn advice(&self) -> Option<Advice> {
        Some(match self {
            Self::NoEngine { host, evidence, .. } if evidence.is_empty() => {
                Advice::Run(format!("cgo servers provision {host}"))
            }
            Self::NoEngine { engine, .. } => {
                Advice::Do(format!("see why it does not run there: `systemctl status {engine}`"))
            }
            Self::Architecture { server, .. } => Advice::Do(format!(
                "have it built on the server, or here for it (`docker buildx build --platform linux/{server}`)"
            )),
            Self::NoRoom { .. } => Advice::Do("free some room there, and do it again".to_owned()),
            Self::Build { .. } => Advice::Do("mend what the last lines name, and deploy again".to_owned()),
            Self::Slow { .. } => Advice::Do(
                "see which of its steps hangs, or give it more time with `build_within` in cgo.yaml, and deploy again"
                    .to_owned(),
            ),
            Self::Exec(error) => return error.advice(),
            Self::Host(error) => return error.advice(),
            Self::CutOff { .. }
            | Self::Rejected { .. }
            | Self::Different { .. }
            | Self::NoImage { .. }
            | Self::Archive { .. }
            | Self::File { .. } => return None,
        })
    }
}
