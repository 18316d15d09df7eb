//! The stream that we send in place of another: its source, sequence numbers, timestamps and counts.

use serde::{Deserialize, Serialize};

use crate::extension;
use crate::rtp::write_header;

/// Positions on the time line of a stream, in ticks of 48 kHz: every clock that meets here divides it.
pub const TICKS: i64 = 48_000;

pub struct Line {
    pub ssrc: u32,
    /// The header extensions of each packet, with their own head; empty without any.
    extensions: Box<[u8]>,
    pub packets: u32,
    pub octets: u32,
    sequence: u16,
    /// The timestamp at position zero.
    zero: u32,
    /// The next packet begins a talkspurt (RFC 3551 4.1).
    pub starts: bool,
}

/// The fixed header that we write.
const HEADER: usize = 12;

/// What tells the hearer which of its sections a packet is of (RFC 9143 section 9.2): the MID, and the identifier of the
/// header extension that carries it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mid {
    pub extension: u8,
    pub value: Box<[u8]>,
}

/// The largest header extension that is written: the MID (RFC 9143 section 15), of at most 255 bytes.
const EXTENSIONS: usize = 264;

/// Where a line stands: the numbers of what it would send next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineState {
    pub ssrc: u32,
    pub sequence: u16,
    pub timestamp: u32,
    packets: u32,
    octets: u32,
}

impl Line {
    /// At this position, on this clock.
    pub fn state(&self, position: i64, clock: u32) -> LineState {
        let Line { ssrc, sequence, packets, octets, .. } = *self;
        LineState { ssrc, sequence, timestamp: self.timestamp(position, clock), packets, octets }
    }

    /// Go on at position zero from where another stood.
    pub fn resumed(state: &LineState, mid: Option<&Mid>) -> Line {
        let LineState { packets, octets, .. } = *state;
        Line { packets, octets, ..Line::new(state.ssrc, state.sequence, state.timestamp, mid) }
    }

    pub fn new(ssrc: u32, sequence: u16, zero: u32, mid: Option<&Mid>) -> Line {
        let extensions = mid.map_or_else(Box::default, written);
        Line { ssrc, extensions, packets: 0, octets: 0, sequence, zero, starts: true }
    }

    /// Where the payload of each packet begins.
    pub fn room(&self) -> usize {
        HEADER + self.extensions.len()
    }

    /// Begin with these numbers, which belong to position zero, as the stream that this one stands for.
    pub fn begin_as(&mut self, sequence: u16, timestamp: Option<u32>) {
        self.sequence = sequence;
        self.zero = timestamp.unwrap_or(self.zero);
    }

    /// The sequence number of the next packet.
    pub fn next(&self) -> u16 {
        self.sequence
    }

    /// Go on where another line of the same source stands.
    pub fn go_on(&mut self, other: &Line) {
        let extensions = std::mem::take(&mut self.extensions);
        *self = Line { extensions, starts: true, ..*other };
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
        if !self.extensions.is_empty() {
            out[0] |= 0x10;
            out[HEADER..self.room()].copy_from_slice(&self.extensions);
        }
        self.sequence = self.sequence.wrapping_add(1);
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(length as u32);
        self.room() + length
    }
}

/// The extensions of a packet that carries this MID; empty where no packet can.
fn written(mid: &Mid) -> Box<[u8]> {
    let mut packet = [0; HEADER + EXTENSIONS];
    let length = extension::insert(&mut packet, HEADER, mid.extension, &mid.value, 0);
    length.map_or_else(Box::default, |length| packet[HEADER..length].into())
}
