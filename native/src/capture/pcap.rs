//! The classic capture format (draft-ietf-opsawg-pcap): a 24-byte header, then 16 bytes before each packet.

use super::bytes::Order;
use super::source::Source;
use std::io;

/// Where the next packet lies in what the source has buffered.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// Nanoseconds since the epoch.
    pub time: i64,
    pub link: u16,
    pub from: usize,
    pub len: usize,
    /// Size on the wire.
    pub wire: usize,
    /// Bytes to skip when done.
    pub total: usize,
}

pub enum Step {
    Packet(Span),
    /// Something that is no packet was read.
    Other,
    /// The capturing machine says that it lost so many packets.
    Dropped(u64),
    /// TLS secrets (pcapng decryption secrets block): where they lie, then bytes to skip.
    Secrets {
        from: usize,
        len: usize,
        total: usize,
    },
    /// Bytes that make no sense were skipped, from this offset on.
    Damaged(u64),
    /// The file ends inside a packet.
    Cut,
    End,
}

/// No link layer has larger packets (libpcap's MAXIMUM_SNAPLEN); a longer one is a damaged length.
pub const MAX_PACKET: usize = 262_144;
/// How far a sound record header is looked for behind a damaged one.
const RESYNC: usize = 256 * 1024;
/// A record after a damaged place must be within so many seconds of the last sound one.
const RESYNC_S: i64 = 86_400;

/// Sizes of a record's header under a magic number. Some wrote more than the 16 bytes and did not say so: a patched
/// libpcap of 1999 (24) and Nokia's firewalls (20); under Kuznetzov's number (24) SuSE 6.3 wrote 28.
const PLAIN: &[usize] = &[16, 24, 20];
const PATCHED: &[usize] = &[24, 28];
/// Records that must follow each other before a size is believed.
const BELIEVED: usize = 6;

#[derive(Clone, Copy)]
pub struct Pcap {
    order: Order,
    nanos: bool,
    link: u16,
    /// Bytes of a record's header.
    record: usize,
    last_s: Option<i64>,
}

impl Pcap {
    /// Takes the file header if this is a pcap file.
    pub fn open(source: &mut Source) -> io::Result<Option<Pcap>> {
        let head = source.peek(24)?;
        if head.len() < 24 {
            return Ok(None);
        }
        let (order, nanos, records): (_, _, &[usize]) = match [head[0], head[1], head[2], head[3]] {
            [0xa1, 0xb2, 0xc3, 0xd4] => (Order::Big, false, PLAIN),
            [0xd4, 0xc3, 0xb2, 0xa1] => (Order::Little, false, PLAIN),
            [0xa1, 0xb2, 0x3c, 0x4d] => (Order::Big, true, &PLAIN[..1]),
            [0x4d, 0x3c, 0xb2, 0xa1] => (Order::Little, true, &PLAIN[..1]),
            [0xa1, 0xb2, 0xcd, 0x34] => (Order::Big, false, PATCHED),
            [0x34, 0xcd, 0xb2, 0xa1] => (Order::Little, false, PATCHED),
            _ => return Ok(None),
        };
        // The upper half of the field tells about frame check sequences.
        let link = (order.u32(head, 20).unwrap_or(0) & 0xffff) as u16;
        source.skip(24);
        let mut found = Pcap { order, nanos, link, record: records[0], last_s: None };
        let beginning = source.peek(RESYNC)?;
        let fitting = records.iter().find(|&&record| Pcap { record, ..found }.fits(beginning));
        found.record = *fitting.unwrap_or(&records[0]);
        Ok(Some(found))
    }

    /// Whether the first records of a file follow each other with headers of this size.
    fn fits(&self, mut bytes: &[u8]) -> bool {
        let mut before = None;
        for _ in 0..BELIEVED {
            if bytes.is_empty() {
                break;
            }
            let Some((seconds, _, len, wire)) = self.sound(bytes) else { return false };
            let is_near = before.is_none_or(|before: i64| (seconds - before).abs() < RESYNC_S);
            if !is_near || wire < len || wire > MAX_PACKET {
                return false;
            }
            before = Some(seconds);
            let Some(rest) = bytes.get(self.record + len..) else { break };
            bytes = rest;
        }
        true
    }

    #[inline(always)]
    pub fn next(&mut self, source: &mut Source) -> io::Result<Step> {
        match self.buffered(source.buffered()) {
            Some(span) => Ok(Step::Packet(span)),
            None => self.fetch(source),
        }
    }

    /// The next packet if all of it is there already, as nearly always.
    #[inline(always)]
    fn buffered(&mut self, bytes: &[u8]) -> Option<Span> {
        let (seconds, time, len, wire) = self.sound(bytes.get(..self.record)?)?;
        let total = self.record + len;
        if bytes.len() < total {
            return None;
        }
        self.last_s = Some(seconds);
        Some(Span { time, link: self.link, from: self.record, len, wire: wire.max(len), total })
    }

    fn fetch(&mut self, source: &mut Source) -> io::Result<Step> {
        let at = source.offset;
        let head = source.peek(self.record)?;
        if head.is_empty() {
            return Ok(Step::End);
        }
        if head.len() < self.record {
            return Ok(Step::Cut);
        }
        let Some((_, _, len, _)) = self.sound(head) else {
            return self.resync(source, at);
        };
        let whole = source.peek(self.record + len)?;
        Ok(self.buffered(whole).map_or(Step::Cut, Step::Packet))
    }

    /// (seconds, time in ns, captured, wire) of a record header that makes sense.
    #[inline(always)]
    fn sound(&self, head: &[u8]) -> Option<(i64, i64, usize, usize)> {
        let seconds = i64::from(self.order.u32(head, 0)?);
        let fraction = i64::from(self.order.u32(head, 4)?);
        let len = self.order.u32(head, 8)? as usize;
        let wire = self.order.u32(head, 12)? as usize;
        let scale = if self.nanos { 1 } else { 1000 };
        // Some writers let the fraction run a little over a second; a damaged header is far beyond.
        if len > MAX_PACKET || fraction * scale > 2_000_000_000 {
            return None;
        }
        Some((seconds, seconds * 1_000_000_000 + fraction * scale, len, wire))
    }

    /// After damage: the next place where two plausible records follow each other.
    fn resync(&mut self, source: &mut Source, at: u64) -> io::Result<Step> {
        let window = source.peek(RESYNC)?;
        let found = (1..window.len().saturating_sub(self.record)).find(|&o| self.chained(&window[o..]));
        let (skip, step) = match found {
            Some(o) => (o, Step::Damaged(at)),
            None => (window.len(), Step::Damaged(at)),
        };
        source.skip(skip);
        Ok(step)
    }

    fn chained(&self, b: &[u8]) -> bool {
        let near = |s: i64| self.last_s.is_none_or(|last| (s - last).abs() < RESYNC_S);
        let sane = |h: &[u8]| {
            self.sound(h).filter(|&(s, _, len, wire)| near(s) && len > 0 && wire >= len && wire <= MAX_PACKET)
        };
        let Some((_, _, len, _)) = sane(b) else { return false };
        b.get(self.record + len..).is_some_and(|next| next.is_empty() || sane(next).is_some())
    }
}
