//! Opus (RFC 6716) by its reference library, one channel: two are mixed down by the decoder itself.

use opusic_c as library;
use opusic_c::{Application, Bandwidth, Bitrate, Channels, InbandFec, SampleRate};

use super::MAX_MS;

/// The rate of the library's samples: of the two that meet in a call, or the whole band for a file.
fn sample_rate(rate: u32) -> SampleRate {
    match rate {
        8000 => SampleRate::Hz8000,
        48_000 => SampleRate::Hz48000,
        _ => SampleRate::Hz16000,
    }
}

/// How long a payload is in ticks of 48 kHz, by its table of contents (RFC 6716 section 3.1).
pub fn duration(payload: &[u8]) -> Option<u32> {
    let first = *payload.first()?;
    let configuration = first >> 3;
    let frame = match configuration {
        0..=11 => [480, 960, 1920, 2880][usize::from(configuration & 3)],
        12..=15 => [480, 960][usize::from(configuration & 1)],
        _ => [120, 240, 480, 960][usize::from(configuration & 3)],
    };
    let frames = match first & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(payload.get(1)? & 0x3f),
    };
    Some(frame * frames).filter(|ticks| *ticks as usize <= 48 * MAX_MS)
}

/// The channels of the library are 16-bit words without a sign.
fn signed(words: &[u16]) -> impl Iterator<Item = i16> + '_ {
    words.iter().map(|word| *word as i16)
}

pub struct Decoder {
    library: library::Decoder,
    per_ms: usize,
}

impl Decoder {
    pub fn new(rate: u32) -> Option<Decoder> {
        let library = library::Decoder::new(Channels::Mono, sample_rate(rate)).ok()?;
        Some(Decoder { library, per_ms: rate as usize / 1000 })
    }

    pub fn decode(&mut self, payload: &[u8], samples: &mut Vec<i16>) -> bool {
        // An empty payload would ask the library to conceal.
        let mut words = [0; 48 * MAX_MS];
        let count =
            if payload.is_empty() { None } else { self.library.decode_to_slice(payload, &mut words, false).ok() };
        samples.extend(signed(&words[..count.unwrap_or(0)]));
        count.is_some()
    }

    /// The last frame of the gap may be in the payload after it (in-band FEC, RFC 6716 section 2.1.7).
    pub fn conceal(&mut self, count: usize, next: &[u8], samples: &mut Vec<i16>) {
        let repaired = duration(next).map_or(0, |ticks| ticks as usize * self.per_ms / 48).min(20 * self.per_ms);
        let mut left = count;
        while left > 0 {
            let is_last = repaired > 0 && left <= repaired;
            // The library conceals in steps of 2.5 ms, and no more than 120 ms at once.
            let piece = if is_last { left } else { (left - repaired).min(20 * self.per_ms) };
            let mut words = [0; 48 * MAX_MS];
            let payload = if is_last { next } else { &[] };
            let made = self.library.decode_to_slice(payload, &mut words[..piece], is_last).unwrap_or(0).min(piece);
            samples.extend(signed(&words[..made]));
            samples.resize(samples.len() + piece - made, 0);
            left -= piece;
        }
    }
}

/// What the peer asks for in its fmtp (RFC 7587 section 6.1).
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Settings {
    /// maxaveragebitrate in bit/s; 0 leaves it to us.
    pub bitrate: u32,
    /// useinbandfec.
    pub fec: bool,
    /// usedtx.
    pub dtx: bool,
    /// cbr.
    pub constant: bool,
    /// maxplaybackrate in Hz; 0 when it plays all.
    pub playback_rate: u32,
}

/// Of ten. The highest costs a tenth more here and cannot be told from it.
const COMPLEXITY: u8 = 5;

/// More than so many per cent of loss are not prepared for: the repair would cost the voice itself.
const LOSS_MAX: u8 = 30;

/// What comes here was coded before, and a second model of speech on top of the first is what is heard of tandem coding.
/// At these rates the library follows the waveform instead (application `audio`), which costs a third less, too; it
/// goes over to its model of speech by itself where the peer wants less or reports loss. Headers take another 16 kbit/s.
fn default_bitrate(rate: u32) -> u32 {
    if rate == 8000 {
        32_000
    } else {
        48_000
    }
}

pub struct Encoder {
    library: library::Encoder,
    has_dtx: bool,
    /// What the peer reported; repair (in-band FEC) is sent when there is any.
    loss: u8,
}

impl Encoder {
    pub fn new(rate: u32, settings: &Settings) -> Option<Encoder> {
        let mut library = library::Encoder::new(Channels::Mono, sample_rate(rate), Application::Audio).ok()?;
        let bitrate = if settings.bitrate == 0 { u32::MAX } else { settings.bitrate.max(6000) };
        library.set_bitrate(Bitrate::Value(bitrate.min(default_bitrate(rate)))).ok()?;
        library.set_complexity(COMPLEXITY).ok()?;
        library.set_vbr(!settings.constant).ok()?;
        library.set_dtx(settings.dtx).ok()?;
        library.set_inband_fec(if settings.fec { InbandFec::Mode1 } else { InbandFec::Off }).ok()?;
        if (1..16_000).contains(&settings.playback_rate) {
            let widest = if settings.playback_rate < 12_000 { Bandwidth::Narrow } else { Bandwidth::Medium };
            library.set_max_bandwidth(widest).ok()?;
        }
        Some(Encoder { library, has_dtx: settings.dtx, loss: 0 })
    }

    pub fn encode(&mut self, samples: &[i16], payload: &mut [u8]) -> Option<usize> {
        let mut words = [0; 16 * MAX_MS];
        words.iter_mut().zip(samples).for_each(|(word, sample)| *word = *sample as u16);
        let length = self.library.encode_to_slice(words.get(..samples.len())?, payload).ok()?;
        // Two bytes or less need not be sent (RFC 6716 section 2.1.9).
        (length > 2 || !self.has_dtx).then_some(length)
    }

    pub fn heed_loss(&mut self, percent: u8) {
        let percent = percent.min(LOSS_MAX);
        if percent != self.loss && self.library.set_packet_loss(percent).is_ok() {
            self.loss = percent;
        }
    }
}
