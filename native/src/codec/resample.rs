//! Between 8 and 16 kHz, the only two rates that meet here: Opus is computed at either of them by its own library.
//!
//! One symmetric low-pass of 119 taps at 16 kHz (Kaiser window) serves both ways, in two phases of which each output
//! sample needs one: flat to 3.4 kHz, the band of telephony, and more than 70 dB down from 4 kHz, where aliases begin.

use std::sync::LazyLock;

const TAPS: usize = 120;
/// Where the response has fallen by half, of the rate of 16 kHz.
const CUT: f64 = 3700.0 / 16_000.0;
const KAISER_BETA: f64 = 6.8;

static FILTER: LazyLock<[f32; TAPS]> = LazyLock::new(design);

/// The two phases: every second tap. `PHASES[0]` begins with the first.
static PHASES: LazyLock<[[f32; TAPS / 2]; 2]> =
    LazyLock::new(|| [0, 1].map(|phase| std::array::from_fn(|at| FILTER[2 * at + phase])));

/// The windowed sinc; its gain at 0 Hz is one. The last tap is zero, so that both phases are equally long.
fn design() -> [f32; TAPS] {
    let centre = (TAPS - 2) as f64 / 2.0;
    let ideal = |x: f64| {
        if x == 0.0 {
            2.0 * CUT
        } else {
            (std::f64::consts::TAU * CUT * x).sin() / (std::f64::consts::PI * x)
        }
    };
    let window = |x: f64| bessel(KAISER_BETA * (1.0 - (x / centre).powi(2)).max(0.0).sqrt()) / bessel(KAISER_BETA);
    let mut taps = [0.0; TAPS];
    for (at, tap) in taps.iter_mut().enumerate().take(TAPS - 1) {
        let x = at as f64 - centre;
        *tap = ideal(x) * window(x);
    }
    let sum: f64 = taps.iter().sum();
    taps.map(|tap| (tap / sum) as f32)
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
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

pub struct Resampler {
    way: Way,
    /// The samples before, and room for a payload after them.
    line: Vec<f32>,
}

impl Resampler {
    /// None where the rates are equal.
    pub fn new(from: u32, to: u32) -> Option<Resampler> {
        let way = match from.cmp(&to) {
            std::cmp::Ordering::Less => Way::Up,
            std::cmp::Ordering::Greater => Way::Down,
            std::cmp::Ordering::Equal => return None,
        };
        Some(Resampler { way, line: vec![0.0; if way == Way::Up { TAPS / 2 } else { TAPS } - 1] })
    }

    /// Append the samples at the other rate. Downwards, two give one.
    pub fn convert(&mut self, samples: &[i16], out: &mut Vec<i16>) {
        let kept = self.line.len();
        self.line.extend(samples.iter().map(|sample| f32::from(*sample)));
        match self.way {
            Way::Up => {
                for window in self.line.windows(TAPS / 2) {
                    // Between two samples stands a zero, so each phase sees half of the energy.
                    out.push(rounded(2.0 * dot(window, &PHASES[1])));
                    out.push(rounded(2.0 * dot(window, &PHASES[0])));
                }
            }
            Way::Down => out.extend(self.line.windows(TAPS).step_by(2).map(|window| rounded(dot(window, &*FILTER)))),
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
