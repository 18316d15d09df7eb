//! The audio codecs that are converted into each other: G.711, G.722 and Opus, one channel of 16-bit samples each.
//! Machines: payloads and samples in and out, and the time known only as counts of samples. Knows no packets.

mod conceal;
pub mod g722;
mod opus;
mod resample;

use crate::audio::Law;
use conceal::Concealer;
pub use opus::Settings;
pub use resample::Resampler;

/// The longest that one payload may hold: 120 ms (RFC 6716 section 3.2.5, which no phone exceeds).
pub const MAX_MS: usize = 120;

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Coding {
    G711(Law),
    G722,
    Opus,
}

impl Coding {
    /// By the encoding name of its rtpmap, in any case.
    pub fn by_name(name: &str) -> Option<Coding> {
        Some(match name.to_ascii_uppercase().as_str() {
            "PCMU" => Coding::G711(Law::Mu),
            "PCMA" => Coding::G711(Law::A),
            "G722" => Coding::G722,
            "OPUS" => Coding::Opus,
            _ => return None,
        })
    }

    /// The RTP clock in Hz. That of G.722 is 8000 by an old mistake (RFC 3551 4.5.2); Opus is 48000 (RFC 7587 4.1).
    pub fn clock(self) -> u32 {
        match self {
            Coding::G711(_) | Coding::G722 => 8000,
            Coding::Opus => 48_000,
        }
    }

    /// Samples a second of its audio, as far as a partner can use them: Opus is computed at the rate of the other.
    pub fn rate(self) -> u32 {
        match self {
            Coding::G711(_) => 8000,
            Coding::G722 | Coding::Opus => 16_000,
        }
    }

    /// How long this payload is in ticks of the RTP clock; None where that cannot be told.
    pub fn duration(self, payload: &[u8]) -> Option<u32> {
        match self {
            Coding::G711(_) | Coding::G722 => Some(payload.len() as u32),
            Coding::Opus => opus::duration(payload),
        }
    }
}

enum Decoding {
    G711(Law, Concealer),
    G722(Box<g722::Decoder>, Concealer),
    Opus(opus::Decoder),
}

/// Payloads of one stream into samples.
pub struct Decoder {
    decoding: Decoding,
    pub coding: Coding,
    /// Samples a second.
    pub rate: u32,
}

impl Decoder {
    /// `rate` is what the samples are for; only Opus can give them so. None when there is no memory for it.
    pub fn new(coding: Coding, rate: u32) -> Option<Decoder> {
        let rate = if coding == Coding::Opus { rate } else { coding.rate() };
        let decoding = match coding {
            Coding::G711(law) => Decoding::G711(law, Concealer::new(rate)),
            Coding::G722 => Decoding::G722(Box::default(), Concealer::new(rate)),
            Coding::Opus => Decoding::Opus(opus::Decoder::new(rate)?),
        };
        Some(Decoder { decoding, coding, rate })
    }

    /// Append the samples of a payload. False when it is no such payload; nothing is appended then.
    pub fn decode(&mut self, payload: &[u8], samples: &mut Vec<i16>) -> bool {
        let start = samples.len();
        match &mut self.decoding {
            Decoding::G711(law, concealer) => {
                samples.extend(payload.iter().map(|code| law.decode(*code)));
                concealer.hear(&mut samples[start..]);
            }
            Decoding::G722(decoder, concealer) => {
                samples.extend(payload.iter().flat_map(|code| decoder.decode(*code)));
                concealer.hear(&mut samples[start..]);
            }
            Decoding::Opus(decoder) => return decoder.decode(payload, samples),
        }
        true
    }

    /// Append so many samples in place of what was lost; `next` is the payload after it, which may help.
    pub fn conceal(&mut self, count: usize, next: &[u8], samples: &mut Vec<i16>) {
        match &mut self.decoding {
            Decoding::G711(_, concealer) | Decoding::G722(_, concealer) => concealer.conceal(count, samples),
            Decoding::Opus(decoder) => decoder.conceal(count, next, samples),
        }
    }
}

/// Samples of one stream into payloads.
pub enum Encoder {
    G711(Law),
    G722(Box<g722::Encoder>),
    Opus(opus::Encoder),
}

impl Encoder {
    /// `rate` is that of the samples it will be given: 8000 or 16000, and 8000 for G.711, 16000 for G.722.
    pub fn new(coding: Coding, rate: u32, settings: &Settings) -> Option<Encoder> {
        Some(match coding {
            Coding::G711(law) => Encoder::G711(law),
            Coding::G722 => Encoder::G722(Box::default()),
            Coding::Opus => Encoder::Opus(opus::Encoder::new(rate, settings)?),
        })
    }

    /// Write the payload of these samples; its length, or None when nothing is to be sent for them.
    pub fn encode(&mut self, samples: &[i16], payload: &mut [u8]) -> Option<usize> {
        match self {
            Encoder::G711(law) => {
                payload.iter_mut().zip(samples).for_each(|(code, sample)| *code = law.encode(*sample));
                Some(samples.len())
            }
            Encoder::G722(encoder) => {
                let pairs = samples.chunks_exact(2);
                payload.iter_mut().zip(pairs).for_each(|(code, pair)| *code = encoder.encode([pair[0], pair[1]]));
                Some(samples.len() / 2)
            }
            Encoder::Opus(encoder) => encoder.encode(samples, payload),
        }
    }

    /// The peer misses so many per cent of what we send.
    pub fn heed_loss(&mut self, percent: u8) {
        if let Encoder::Opus(encoder) = self {
            encoder.heed_loss(percent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Coding; 4] = [Coding::G711(Law::Mu), Coding::G711(Law::A), Coding::G722, Coding::Opus];

    fn tone(frequency: f64, rate: u32, count: usize) -> Vec<i16> {
        let step = std::f64::consts::TAU * frequency / f64::from(rate);
        (0..count).map(|n| (10_000.0 * (step * n as f64).sin()) as i16).collect()
    }

    /// Through encoder and decoder in packets of 20 ms.
    fn through(coding: Coding, samples: &[i16]) -> Vec<i16> {
        let mut encoder = Encoder::new(coding, coding.rate(), &Settings::default()).unwrap();
        let mut decoder = Decoder::new(coding, coding.rate()).unwrap();
        let mut payload = [0; 2000];
        let mut heard = Vec::new();
        for frame in samples.chunks(coding.rate() as usize / 50) {
            let length = encoder.encode(frame, &mut payload).unwrap();
            assert_eq!(coding.duration(&payload[..length]), Some(coding.clock() / 50));
            assert!(decoder.decode(&payload[..length], &mut heard));
        }
        heard
    }

    /// How far the tone stands above all else, in dB.
    fn purity(samples: &[i16], frequency: f64, rate: u32) -> f64 {
        let step = std::f64::consts::TAU * frequency / f64::from(rate);
        let (mut sine, mut cosine, mut power) = (0.0, 0.0, 0.0);
        for (n, sample) in samples.iter().enumerate() {
            let (sample, phase) = (f64::from(*sample), step * n as f64);
            sine += sample * phase.sin();
            cosine += sample * phase.cos();
            power += sample * sample;
        }
        let count = samples.len() as f64;
        let tone = 2.0 * (sine * sine + cosine * cosine) / (count * count);
        10.0 * (tone / (power / count - tone).max(1e-9)).log10()
    }

    #[test]
    fn a_tone_goes_through_each_codec() {
        for coding in ALL {
            let heard = through(coding, &tone(1000.0, coding.rate(), coding.rate() as usize));
            assert_eq!(heard.len(), coding.rate() as usize);
            let settled = coding.rate() as usize / 5;
            let purity = purity(&heard[settled..], 1000.0, coding.rate());
            assert!(purity > if coding == Coding::Opus { 15.0 } else { 34.0 }, "{coding:?}: {purity}");
        }
    }

    #[test]
    fn what_is_no_opus_is_refused_and_the_stream_goes_on() {
        let mut decoder = Decoder::new(Coding::Opus, 8000).unwrap();
        let mut samples = Vec::new();
        for payload in [&[][..], &[0xff], &[0x03, 0xff], &[0xff; 1500]] {
            decoder.decode(payload, &mut samples);
            decoder.conceal(160, payload, &mut samples);
        }
        let mut encoder = Encoder::new(Coding::Opus, 8000, &Settings::default()).unwrap();
        let mut payload = [0; 2000];
        let length = encoder.encode(&tone(400.0, 8000, 160), &mut payload).unwrap();
        let before = samples.len();
        assert!(decoder.decode(&payload[..length], &mut samples));
        assert_eq!(samples.len() - before, 160);
    }

    #[test]
    fn what_is_lost_is_as_long_as_it_was() {
        for coding in ALL {
            for (rate, ms) in [(8000, 20), (16_000, 60), (8000, 50)] {
                let mut decoder = Decoder::new(coding, rate).unwrap();
                let count = decoder.rate as usize / 1000 * ms;
                let mut samples = Vec::new();
                decoder.conceal(count, &[], &mut samples);
                decoder.conceal(count, &[0x08, 1, 2, 3], &mut samples);
                assert_eq!(samples.len(), 2 * count, "{coding:?}");
            }
        }
    }

    #[test]
    fn opus_heeds_the_peer() {
        let settings = Settings { bitrate: 8000, constant: true, ..Settings::default() };
        let mut encoder = Encoder::new(Coding::Opus, 16_000, &settings).unwrap();
        let mut payload = [0; 2000];
        let sent: usize =
            tone(300.0, 16_000, 16_000).chunks(320).filter_map(|frame| encoder.encode(frame, &mut payload)).sum();
        assert!((900..=1050).contains(&sent), "{sent} bytes in a second");
        let mut quiet = Encoder::new(Coding::Opus, 8000, &Settings { dtx: true, ..Settings::default() }).unwrap();
        let packets = (0..200).filter(|_| quiet.encode(&[0; 160], &mut payload).is_some()).count();
        assert!(packets < 60, "{packets} of 200 packets of silence");
    }
}
