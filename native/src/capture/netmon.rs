//! Microsoft Network Monitor 1 and 2: a 128-byte header, then frames one behind the other up to the tables about them.

use super::bytes::Order::Little;
use super::pcap::{Span, Step, MAX_PACKET};
use super::source::Source;
use std::io;

const HEADER: usize = 128;
/// Of the libpcap registry, where a frame says so.
const PCAP_LINKS: std::ops::RangeInclusive<u16> = 0xe000..=0xefff;
/// What is no link type at all: comments, filters, what the tool knows of the network.
const NO_LINK: u16 = u16::MAX;
/// FILETIME counts tenths of a microsecond from 1601.
const FILETIME_EPOCH: i64 = 116_444_736_000_000_000;

pub struct NetMon {
    version: (u8, u8),
    network: u16,
    /// When it began, in ns since the epoch; the local time of the machine, taken as UTC.
    start: i64,
    /// Where the first table begins: behind the last frame.
    end: u64,
}

impl NetMon {
    /// Takes the file header if this is a Network Monitor file.
    pub fn open(source: &mut Source) -> io::Result<Option<NetMon>> {
        let head = source.peek(HEADER)?;
        if head.len() < HEADER || !(head.starts_with(b"GMBU") || head.starts_with(b"RTSS")) {
            return Ok(None);
        }
        let word = |at| Little.u16(head, at).unwrap_or(0);
        let tables = (24..HEADER.min(72)).step_by(8).filter_map(|at| {
            let (offset, length) = (Little.u32(head, at)?, Little.u32(head, at + 4)?);
            (offset as usize >= HEADER && length > 0).then_some(u64::from(offset))
        });
        let found = NetMon {
            version: (head[5], head[4]),
            network: word(6),
            start: begun([word(8), word(10), word(14), word(16), word(18), word(20), word(22)]),
            end: tables.min().unwrap_or(u64::MAX),
        };
        source.skip(HEADER);
        Ok(Some(found))
    }

    pub fn next(&mut self, source: &mut Source) -> io::Result<Step> {
        let at = source.offset;
        if at >= self.end {
            return Ok(Step::End);
        }
        let is_first = self.version.0 < 2;
        let record = if is_first { 8 } else { 16 };
        let trailer = match self.version {
            (2, 0) | (0 | 1, _) => 0,
            (2, 1) => 2,
            (2, 2) => 6,
            _ => 15,
        };
        let head = source.peek(record)?;
        if head.is_empty() {
            return Ok(Step::End);
        }
        if head.len() < record {
            return Ok(Step::Cut);
        }
        let (since, wire, len) = if is_first {
            let size = |at| usize::from(Little.u16(head, at).unwrap_or(0));
            (i64::from(Little.u32(head, 0).unwrap_or(0)).saturating_mul(1_000_000), size(4), size(6))
        } else {
            let size = |at| Little.u32(head, at).unwrap_or(0) as usize;
            let micros = Little.u64(head, 0).unwrap_or(0).min(i64::MAX as u64 / 2000) as i64;
            (micros * 1000, size(8), size(12))
        };
        if len > MAX_PACKET {
            let rest = source.peek(MAX_PACKET)?.len();
            source.skip(rest.max(1));
            return Ok(Step::Damaged(at));
        }
        let total = record + len + trailer;
        let whole = source.peek(total)?;
        if whole.len() < record + len {
            return Ok(Step::Cut);
        }
        let behind = &whole[record + len..];
        let network = if trailer > 0 { Little.u16(behind, 0).unwrap_or(self.network) } else { self.network };
        let utc = Little.u64(behind, 6).filter(|&t| trailer == 15 && t > FILETIME_EPOCH as u64 && t < 1 << 62);
        let time = utc.map_or(self.start.saturating_add(since), |t| (t as i64 - FILETIME_EPOCH).saturating_mul(100));
        let time = time.clamp(0, super::limits::LATEST_NS);
        let Some(link) = link_of(network) else {
            source.skip(total);
            return Ok(Step::Other);
        };
        Ok(Step::Packet(Span { time, link, from: record, len, wire: wire.max(len), total: total.min(whole.len()) }))
    }
}

/// The link type by the tool's own number; nothing for what is no packet.
fn link_of(network: u16) -> Option<u16> {
    match network {
        1 => Some(1),
        8 | 9 => Some(101),
        number if PCAP_LINKS.contains(&number) => Some(number & 0xfff),
        0xfffb..=NO_LINK => None,
        other => Some(0x7000 | other & 0xfff),
    }
}

/// Year, month, day, hour, minute, second, millisecond in ns since the epoch (days by Howard Hinnant's rule).
fn begun([year, month, day, hour, minute, second, milli]: [u16; 7]) -> i64 {
    let (month, day) = (i64::from(month.clamp(1, 12)), i64::from(day.clamp(1, 31)));
    // What is no year of this tool would be beyond what a time can be.
    let year = i64::from(year.clamp(1970, 2200)) - i64::from(month <= 2);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = 365 * year + year / 4 - year / 100 + year / 400 + of_year - 719_468;
    let seconds = days * 86_400 + i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
    seconds * 1_000_000_000 + i64::from(milli) * 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_become_seconds() {
        assert_eq!(begun([1970, 1, 1, 0, 0, 0, 0]), 0);
        assert!(begun([u16::MAX; 7]) > 0 && begun([0; 7]) >= 0);
        assert_eq!(begun([2024, 2, 29, 12, 0, 0, 500]), 1_709_208_000_500_000_000);
        assert_eq!(begun([2023, 11, 14, 22, 13, 20, 0]), 1_700_000_000_000_000_000);
    }
}
