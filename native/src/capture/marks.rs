//! Which packets of a stream came to one place, a bit each: what two places are compared by.

use super::limits::MARKS;

pub struct Marks {
    first: u16,
    /// The number of the newest, counted on from the first.
    newest: i64,
    bits: Vec<u8>,
}

impl Marks {
    /// Begins at the sequence number of the first packet.
    pub fn new(first: u16) -> Marks {
        Marks { first, newest: 0, bits: Vec::new() }
    }

    /// Takes a packet that belongs to the stream. What came before the first one is not kept.
    pub fn receive(&mut self, sequence: u16) {
        let expected = self.first.wrapping_add(self.newest as u16);
        let at = self.newest + i64::from(sequence.wrapping_sub(expected) as i16);
        if !(0..MARKS as i64).contains(&at) {
            return;
        }
        self.newest = self.newest.max(at);
        let byte = at as usize / 8;
        if byte >= self.bits.len() {
            self.bits.resize(byte + 1, 0);
        }
        self.bits[byte] |= 1 << (at % 8);
    }

    /// The first sequence number, then the bits, the least significant first.
    pub fn packed(&self) -> Vec<u8> {
        [&self.first.to_le_bytes()[..], &self.bits].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_is_marked_across_the_end_of_the_numbers() {
        let mut marks = Marks::new(65_534);
        for sequence in [65_534, 0, 65_535, 2, 9] {
            marks.receive(sequence);
        }
        assert_eq!(marks.packed(), [0xfe, 0xff, 0b0001_0111, 0b1000]);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut marks = Marks::new(0);
        for n in 0..3 * MARKS as u64 {
            marks.receive(n as u16);
        }
        assert!(marks.packed().len() <= 2 + MARKS / 8);
    }
}
