//! One direction of a TCP connection put into order (RFC 9293 section 3.4): losses of the capture, reordering,
//! retransmissions, capture begun in the middle.

use super::limits::{HELD_BYTES, SEGMENTS};

/// Repeats closer than this are the same packet captured twice.
const COPY_NS: i64 = 10_000_000;

#[derive(Debug)]
struct Held {
    sequence: u32,
    data: Vec<u8>,
    frame: u64,
    time: i64,
}

/// What came out, in order.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    Data {
        data: Vec<u8>,
        frame: u64,
        time: i64,
    },
    /// So many bytes were never captured.
    Gap(u32),
}

/// Data that its sender repeated and its receiver never acknowledged.
#[derive(Clone, Copy, Debug)]
pub struct Repeated {
    end: u32,
    pub times: u64,
    pub frame: u64,
    pub time: i64,
}

#[derive(Default)]
pub struct Half {
    next: Option<u32>,
    held: Vec<Held>,
    held_bytes: usize,
    acked: Option<u32>,
    repeated: Option<Repeated>,
    last_time: i64,
    pub finished: bool,
}

/// a - b on the circle of sequence numbers.
fn distance(a: u32, b: u32) -> i32 {
    a.wrapping_sub(b) as i32
}

impl Half {
    /// The SYN of this direction was seen.
    pub fn start(&mut self, sequence: u32) {
        self.next = Some(sequence.wrapping_add(1));
    }

    pub fn is_started(&self) -> bool {
        self.next.is_some()
    }

    /// Whether a segment would be delivered at once and nothing is held: the common case, without a copy.
    pub fn is_next(&mut self, sequence: u32, len: usize, time: i64) -> bool {
        let next = *self.next.get_or_insert(sequence);
        if sequence != next || !self.held.is_empty() {
            return false;
        }
        self.next = Some(next.wrapping_add(len as u32));
        self.last_time = time;
        true
    }

    /// Takes a segment that is not the expected one. `cut` bytes of it were not captured.
    pub fn receive(&mut self, sequence: u32, data: &[u8], cut: usize, frame: u64, time: i64) -> Vec<Piece> {
        let next = *self.next.get_or_insert(sequence);
        let ahead = distance(sequence, next);
        let mut out = Vec::new();
        if ahead <= 0 {
            let old = ahead.unsigned_abs() as usize;
            if old >= data.len() {
                self.note_repeat(sequence.wrapping_add(data.len() as u32), frame, time);
            } else {
                self.deliver(&data[old..], frame, time, &mut out);
            }
        } else {
            self.hold(sequence, data, frame, time);
        }
        self.last_time = time;
        self.release(&mut out);
        if cut > 0 && ahead <= 0 {
            self.next = self.next.map(|n| n.wrapping_add(cut as u32));
            out.push(Piece::Gap(cut as u32));
        }
        if self.held.len() > SEGMENTS || self.held_bytes > HELD_BYTES {
            self.give_up(&mut out);
        }
        out
    }

    /// The peer says that it has everything before `ack`: a hole before that will not be filled any more.
    pub fn acknowledged(&mut self, ack: u32) -> Vec<Piece> {
        if self.acked.is_none_or(|a| distance(ack, a) > 0) {
            self.acked = Some(ack);
        }
        let mut out = Vec::new();
        let covered = |held: &Held| distance(ack, held.sequence) >= 0;
        while self.held.first().is_some_and(covered) {
            self.give_up(&mut out);
        }
        out
    }

    /// Everything that is held, holes or not.
    pub fn flush(&mut self) -> Vec<Piece> {
        let mut out = Vec::new();
        while !self.held.is_empty() {
            self.give_up(&mut out);
        }
        out
    }

    pub fn undelivered(&self) -> Option<Repeated> {
        self.repeated.filter(|r| r.times >= 2 && self.acked.is_none_or(|a| distance(r.end, a) > 0))
    }

    fn deliver(&mut self, data: &[u8], frame: u64, time: i64, out: &mut Vec<Piece>) {
        self.next = self.next.map(|n| n.wrapping_add(data.len() as u32));
        out.push(Piece::Data { data: data.to_vec(), frame, time });
    }

    fn note_repeat(&mut self, end: u32, frame: u64, time: i64) {
        if time - self.last_time < COPY_NS {
            return;
        }
        let times = match self.repeated {
            Some(r) if r.end == end => r.times + 1,
            _ => 2,
        };
        self.repeated = Some(Repeated { end, times, frame, time });
    }

    fn hold(&mut self, sequence: u32, data: &[u8], frame: u64, time: i64) {
        let Some(next) = self.next else { return };
        let key = |h: &Held| distance(h.sequence, next);
        let at = self.held.partition_point(|h| key(h) < distance(sequence, next));
        if self.held.get(at).is_some_and(|h| h.sequence == sequence && h.data.len() >= data.len()) {
            return;
        }
        self.held_bytes += data.len();
        self.held.insert(at, Held { sequence, data: data.to_vec(), frame, time });
    }

    /// Delivers what is held and now follows.
    fn release(&mut self, out: &mut Vec<Piece>) {
        while let (Some(next), Some(first)) = (self.next, self.held.first()) {
            let ahead = distance(first.sequence, next);
            if ahead > 0 {
                return;
            }
            let first = self.held.remove(0);
            self.held_bytes -= first.data.len();
            let old = ahead.unsigned_abs() as usize;
            if old < first.data.len() {
                self.deliver(&first.data[old..], first.frame, first.time, out);
            }
        }
    }

    /// Steps over the first hole.
    fn give_up(&mut self, out: &mut Vec<Piece>) {
        let (Some(next), Some(first)) = (self.next, self.held.first()) else { return };
        out.push(Piece::Gap(distance(first.sequence, next).max(0) as u32));
        self.next = Some(first.sequence);
        self.release(out);
    }
}
