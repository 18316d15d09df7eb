//! Reassembly of IP fragments (RFC 791 section 3.2, RFC 8200 section 4.5). What never becomes whole is told: lost
//! fragments are why a large INVITE goes unanswered.

use super::flow::{Endpoint, Flow, Ip};
use super::ip::Packet;
use super::limits::*;
use super::record::{Fragments as Lost, Record};
use rustc_hash::FxHashMap;

#[derive(PartialEq, Eq, Hash, Clone, Copy)]
struct Key {
    src: Ip,
    dst: Ip,
    protocol: u8,
    id: u32,
}

#[derive(Default)]
struct Parts {
    /// (offset, bytes), sorted, without overlap.
    pieces: Vec<(usize, Vec<u8>)>,
    end: Option<usize>,
    frames: Vec<u64>,
    first: i64,
    last: i64,
    cut: usize,
    done: bool,
}

pub struct Whole {
    pub payload: Vec<u8>,
    pub frames: Vec<u64>,
    pub cut: usize,
}

#[derive(Default)]
pub struct Fragments {
    table: FxHashMap<Key, Parts>,
    /// Bytes of all pieces, as of the last sweep and added since.
    held: usize,
    /// Datagrams not followed because the table was full.
    pub refused: u64,
}

impl Fragments {
    /// Takes a fragment; gives the datagram when this completed it.
    pub fn receive(&mut self, packet: &Packet<'_>, frame: u64, time: i64) -> Option<Whole> {
        let fragment = packet.fragment?;
        let key = Key { src: packet.src, dst: packet.dst, protocol: packet.protocol, id: packet.id };
        let is_full = self.table.len() >= FRAGMENTED || self.held >= FRAGMENT_BYTES;
        if is_full && !self.table.contains_key(&key) {
            self.refused += 1;
            return None;
        }
        self.held += packet.payload.len();
        let parts = self.table.entry(key).or_default();
        if parts.done && time - parts.last > FRAGMENT_COPY_S {
            *parts = Parts::default();
        }
        if parts.done {
            return None;
        }
        if parts.frames.is_empty() {
            parts.first = time;
        }
        parts.last = time;
        parts.add(fragment.offset, packet.payload, frame);
        if packet.cut > 0 {
            parts.cut += packet.cut;
        }
        if !fragment.more {
            parts.end = Some(fragment.offset + packet.payload.len() + packet.cut);
        }
        parts.whole()
    }

    /// Tells and forgets what waited too long; everything when `all`.
    pub fn sweep(&mut self, now: i64, all: bool, out: &mut Vec<Record>) {
        let mut lost: Vec<(Key, Parts)> =
            self.table.extract_if(|_, p| all || now - p.last > FRAGMENT_S).filter(|(_, p)| !p.done).collect();
        self.held = self.table.values().flat_map(|p| &p.pieces).map(|(_, bytes)| bytes.len()).sum();
        lost.sort_by_key(|(_, p)| p.frames.first().copied());
        out.extend(lost.into_iter().map(|(key, parts)| parts.lost(&key)));
    }
}

impl Parts {
    /// Keeps the first copy of every byte (RFC 5722 would drop the datagram; for evidence the bytes are worth more).
    fn add(&mut self, offset: usize, bytes: &[u8], frame: u64) {
        if self.pieces.len() >= PIECES || offset + bytes.len() > 65_535 + 8 {
            return;
        }
        let at = self.pieces.partition_point(|(o, _)| *o < offset);
        let before = at.checked_sub(1).map_or(0, |i| self.pieces[i].0 + self.pieces[i].1.len());
        let after = self.pieces.get(at).map_or(usize::MAX, |(o, _)| *o);
        let from = offset.max(before);
        let to = (offset + bytes.len()).min(after);
        if from < to {
            self.pieces.insert(at, (from, bytes[from - offset..to - offset].to_vec()));
            self.frames.push(frame);
        }
    }

    fn holes(&self) -> Vec<(usize, i64)> {
        let mut holes = Vec::new();
        let mut next = 0;
        for (offset, bytes) in &self.pieces {
            if *offset > next {
                holes.push((next, *offset as i64));
            }
            next = offset + bytes.len();
        }
        match self.end {
            Some(end) if next < end => holes.push((next, end as i64)),
            Some(_) => {}
            None => holes.push((next, -1)),
        }
        holes
    }

    fn whole(&mut self) -> Option<Whole> {
        let end = self.end?;
        let have: usize = self.pieces.iter().map(|(_, b)| b.len()).sum();
        if have + self.cut < end || (self.cut == 0 && !self.holes().is_empty()) {
            return None;
        }
        let pieces = std::mem::take(&mut self.pieces);
        let mut payload = Vec::with_capacity(have);
        for (offset, bytes) in pieces {
            // Behind a piece cut by the snap length nothing is in its place any more.
            if offset != payload.len() {
                break;
            }
            payload.extend_from_slice(&bytes);
        }
        self.done = true;
        let cut = end.saturating_sub(payload.len());
        Some(Whole { payload, frames: std::mem::take(&mut self.frames), cut })
    }

    fn lost(self, key: &Key) -> Record {
        let missing = self.holes();
        let head = match self.pieces.first() {
            Some((0, bytes)) => bytes.as_slice(),
            _ => &[],
        };
        let port = |at: usize| super::bytes::be16(head, at).filter(|_| matches!(key.protocol, 6 | 17)).unwrap_or(0);
        let flow =
            Flow { src: Endpoint { ip: key.src, port: port(0) }, dst: Endpoint { ip: key.dst, port: port(2) } };
        let header = if key.protocol == 17 { 8 } else { 0 };
        Record::Fragments(Box::new(Lost {
            time: self.first,
            last_time: self.last,
            flow,
            protocol: key.protocol,
            received: self.pieces.iter().map(|(_, b)| b.len()).sum(),
            missing,
            has_first: !head.is_empty(),
            head: head.get(header..).unwrap_or(&[]).to_vec(),
            frames: self.frames,
        }))
    }
}
