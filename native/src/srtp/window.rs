//! The packet index of one stream and the indexes below it that were seen (RFC 3711 3.3.1, 3.3.2).

use super::Refusal;

/// Indexes remembered below the highest; RFC 3711 asks for at least 64.
const SPAN: u64 = 128;
/// RTP's index has 48 bits: a rollover counter of 32 over a sequence number of 16.
const INDEX_END: u64 = 1 << 48;

/// Starts with nothing seen.
#[derive(Clone, Copy, Default)]
pub struct Window {
    top: u64,
    /// Bit n: index `top - n` was seen. Zero only while nothing was.
    seen: u128,
}

impl Window {
    /// As another window was. None where none is so: an index beyond the last, one without its own bit, or bits of
    /// indexes before the first.
    pub fn at(top: u64, seen: u128) -> Option<Window> {
        let is_possible = match seen {
            0 => top == 0,
            _ => top < INDEX_END && seen & 1 == 1 && (top + 1 >= SPAN || seen >> (top + 1) == 0),
        };
        is_possible.then_some(Window { top, seen })
    }

    pub fn is_fresh(&self) -> bool {
        self.seen == 0
    }

    pub fn top(&self) -> u64 {
        self.top
    }

    pub fn seen(&self) -> u128 {
        self.seen
    }

    /// The index after the highest: RTCP's own counter.
    pub fn next(&self) -> u64 {
        if self.is_fresh() {
            0
        } else {
            self.top + 1
        }
    }

    /// The index nearest to the highest that ends in `sequence` (RFC 3711 3.3.1 and appendix A).
    pub fn guess(&self, sequence: u16) -> u64 {
        if self.is_fresh() {
            return u64::from(sequence);
        }
        let ahead = sequence.wrapping_sub(self.top as u16) as i16;
        match self.top.checked_add_signed(i64::from(ahead)) {
            Some(index) => index,
            // Before the very first packet there is no earlier rollover to belong to.
            None => u64::from(sequence),
        }
    }

    /// Older than what the window remembers.
    pub fn is_behind(&self, index: u64) -> bool {
        !self.is_fresh() && index < self.top && self.top - index >= SPAN
    }

    pub fn check(&self, index: u64) -> Result<(), Refusal> {
        if index >= INDEX_END {
            return Err(Refusal::Exhausted);
        }
        if self.is_fresh() || index > self.top {
            return Ok(());
        }
        let age = self.top - index;
        if age >= SPAN || self.seen >> age & 1 == 1 {
            return Err(Refusal::Replayed);
        }
        Ok(())
    }

    /// Marks `index` as seen.
    pub fn admit(&mut self, index: u64) -> Result<(), Refusal> {
        self.check(index)?;
        if self.is_fresh() {
            (self.top, self.seen) = (index, 1);
        } else if index > self.top {
            let steps = index - self.top;
            self.seen = if steps < SPAN { self.seen << steps | 1 } else { 1 };
            self.top = index;
        } else {
            self.seen |= 1 << (self.top - index);
        }
        Ok(())
    }
}
