//! IPv4 and IPv6 headers with their extensions. Pure.

use super::bytes::{be16, be32};
use super::flow::{Ip, Reason};

const SHORT: Reason = Reason("packet cut in its IP header", 0);

#[derive(Debug)]
pub struct Packet<'a> {
    pub src: Ip,
    pub dst: Ip,
    pub protocol: u8,
    pub payload: &'a [u8],
    /// Identification: tells a packet captured twice from one sent twice. 0 where there is none.
    pub id: u32,
    pub fragment: Option<Fragment>,
    /// Bytes of the payload that the snap length cut away.
    pub cut: usize,
    pub dscp: u8,
}

#[derive(Clone, Copy, Debug)]
pub struct Fragment {
    /// Offset of the payload in bytes.
    pub offset: usize,
    pub more: bool,
}

#[inline(always)]
pub fn parse(data: &[u8]) -> Result<Packet<'_>, Reason> {
    match data.first().map(|b| b >> 4) {
        Some(4) => v4(data),
        Some(6) => v6(data),
        Some(_) => Err(Reason("not IP", 0)),
        None => Err(SHORT),
    }
}

#[inline(always)]
fn v4(data: &[u8]) -> Result<Packet<'_>, Reason> {
    let Some(head) = data.first_chunk::<20>() else { return Err(SHORT) };
    let header = usize::from(head[0] & 0xf) * 4;
    let mut total = usize::from(u16::from_be_bytes([head[2], head[3]]));
    if total == 0 {
        // Segmentation offload: the length was to be filled in by the card.
        total = data.len();
    }
    if header < 20 || total < header {
        return Err(Reason("bad IP header", 0));
    }
    let payload = data.get(header..total.min(data.len())).ok_or(SHORT)?;
    let flags = u16::from_be_bytes([head[6], head[7]]);
    let fragment = (flags & 0x3fff != 0)
        .then(|| Fragment { offset: usize::from(flags & 0x1fff) * 8, more: flags & 0x2000 != 0 });
    Ok(Packet {
        src: Ip::v4([head[12], head[13], head[14], head[15]]),
        dst: Ip::v4([head[16], head[17], head[18], head[19]]),
        protocol: head[9],
        payload,
        id: u32::from(u16::from_be_bytes([head[4], head[5]])),
        fragment,
        cut: total.saturating_sub(data.len()),
        dscp: head[1] >> 2,
    })
}

fn v6(data: &[u8]) -> Result<Packet<'_>, Reason> {
    let head = data.first_chunk::<40>().ok_or(SHORT)?;
    let len = usize::from(u16::from_be_bytes([head[4], head[5]]));
    let body = &data[40..];
    let (payload, cut) = match len {
        0 => (body, 0), // a jumbogram or segmentation offload
        len if len > body.len() => (body, len - body.len()),
        len => (&body[..len], 0),
    };
    let mut packet = Packet {
        src: Ip::of(&head[8..24]).ok_or(SHORT)?,
        dst: Ip::of(&head[24..40]).ok_or(SHORT)?,
        protocol: head[6],
        payload,
        id: 0,
        fragment: None,
        cut,
        dscp: ((head[0] & 0xf) << 2) | head[1] >> 6,
    };
    extensions(&mut packet)?;
    Ok(packet)
}

/// RFC 8200 section 4: walks the extension headers up to the transport, or to a fragment's payload.
fn extensions(packet: &mut Packet<'_>) -> Result<(), Reason> {
    for _ in 0..16 {
        let rest = packet.payload;
        let size = match packet.protocol {
            0 | 43 | 60 | 135 | 139 | 140 => (usize::from(*rest.get(1).ok_or(SHORT)?) + 1) * 8,
            51 => (usize::from(*rest.get(1).ok_or(SHORT)?) + 2) * 4,
            44 => 8,
            59 => return Err(Reason("IPv6 without payload", 0)),
            _ => return Ok(()),
        };
        let payload = rest.get(size..).ok_or(SHORT)?;
        if packet.protocol == 44 {
            let word = be16(rest, 2).ok_or(SHORT)?;
            packet.id = be32(rest, 4).ok_or(SHORT)?;
            let fragment = Fragment { offset: usize::from(word & 0xfff8), more: word & 1 == 1 };
            // An "atomic" fragment (RFC 6946) is whole.
            packet.fragment = (fragment.offset != 0 || fragment.more).then_some(fragment);
        }
        packet.protocol = rest[0];
        packet.payload = payload;
        // Behind a fragment header only the first fragment shows the next headers; reassembly walks on.
        if packet.fragment.is_some() {
            return Ok(());
        }
    }
    Err(Reason("too many IPv6 extension headers", 0))
}

/// Walks what reassembly left: the payload may begin with further extension headers.
pub fn after_reassembly(protocol: u8, payload: &[u8]) -> Result<(u8, &[u8]), Reason> {
    let nowhere = Ip::default();
    let mut packet = Packet { src: nowhere, dst: nowhere, protocol, payload, id: 0, fragment: None, cut: 0, dscp: 0 };
    if matches!(protocol, 0 | 43 | 51 | 60 | 135 | 139 | 140) {
        extensions(&mut packet)?;
    }
    Ok((packet.protocol, packet.payload))
}
