//! Where a domain points, asked before a certificate is: an authority counts failed attempts, and stops listening.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpStream, UdpSocket};

use crate::domain::diagnose::{Advice, Diagnose, Kind};
use crate::domain::domain_name::DomainName;

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a question is asked: packets get lost.
const TRIES: u32 = 3;

/// Why no certificate can be had for a domain yet.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It has no address.
    #[error("`{domain}` has no address")]
    NoAddress {
        /// The domain.
        domain: DomainName,
        /// Where it should point.
        wanted: Vec<IpAddr>,
    },
    /// It points elsewhere.
    #[error("`{domain}` points to {}, not to the server, which is {}", list(found), list(wanted))]
    Elsewhere {
        /// The domain.
        domain: DomainName,
        /// Where it points.
        found: Vec<IpAddr>,
        /// Where it should.
        wanted: Vec<IpAddr>,
    },
    /// It could not be found out.
    #[error("cannot find out where `{domain}` points")]
    Unknown {
        /// The domain.
        domain: DomainName,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A port of the server cannot be reached from here.
    #[error("port {} of `{host}` ({}) cannot be reached from here: {reason}", address.port(), address.ip())]
    Closed {
        /// The server's name.
        host: String,
        /// The address.
        address: SocketAddr,
        /// Why.
        reason: String,
    },
}

fn list(addresses: &[IpAddr]) -> String {
    let shown: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
    shown.join(", ")
}

impl Diagnose for Error {
    fn kind(&self) -> Kind {
        Kind::Preflight
    }

    fn advice(&self) -> Option<Advice> {
        Some(Advice::Do(match self {
            Self::NoAddress { domain, wanted } | Self::Elsewhere { domain, wanted, .. } => {
                let records: Vec<String> = wanted
                    .iter()
                    .map(|address| format!("{} {address}", if address.is_ipv4() { "A" } else { "AAAA" }))
                    .collect();
                let others = match self {
                    Self::Elsewhere { .. } => " and no other address",
                    _ => "",
                };
                format!(
                    "give `{domain}` the record {}{others} where its DNS is kept, wait until it is known, and do it again",
                    records.join(" or ")
                )
            }
            Self::Unknown { .. } => "see that names can be resolved from here, and do it again".to_owned(),
            Self::Closed { host, address, .. } => format!(
                "open port {} for everybody: `cgo servers provision {host}` does so on the server itself, whoever hosts it \
                 may have another firewall before it",
                address.port()
            ),
        }))
    }
}

/// Where a domain points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointed {
    /// Addresses that are the server's.
    pub ours: Vec<IpAddr>,
    /// Addresses that are not: visitors and the authority may be sent there.
    pub others: Vec<IpAddr>,
}

/// Checks that a domain points to a server. Asks the resolver of this machine, or the one that is named.
///
/// # Errors
/// When it points nowhere, only elsewhere, or that cannot be found out. An IPv6 address that is not the server's while
/// its IPv4 address is counts as elsewhere: authorities prefer it.
pub async fn check(domain: &DomainName, server: &[IpAddr], resolver: Option<SocketAddr>) -> Result<Pointed, Error> {
    let found = match resolver {
        None => system(domain).await,
        Some(resolver) => named(domain, resolver).await,
    };
    let found = found.map_err(|source| Error::Unknown { domain: domain.clone(), source })?;
    judge(domain, server, found)
}

fn judge(domain: &DomainName, server: &[IpAddr], found: BTreeSet<IpAddr>) -> Result<Pointed, Error> {
    let wanted = server.to_vec();
    if found.is_empty() {
        return Err(Error::NoAddress { domain: domain.clone(), wanted });
    }
    let (ours, others): (Vec<IpAddr>, Vec<IpAddr>) = found.iter().partition(|address| server.contains(address));
    if ours.is_empty() || others.iter().any(IpAddr::is_ipv6) && ours.iter().all(IpAddr::is_ipv4) {
        return Err(Error::Elsewhere { domain: domain.clone(), found: found.into_iter().collect(), wanted });
    }
    Ok(Pointed { ours, others })
}

async fn system(domain: &DomainName) -> io::Result<BTreeSet<IpAddr>> {
    // With the dot at its end no search list is tried.
    let looked = tokio::time::timeout(PATIENCE * TRIES, tokio::net::lookup_host((format!("{domain}."), 443))).await;
    match looked {
        Ok(Ok(addresses)) => Ok(addresses.map(|address| address.ip()).collect()),
        Ok(Err(error)) if is_absent(&error) => Ok(BTreeSet::new()),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the resolver does not answer")),
    }
}

/// Whether the system says that there is no such name, rather than that it does not know.
fn is_absent(error: &io::Error) -> bool {
    let text = error.to_string();
    ["Name or service not known", "No address associated"].iter().any(|words| text.contains(words))
}

/// Asks one resolver for both sorts of address.
async fn named(domain: &DomainName, resolver: SocketAddr) -> io::Result<BTreeSet<IpAddr>> {
    let mut found = ask(domain, message::A, resolver).await?;
    found.append(&mut ask(domain, message::AAAA, resolver).await?);
    Ok(found)
}

async fn ask(domain: &DomainName, sort: u16, resolver: SocketAddr) -> io::Result<BTreeSet<IpAddr>> {
    let here: IpAddr = if resolver.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let mut last = io::Error::new(io::ErrorKind::TimedOut, format!("the resolver {resolver} does not answer"));
    for _ in 0..TRIES {
        let socket = UdpSocket::bind((here, 0)).await?;
        socket.connect(resolver).await?;
        let id = rand::random::<u16>();
        let exchange = async {
            socket.send(&message::question(id, domain.as_str(), sort)).await?;
            let mut buffer = [0_u8; 4096];
            loop {
                let size = socket.recv(&mut buffer).await?;
                match message::answer(&buffer[..size], id, sort) {
                    // Not the answer to this question.
                    None => {}
                    Some(answer) => return answer.map_err(io::Error::other),
                }
            }
        };
        match tokio::time::timeout(PATIENCE, exchange).await {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(error)) => last = error,
            Err(_) => {}
        }
    }
    Err(last)
}

/// Checks that what is sent to ports of a server arrives there. Before Caddy serves the first name nothing listens on
/// them: then to be refused is an answer of the server itself. `listening` are the ports something listens on.
///
/// # Errors
/// [`Error::Closed`] for the first of the ports that cannot be reached.
pub async fn reachable(host: &str, server: IpAddr, ports: &[u16], listening: &[u16]) -> Result<(), Error> {
    for port in ports {
        let address = SocketAddr::new(server, *port);
        let reason = match tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await {
            Ok(Ok(_)) => continue,
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
                if !listening.contains(port) {
                    continue;
                }
                "something listens on it, and a firewall refuses what is sent there".to_owned()
            }
            // A machine without IPv6 says nothing about who has it.
            Ok(Err(error)) if error.kind() == io::ErrorKind::NetworkUnreachable => continue,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer; a firewall drops what is sent there".to_owned(),
        };
        return Err(Error::Closed { host: host.to_owned(), address, reason });
    }
    Ok(())
}

/// The messages of DNS ([RFC 1035]), as much of them as this takes.
///
/// [RFC 1035]: https://www.rfc-editor.org/rfc/rfc1035
mod message {
    use std::collections::BTreeSet;
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    pub const A: u16 = 1;
    pub const AAAA: u16 = 28;

    /// Asks for recursion.
    pub fn question(id: u16, name: &str, sort: u16) -> Vec<u8> {
        let mut message = id.to_be_bytes().to_vec();
        message.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        for label in name.split('.') {
            message.push(u8::try_from(label.len()).unwrap_or(63));
            message.extend(label.as_bytes());
        }
        message.push(0);
        message.extend(sort.to_be_bytes());
        message.extend([0, 1]);
        message
    }

    /// The addresses in an answer, none for another question's. Aliases were followed by the resolver: what they lead to
    /// stands in the same answer.
    pub fn answer(message: &[u8], id: u16, sort: u16) -> Option<Result<BTreeSet<IpAddr>, String>> {
        let number = |at: usize| Some(u16::from_be_bytes([*message.get(at)?, *message.get(at + 1)?]));
        if number(0)? != id || message.get(2)? & 0x80 == 0 {
            return None;
        }
        match message.get(3)? & 0x0f {
            0 => {}
            // There is no such name.
            3 => return Some(Ok(BTreeSet::new())),
            code => return Some(Err(format!("the resolver answers with code {code}"))),
        }
        let read = || {
            let mut at = 12;
            for _ in 0..number(4)? {
                at = after_name(message, at)? + 4;
            }
            let mut found = BTreeSet::new();
            for _ in 0..number(6)? {
                at = after_name(message, at)?;
                let (kind, size) = (number(at)?, usize::from(number(at + 8)?));
                let data = message.get(at + 10..at + 10 + size)?;
                if kind == sort {
                    found.insert(match kind {
                        A => IpAddr::from(Ipv4Addr::from(<[u8; 4]>::try_from(data).ok()?)),
                        _ => IpAddr::from(Ipv6Addr::from(<[u8; 16]>::try_from(data).ok()?)),
                    });
                }
                at += 10 + size;
            }
            Some(found)
        };
        Some(read().ok_or_else(|| "the resolver's answer is cut".to_owned()))
    }

    fn after_name(message: &[u8], mut at: usize) -> Option<usize> {
        loop {
            match *message.get(at)? {
                0 => return Some(at + 1),
                length if length & 0xc0 == 0xc0 => return Some(at + 2),
                length => at += 1 + usize::from(length),
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn answers_are_read_through_aliases_and_never_past_their_end() {
            let mut text = question(7, "a.example.com", A);
            text[2] |= 0x80;
            text[7] = 2;
            // An alias, and the address it leads to.
            text.extend([0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 9, 0, 2, 0xc0, 14]);
            text.extend([0xc0, 14, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 7]);
            let found = answer(&text, 7, A).unwrap().unwrap();
            assert_eq!(found.into_iter().collect::<Vec<_>>(), ["192.0.2.7".parse::<IpAddr>().unwrap()]);
            assert!(answer(&text, 8, A).is_none());
            for end in 12..text.len() {
                assert!(answer(&text[..end], 7, A).unwrap().is_err(), "{end}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(found: &[&str]) -> Result<Pointed, Error> {
        let server: Vec<IpAddr> = vec!["192.0.2.7".parse().unwrap()];
        let domain = DomainName::parse("app.example.com").unwrap();
        judge(&domain, &server, found.iter().map(|address| address.parse().unwrap()).collect())
    }

    #[tokio::test]
    async fn a_port_that_refuses_is_closed_only_where_something_listens_on_it() {
        let here: IpAddr = Ipv4Addr::LOCALHOST.into();
        let open = std::net::TcpListener::bind((here, 0)).unwrap();
        let open = (open.local_addr().unwrap().port(), open);
        // A port that was given to somebody, and given back.
        let free = std::net::TcpListener::bind((here, 0)).unwrap().local_addr().unwrap().port();
        reachable("web", here, &[open.0, free], &[open.0]).await.unwrap();
        let error = reachable("web", here, &[open.0, free], &[open.0, free]).await.unwrap_err();
        assert!(
            error.to_string().starts_with(&format!("port {free} of `web` (127.0.0.1) cannot be reached")),
            "{error}"
        );
        assert!(error.advice().unwrap().words().contains("cgo servers provision web"));
    }

    #[test]
    fn a_domain_must_point_to_the_server() {
        assert!(judged(&["192.0.2.7"]).is_ok());
        assert_eq!(judged(&["192.0.2.7", "192.0.2.8"]).unwrap().others.len(), 1);
        let error = judged(&["192.0.2.9"]).unwrap_err();
        assert_eq!(error.to_string(), "`app.example.com` points to 192.0.2.9, not to the server, which is 192.0.2.7");
        assert_eq!(error.kind().exit_code(), 9);
        assert!(error.advice().unwrap().words().contains("the record A 192.0.2.7 and no other"));
        assert!(matches!(judged(&[]), Err(Error::NoAddress { .. })));
        assert!(matches!(judged(&["192.0.2.7", "2001:db8::1"]), Err(Error::Elsewhere { .. })));
    }
}
