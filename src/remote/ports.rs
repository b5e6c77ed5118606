//! Which TCP ports of this machine are listened on, and by whom.
//!
//! Asks the kernel by `socket_diag`, or reads `/proc` where that is not allowed. A failed read is an error, never an
//! empty list. Choosing and reserving ports is the store's work.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use serde::{Deserialize, Serialize};

use super::error::Error;
use super::socket_diag;
use crate::exec::identity;

/// A process that listens on a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortHolder {
    /// Its number.
    pub pid: u32,
    /// Its program's short name.
    pub name: String,
}

impl fmt::Display for PortHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` (process {})", self.name, self.pid)
    }
}

/// A socket that listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Listener {
    pub address: SocketAddr,
    pub inode: u64,
}

/// The ports that are listened on, at whatever address.
///
/// # Errors
/// When the system's table cannot be read.
pub fn listening() -> Result<BTreeSet<u16>, Error> {
    Ok(listeners()?.into_iter().map(|listener| listener.address.port()).collect())
}

/// Whether that address can be listened on right now.
///
/// # Errors
/// The system's reason when not.
pub fn can_bind(address: SocketAddr) -> io::Result<()> {
    TcpListener::bind(address).map(drop)
}

/// Who listens on a port. `None` when nobody does, or when it is another user's process.
///
/// # Errors
/// When the system's table cannot be read.
pub fn holder(port: u16) -> Result<Option<PortHolder>, Error> {
    let inodes = listeners()?.into_iter().filter(|listener| listener.address.port() == port);
    let inodes: HashSet<u64> = inodes.map(|listener| listener.inode).collect();
    if inodes.is_empty() {
        return Ok(None);
    }
    let found = identity::pids().into_iter().find(|pid| sockets(*pid).iter().any(|inode| inodes.contains(inode)));
    Ok(found.map(|pid| {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        PortHolder { pid, name: crate::exec::capture::clean_line(name.trim()) }
    }))
}

/// The addresses that some processes listen on, in order.
///
/// # Errors
/// When the system's table cannot be read.
pub fn listened_by(pids: &[u32]) -> Result<Vec<SocketAddr>, Error> {
    let theirs: HashSet<u64> = pids.iter().flat_map(|pid| sockets(*pid)).collect();
    let listeners = listeners()?.into_iter().filter(|listener| theirs.contains(&listener.inode));
    let mut addresses: Vec<SocketAddr> = listeners.map(|listener| listener.address).collect();
    addresses.sort_unstable();
    addresses.dedup();
    Ok(addresses)
}

/// The inodes of a process's sockets; none for a process that may not be looked into.
fn sockets(pid: u32) -> Vec<u64> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else { return Vec::new() };
    let links = entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    links.filter_map(|link| link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()).collect()
}

fn listeners() -> Result<Vec<Listener>, Error> {
    socket_diag::listeners().or_else(|_| table())
}

/// The same from `/proc`.
pub(super) fn table() -> Result<Vec<Listener>, Error> {
    let mut all = Vec::new();
    for path in ["/proc/net/tcp", "/proc/net/tcp6"] {
        match fs::read_to_string(path) {
            Ok(text) => all.extend(text.lines().skip(1).filter_map(parse)),
            // A kernel without IPv6 has no such table.
            Err(error) if error.kind() == io::ErrorKind::NotFound && path.ends_with('6') => {}
            Err(source) => return Err(Error::System { action: "read the table of listening ports", source }),
        }
    }
    Ok(all)
}

/// A line of the table when it is a listening socket's.
fn parse(line: &str) -> Option<Listener> {
    const LISTEN: &str = "0A";
    let mut fields = line.split_ascii_whitespace();
    let (address, port) = fields.nth(1)?.split_once(':')?;
    if fields.nth(1)? != LISTEN {
        return None;
    }
    let inode = fields.nth(5)?.parse().ok()?;
    // Each group of eight digits is a 32-bit word of the address as this machine's memory holds it.
    let word = |at: usize| u32::from_str_radix(address.get(at..at + 8)?, 16).ok().map(u32::to_ne_bytes);
    let ip = if address.len() == 8 {
        IpAddr::V4(Ipv4Addr::from(word(0)?))
    } else {
        let mut bytes = [0_u8; 16];
        for (index, part) in bytes.chunks_exact_mut(4).enumerate() {
            part.copy_from_slice(&word(index * 8)?);
        }
        IpAddr::V6(Ipv6Addr::from(bytes))
    };
    Some(Listener { address: SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?), inode })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listening_socket_and_its_holder_are_found() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        assert!(listening().unwrap().contains(&address.port()));
        assert_eq!(holder(address.port()).unwrap().unwrap().pid, std::process::id());
        assert!(listened_by(&[std::process::id()]).unwrap().contains(&address));
        assert!(can_bind(address).is_err());
        drop(socket);
        assert!(!listening().unwrap().contains(&address.port()));
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn both_sorts_of_address_are_read() {
        let line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0 0 4242 1 0 100 0";
        assert_eq!(parse(line), Some(Listener { address: "127.0.0.1:8080".parse().unwrap(), inode: 4242 }));
        let line =
            "   1: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 7 1";
        assert_eq!(parse(line), Some(Listener { address: "[::1]:80".parse().unwrap(), inode: 7 }));
        assert_eq!(parse("   2: 0100007F:1F90 0100007F:D431 01 0:0 00:0 0 0 0 8 1"), None);
        assert_eq!(parse("garbage"), None);
    }
}
