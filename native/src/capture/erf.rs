//! Endace's own files: records one behind the other, without a header and without a magic number. What a record holds
//! knows `wireless.rs`, for pcap files can carry such records too.

use super::bytes::{be16, Order::Little};
use super::pcap::{Span, Step};
use super::source::Source;
use std::io;

const RECORD: usize = 16;
const ERF: u16 = 197;
/// Records whose type is no packet but filling.
const PAD: u8 = 48;
/// Records that must follow each other before a file without a name is believed to be one.
const BELIEVED: usize = 3;
/// The oldest and the latest second of a time that is believed: 2000 and 2100.
const SECONDS: std::ops::Range<u64> = 946_684_800..4_102_444_800;
/// Records in a row are no further apart.
const APART_S: u64 = 86_400;

pub struct Erf;

struct Head {
    seconds: u64,
    time: i64,
    kind: u8,
    len: usize,
}

impl Head {
    fn parse(b: &[u8]) -> Option<Head> {
        let stamp = Little.u64(b, 0)?;
        let (seconds, fraction) = (stamp >> 32, stamp & 0xffff_ffff);
        let kind = b.get(8)? & 0x7f;
        let len = usize::from(be16(b, 10)?);
        let is_sound = SECONDS.contains(&seconds) && len >= RECORD && ((1..=27).contains(&kind) || kind == PAD);
        let time = (seconds * 1_000_000_000 + (fraction * 1_000_000_000 >> 32)) as i64;
        is_sound.then_some(Head { seconds, time, kind, len })
    }
}

impl Erf {
    /// Whether this is such a file, by its first records.
    pub fn open(source: &mut Source) -> io::Result<Option<Erf>> {
        let bytes = source.peek(BELIEVED * (RECORD + 65_536))?;
        let (mut at, mut seen, mut before) = (0, 0, None);
        while at < bytes.len() && seen < BELIEVED {
            let Some(head) = Head::parse(&bytes[at..]) else { return Ok(None) };
            if before.is_some_and(|before: u64| before.abs_diff(head.seconds) > APART_S) {
                return Ok(None);
            }
            (before, seen, at) = (Some(head.seconds), seen + 1, at + head.len);
        }
        Ok((seen == BELIEVED || (seen > 0 && at == bytes.len())).then_some(Erf))
    }

    pub fn next(&mut self, source: &mut Source) -> io::Result<Step> {
        let at = source.offset;
        let bytes = source.peek(RECORD)?;
        if bytes.is_empty() {
            return Ok(Step::End);
        }
        let Some(head) = Head::parse(bytes) else {
            let is_cut = bytes.len() < RECORD;
            let rest = source.peek(65_536)?.len();
            source.skip(rest);
            return Ok(if is_cut { Step::Cut } else { Step::Damaged(at) });
        };
        if source.peek(head.len)?.len() < head.len {
            return Ok(Step::Cut);
        }
        if head.kind == PAD {
            source.skip(head.len);
            return Ok(Step::Other);
        }
        let Head { time, len, .. } = head;
        Ok(Step::Packet(Span { time, link: ERF, from: 0, len, wire: len, total: len }))
    }
}
