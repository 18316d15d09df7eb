//! Audio: its level against overload (dBov), digital and near silence, tones; and the tables of G.711. No codec that
//! needs state belongs here.

/// The two laws of ITU-T G.711.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Law {
    Mu,
    A,
}

/// Samples a second of G.711.
pub const SAMPLE_RATE: u32 = 8000;

/// Overload of both laws on the 16-bit scale, to which dBov refers (RFC 6465 section 3).
const OVERLOAD: f64 = 32768.0;

/// Mean square of -60 dBov, below which a packet is near silence: speech is at -20 to -35 dBov, a quiet room heard
/// through a phone at -50 to -58.
const NEAR_SILENCE_SQUARE: u64 = 1074;

/// What a packet counts for whose length is not known: 20 ms.
const USUAL_SAMPLES: u32 = SAMPLE_RATE / 50;

/// What 0 dBm0 is below overload (a full-scale sine is +3.17 dBm0 and -3.01 dBov; G.711 section 4).
const ZERO_DBM0_IN_DBOV: f64 = -6.18;

const fn decode_mu(code: u8) -> i16 {
    let bits = !code;
    let magnitude = (((bits as i16 & 0x0f) << 3) + 0x84) << ((bits >> 4) & 7);
    if bits & 0x80 == 0 {
        magnitude - 0x84
    } else {
        0x84 - magnitude
    }
}

const fn decode_a(code: u8) -> i16 {
    let bits = code ^ 0x55;
    let mantissa = (bits as i16 & 0x0f) << 4;
    let segment = (bits >> 4) & 7;
    let magnitude = if segment == 0 { mantissa + 8 } else { (mantissa + 0x108) << (segment - 1) };
    if bits & 0x80 == 0 {
        -magnitude
    } else {
        magnitude
    }
}

/// The segment is where the highest bit of the biased magnitude stands (G.711 table 2a).
fn encode_mu(sample: i16) -> u8 {
    let magnitude = i32::from(sample).abs().min(32_635) + 0x84;
    let segment = (magnitude as u32 >> 7).ilog2();
    let code = segment << 4 | (magnitude as u32 >> (segment + 3)) & 0x0f;
    let sign = if sample < 0 { 0x80 } else { 0 };
    !(sign | code as u8)
}

/// As above, of 13 bits; negative magnitudes are those of the ones' complement (G.711 table 1a).
fn encode_a(sample: i16) -> u8 {
    let magnitude = if sample < 0 { !sample } else { sample } as u32 >> 4;
    let segment = (magnitude >> 4).checked_ilog2().map_or(0, |bit| bit + 1);
    let code = segment << 4 | (magnitude >> segment.saturating_sub(1)) & 0x0f;
    let sign = if sample < 0 { 0 } else { 0x80 };
    (sign | code as u8) ^ 0x55
}

const fn squares(law: Law) -> [u32; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        let sample = law.decode(code as u8) as i32;
        table[code] = (sample * sample) as u32;
        code += 1;
    }
    table
}

static MU_SQUARES: [u32; 256] = squares(Law::Mu);
static A_SQUARES: [u32; 256] = squares(Law::A);

impl Law {
    /// The sample on the 16-bit scale.
    pub const fn decode(self, code: u8) -> i16 {
        match self {
            Law::Mu => decode_mu(code),
            Law::A => decode_a(code),
        }
    }

    /// The code of a sample on the 16-bit scale.
    pub fn encode(self, sample: i16) -> u8 {
        match self {
            Law::Mu => encode_mu(sample),
            Law::A => encode_a(sample),
        }
    }

    fn squares(self) -> &'static [u32; 256] {
        match self {
            Law::Mu => &MU_SQUARES,
            Law::A => &A_SQUARES,
        }
    }
}

/// Power and silence of the audio measured so far. Times are in samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Audio {
    power: u64,
    pub samples: u32,
    pub digital_silence: u32,
    pub near_silence: u32,
}

impl Audio {
    /// Measure the payload of one packet of G.711: about 100 ns for 20 ms.
    pub fn measure(&mut self, law: Law, payload: &[u8]) {
        let Some((first, rest)) = payload.split_first() else { return };
        let samples = payload.len() as u32;
        let power = power(law.squares(), payload);
        // A dead microphone gives a straight line: one code for ever, whichever it is.
        let is_straight = rest.iter().all(|code| code == first);
        self.add(samples, power, is_straight);
    }

    /// A packet whose sender says how loud it is: so many dB below overload, 127 for digital silence (RFC 6464 3).
    pub fn told(&mut self, below: u8) {
        let square = OVERLOAD * OVERLOAD * 10f64.powf(f64::from(below) / -10.0);
        self.add(USUAL_SAMPLES, (square * f64::from(USUAL_SAMPLES)) as u64, below == 127);
    }

    /// A packet that was measured elsewhere: samples at `SAMPLE_RATE`, the sum of their squares on the 16-bit scale, and
    /// whether they are one straight line.
    pub fn add(&mut self, samples: u32, power: u64, is_straight: bool) {
        self.samples += samples;
        self.power += power;
        if is_straight {
            self.digital_silence += samples;
        }
        if is_straight || power < NEAR_SILENCE_SQUARE * u64::from(samples) {
            self.near_silence += samples;
        }
    }

    /// Mean level in dBov, never below -127 (the scale of RFC 6465); None when nothing was measured.
    pub fn level_dbov(&self) -> Option<f64> {
        let mean = self.power as f64 / f64::from(self.samples);
        (self.samples > 0).then(|| (10.0 * (mean / (OVERLOAD * OVERLOAD)).log10()).max(-127.0))
    }
}

/// Four sums at once, so that the lookups do not wait for each other.
fn power(squares: &[u32; 256], payload: &[u8]) -> u64 {
    let mut sums = [0u64; 4];
    let chunks = payload.chunks_exact(4);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (sum, code) in sums.iter_mut().zip(chunk) {
            *sum += u64::from(squares[usize::from(*code)]);
        }
    }
    sums.iter().sum::<u64>() + rest.iter().map(|code| u64::from(squares[usize::from(*code)])).sum::<u64>()
}

/// The peak of a sine at this level, relative to the digital milliwatt, in units of a 16-bit sample.
pub fn amplitude(level_dbm0: f64) -> f64 {
    let dbov = level_dbm0 + ZERO_DBM0_IN_DBOV;
    OVERLOAD * std::f64::consts::SQRT_2 * 10f64.powf(dbov / 20.0)
}

/// A tone as an endless loop of samples that closes without a click.
#[derive(Debug)]
pub struct Tone {
    samples: Vec<i16>,
    at: usize,
}

impl Tone {
    /// `rate` and `frequency` in Hz, the frequency below half the rate; `level_dbm0` relative to the digital milliwatt.
    pub fn new(rate: u32, frequency: u32, level_dbm0: f64) -> Tone {
        let amplitude = amplitude(level_dbm0);
        let step = std::f64::consts::TAU * f64::from(frequency) / f64::from(rate);
        let sample = |n: u32| (amplitude * (step * f64::from(n)).sin()).round() as i16;
        Tone { samples: (0..rate / gcd(frequency, rate)).map(sample).collect(), at: 0 }
    }

    pub fn fill(&mut self, out: &mut [i16]) {
        for sample in out {
            *sample = self.samples[self.at];
            self.at = (self.at + 1) % self.samples.len();
        }
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 {
        a
    } else {
        gcd(b, a % b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(law: Law, payload: &[u8]) -> Audio {
        let mut audio = Audio::default();
        audio.measure(law, payload);
        audio
    }

    #[test]
    fn decoding_gives_the_values_of_g711() {
        assert_eq!((Law::Mu.decode(0xff), Law::Mu.decode(0x7f)), (0, 0));
        assert_eq!((Law::Mu.decode(0x80), Law::Mu.decode(0x00)), (32124, -32124));
        assert_eq!((Law::A.decode(0xd5), Law::A.decode(0x55)), (8, -8));
        assert_eq!((Law::A.decode(0xaa), Law::A.decode(0x2a)), (32256, -32256));
    }

    #[test]
    fn every_code_is_written_as_it_was_read() {
        for law in [Law::Mu, Law::A] {
            for code in 0..=255 {
                // Mu-law has two zeroes.
                let written = law.encode(law.decode(code));
                assert!(written == code || law == Law::Mu && code == 0x7f, "{law:?} {code:#x}: {written:#x}");
            }
        }
    }

    #[test]
    fn every_sample_gets_the_nearest_code() {
        for law in [Law::Mu, Law::A] {
            for sample in i16::MIN..=i16::MAX {
                let error = (i32::from(law.decode(law.encode(sample))) - i32::from(sample)).abs();
                let step = (i32::from(sample).abs() / 16).clamp(8, 1024);
                assert!(error <= step, "{law:?} {sample}: {error}");
            }
        }
    }

    #[test]
    fn a_digital_milliwatt_is_six_below_overload() {
        for law in [Law::Mu, Law::A] {
            let mut samples = vec![0; 8000];
            Tone::new(8000, 1004, 0.0).fill(&mut samples);
            let second: Vec<u8> = samples.iter().map(|sample| law.encode(*sample)).collect();
            let level = measured(law, &second).level_dbov().unwrap();
            assert!((level + 6.18).abs() < 0.05, "{law:?}: {level}");
            assert_eq!(measured(law, &second).near_silence, 0);
        }
    }

    #[test]
    fn a_tone_closes_its_loop() {
        let mut tone = Tone::new(8000, 1004, -10.0);
        let (mut first, mut second) = (vec![0; 2000], vec![0; 2000]);
        tone.fill(&mut first);
        tone.fill(&mut second);
        assert_eq!(first, second);
    }

    #[test]
    fn a_straight_line_is_digital_silence() {
        let audio = measured(Law::Mu, &[0xff; 160]);
        assert_eq!((audio.digital_silence, audio.near_silence), (160, 160));
        assert_eq!(audio.level_dbov(), Some(-127.0));
        let offset = measured(Law::A, &[0x35; 160]);
        assert_eq!((offset.digital_silence, offset.near_silence), (160, 160));
    }

    #[test]
    fn a_whisper_of_noise_is_near_silence_only() {
        let payload: Vec<u8> = (0..160).map(|n| if n % 2 == 0 { 0xd5 } else { 0x55 }).collect();
        let audio = measured(Law::A, &payload);
        assert_eq!((audio.digital_silence, audio.near_silence), (0, 160));
        assert!((audio.level_dbov().unwrap() + 72.2).abs() < 0.1);
    }

    #[test]
    fn what_a_sender_says_of_its_level_is_believed() {
        let mut audio = Audio::default();
        audio.told(30);
        assert!((audio.level_dbov().unwrap() + 30.0).abs() < 0.1);
        assert_eq!((audio.samples, audio.near_silence), (160, 0));
        audio.told(127);
        assert_eq!((audio.digital_silence, audio.near_silence), (160, 160));
        audio.told(70);
        assert_eq!((audio.digital_silence, audio.near_silence), (160, 320));
    }

    #[test]
    fn nothing_measured_has_no_level() {
        assert_eq!(measured(Law::A, &[]).level_dbov(), None);
    }
}
