//! The format of Solaris snoop (RFC 1761): a 16-byte header, then 24 bytes before each packet.

use super::bytes::be32;
use super::pcap::{Span, Step, MAX_PACKET};
use super::source::Source;
use std::io;

const HEADER: usize = 16;
const RECORD: usize = 24;

pub struct Snoop {
    link: u16,
    drops: u32,
}

impl Snoop {
    /// Takes the file header if this is a snoop file.
    pub fn open(source: &mut Source) -> io::Result<Option<Snoop>> {
        let head = source.peek(HEADER)?;
        if head.len() < HEADER || !head.starts_with(b"snoop\0\0\0") {
            return Ok(None);
        }
        // RFC 1761: 0 is IEEE 802.3, 4 Ethernet, 3 HDLC; 26 is IP over InfiniBand's neighbour, raw IP.
        let link = match be32(head, 12) {
            Some(0 | 4) => 1,
            Some(3) => 104,
            Some(26) => 101,
            other => other.unwrap_or(0).min(0xffff) as u16,
        };
        source.skip(HEADER);
        Ok(Some(Snoop { link, drops: 0 }))
    }

    pub fn next(&mut self, source: &mut Source) -> io::Result<Step> {
        let at = source.offset;
        let head = source.peek(RECORD)?;
        if head.is_empty() {
            return Ok(Step::End);
        }
        let word = |at| be32(head, at).unwrap_or(0);
        let (wire, len, total, drops) = (word(0) as usize, word(4) as usize, word(8) as usize, word(12));
        let time = i64::from(word(16)) * 1_000_000_000 + i64::from(word(20)) * 1000;
        if head.len() < RECORD {
            return Ok(Step::Cut);
        }
        if len > MAX_PACKET || total < RECORD + len || total > RECORD + MAX_PACKET + 4096 {
            let rest = source.peek(MAX_PACKET)?.len();
            source.skip(rest.max(1));
            return Ok(Step::Damaged(at));
        }
        // The count of drops goes on through the file.
        if drops > self.drops {
            let more = drops - self.drops;
            self.drops = drops;
            return Ok(Step::Dropped(u64::from(more)));
        }
        if source.peek(total)?.len() < RECORD + len {
            return Ok(Step::Cut);
        }
        Ok(Step::Packet(Span { time, link: self.link, from: RECORD, len, wire: wire.max(len), total }))
    }
}
