//! The kernel's list of listening TCP sockets, asked for over netlink.
//!
//! `/proc/net/tcp` holds the same, but to print it the kernel walks its whole table of connections: ten milliseconds on
//! a machine with much memory, for a few lines. Asked for listening sockets alone it does not. Not every sandbox
//! allows netlink; what to do then is for [`super::ports`] to say.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with};

use super::ports::Listener;

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const REQUEST_DUMP: u16 = 0x301;
const DUMP_INTERRUPTED: u16 = 0x10;
const DONE: u16 = 3;
/// Of a message and of what a socket's message holds, in bytes.
const HEADER: usize = 16;
const SOCKET: usize = 72;
const TCP: u8 = 6;
const LISTEN: u32 = 1 << 10;
/// A kernel of today sends no more in one piece.
const PIECE: usize = 32 * 1024;

/// The sockets that listen, of both families.
///
/// # Errors
/// When the kernel cannot be asked, or its list changed while it was read.
pub fn listeners() -> io::Result<Vec<Listener>> {
    let asked = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, SocketFlags::CLOEXEC, Some(netlink::SOCK_DIAG))?;
    let mut all = Vec::new();
    let mut piece = vec![0; PIECE];
    for family in [AddressFamily::INET, AddressFamily::INET6] {
        send(&asked, &request(family), SendFlags::empty())?;
        let mut more = true;
        while more {
            let (length, _) = recv(&asked, piece.as_mut_slice(), RecvFlags::empty())?;
            more = read(&piece[..length], &mut all)?;
        }
    }
    Ok(all)
}

fn request(family: AddressFamily) -> Vec<u8> {
    const LENGTH: u8 = 72;
    let mut bytes = Vec::with_capacity(LENGTH.into());
    bytes.extend(u32::from(LENGTH).to_ne_bytes());
    bytes.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    bytes.extend(REQUEST_DUMP.to_ne_bytes());
    bytes.resize(HEADER, 0);
    bytes.extend([u8::try_from(family.as_raw()).unwrap_or_default(), TCP, 0, 0]);
    bytes.extend(LISTEN.to_ne_bytes());
    bytes.resize(LENGTH.into(), 0);
    bytes
}

/// Takes the sockets out of one piece of the answer; whether more follows.
fn read(mut piece: &[u8], all: &mut Vec<Listener>) -> io::Result<bool> {
    let damaged = || io::Error::from(io::ErrorKind::InvalidData);
    while let Some(header) = piece.get(..HEADER) {
        let length = word(header, 0) as usize;
        let message = piece.get(HEADER..length).ok_or_else(damaged)?;
        let flags = u16::from_ne_bytes([header[6], header[7]]);
        match u16::from_ne_bytes([header[4], header[5]]) {
            DONE => return Ok(false),
            SOCK_DIAG_BY_FAMILY if flags & DUMP_INTERRUPTED == 0 => all.push(socket(message).ok_or_else(damaged)?),
            _ => return Err(damaged()),
        }
        piece = piece.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(true)
}

fn socket(message: &[u8]) -> Option<Listener> {
    let message: &[u8; SOCKET] = message.get(..SOCKET)?.try_into().ok()?;
    let port = u16::from_be_bytes([message[4], message[5]]);
    let ip = if u16::from(message[0]) == AddressFamily::INET.as_raw() {
        IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(&message[8..12]).ok()?))
    } else {
        IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(&message[8..24]).ok()?))
    };
    Some(Listener { address: SocketAddr::new(ip, port), inode: word(message, 68).into() })
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn the_kernel_tells_the_same_as_its_table() {
        let v6 = TcpListener::bind("[::1]:0").ok(); // Not every machine has it.
        let sockets: Vec<_> = [Some(TcpListener::bind("127.0.0.1:0").unwrap()), v6].into_iter().flatten().collect();
        let (asked, table) = (listeners().unwrap(), super::super::ports::table().unwrap());
        for socket in &sockets {
            let address = socket.local_addr().unwrap();
            let of = |all: &[Listener]| all.iter().find(|listener| listener.address == address).copied();
            assert!(of(&asked).is_some());
            assert_eq!(of(&asked), of(&table));
        }
    }

    #[test]
    fn a_damaged_answer_and_a_refusal_are_errors() {
        let mut refusal = request(AddressFamily::INET);
        refusal[4..6].copy_from_slice(&2_u16.to_ne_bytes());
        assert!(read(&refusal, &mut Vec::new()).is_err());
        let cut = request(AddressFamily::INET);
        assert!(read(&cut[..40], &mut Vec::new()).is_err());
        assert!(read(&cut, &mut Vec::new()).is_err(), "shorter than a socket's message");
    }
}
