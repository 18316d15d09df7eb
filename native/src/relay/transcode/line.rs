//! The stream that we send in place of another: its source, sequence numbers, timestamps and counts.

use crate::rtp::write_header;

/// Positions on the time line of a stream, in ticks of 48 kHz: every clock that meets here divides it.
pub const TICKS: i64 = 48_000;

pub struct Line {
    pub ssrc: u32,
    pub packets: u32,
    pub octets: u32,
    sequence: u16,
    /// The timestamp at position zero.
    zero: u32,
    /// The next packet begins a talkspurt (RFC 3551 4.1).
    pub starts: bool,
}

/// The fixed header that we write.
pub const HEADER: usize = 12;

impl Line {
    pub fn new(ssrc: u32, sequence: u16, zero: u32) -> Line {
        Line { ssrc, packets: 0, octets: 0, sequence, zero, starts: true }
    }

    /// The timestamp of a position, on this clock.
    pub fn timestamp(&self, position: i64, clock: u32) -> u32 {
        self.zero.wrapping_add((position * i64::from(clock) / TICKS) as u32)
    }

    /// So many packets are missing, and the receiver is to know.
    pub fn skip(&mut self, lost: u16) {
        self.sequence = self.sequence.wrapping_add(lost);
    }

    /// Write the header before a payload of `length` bytes; the length of the packet.
    pub fn write(&mut self, out: &mut [u8], marker: bool, payload_type: u8, timestamp: u32, length: usize) -> usize {
        write_header(out, marker, payload_type, self.sequence, timestamp, self.ssrc);
        self.sequence = self.sequence.wrapping_add(1);
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(length as u32);
        HEADER + length
    }
}
