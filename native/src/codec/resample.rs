//! Between 8 and 16 kHz, the only two rates that meet in a call: Opus is computed at either of them by its own library.
//! Files may want any other ratio.
//!
//! One symmetric low-pass of 119 taps at 16 kHz (Kaiser window) serves both ways, in two phases of which each output
//! sample needs one: flat to 3.4 kHz, the band of telephony, and more than 70 dB down from 4 kHz, where aliases begin.
//! Other ratios have the same filter around the lower of their rates.

use std::sync::LazyLock;

const TAPS: usize = 120;
/// Where the response has fallen by half, of the lower rate.
const CUT: f64 = 3700.0 / 8000.0;
/// What of the past each output sample is made of, in samples of the lower rate.
const REACH: usize = 60;
const KAISER_BETA: f64 = 6.8;

static FILTER: LazyLock<[f32; TAPS]> = LazyLock::new(|| {
    let taps = design(TAPS, CUT / 2.0);
    std::array::from_fn(|at| taps[at])
});

/// The two phases: every second tap. `PHASES[0]` begins with the first.
static PHASES: LazyLock<[[f32; TAPS / 2]; 2]> =
    LazyLock::new(|| [0, 1].map(|phase| std::array::from_fn(|at| FILTER[2 * at + phase])));

/// The windowed sinc, cut at a fraction of its own rate; its gain at 0 Hz is one. The last tap is zero, so that the phases
/// are equally long.
fn design(count: usize, cut: f64) -> Vec<f32> {
    let centre = (count - 2) as f64 / 2.0;
    let ideal = |x: f64| {
        if x == 0.0 {
            2.0 * cut
        } else {
            (std::f64::consts::TAU * cut * x).sin() / (std::f64::consts::PI * x)
        }
    };
    let window = |x: f64| bessel(KAISER_BETA * (1.0 - (x / centre).powi(2)).max(0.0).sqrt()) / bessel(KAISER_BETA);
    let tap = |at: usize| ideal(at as f64 - centre) * window(at as f64 - centre);
    let taps: Vec<f64> = (0..count).map(|at| if at + 1 < count { tap(at) } else { 0.0 }).collect();
    let sum: f64 = taps.iter().sum();
    taps.iter().map(|tap| (tap / sum) as f32).collect()
}

/// The modified Bessel function of the first kind and order zero.
fn bessel(x: f64) -> f64 {
    let (mut sum, mut term) = (1.0, 1.0);
    for n in 1..32 {
        term *= (x / (2.0 * f64::from(n))).powi(2);
        sum += term;
    }
    sum
}

/// Which way.
enum Way {
    Up,
    Down,
    Other(Ratio),
}

/// `up` output samples for every `down` of the input.
struct Ratio {
    up: usize,
    down: usize,
    /// The taps that meet an output sample, by where it stands between two of the input; the last meets the newest.
    phases: Vec<Vec<f32>>,
    /// Where the next output sample stands, in steps of which an input sample has `up`.
    at: usize,
}

impl Ratio {
    fn new(from: u32, to: u32) -> Ratio {
        let divisor = gcd(from, to);
        let (up, down) = ((to / divisor) as usize, (from / divisor) as usize);
        let reach = (REACH * from.max(to) as usize).div_ceil(to as usize);
        let cut = CUT * f64::from(from.min(to)) / (f64::from(from) * up as f64);
        let taps = design(reach * up, cut);
        let phase = |first: usize| (0..reach).map(|at| up as f32 * taps[first + (reach - 1 - at) * up]).collect();
        Ratio { up, down, phases: (0..up).map(phase).collect(), at: 0 }
    }

    fn reach(&self) -> usize {
        self.phases[0].len()
    }

    fn convert(&mut self, line: &[f32], out: &mut Vec<i16>) {
        let fresh = line.len() + 1 - self.reach();
        while self.at / self.up < fresh {
            let window = &line[self.at / self.up..][..self.reach()];
            out.push(rounded(dot(window, &self.phases[self.at % self.up])));
            self.at += self.down;
        }
        self.at -= fresh * self.up;
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 {
        a
    } else {
        gcd(b, a % b)
    }
}

pub struct Resampler {
    way: Way,
    /// The samples before, and room for a payload after them.
    line: Vec<f32>,
}

impl Resampler {
    /// None where the rates are equal.
    pub fn new(from: u32, to: u32) -> Option<Resampler> {
        let (way, reach) = match (from, to) {
            _ if from == to => return None,
            (8000, 16_000) => (Way::Up, TAPS / 2),
            (16_000, 8000) => (Way::Down, TAPS),
            _ => {
                let ratio = Ratio::new(from, to);
                let reach = ratio.reach();
                (Way::Other(ratio), reach)
            }
        };
        Some(Resampler { way, line: vec![0.0; reach - 1] })
    }

    /// How many samples what comes out is behind what goes in.
    pub fn delay(&self) -> usize {
        match &self.way {
            Way::Up => TAPS / 2 - 1,
            Way::Down => (TAPS / 2 - 1) / 2,
            Way::Other(ratio) => (ratio.reach() * ratio.up / 2 - 1) / ratio.down,
        }
    }

    /// Append the samples at the other rate. From 16 to 8 kHz, two give one.
    pub fn convert(&mut self, samples: &[i16], out: &mut Vec<i16>) {
        let kept = self.line.len();
        self.line.extend(samples.iter().map(|sample| f32::from(*sample)));
        match &mut self.way {
            Way::Up => {
                for window in self.line.windows(TAPS / 2) {
                    // Between two samples stands a zero, so each phase sees half of the energy.
                    out.push(rounded(2.0 * dot(window, &PHASES[1])));
                    out.push(rounded(2.0 * dot(window, &PHASES[0])));
                }
            }
            Way::Down => out.extend(self.line.windows(TAPS).step_by(2).map(|window| rounded(dot(window, &*FILTER)))),
            Way::Other(ratio) => ratio.convert(&self.line, out),
        }
        self.line.drain(..self.line.len() - kept);
    }
}

/// Eight sums at once, which the compiler keeps in one register.
fn dot(samples: &[f32], taps: &[f32]) -> f32 {
    let mut sums = [0.0f32; 8];
    let (samples, taps) = (samples.chunks_exact(8), taps.chunks_exact(8));
    let rest: f32 = samples.remainder().iter().zip(taps.remainder()).map(|(sample, tap)| sample * tap).sum();
    for (samples, taps) in samples.zip(taps) {
        for at in 0..8 {
            sums[at] += samples[at] * taps[at];
        }
    }
    sums.iter().sum::<f32>() + rest
}

fn rounded(value: f32) -> i16 {
    value.round().clamp(-32_768.0, 32_767.0) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(frequency: f64, rate: f64, count: usize) -> Vec<i16> {
        let sample = |n: usize| 16_000.0 * (std::f64::consts::TAU * frequency * n as f64 / rate).sin();
        (0..count).map(|n| sample(n) as i16).collect()
    }

    /// In pieces of 20 ms, without the first and last of them.
    fn converted(samples: &[i16], from: u32, to: u32) -> Vec<i16> {
        let mut resampler = Resampler::new(from, to).unwrap();
        let mut out = Vec::new();
        for piece in samples.chunks(from as usize / 50) {
            resampler.convert(piece, &mut out);
        }
        out[to as usize / 50..].to_vec()
    }

    fn rms(samples: &[i16]) -> f64 {
        let power: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
        (power / samples.len() as f64).sqrt()
    }

    /// How far the tone of this frequency stands above all else, in dB.
    fn purity(samples: &[i16], frequency: f64, rate: f64) -> f64 {
        let (mut sine, mut cosine) = (0.0, 0.0);
        for (n, sample) in samples.iter().enumerate() {
            let phase = std::f64::consts::TAU * frequency * n as f64 / rate;
            sine += f64::from(*sample) * phase.sin();
            cosine += f64::from(*sample) * phase.cos();
        }
        let tone = 2.0 * (sine * sine + cosine * cosine) / (samples.len() as f64).powi(2);
        let rest = rms(samples).powi(2) - tone;
        10.0 * (tone / rest.max(1e-9)).log10()
    }

    #[test]
    fn tones_of_the_telephone_band_pass_clean() {
        for frequency in [300.0, 1000.0, 2500.0, 3400.0] {
            let up = converted(&tone(frequency, 8000.0, 8000), 8000, 16_000);
            assert!(purity(&up[..12_800], frequency, 16_000.0) > 65.0, "{frequency} up");
            let down = converted(&tone(frequency, 16_000.0, 16_000), 16_000, 8000);
            assert!(purity(&down[..6400], frequency, 8000.0) > 65.0, "{frequency} down");
            for level in [rms(&up), rms(&down)] {
                assert!((20.0 * (level / 11_314.0).log10()).abs() < 0.1, "{frequency}: {level}");
            }
        }
    }

    #[test]
    fn other_rates_keep_a_tone_its_level_and_its_place() {
        for (from, to) in [(8000, 48_000), (16_000, 48_000), (44_100, 16_000), (48_000, 8000), (11_025, 16_000)] {
            let mut resampler = Resampler::new(from, to).unwrap();
            let mut out = Vec::new();
            for piece in tone(1000.0, f64::from(from), from as usize).chunks(from as usize / 50) {
                resampler.convert(piece, &mut out);
            }
            assert!(out.len().abs_diff(to as usize) <= 1, "{from} to {to}: {}", out.len());
            let settled = &out[to as usize / 10..];
            assert!(purity(settled, 1000.0, f64::from(to)) > 55.0, "{from} to {to}");
            assert!((20.0 * (rms(settled) / 11_314.0).log10()).abs() < 0.1);
            // A step arrives after the delay that is told.
            let mut resampler = Resampler::new(from, to).unwrap();
            let (mut out, half) = (Vec::new(), from as usize / 2);
            let step: Vec<i16> = (0..from as usize).map(|n| if n < half { 0 } else { 10_000 }).collect();
            resampler.convert(&step, &mut out);
            let rise = out.iter().position(|sample| *sample > 5000).unwrap();
            let error = rise as f64 - resampler.delay() as f64 - f64::from(to) / 2.0;
            assert!(error.abs() <= 1.0 + f64::from(to) / f64::from(from), "{from} to {to}: {error}");
        }
    }

    #[test]
    fn what_would_alias_is_gone() {
        for frequency in [4050.0, 5000.0, 6600.0, 7900.0] {
            let level = rms(&converted(&tone(frequency, 16_000.0, 16_000), 16_000, 8000));
            assert!(20.0 * (level.max(1.0) / 11_314.0).log10() < -68.0, "{frequency}: {level}");
        }
    }

    #[test]
    fn two_give_one_and_one_gives_two() {
        assert_eq!(converted(&[0; 640], 16_000, 8000).len(), 320 - 160);
        assert_eq!(converted(&[0; 640], 8000, 16_000).len(), 1280 - 320);
        assert!(Resampler::new(8000, 8000).is_none());
    }
}
