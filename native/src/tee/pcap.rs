//! The form of the files: pcap with microseconds, each packet behind an IP and a UDP header of our making, as rtpengine
//! writes them: no identification, TTL 64, checksums 0; with Ethernet, addresses of zeros.

use std::net::{IpAddr, SocketAddr};

/// What stands before the IP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    Raw,
    Ethernet,
}

impl Link {
    fn head(self) -> usize {
        match self {
            Link::Raw => 0,
            Link::Ethernet => 14,
        }
    }

    /// The head of a file.
    pub fn file_head(self) -> [u8; 24] {
        let link = match self {
            Link::Raw => 101,
            Link::Ethernet => 1,
        };
        let mut head = [0; 24];
        for (at, word) in [(0, 0xa1b2_c3d4), (4, 2 | 4 << 16), (16, 65_535), (20, link)] {
            head[at..at + 4].copy_from_slice(&u32::to_le_bytes(word));
        }
        head
    }
}

const RECORD: usize = 16;
const UDP: usize = 8;

fn ip_head(source: SocketAddr, local: SocketAddr) -> usize {
    if source.is_ipv4() && local.is_ipv4() {
        20
    } else {
        40
    }
}

/// Bytes that a packet takes in a file.
pub fn room(link: Link, source: SocketAddr, local: SocketAddr, length: usize) -> usize {
    RECORD + link.head() + ip_head(source, local) + UDP + length
}

/// Append a packet.
pub fn append(out: &mut Vec<u8>, link: Link, at_us: u64, source: SocketAddr, local: SocketAddr, data: &[u8]) {
    let captured = (room(link, source, local, data.len()) - RECORD) as u32;
    for word in [(at_us / 1_000_000) as u32, (at_us % 1_000_000) as u32, captured, captured] {
        out.extend_from_slice(&word.to_le_bytes());
    }
    let datagram = (UDP + data.len()) as u16;
    match (source.ip(), local.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            ethernet(out, link, 0x0800);
            out.extend_from_slice(&[0x45, 0]);
            out.extend_from_slice(&(20 + datagram).to_be_bytes());
            out.extend_from_slice(&[0, 0, 0, 0, 64, 17, 0, 0]);
            out.extend_from_slice(&from.octets());
            out.extend_from_slice(&to.octets());
        }
        (from, to) => {
            ethernet(out, link, 0x86dd);
            out.extend_from_slice(&[0x60, 0, 0, 0]);
            out.extend_from_slice(&datagram.to_be_bytes());
            out.extend_from_slice(&[17, 64]);
            out.extend_from_slice(&six(from));
            out.extend_from_slice(&six(to));
        }
    }
    for word in [source.port(), local.port(), datagram, 0] {
        out.extend_from_slice(&word.to_be_bytes());
    }
    out.extend_from_slice(data);
}

fn ethernet(out: &mut Vec<u8>, link: Link, kind: u16) {
    if link == Link::Ethernet {
        out.extend_from_slice(&[0; 12]);
        out.extend_from_slice(&kind.to_be_bytes());
    }
}

fn six(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(four) => four.to_ipv6_mapped().octets(),
        IpAddr::V6(six) => six.octets(),
    }
}

/// How many bytes of `data`, at most `length`, are whole packets, and how many packets those are.
pub fn whole(data: &[u8], length: usize) -> (usize, u64) {
    let (mut end, mut packets) = (0, 0);
    while let Some(word) = data.get(end + 8..end + 12).and_then(|word| word.first_chunk()) {
        let next = end + RECORD + u32::from_le_bytes(*word) as usize;
        if next > length {
            break;
        }
        (end, packets) = (next, packets + 1);
    }
    (end, packets)
}
