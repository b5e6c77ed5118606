//! The one way out of a sandbox without network: a Unix socket let into it, joined here to one address.

use std::convert::Infallible;
use std::net::SocketAddr;

use tokio::net::{TcpStream, UnixListener};

use super::Error;
use super::walls::Scratch;

/// The outer end.
pub(super) struct Link {
    listener: UnixListener,
    address: SocketAddr,
}

impl Link {
    pub(super) fn open(scratch: &Scratch, address: SocketAddr) -> Result<Self, Error> {
        let listener = UnixListener::bind(scratch.socket())
            .map_err(|source| Error::System { action: "open the sandbox's socket", source })?;
        Ok(Self { listener, address })
    }
}

/// Joins every connection to the address, for ever; ends with its future, and the connections with it.
pub(super) async fn serve(link: Option<&Link>) -> Infallible {
    let Some(link) = link else { return std::future::pending().await };
    let mut open = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = link.listener.accept() => {
                let address = link.address;
                if let Ok((mut near, _)) = accepted {
                    open.spawn(async move {
                        if let Ok(mut far) = TcpStream::connect(address).await {
                            // Whichever end breaks, the other sees the end of its stream.
                            let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                        }
                    });
                }
            }
            Some(_) = open.join_next() => {}
        }
    }
}
