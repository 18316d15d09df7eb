//! From a link-layer frame to the IP packet in it. Pure functions; link types are those of the tcpdump registry.

use super::bytes::{be16, be32};
use super::flow::Reason;

type Inner<'a> = Result<&'a [u8], Reason>;

/// Headers in a row that are plausible (VLAN in VLAN in MPLS in ...); more is an attack or damage.
const MAX_TAGS: usize = 16;
const SHORT: Reason = Reason("frame cut in its link header", 0);

/// The IP packet (version 4 or 6, by its first nibble) inside a captured frame.
#[inline]
pub fn to_ip(link: u16, data: &[u8]) -> Inner<'_> {
    match link {
        1 => ethernet(data),
        0 | 108 => loopback(data),
        12 | 14 | 101 | 228 | 229 => Ok(data),
        113 => by_ethertype(be16(data, 14).ok_or(SHORT)?, &data[16..]),
        276 => by_ethertype(be16(data, 0).ok_or(SHORT)?, data.get(20..).ok_or(SHORT)?),
        9 | 50 => ppp(data),
        51 => pppoe(data),
        // Cisco HDLC: address, control, then an ethertype.
        104 => by_ethertype(be16(data, 2).ok_or(SHORT)?, &data[4..]),
        219 => by_ethertype(be16(data, 0).ok_or(SHORT)?, &data[2..]),
        _ => Err(Reason("link type", link)),
    }
}

#[inline]
pub fn ethernet(data: &[u8]) -> Inner<'_> {
    let kind = be16(data, 12).ok_or(SHORT)?;
    let rest = &data[14..];
    if kind == 0x0800 {
        return Ok(rest);
    }
    by_ethertype(kind, rest)
}

/// Follows VLAN tags, MPLS labels and PPPoE down to IP.
pub fn by_ethertype(mut kind: u16, mut rest: &[u8]) -> Inner<'_> {
    for _ in 0..MAX_TAGS {
        match kind {
            0x0800 | 0x86dd => return Ok(rest),
            // 802.1Q, 802.1ad, and the numbers used before that was settled.
            0x8100 | 0x88a8 | 0x9100 | 0x9200 => {
                kind = be16(rest, 2).ok_or(SHORT)?;
                rest = &rest[4..];
            }
            0x8847 | 0x8848 => return mpls(rest),
            0x8864 => return pppoe(rest),
            0x6558 => return ethernet(rest),
            // 802.1X-2010 MACsec and others are opaque.
            0x0806 => return Err(Reason("ARP", 0)),
            0x88cc => return Err(Reason("LLDP", 0)),
            0..=1500 => return snap(rest),
            _ => return Err(Reason("ethertype", kind)),
        }
    }
    Err(Reason("too many link headers", 0))
}

/// An 802.3 frame: only SNAP with an ethertype (RFC 1042) can hold IP.
fn snap(rest: &[u8]) -> Inner<'_> {
    match rest {
        [0xaa, 0xaa, 3, 0, 0, 0, high, low, inner @ ..] => match u16::from_be_bytes([*high, *low]) {
            0x0800 | 0x86dd => Ok(inner),
            other => Err(Reason("ethertype", other)),
        },
        _ => Err(Reason("LLC", 0)),
    }
}

/// RFC 3032: labels to the bottom of the stack; then IP, or a pseudo-wire (RFC 4385) with or without control word.
pub fn mpls(mut rest: &[u8]) -> Inner<'_> {
    for _ in 0..MAX_TAGS {
        let label = be32(rest, 0).ok_or(SHORT)?;
        rest = &rest[4..];
        if label & 0x100 != 0 {
            return match rest.first().map(|b| b >> 4) {
                Some(4 | 6) => Ok(rest),
                Some(0) => ethernet(&rest[4.min(rest.len())..]),
                Some(_) => ethernet(rest),
                None => Err(SHORT),
            };
        }
    }
    Err(Reason("too many link headers", 0))
}

/// BSD loopback: an address family in the byte order of the machine that captured.
fn loopback(data: &[u8]) -> Inner<'_> {
    let family = be32(data, 0).ok_or(SHORT)?;
    let family = if family > 0xffff { family.swap_bytes() } else { family };
    match family {
        2 | 10 | 24 | 28 | 30 => Ok(&data[4..]),
        other => Err(Reason("loopback family", other as u16)),
    }
}

/// RFC 1661 and 1662: address and control may be compressed away, and the protocol to one byte.
pub fn ppp(data: &[u8]) -> Inner<'_> {
    let data = data.strip_prefix(&[0xff, 3]).unwrap_or(data);
    let &first = data.first().ok_or(SHORT)?;
    let (protocol, rest) =
        if first & 1 == 1 { (u16::from(first), &data[1..]) } else { (be16(data, 0).ok_or(SHORT)?, &data[2..]) };
    match protocol {
        0x0021 | 0x0057 => Ok(rest),
        0x0281 | 0x0283 => mpls(rest),
        other => Err(Reason("PPP protocol", other)),
    }
}

/// RFC 2516 session stage: six bytes, then PPP.
fn pppoe(data: &[u8]) -> Inner<'_> {
    match data.get(..6).ok_or(SHORT)? {
        [0x11, 0, ..] => ppp(&data[6..]),
        _ => Err(Reason("PPPoE discovery", 0)),
    }
}
