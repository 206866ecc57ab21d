//! The kernel's table of TCP sockets, `/proc/net/tcp` and `/proc/net/tcp6` (proc_net(5)).

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::error::PortHolder;

/// An established connection.
pub(crate) const ESTABLISHED: u8 = 0x01;
/// A listening socket.
pub(crate) const LISTEN: u8 = 0x0a;

/// One socket of this network namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    pub(crate) state: u8,
    pub(crate) uid: u32,
    /// 0 when no process holds the socket any more.
    pub(crate) inode: u64,
}

/// The first socket that `wanted` picks, IPv4 before IPv6. IPv4 addresses inside IPv6 are given as IPv4.
pub(crate) fn find(wanted: impl Fn(&Row) -> bool) -> Option<Row> {
    ["/proc/net/tcp", "/proc/net/tcp6"].into_iter().find_map(|table| {
        let table = fs::read_to_string(table).ok()?;
        table.lines().skip(1).filter_map(parse).find(&wanted)
    })
}

fn parse(line: &str) -> Option<Row> {
    let mut fields = line.split_ascii_whitespace();
    let local = parse_address(fields.nth(1)?)?;
    let remote = parse_address(fields.next()?)?;
    let state = u8::from_str_radix(fields.next()?, 16).ok()?;
    // between them: queues, timer, retransmits; after: timeouts
    let uid = fields.nth(3)?.parse().ok()?;
    let inode = fields.nth(1)?.parse().ok()?;
    Some(Row {
        local,
        remote,
        state,
        uid,
        inode,
    })
}

/// `0100007F:1F90`: the address as 32-bit words in the machine's byte order, the port as a number.
fn parse_address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| {
        let digits = address.get(at..at.checked_add(8)?)?;
        u32::from_str_radix(digits, 16).ok().map(u32::to_ne_bytes)
    };
    let address = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?];
            let mut octets = [0_u8; 16];
            octets
                .iter_mut()
                .zip(words.as_flattened())
                .for_each(|(octet, byte)| *octet = *byte);
            IpAddr::V6(Ipv6Addr::from(octets))
        }
        _ => return None,
    };
    Some(SocketAddr::new(address.to_canonical(), port))
}

/// The process that listens where `wanted` wants to, when we are allowed to see it.
pub(crate) fn holder(wanted: SocketAddr) -> Option<PortHolder> {
    let overlaps = |address: IpAddr| {
        address == wanted.ip().to_canonical() || address.is_unspecified() || wanted.ip().is_unspecified()
    };
    let row = find(|row| row.state == LISTEN && row.local.port() == wanted.port() && overlaps(row.local.ip()))?;
    if row.inode == 0 {
        return None;
    }
    let target = format!("socket:[{}]", row.inode);
    fs::read_dir("/proc").ok()?.flatten().find_map(|process| {
        let pid: u32 = process.file_name().to_str()?.parse().ok()?;
        let holds = fs::read_dir(process.path().join("fd"))
            .ok()?
            .flatten()
            .any(|descriptor| fs::read_link(descriptor.path()).is_ok_and(|link| link.as_os_str() == target.as_str()));
        holds.then(|| PortHolder {
            pid,
            command: fs::read_to_string(process.path().join("comm"))
                .map_or_else(|_| "a program".to_owned(), |name| name.trim_end().to_owned()),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn a_row_is_read_as_the_kernel_writes_it() {
        let line =
            "   1: 0100007F:1F90 0200007F:C3A2 01 00000000:00000000 00:00000000 00000000  1000        0 424242 1 0 20";
        assert_eq!(
            parse(line),
            Some(Row {
                local: "127.0.0.1:8080".parse().unwrap(),
                remote: "127.0.0.2:50082".parse().unwrap(),
                state: ESTABLISHED,
                uid: 1000,
                inode: 424_242,
            })
        );
        assert_eq!(
            parse_address("00000000000000000000000001000000:0050"),
            Some("[::1]:80".parse().unwrap())
        );
        assert_eq!(
            parse_address("0000000000000000FFFF00000100007F:0050"),
            Some("127.0.0.1:80".parse().unwrap())
        );
    }

    #[test]
    fn nonsense_is_no_row() {
        for line in ["", "1:", "1: x:y z:w 01", "1: 0100007F:1F90 0100007F 01 0 0 0 0 0 0"] {
            assert_eq!(parse(line), None);
        }
    }

    #[test]
    fn a_listener_of_ours_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let holder = holder(listener.local_addr().unwrap()).unwrap();
        assert_eq!(holder.pid, std::process::id());
    }
}
