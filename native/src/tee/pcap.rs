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
/// The longest head of a packet: its own, Ethernet, IPv6 and UDP.
const HEAD: usize = RECORD + 14 + 40 + UDP;

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

/// Append a packet, with `second` in the place of its second byte.
pub fn append(out: &mut Vec<u8>, link: Link, at_us: u64, ends: (SocketAddr, SocketAddr), data: &[u8], second: u8) {
    let (source, local) = ends;
    let mut head = [0; HEAD];
    let room = room(link, source, local, data.len());
    let captured = (room - RECORD) as u32;
    let seconds = at_us / 1_000_000;
    for (at, word) in [(0, seconds as u32), (4, (at_us - seconds * 1_000_000) as u32), (8, captured), (12, captured)]
    {
        head[at..at + 4].copy_from_slice(&word.to_le_bytes());
    }
    let datagram = (UDP + data.len()) as u16;
    let ip = &mut head[RECORD + link.head()..];
    let (kind, udp) = match (source.ip(), local.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            ip[0] = 0x45;
            ip[2..4].copy_from_slice(&(20 + datagram).to_be_bytes());
            (ip[8], ip[9]) = (64, 17);
            ip[12..16].copy_from_slice(&from.octets());
            ip[16..20].copy_from_slice(&to.octets());
            (0x0800u16, &mut ip[20..])
        }
        (from, to) => {
            ip[0] = 0x60;
            ip[4..6].copy_from_slice(&datagram.to_be_bytes());
            (ip[6], ip[7]) = (17, 64);
            ip[8..24].copy_from_slice(&six(from));
            ip[24..40].copy_from_slice(&six(to));
            (0x86dd, &mut ip[40..])
        }
    };
    for (at, word) in [(0, source.port()), (2, local.port()), (4, datagram)] {
        udp[at..at + 2].copy_from_slice(&word.to_be_bytes());
    }
    if link == Link::Ethernet {
        head[RECORD + 12..RECORD + 14].copy_from_slice(&kind.to_be_bytes());
    }
    out.reserve(room);
    out.extend_from_slice(&head[..room - data.len()]);
    out.extend_from_slice(data);
    if data.len() > 1 {
        let at = out.len() - data.len() + 1;
        out[at] = second;
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
