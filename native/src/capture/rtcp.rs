//! RTCP compound packets (RFC 3550 section 6, RFC 4585, RFC 3611), as much of them as an explanation needs.

use super::bytes::{be16, be24, be32, be64};
use super::record::{At, HepOrigin, Report, Rtcp};

/// Packets in a compound and report blocks in all of them.
const MAX_PACKETS: usize = 64;
const MAX_REPORTS: usize = 64;

/// RFC 5761 section 4: the second byte tells RTCP from RTP; then a length that fits.
#[inline]
pub fn is_rtcp(data: &[u8]) -> bool {
    data.len() >= 8
        && data[0] >> 6 == 2
        && matches!(data[1], 192 | 193 | 195 | 200..=213)
        && be16(data, 2).is_some_and(|words| (usize::from(words) + 1) * 4 <= data.len())
}

/// `secure`: the flow is known to be encrypted, so that behind the first eight bytes all is cipher text.
pub fn parse(at: At, data: &[u8], secure: bool, hep: Option<HepOrigin>) -> Rtcp {
    let mut rtcp = Rtcp { at, ssrc: be32(data, 4).unwrap_or(0), hep, ..Rtcp::default() };
    rtcp.kinds.push(kind(data[1], data[0] & 0x1f));
    if secure || !is_in_clear(data) {
        rtcp.is_encrypted = true;
        return rtcp;
    }
    rtcp.kinds.clear();
    let mut rest = data;
    while let Some(packet) = first(rest).filter(|_| rtcp.kinds.len() < MAX_PACKETS) {
        rtcp.kinds.push(kind(packet[1], packet[0] & 0x1f));
        block(&mut rtcp, packet);
        rest = &rest[packet.len()..];
    }
    rtcp
}

fn first(data: &[u8]) -> Option<&[u8]> {
    let words = be16(data, 2)?;
    data.get(..(usize::from(words) + 1) * 4).filter(|_| data[0] >> 6 == 2)
}

/// In clear text the packets fill the datagram exactly; SRTCP adds an index and a tag behind cipher text.
fn is_in_clear(mut data: &[u8]) -> bool {
    while let Some(packet) = first(data) {
        data = &data[packet.len()..];
        if data.is_empty() {
            return true;
        }
    }
    false
}

fn block(rtcp: &mut Rtcp, packet: &[u8]) {
    let count = usize::from(packet[0] & 0x1f);
    match packet[1] {
        200 => {
            rtcp.ntp = be64(packet, 8).unwrap_or(0);
            rtcp.sent_packets = be32(packet, 20).unwrap_or(0);
            rtcp.sent_octets = be32(packet, 24).unwrap_or(0);
            reports(rtcp, packet.get(28..).unwrap_or(&[]), count);
        }
        201 => reports(rtcp, packet.get(8..).unwrap_or(&[]), count),
        202 => rtcp.cname = cname(packet).unwrap_or_default(),
        _ => {}
    }
}

fn reports(rtcp: &mut Rtcp, data: &[u8], count: usize) {
    for block in data.chunks_exact(24).take(count) {
        if rtcp.reports.len() >= MAX_REPORTS {
            return;
        }
        let word = |at| be32(block, at).unwrap_or(0);
        // Cumulative loss is a signed number of 24 bits: duplicates make it negative.
        let lost = (be24(block, 5).unwrap_or(0) << 8) as i32 >> 8;
        rtcp.reports.push(Report {
            ssrc: word(0),
            fraction_lost: block[4],
            lost,
            highest: word(8),
            jitter: word(12),
            last_sr: word(16),
            delay: word(20),
        });
    }
}

fn cname(packet: &[u8]) -> Option<String> {
    let mut items = packet.get(8..)?;
    while let [kind, len, rest @ ..] = items {
        if *kind == 0 {
            return None;
        }
        let value = rest.get(..usize::from(*len))?;
        if *kind == 1 {
            return Some(String::from_utf8_lossy(value).into());
        }
        items = &rest[value.len()..];
    }
    None
}

fn kind(number: u8, format: u8) -> &'static str {
    match (number, format) {
        (200, _) => "SR",
        (201, _) => "RR",
        (202, _) => "SDES",
        (203, _) => "BYE",
        (204, _) => "APP",
        (192, _) => "FIR",
        (193, _) => "NACK",
        (205, 1) => "NACK",
        (205, 15) => "TWCC",
        (205, _) => "RTPFB",
        (206, 1) => "PLI",
        (206, 4) => "FIR",
        (206, 15) => "REMB",
        (206, _) => "PSFB",
        (207, _) => "XR",
        (208, _) => "AVB",
        _ => "other",
    }
}
