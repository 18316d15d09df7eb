//! pcapng (draft-ietf-opsawg-pcapng): blocks; sections may differ in byte order, interfaces in link type and clock.

use super::bytes::Order;
use super::limits::LATEST_NS;
use super::pcap::{Span, Step, MAX_PACKET};
use super::source::Source;
use std::io;

const SECTION: u32 = 0x0a0d_0d0a;
/// No sensible block is larger: a packet with its options, or a list of names or secrets.
const MAX_BLOCK: usize = 16 * 1024 * 1024;
/// Interfaces in one section; a capture on every interface of a large host has hundreds.
const MAX_INTERFACES: usize = 4096;
const TLS_KEY_LOG: u32 = 0x544c_534b;

#[derive(Clone, Copy)]
struct Interface {
    link: u16,
    snap: usize,
    /// Ticks in a second, and seconds to add.
    ticks: u64,
    offset_s: i64,
}

pub struct PcapNg {
    order: Order,
    interfaces: Vec<Interface>,
    last: i64,
    /// Drop counts of interface statistics are totals; the highest told so far.
    dropped: u64,
}

impl PcapNg {
    pub fn open(source: &mut Source) -> io::Result<Option<PcapNg>> {
        let head = source.peek(12)?;
        if head.len() < 12 || head[..4] != SECTION.to_be_bytes() {
            return Ok(None);
        }
        let Some(order) = byte_order(head) else { return Ok(None) };
        Ok(Some(PcapNg { order, interfaces: Vec::new(), last: 0, dropped: 0 }))
    }

    pub fn next(&mut self, source: &mut Source) -> io::Result<Step> {
        let at = source.offset;
        let head = source.peek(12)?;
        if head.is_empty() {
            return Ok(Step::End);
        }
        if head.len() < 12 {
            return Ok(Step::Cut);
        }
        if head[..4] == SECTION.to_be_bytes() {
            match byte_order(head) {
                Some(order) => self.order = order,
                None => return Ok(damaged(source, at)),
            }
        }
        let kind = self.order.u32(head, 0).unwrap_or(0);
        let total = self.order.u32(head, 4).unwrap_or(0) as usize;
        if !(12..=MAX_BLOCK).contains(&total) {
            return Ok(damaged(source, at));
        }
        // Lengths are multiples of four; writers that forget the padding in the length exist.
        let total = total.next_multiple_of(4);
        let block = source.peek(total)?;
        if block.len() < total {
            return Ok(Step::Cut);
        }
        let step = self.block(kind, &block[8..total - 4], total);
        if !matches!(step, Step::Packet(_) | Step::Secrets { .. }) {
            source.skip(total);
        }
        Ok(step)
    }

    /// One block's body. Spans count from the start of the block.
    fn block(&mut self, kind: u32, body: &[u8], total: usize) -> Step {
        let step = match kind {
            SECTION => {
                self.interfaces.clear();
                Some(Step::Other)
            }
            1 => self.interface(body),
            2 => self.old_packet(body, total),
            3 => self.simple_packet(body, total),
            5 => Some(self.statistics(body)),
            6 => self.packet(body, total),
            10 => self.secrets(body, total),
            _ => Some(Step::Other),
        };
        step.unwrap_or(Step::Other)
    }

    fn interface(&mut self, body: &[u8]) -> Option<Step> {
        let mut new = Interface {
            link: self.order.u16(body, 0)?,
            snap: self.order.u32(body, 4)? as usize,
            ticks: 1_000_000,
            offset_s: 0,
        };
        for (code, value) in options(self.order, &body[8..]) {
            match (code, value) {
                // if_tsresol: a negative power of ten, or of two when the top bit is set.
                (9, &[r, ..]) if r & 0x80 == 0 => new.ticks = 10u64.checked_pow(u32::from(r))?,
                (9, &[r, ..]) => new.ticks = 1u64.checked_shl(u32::from(r & 0x7f))?,
                (14, value) => new.offset_s = self.order.u64(value, 0).unwrap_or(0) as i64,
                _ => {}
            }
        }
        if self.interfaces.len() < MAX_INTERFACES {
            self.interfaces.push(new);
        }
        Some(Step::Other)
    }

    fn time(&self, of: &Interface, high: u32, low: u32) -> i64 {
        let ticks = u64::from(high) << 32 | u64::from(low);
        let nanos = u128::from(ticks) * 1_000_000_000 / u128::from(of.ticks.max(1));
        let time = i64::try_from(nanos).unwrap_or(i64::MAX).saturating_add(of.offset_s.saturating_mul(1_000_000_000));
        time.clamp(0, LATEST_NS)
    }

    fn packet(&mut self, body: &[u8], total: usize) -> Option<Step> {
        let interface = *self.interfaces.get(self.order.u32(body, 0)? as usize)?;
        let time = self.time(&interface, self.order.u32(body, 4)?, self.order.u32(body, 8)?);
        self.span(&interface, time, self.order.u32(body, 12)?, self.order.u32(body, 16)?, 20, body, total)
    }

    /// The obsolete packet block: a 16-bit interface and a drop count before the same fields.
    fn old_packet(&mut self, body: &[u8], total: usize) -> Option<Step> {
        let interface = *self.interfaces.get(usize::from(self.order.u16(body, 0)?))?;
        let time = self.time(&interface, self.order.u32(body, 4)?, self.order.u32(body, 8)?);
        self.span(&interface, time, self.order.u32(body, 12)?, self.order.u32(body, 16)?, 20, body, total)
    }

    /// No timestamp and no captured length: the snap length of the first interface says it.
    fn simple_packet(&mut self, body: &[u8], total: usize) -> Option<Step> {
        let interface = *self.interfaces.first()?;
        let wire = self.order.u32(body, 0)?;
        let snap = if interface.snap == 0 { MAX_PACKET } else { interface.snap };
        let len = (wire as usize).min(snap).min(body.len() - 4) as u32;
        self.span(&interface, self.last, len, wire, 4, body, total)
    }

    #[allow(clippy::too_many_arguments)]
    fn span(
        &mut self,
        of: &Interface,
        time: i64,
        len: u32,
        wire: u32,
        from: usize,
        body: &[u8],
        total: usize,
    ) -> Option<Step> {
        let len = len as usize;
        if len > MAX_PACKET || from + len > body.len() {
            return None;
        }
        self.last = time;
        let wire = (wire as usize).max(len);
        Some(Step::Packet(Span { time, link: of.link, from: 8 + from, len, wire, total }))
    }

    /// isb_ifdrop and isb_osdrop: what the interface and the system dropped since the capture began.
    fn statistics(&mut self, body: &[u8]) -> Step {
        let drops = options(self.order, body.get(12..).unwrap_or(&[]))
            .filter(|(code, _)| matches!(code, 5 | 7))
            .filter_map(|(_, value)| self.order.u64(value, 0))
            .fold(0u64, u64::saturating_add);
        let news = drops.saturating_sub(self.dropped);
        self.dropped = self.dropped.max(drops);
        if news > 0 {
            Step::Dropped(news)
        } else {
            Step::Other
        }
    }

    fn secrets(&self, body: &[u8], total: usize) -> Option<Step> {
        let len = self.order.u32(body, 4)? as usize;
        if self.order.u32(body, 0)? != TLS_KEY_LOG || len > body.len().checked_sub(8)? {
            return None;
        }
        Some(Step::Secrets { from: 16, len, total })
    }
}

fn byte_order(head: &[u8]) -> Option<Order> {
    match head.get(8..12)? {
        [0x1a, 0x2b, 0x3c, 0x4d] => Some(Order::Big),
        [0x4d, 0x3c, 0x2b, 0x1a] => Some(Order::Little),
        _ => None,
    }
}

/// Skips to the next place that looks like a block we know, or to the end.
fn damaged(source: &mut Source, at: u64) -> Step {
    let window = source.buffered();
    let section = SECTION.to_be_bytes();
    let skip = window[1..].windows(4).position(|w| w == section).map_or(window.len(), |o| o + 1);
    source.skip(skip);
    Step::Damaged(at)
}

/// (code, value) of an options list; stops at its end or at the first that does not fit.
fn options(order: Order, mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let code = order.u16(rest, 0)?;
        let len = usize::from(order.u16(rest, 2)?);
        let value = rest.get(4..4 + len)?;
        rest = rest.get(4 + len.next_multiple_of(4)..).unwrap_or(&[]);
        (code != 0).then_some((code, value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(kind: u32, body: &[u8]) -> Vec<u8> {
        let total = (12 + body.len() as u32).to_le_bytes();
        [&kind.to_le_bytes()[..], &total, body, &total].concat()
    }

    /// Ticks of a second each, the most of them that fit: 2^64 seconds after 1970.
    #[test]
    fn a_time_beyond_all_bounds_is_the_last_one() {
        let section = [&0x1a2b_3c4d_u32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8]].concat();
        let interface = [1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let packet = [&[0; 4][..], &[0xff; 8], &[4, 0, 0, 0, 4, 0, 0, 0], b"data"].concat();
        let file = [block(SECTION, &section), block(1, &interface), block(6, &packet), block(6, &packet)].concat();
        let mut source = Source::of_bytes(file.clone()).unwrap();
        let mut ng = PcapNg::open(&mut source).unwrap().unwrap();
        let times: Vec<_> = std::iter::from_fn(|| match ng.next(&mut source).unwrap() {
            Step::End => None,
            Step::Packet(span) => {
                source.skip(span.total);
                Some(Some(span.time))
            }
            _ => Some(None),
        })
        .flatten()
        .collect();
        assert_eq!(times, [LATEST_NS, LATEST_NS]);
        super::super::fuzz::file(&file);
    }
}
