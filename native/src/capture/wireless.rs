//! Captures of the air and of other capture systems: what stands before the frame in radiotap, PPI, PKTAP, NFLOG and
//! ERF, 802.11 data frames, and frame relay. Pure; link types are those of the tcpdump registry.

use super::bytes::{be16, be32, Order};
use super::flow::Reason;
use super::link::{self, by_ethertype, ethernet};

type Inner<'a> = Result<&'a [u8], Reason>;

const SHORT: Reason = Reason("frame cut in its link header", 0);
const RADIO: u16 = 105;

/// A header that says its own length, at this place in this order, before an 802.11 frame.
pub fn radiotap(data: &[u8]) -> Inner<'_> {
    let length = usize::from(Order::Little.u16(data, 2).ok_or(SHORT)?);
    radio(data.get(length..).ok_or(SHORT)?)
}

/// The same with a fixed header (Prism, 144 bytes) or a length of four bytes (AVS).
pub fn prism(data: &[u8]) -> Inner<'_> {
    let length = match be32(data, 0) {
        Some(0x8021_1001 | 0x8021_1002) => be32(data, 4).ok_or(SHORT)? as usize,
        _ => 144,
    };
    radio(data.get(length..).ok_or(SHORT)?)
}

/// Per-packet information (CACE): a length, then the link type of what follows.
pub fn ppi(data: &[u8]) -> Inner<'_> {
    let length = usize::from(Order::Little.u16(data, 2).ok_or(SHORT)?);
    let link = Order::Little.u32(data, 4).ok_or(SHORT)? as u16;
    nested(192, link, data.get(length..).ok_or(SHORT)?)
}

/// macOS: a header with its length, a record type, and the link type of what follows.
pub fn pktap(data: &[u8]) -> Inner<'_> {
    let length = Order::Little.u32(data, 0).ok_or(SHORT)? as usize;
    let link = Order::Little.u32(data, 8).ok_or(SHORT)? as u16;
    nested(258, link, data.get(length..).ok_or(SHORT)?)
}

fn nested(outer: u16, link: u16, data: &[u8]) -> Inner<'_> {
    match link {
        // None of them is inside another: whoever says so wants us to go round.
        119 | 127 | 163 | 192 | 197 | 239 | 258 => Err(Reason("link type", outer)),
        RADIO => radio(data),
        _ => link::to_ip(link, data),
    }
}

/// IEEE 802.11: data frames with LLC and SNAP in them. What is protected cannot be read.
pub fn radio(frame: &[u8]) -> Inner<'_> {
    let control = frame.get(..2).ok_or(SHORT)?;
    let (kind, subtype, flags) = (control[0] >> 2 & 3, control[0] >> 4, control[1]);
    if kind != 2 || subtype & 4 != 0 {
        return Err(Reason("802.11 without data", 0));
    }
    if flags & 0x40 != 0 {
        return Err(Reason("802.11 encrypted", 0));
    }
    let quality = if subtype & 8 != 0 { 2 } else { 0 };
    let addresses = if flags & 3 == 3 { 30 } else { 24 };
    let throughput = if quality > 0 && flags & 0x80 != 0 { 4 } else { 0 };
    if quality > 0 && frame.get(addresses).is_some_and(|b| b & 0x80 != 0) {
        return Err(Reason("802.11 aggregate", 0));
    }
    let body = frame.get(addresses + quality + throughput..).ok_or(SHORT)?;
    // Some drivers pad the header to four bytes.
    let body = if body.starts_with(&[0xaa, 0xaa]) { body } else { body.get(2..).ok_or(SHORT)? };
    snap(body)
}

fn snap(body: &[u8]) -> Inner<'_> {
    match body {
        [0xaa, 0xaa, 3, 0, 0, 0, rest @ ..] => by_ethertype(be16(rest, 0).ok_or(SHORT)?, &rest[2..]),
        _ => Err(Reason("LLC", 0)),
    }
}

/// RFC 2427 (an address, 3, then what it is) and Cisco's own (an address, then an ethertype).
pub fn frame_relay(data: &[u8]) -> Inner<'_> {
    // Q.922: the last byte of the address has its lowest bit set.
    let length = data.iter().take(4).position(|b| b & 1 == 1).ok_or(SHORT)? + 1;
    match data.get(length..).ok_or(SHORT)? {
        [3, 0xcc | 0x8e, inner @ ..] => Ok(inner),
        [3, 0, 0x80, 0, 0, 0, rest @ ..] | [3, 0x80, 0, 0, 0, rest @ ..] => {
            by_ethertype(be16(rest, 0).ok_or(SHORT)?, &rest[2..])
        }
        rest => by_ethertype(be16(rest, 0).ok_or(SHORT)?, &rest[2..]),
    }
}

/// Linux netfilter: an address family, then attributes in the byte order of the host; the packet is number 9.
pub fn nflog(data: &[u8]) -> Inner<'_> {
    let attributes = data.get(4..).ok_or(SHORT)?;
    [Order::Little, Order::Big].into_iter().find_map(|order| payload(attributes, order)).ok_or(SHORT)
}

fn payload(mut rest: &[u8], order: Order) -> Option<&[u8]> {
    loop {
        let length = usize::from(order.u16(rest, 0)?);
        // The upper two bits say how it is packed.
        let kind = order.u16(rest, 2)? & 0x3fff;
        if length < 4 {
            return None;
        }
        if kind == 9 {
            return rest.get(4..length.min(rest.len()));
        }
        rest = rest.get(length.next_multiple_of(4)..)?;
    }
}

/// Endace: 16 bytes, extensions of eight while they say that more follow; Ethernet is padded by two.
pub fn erf(data: &[u8]) -> Inner<'_> {
    let kind = *data.get(8).ok_or(SHORT)?;
    let (mut at, mut more) = (16, kind & 0x80 != 0);
    while more {
        more = data.get(at).ok_or(SHORT)? & 0x80 != 0;
        at += 8;
    }
    match kind & 0x7f {
        2 | 11 | 16 | 20 => ethernet(data.get(at + 2..).ok_or(SHORT)?),
        22 | 23 => data.get(at..).ok_or(SHORT),
        other => Err(Reason("ERF type", u16::from(other))),
    }
}

/// The IP packet inside a captured frame of whatever link type.
#[inline]
pub fn to_ip(link: u16, data: &[u8]) -> Inner<'_> {
    match link {
        1 => ethernet(data),
        RADIO => radio(data),
        107 => frame_relay(data),
        119 | 163 => prism(data),
        127 => radiotap(data),
        192 => ppi(data),
        197 => erf(data),
        239 => nflog(data),
        258 => pktap(data),
        _ => link::to_ip(link, data),
    }
}
