//! ESP with NULL encryption (RFC 4303, RFC 2410): what VoLTE phones and their P-CSCF speak where only integrity is
//! wanted. Nothing in a packet says so; what its trailer promises must fit what it holds. Pure.

use super::bytes::{be16, be32};
use super::flow::Ip;

/// SPI and sequence number.
const HEADER: usize = 8;
/// Padding is at most 255 bytes, padding length and next header are one each.
const TRAILER: usize = 2;
/// Lengths of the check value: HMAC-SHA1-96 and its kin, HMAC-SHA-256-128, -384-192, -512-256, none.
const CHECKS: [usize; 5] = [12, 16, 24, 32, 0];
/// Protocols inside that are known again by their lengths or sums.
const IPV4: u8 = 4;
const TCP: u8 = 6;
const UDP: u8 = 17;
const IPV6: u8 = 41;

/// The protocol and the payload inside, where it is in clear.
pub fn open<'a>(data: &'a [u8], src: Ip, dst: Ip) -> Option<(u8, &'a [u8])> {
    CHECKS.into_iter().find_map(|check| {
        let end = data.len().checked_sub(check + TRAILER).filter(|&end| end > HEADER)?;
        let (padding, next) = (usize::from(data[end]), data[end + 1]);
        let inner = data.get(HEADER..end.checked_sub(padding)?)?;
        let padded = &data[HEADER + inner.len()..end];
        // RFC 4303 2.4: the padding counts up from 1.
        let is_counted = padded.iter().zip(1u16..).all(|(&byte, count)| u16::from(byte) == count);
        (is_counted && fits(next, inner, src, dst)).then_some((next, inner))
    })
}

/// UDP 4500 carries ESP as it is; four zero bytes in the place of the SPI are IKE, one byte of ones a keep-alive
/// (RFC 3948 section 2).
pub fn of_udp<'a>(data: &'a [u8], src: Ip, dst: Ip) -> Option<(u8, &'a [u8])> {
    be32(data, 0).filter(|&spi| spi != 0).and_then(|_| open(data, src, dst))
}

/// Whether a protocol's own length, or its sum, agrees with what is there.
fn fits(next: u8, inner: &[u8], src: Ip, dst: Ip) -> bool {
    let length = |at| be16(inner, at).map(usize::from);
    match next {
        IPV4 => inner.first().is_some_and(|b| b >> 4 == 4) && length(2) == Some(inner.len()),
        IPV6 => inner.first().is_some_and(|b| b >> 4 == 6) && length(4).map(|n| n + 40) == Some(inner.len()),
        UDP => inner.len() > 8 && length(4) == Some(inner.len()),
        TCP => inner.len() >= 20 && sum(inner, src, dst, TCP) == 0xffff,
        _ => false,
    }
}

/// The Internet checksum (RFC 1071) over the pseudo header and the segment.
fn sum(segment: &[u8], src: Ip, dst: Ip, protocol: u8) -> u16 {
    let mut total = u64::from(protocol) + segment.len() as u64;
    for ip in [src, dst] {
        let mut number = ip.number();
        if ip.is_v4() {
            number &= 0xffff_ffff;
        }
        while number != 0 {
            total += (number & 0xffff) as u64;
            number >>= 16;
        }
    }
    for pair in segment.chunks(2) {
        total += u64::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
    }
    while total >> 16 != 0 {
        total = (total & 0xffff) + (total >> 16);
    }
    total as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends() -> (Ip, Ip) {
        (Ip::v4([10, 0, 0, 1]), Ip::v4([10, 0, 0, 2]))
    }

    fn sealed(next: u8, inner: &[u8], check: usize) -> Vec<u8> {
        let padding = (4 - (inner.len() + TRAILER) % 4) % 4;
        let mut data = [&[0, 0, 1, 2, 0, 0, 0, 9][..], inner].concat();
        data.extend(1..=padding as u8);
        data.extend([padding as u8, next]);
        data.extend(vec![0xc3; check]);
        data
    }

    #[test]
    fn udp_in_transport_mode_under_every_check_value() {
        let inner = [&[0x13, 0xc4, 0x13, 0xc4, 0, 13, 0, 0][..], b"hello"].concat();
        let (src, dst) = ends();
        for check in CHECKS {
            assert_eq!(open(&sealed(UDP, &inner, check), src, dst), Some((UDP, &inner[..])), "{check}");
        }
    }

    #[test]
    fn encrypted_bytes_are_none() {
        let (src, dst) = ends();
        let mut state = 1u32;
        for length in 20..400 {
            let data: Vec<u8> = (0..length)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 24) as u8
                })
                .collect();
            assert_eq!(open(&data, src, dst), None);
        }
        assert_eq!(of_udp(&[0; 60], src, dst), None);
        assert_eq!(of_udp(&[0xff], src, dst), None);
    }
}
