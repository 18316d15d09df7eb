//! STUN and TURN messages (RFC 8489 section 5, RFC 8445 section 16.1, RFC 8656).

use super::bytes::{be16, be32};
use super::flow::{Endpoint, Ip};
use super::record::{At, Stun};

const COOKIE: u32 = 0x2112_a442;

pub fn is_stun(data: &[u8]) -> bool {
    data.len() >= 20
        && data[0] < 4
        && be32(data, 4) == Some(COOKIE)
        && be16(data, 2).is_some_and(|len| len % 4 == 0 && usize::from(len) + 20 <= data.len())
}

/// RFC 8656 section 12.4: channel number 0x4000 to 0x4FFF, length, data.
pub fn channel_data(data: &[u8]) -> Option<&[u8]> {
    let number = be16(data, 0)?;
    let len = usize::from(be16(data, 2)?);
    let padded = len.next_multiple_of(4) + 4;
    let fits = data.len() == len + 4 || data.len() == padded;
    if !(0x4000..0x5000).contains(&number) || !fits {
        return None;
    }
    data.get(4..4 + len)
}

/// (peer, data) of a TURN Send or Data indication: traffic of a relayed address.
pub fn relayed(data: &[u8]) -> Option<&[u8]> {
    let method = method_of(be16(data, 0)?);
    if !matches!(method, 6 | 7) {
        return None;
    }
    attributes(data).find(|(kind, _)| *kind == 0x0013).map(|(_, value)| value)
}

/// The bits of class and method are interleaved (RFC 8489 figure 3).
fn method_of(kind: u16) -> u16 {
    (kind & 0x000f) | (kind >> 1 & 0x0070) | (kind >> 2 & 0x0f80)
}

pub fn parse(at: At, data: &[u8]) -> Option<Stun> {
    let kind = be16(data, 0)?;
    let transaction = data.get(8..20)?;
    let mut stun = Stun {
        at,
        method: method_of(kind),
        class: ((kind >> 7 & 2) | (kind >> 4 & 1)) as u8,
        transaction: transaction.to_vec(),
        ..Stun::default()
    };
    for (kind, value) in attributes(data) {
        match kind {
            0x0001 => stun.mapped = stun.mapped.or(address(value, None)),
            0x0020 => stun.mapped = address(value, Some(data)).or(stun.mapped),
            0x0006 => stun.username = text(value),
            0x0008 | 0x001c => stun.has_integrity = true,
            0x0009 => {
                stun.error_code = value.get(2..4).map_or(0, |b| u16::from(b[0] & 7) * 100 + u16::from(b[1]));
                stun.error_reason = text(value.get(4..).unwrap_or(&[]));
            }
            0x0024 => stun.priority = be32(value, 0).unwrap_or(0),
            0x0025 => stun.use_candidate = true,
            0x8022 => stun.software = text(value),
            0x8029 => stun.role = "controlled",
            0x802a => stun.role = "controlling",
            _ => {}
        }
    }
    Some(stun)
}

fn attributes(data: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let end = be16(data, 2).map_or(0, usize::from) + 20;
    let mut rest = data.get(20..end).unwrap_or(&[]);
    std::iter::from_fn(move || {
        let kind = be16(rest, 0)?;
        let len = usize::from(be16(rest, 2)?);
        let value = rest.get(4..4 + len)?;
        rest = rest.get(4 + len.next_multiple_of(4)..).unwrap_or(&[]);
        Some((kind, value))
    })
}

/// (XOR-)MAPPED-ADDRESS; `message` when it is XORed with the cookie and the transaction.
fn address(value: &[u8], message: Option<&[u8]>) -> Option<Endpoint> {
    let mut port = be16(value, 2)?;
    let mut ip = match value.get(1)? {
        1 => value.get(4..8)?.to_vec(),
        2 => value.get(4..20)?.to_vec(),
        _ => return None,
    };
    if let Some(message) = message {
        port ^= (COOKIE >> 16) as u16;
        for (byte, mask) in ip.iter_mut().zip(message.get(4..20)?) {
            *byte ^= mask;
        }
    }
    Some(Endpoint { ip: Ip::of(&ip)?, port })
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).trim_end_matches('\0').into()
}
