//! A tone that the engine plays to a peer: packets of 20 ms on a fixed grid of time, so that it never drifts.

use std::sync::Arc;

use super::port::{leave, Media, Outgoing, Port};
use crate::audio::{Tone, SAMPLE_RATE};
use crate::rtp::write_header;
use crate::srtp::OVERHEAD;

const PACKET_NS: u64 = 20_000_000;
const PACKET_SAMPLES: usize = SAMPLE_RATE as usize / 50;
const PACKET_BYTES: usize = 12 + PACKET_SAMPLES;
/// A packet and what sealing appends.
pub const PACKET_ROOM: usize = PACKET_BYTES + OVERHEAD;

/// Later than this, packets are left out rather than sent in a burst that a phone would throw away.
const LATE_NS: u64 = 5 * PACKET_NS;

pub struct ToneStream {
    /// Tells this tone from one that the port played before.
    pub serial: u64,
    tone: Tone,
    payload_type: u8,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    starts: bool,
    due_ns: u64,
}

/// What of a tone is random (RFC 3550 5.1).
pub struct Start {
    pub ssrc: u32,
    pub sequence: u16,
    pub timestamp: u32,
}

impl ToneStream {
    pub fn new(serial: u64, tone: Tone, payload_type: u8, start: &Start, due_ns: u64) -> ToneStream {
        let Start { ssrc, sequence, timestamp } = *start;
        ToneStream { serial, tone, payload_type, ssrc, sequence, timestamp, starts: true, due_ns }
    }

    pub fn due_ns(&self) -> u64 {
        self.due_ns
    }

    /// Write the packet that is due into `out`, and move on to the next.
    pub fn write(&mut self, out: &mut [u8; PACKET_BYTES], now_ns: u64) {
        let late_ns = now_ns.saturating_sub(self.due_ns);
        if late_ns > LATE_NS {
            // A pause of the whole machine: time went on, so the timestamp does too (RFC 3550 5.1).
            let missed = late_ns / PACKET_NS;
            self.due_ns += missed * PACKET_NS;
            self.timestamp = self.timestamp.wrapping_add(missed as u32 * PACKET_SAMPLES as u32);
            self.starts = true;
        }
        write_header(out, self.starts, self.payload_type, self.sequence, self.timestamp, self.ssrc);
        self.tone.fill(&mut out[12..]);
        self.starts = false;
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(PACKET_SAMPLES as u32);
        self.due_ns += PACKET_NS;
    }
}

/// Write the packet of the port's tone `serial`; when the next is due, and where this one goes. None when it ended.
pub fn play(
    port: &Arc<Port>,
    serial: u64,
    out: &mut [u8; PACKET_ROOM],
    now_ns: u64,
) -> Option<(u64, Option<Outgoing>)> {
    let mut side = port.side();
    let stream = side.tone.as_mut().filter(|stream| stream.serial == serial)?;
    let (packet, _) = out.split_first_chunk_mut()?;
    stream.write(packet, now_ns);
    let due_ns = stream.due_ns();
    drop(side);
    Some((due_ns, leave(port, Media::Rtp, out, PACKET_BYTES)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::Law;
    use crate::rtp::Header;

    fn stream() -> ToneStream {
        let start = Start { ssrc: 5, sequence: 65535, timestamp: u32::MAX };
        ToneStream::new(1, Tone::new(Law::A, 1004, 0.0), 8, &start, 1000)
    }

    fn next(stream: &mut ToneStream, now_ns: u64) -> Header {
        let mut out = [0; PACKET_BYTES];
        stream.write(&mut out, now_ns);
        Header::parse(&out).unwrap()
    }

    #[test]
    fn packets_lie_on_a_grid_however_late_they_are_written() {
        let mut stream = stream();
        let first = next(&mut stream, 1000 + 3_000_000);
        let second = next(&mut stream, 1000 + 24_000_000);
        assert_eq!((first.marker, first.sequence, first.timestamp), (true, 65535, u32::MAX));
        assert_eq!((second.marker, second.sequence, second.timestamp), (false, 0, 159));
        assert_eq!(stream.due_ns(), 1000 + 2 * PACKET_NS);
    }

    #[test]
    fn after_a_long_pause_the_timestamp_has_gone_on() {
        let mut stream = stream();
        next(&mut stream, 1000);
        let late = next(&mut stream, 1000 + 50 * PACKET_NS);
        assert_eq!((late.marker, late.sequence, late.timestamp), (true, 0, 50 * 160 - 1));
        assert_eq!(stream.due_ns(), 1000 + 51 * PACKET_NS);
    }
}
