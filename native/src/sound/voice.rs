//! From the payloads of one kind to samples: codecs that are ours, and those that somebody else decodes for us.

use crate::codec::{Coding, Decoder};
use pyo3::prelude::*;

/// The longest that a packet may be told to be; more is not decoded.
const MOST_SAMPLES: usize = 48_000;

pub enum Voice {
    Ours(Box<Decoder>),
    /// 16-bit samples, the highest byte first (RFC 3551 4.5.11), of so many channels, which are mixed.
    Linear {
        rate: u32,
        channels: usize,
    },
    /// A callable that makes signed 16-bit samples of a payload, in the order of this machine's bytes: none of one that
    /// says that the sender is silent, and None of one that cannot be decoded.
    Foreign {
        rate: u32,
        decode: Py<PyAny>,
    },
    /// RFC 2198: packets that hold others.
    Redundant,
}

/// What a payload holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    Sound,
    /// Word that the sender is silent.
    Silence,
    /// Nothing that can be decoded.
    Nothing,
}

impl Voice {
    /// `rate` is that of the file, at which Opus can be decoded. None for what is not ours.
    pub fn of(encoding: &str, clock: u32, channels: usize, rate: u32) -> Option<Voice> {
        match encoding.to_ascii_uppercase().as_str() {
            "L16" => Some(Voice::Linear { rate: clock, channels: channels.max(1) }),
            "RED" => Some(Voice::Redundant),
            _ => {
                let rate = [8000, 16_000].into_iter().find(|known| rate <= *known).unwrap_or(48_000);
                Some(Voice::Ours(Box::new(Decoder::new(Coding::by_name(encoding)?, rate)?)))
            }
        }
    }

    /// Samples a second.
    pub fn rate(&self) -> u32 {
        match self {
            Voice::Ours(decoder) => decoder.rate,
            Voice::Linear { rate, .. } | Voice::Foreign { rate, .. } => *rate,
            Voice::Redundant => 0,
        }
    }

    /// Append the samples of a payload. Raises what a foreign decoder raises.
    pub fn decode(&mut self, payload: &[u8], samples: &mut Vec<i16>) -> PyResult<Held> {
        let before = samples.len();
        let mut without = Held::Nothing;
        match self {
            Voice::Ours(decoder) => {
                decoder.decode(payload, samples);
            }
            Voice::Linear { channels, .. } => {
                let frames = payload.chunks_exact(2 * *channels);
                samples.extend(frames.map(|frame| mixed(frame, *channels)));
            }
            Voice::Foreign { decode, .. } => Python::attach(|py| {
                let made: Option<Vec<u8>> = decode.bind(py).call1((payload,))?.extract()?;
                let Some(made) = made else { return Ok(()) };
                without = Held::Silence;
                samples.extend(made.chunks_exact(2).map(|pair| i16::from_ne_bytes([pair[0], pair[1]])));
                Ok::<(), PyErr>(())
            })?,
            Voice::Redundant => {}
        }
        samples.truncate(before + MOST_SAMPLES);
        Ok(if samples.len() > before { Held::Sound } else { without })
    }
}

fn mixed(frame: &[u8], channels: usize) -> i16 {
    let sum: i32 = frame.chunks_exact(2).map(|pair| i32::from(i16::from_be_bytes([pair[0], pair[1]]))).sum();
    (sum / channels as i32) as i16
}

/// The newest of the packets that one of RFC 2198 holds: its payload type and its payload.
pub fn newest(payload: &[u8]) -> Option<(u8, &[u8])> {
    let (mut at, mut before) = (0, 0);
    while payload.get(at)? & 0x80 != 0 {
        let word = u32::from_be_bytes(*payload.get(at..)?.first_chunk()?);
        before += (word & 0x3ff) as usize;
        at += 4;
    }
    Some((payload[at], payload.get(at + 1 + before..)?))
}
