//! What carries IP inside IP or UDP: GRE, ERSPAN, GTP-U, VXLAN, Geneve, TZSP, Teredo. Pure; each function gives the
//! inner IP packet, or nothing when the bytes are not that tunnel after all.

use super::bytes::{be16, be32};
use super::link;

/// RFC 2784 and 2890, ERSPAN (draft-foschiano-erspan), and PPTP's version 1 (RFC 2637).
pub fn gre(data: &[u8]) -> Option<&[u8]> {
    let flags = be16(data, 0)?;
    let protocol = be16(data, 2)?;
    let has = |bit: u16| if flags & bit != 0 { 4 } else { 0 };
    let sequenced = flags & 0x1000 != 0;
    if flags & 7 == 1 {
        let header = 8 + has(0x1000) + has(0x0080);
        return link::ppp(data.get(header..)?).ok();
    }
    let rest = data.get(4 + has(0x8000) + has(0x2000) + has(0x1000)..)?;
    match protocol {
        // Type I has no header of its own and no sequence number, type II eight bytes.
        0x88be => link::ethernet(rest.get(if sequenced { 8 } else { 0 }..)?).ok(),
        0x22eb => erspan3(rest),
        other => link::by_ethertype(other, rest).ok(),
    }
}

/// Type III: twelve bytes, and eight more when the last bit announces a platform header.
fn erspan3(data: &[u8]) -> Option<&[u8]> {
    let optional = be32(data, 8)? & 1 == 1;
    link::ethernet(data.get(if optional { 20 } else { 12 }..)?).ok()
}

/// Ports on which tunnels live; the structure is checked too, since RTP may use any port.
#[inline]
pub fn over_udp(sport: u16, dport: u16, data: &[u8]) -> Option<&[u8]> {
    match dport {
        2152 => gtp_u(data),
        4789 | 8472 | 4790 => vxlan(data),
        6081 => geneve(data),
        37008 => tzsp(data),
        6635 => link::mpls(data).ok(),
        1701 => l2tp2(data),
        3544 => Some(data).filter(|d| d.len() > 40 && d[0] >> 4 == 6),
        _ if sport == 2152 => gtp_u(data),
        _ => None,
    }
}

/// 3GPP TS 29.281: version 1, message 255, optional fields and extension headers.
fn gtp_u(data: &[u8]) -> Option<&[u8]> {
    let &flags = data.first()?;
    if flags >> 4 != 3 || data.get(1) != Some(&255) {
        return None;
    }
    let mut at = 8;
    if flags & 7 != 0 {
        let mut next = *data.get(11)?;
        at = 12;
        while next != 0 && flags & 4 != 0 {
            let size = usize::from(*data.get(at)?) * 4;
            if size == 0 {
                return None;
            }
            next = *data.get(at + size - 1)?;
            at += size;
        }
    }
    data.get(at..).filter(|inner| matches!(inner.first().map(|b| b >> 4), Some(4 | 6)))
}

/// RFC 2661: a data message of version 2, with what of length, counters and offset its flags announce; then PPP.
fn l2tp2(data: &[u8]) -> Option<&[u8]> {
    let flags = be16(data, 0)?;
    if flags & 0x800f != 2 {
        return None;
    }
    let mut at = 6 + if flags & 0x4000 != 0 { 2 } else { 0 } + if flags & 0x0800 != 0 { 4 } else { 0 };
    if flags & 0x0200 != 0 {
        at += 2 + usize::from(be16(data, at)?);
    }
    link::ppp(data.get(at..)?).ok()
}

/// RFC 3931: a session, a cookie of 0, 4 or 8 bytes and perhaps a sublayer of 4, which only the two ends know; then
/// Ethernet (RFC 4719). The one that leads to a whole IP packet is it.
pub fn l2tp3(data: &[u8]) -> Option<&[u8]> {
    be32(data, 0).filter(|&session| session != 0)?;
    [4, 8, 12, 16].into_iter().find_map(|at| link::ethernet(data.get(at..)?).ok().filter(|inner| is_whole(inner)))
}

/// Whether bytes are an IP packet by its own length.
fn is_whole(inner: &[u8]) -> bool {
    let length = |at, more| be16(inner, at).is_some_and(|n| usize::from(n) + more <= inner.len());
    match inner.first().map(|b| b >> 4) {
        Some(4) => length(2, 0),
        Some(6) => length(4, 40),
        _ => false,
    }
}

/// RFC 7348: the I flag, reserved bits zero, then Ethernet.
fn vxlan(data: &[u8]) -> Option<&[u8]> {
    let head = data.get(..8)?;
    if head[0] & 0x08 == 0 || head[7] != 0 {
        return None;
    }
    link::ethernet(&data[8..]).ok()
}

/// RFC 8926: options in units of four bytes, then the protocol's payload.
fn geneve(data: &[u8]) -> Option<&[u8]> {
    let &flags = data.first()?;
    if flags >> 6 != 0 {
        return None;
    }
    link::by_ethertype(be16(data, 2)?, data.get(8 + usize::from(flags & 0x3f) * 4..)?).ok()
}

/// TaZmen sniffer protocol: version 1, a received packet, Ethernet; tags up to the end tag.
fn tzsp(data: &[u8]) -> Option<&[u8]> {
    if !matches!(data.get(..4)?, [1, 0 | 1, 0, 1]) {
        return None;
    }
    let mut at = 4;
    loop {
        match *data.get(at)? {
            0 => at += 1,
            1 => return link::ethernet(data.get(at + 1..)?).ok(),
            _ => at += 2 + usize::from(*data.get(at + 1)?),
        }
    }
}
