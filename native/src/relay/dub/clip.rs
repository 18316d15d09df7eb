//! A sound that is played to many, and how far one has heard it.

use std::sync::Arc;

use crate::codec::{Coding, Encoder, Settings};

pub const PACKET_MS: u32 = 20;
pub const PACKET_NS: u64 = PACKET_MS as u64 * 1_000_000;
/// Samples of a packet at the highest rate.
const SAMPLES: usize = 320;
/// Bytes of one in any codec (Opus: RFC 6716 section 3.2.1).
pub const PAYLOAD: usize = 1275;

/// The same samples at 8000 and at 16000 a second, for the codecs that take them so.
pub struct Clip {
    pub narrow: Box<[i16]>,
    pub wide: Box<[i16]>,
}

impl Clip {
    fn at(&self, rate: u32) -> &[i16] {
        if rate == 8000 {
            &self.narrow
        } else {
            &self.wide
        }
    }

    fn packets(&self) -> usize {
        self.narrow.len().div_ceil(8 * PACKET_MS as usize)
    }
}

/// What of a clip one peer has not heard yet.
pub struct Rest {
    clip: Arc<Clip>,
    heard: usize,
    encoder: Option<(Coding, Encoder)>,
}

impl Rest {
    pub fn new(clip: Arc<Clip>) -> Rest {
        Rest { clip, heard: 0, encoder: None }
    }

    /// What follows is heard by who has not heard what was before.
    pub fn forget_encoder(&mut self) {
        self.encoder = None;
    }

    pub fn is_over(&self) -> bool {
        self.heard >= self.clip.packets()
    }

    pub fn played_ns(&self) -> u64 {
        self.heard as u64 * PACKET_NS
    }

    /// The payload of the next packet; None where nothing need be sent for it.
    pub fn encode(&mut self, coding: Coding, settings: &Settings, payload: &mut [u8]) -> Option<usize> {
        let (at, rate) = (self.heard, coding.rate());
        self.heard += 1;
        if self.encoder.as_ref().is_none_or(|(known, _)| *known != coding) {
            self.encoder = Some((coding, Encoder::new(coding, rate, settings)?));
        }
        let count = (rate / 1000 * PACKET_MS) as usize;
        let mut samples = [0; SAMPLES];
        let rest = self.clip.at(rate).get(at * count..).unwrap_or(&[]);
        samples.iter_mut().zip(rest.iter().take(count)).for_each(|(sample, given)| *sample = *given);
        let (_, encoder) = self.encoder.as_mut()?;
        encoder.encode(&samples[..count], payload)
    }
}
