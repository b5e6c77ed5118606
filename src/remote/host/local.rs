//! This machine as a host: the same scripts through the same shell, without a connection.

use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::frame::Frame;
use super::script::{COMMAND, nonce};
use super::{Ended, Error, Host, Payload, Script};
use crate::domain::server::LOCAL;
use crate::exec::capture::Captured;
use crate::exec::{self, Command, Stream, Watch};

/// This machine.
#[derive(Debug, Default)]
pub struct Local;

/// Both streams of a script, without what stands around its frame.
struct Streams<'a> {
    stdout: Frame,
    stderr: Frame,
    kept: Captured,
    pass: &'a mut (dyn FnMut(Stream, &[u8]) + Send),
}

impl Watch for Streams<'_> {
    fn bytes(&mut self, stream: Stream, bytes: &[u8]) {
        match stream {
            Stream::Stdout => self.stdout.push(bytes, &mut |bytes| (self.pass)(stream, bytes)),
            Stream::Stderr => self.stderr.push(bytes, &mut |bytes| {
                self.kept.push(bytes);
                (self.pass)(stream, bytes);
            }),
        }
    }
}

impl Host for Local {
    fn name(&self) -> &str {
        LOCAL
    }

    fn exchange<'a>(
        &'a self,
        script: &'a Script,
        pass: &'a mut (dyn FnMut(Stream, &[u8]) + Send),
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<Ended, Error>> {
        Box::pin(async move {
            let nonce = nonce();
            let mut input = script.document(&nonce)?;
            let mut command = Command::new("sh").arg("-c").arg(COMMAND).deadline(script.deadline).keep(4096);
            match &script.payload {
                Payload::None => {}
                Payload::Bytes(bytes) => input.extend_from_slice(bytes),
                Payload::File { path, from } => command = command.then_file(path, *from),
                Payload::Input => command = command.then_input(),
            }
            command = command.stdin(input);
            let mut streams = Streams {
                stdout: Frame::new(&nonce),
                stderr: Frame::new(&nonce),
                kept: Captured::new(script.keep),
                pass,
            };
            let ran = exec::run_watched(&command, cancel, &mut streams).await;
            let Streams { mut stdout, mut stderr, mut kept, pass } = streams;
            let code = stdout.finish(&mut |bytes| pass(Stream::Stdout, bytes));
            stderr.finish(&mut |bytes| {
                kept.push(bytes);
                pass(Stream::Stderr, bytes);
            });
            let (host, what) = (LOCAL.to_owned(), script.what);
            match ran {
                Ok(_) => match code {
                    Some(code) => Ok(Ended { code, stderr: kept }),
                    None => Err(Error::Lost { host, what }),
                },
                Err(exec::Error::Deadline { after, .. }) => Err(Error::Deadline { host, what, after }),
                Err(exec::Error::Cancelled { .. }) => Err(Error::Cancelled { host, what }),
                Err(other) => Err(other.into()),
            }
        })
    }
}
