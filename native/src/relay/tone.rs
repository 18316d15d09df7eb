//! A tone that the engine plays to a peer: packets of 20 ms on a fixed grid of time, so that it never drifts.

use serde::{Deserialize, Serialize};

use super::ahead::Ahead;
use crate::audio::{Tone, SAMPLE_RATE};
use crate::codec::{Coding, Encoder, Settings};
use crate::rtp::write_header;

const PACKET_NS: u64 = 20_000_000;
const HEADER: usize = 12;
/// Samples of a packet at the highest rate, and bytes of one in any codec (Opus: RFC 6716 section 3.2.1).
const SAMPLES: usize = 320;
const PAYLOAD: usize = 1275;
/// Later than this, packets are left out rather than sent in a burst that a phone would throw away.
const LATE_NS: u64 = 5 * PACKET_NS;

pub struct ToneStream {
    /// Tells this tone from one that the port played before.
    pub serial: u64,
    sound: Sound,
    tone: Tone,
    encoder: Encoder,
    /// Samples of a packet, and ticks of its RTP clock.
    samples: usize,
    ticks: u32,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    starts: bool,
    due_ns: u64,
}

/// What is played, and how: `frequency` in Hz, `level_dbm0` relative to the digital milliwatt.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sound {
    pub coding: Coding,
    pub payload_type: u8,
    pub frequency: u32,
    pub level_dbm0: f64,
}

/// Payload types are seven bits; a tone needs more than two samples a period.
const PAYLOAD_TYPES: u8 = 128;
const FREQUENCIES: std::ops::Range<u32> = 1..SAMPLE_RATE / 2;

impl Sound {
    pub fn is_playable(&self) -> bool {
        let Sound { payload_type, frequency, level_dbm0, .. } = *self;
        payload_type < PAYLOAD_TYPES && FREQUENCIES.contains(&frequency) && !level_dbm0.is_nan()
    }
}

/// A tone so that another goes on with it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToneState {
    sound: Sound,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
}

/// What of a tone is random (RFC 3550 5.1).
pub struct Start {
    pub ssrc: u32,
    pub sequence: u16,
    pub timestamp: u32,
}

impl ToneStream {
    /// None when there is no memory for the codec.
    pub fn new(serial: u64, sound: &Sound, start: &Start, due_ns: u64) -> Option<ToneStream> {
        let Sound { coding, frequency, level_dbm0, .. } = *sound;
        let Start { ssrc, sequence, timestamp } = *start;
        let rate = coding.rate();
        Some(ToneStream {
            serial,
            sound: *sound,
            tone: Tone::new(rate, frequency, level_dbm0),
            encoder: Encoder::new(coding, rate, &Settings::default())?,
            samples: rate as usize / 50,
            ticks: coding.clock() / 50,
            ssrc,
            sequence,
            timestamp,
            starts: true,
            due_ns,
        })
    }

    pub fn state(&self) -> ToneState {
        let ToneStream { sound, ssrc, sequence, timestamp, .. } = *self;
        ToneState { sound, ssrc, sequence, timestamp }
    }

    /// None as for `new`, and where the state is of no tone.
    pub fn resumed(serial: u64, state: &ToneState, ahead: &Ahead, due_ns: u64) -> Option<ToneStream> {
        let ToneState { sound, ssrc, sequence, timestamp } = *state;
        let sequence = sequence.wrapping_add(ahead.packets());
        let timestamp = timestamp.wrapping_add(ahead.ticks(sound.coding.clock()));
        sound.is_playable().then(|| ToneStream::new(serial, &sound, &Start { ssrc, sequence, timestamp }, due_ns))?
    }

    pub fn due_ns(&self) -> u64 {
        self.due_ns
    }

    /// Write the packet that is due into `out`, and move on to the next; its length.
    pub fn write(&mut self, out: &mut [u8], now_ns: u64) -> usize {
        let late_ns = now_ns.saturating_sub(self.due_ns);
        if late_ns > LATE_NS {
            // A pause of the whole machine: time went on, so the timestamp does too (RFC 3550 5.1).
            let missed = late_ns / PACKET_NS;
            self.due_ns += missed * PACKET_NS;
            self.timestamp = self.timestamp.wrapping_add(missed as u32 * self.ticks);
            self.starts = true;
        }
        write_header(out, self.starts, self.sound.payload_type, self.sequence, self.timestamp, self.ssrc);
        let mut samples = [0; SAMPLES];
        let samples = &mut samples[..self.samples];
        self.tone.fill(samples);
        let length = self.encoder.encode(samples, &mut out[HEADER..HEADER + PAYLOAD]).unwrap_or(0);
        self.starts = false;
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(self.ticks);
        self.due_ns += PACKET_NS;
        HEADER + length
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::Law;
    use crate::rtp::Header;

    fn stream() -> ToneStream {
        let start = Start { ssrc: 5, sequence: 65535, timestamp: u32::MAX };
        let coding = Coding::G711(Law::A);
        let sound = Sound { coding, payload_type: 8, frequency: 1004, level_dbm0: 0.0 };
        ToneStream::new(1, &sound, &start, 1000).unwrap()
    }

    fn next(stream: &mut ToneStream, now_ns: u64) -> Header {
        let mut out = [0; 2048];
        let length = stream.write(&mut out, now_ns);
        assert_eq!(length, 172);
        Header::parse(&out[..length]).unwrap()
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
