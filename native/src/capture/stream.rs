//! Bytes of one direction of a stream, and which frame brought each of them.

use std::collections::VecDeque;

#[derive(Default)]
pub struct Bytes {
    data: Vec<u8>,
    start: usize,
    /// (end of the piece, counted from the stream's first byte; frame).
    marks: VecDeque<(u64, u64)>,
    taken: u64,
}

impl Bytes {
    pub fn push(&mut self, data: &[u8], frame: u64) {
        if self.start > 0 && (self.start == self.data.len() || self.start > 65_536) {
            self.data.drain(..self.start);
            self.start = 0;
        }
        self.data.extend_from_slice(data);
        let end = self.taken + self.len() as u64;
        match self.marks.back_mut() {
            Some(last) if last.1 == frame => last.0 = end,
            _ => self.marks.push_back((end, frame)),
        }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.data[self.start..]
    }

    pub fn len(&self) -> usize {
        self.data.len() - self.start
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn clear(&mut self) {
        self.skip(self.len());
    }

    pub fn skip(&mut self, count: usize) {
        let count = count.min(self.len());
        self.start += count;
        self.taken += count as u64;
        while self.marks.front().is_some_and(|&(end, _)| end <= self.taken) {
            self.marks.pop_front();
        }
    }

    /// Takes the first bytes and the frames they came in.
    pub fn take(&mut self, count: usize) -> (Vec<u8>, Vec<u64>) {
        let count = count.min(self.len());
        let bytes = self.bytes()[..count].to_vec();
        let end = self.taken + count as u64;
        let mut frames = Vec::new();
        for &(piece_end, frame) in &self.marks {
            frames.push(frame);
            if piece_end >= end {
                break;
            }
        }
        frames.sort_unstable();
        frames.dedup();
        self.skip(count);
        (bytes, frames)
    }
}
