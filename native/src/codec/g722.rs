//! ITU-T G.722 at 64 kbit/s: 16 kHz audio in two bands, each coded by its own adaptive differences. Names of blocks
//! and variables are those of the recommendation's clauses 3, 5 and 6, so that it can be held beside them.

/// Clause 3.1, table 11: half of the symmetric quadrature mirror filter, every second tap.
const QMF: [i32; 12] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];

/// Table 14: decision levels of the lower band.
const Q6: [i32; 30] = [
    0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023, 1121, 1219,
    1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
];
/// Table 17: codes of the quantisation intervals 1 to 30 for negative differences; positive ones follow below.
const CODES_BELOW: [u8; 30] = [
    63, 62, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4,
];
/// The code of interval 1 for positive differences.
const FIRST_CODE_ABOVE: u8 = 61;
/// Table 18: values of the 6-bit codes.
const QQ6: [i32; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360, -8576,
    -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688, -1360, -1040,
    -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456,
    4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
];
/// Table 16: values of the upper four bits alone, from which both ends adapt.
const QQ4: [i32; 16] =
    [0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0];
/// Tables 20 and 21: how the scale of the lower band grows with those four bits.
const W_LOW: [i32; 16] = [-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60];
/// Table 19: values of the 2-bit codes of the higher band.
const QQ2: [i32; 4] = [-7408, -1616, 7408, 1616];
/// Tables 22 and 23: how the scale of the higher band grows.
const W_HIGH: [i32; 4] = [798, -214, 798, -214];
/// Table 15: the anti-logarithm, 2^(n/32) in 11 bits.
const ILB: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834, 2896, 2960, 3025,
    3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];

fn saturated(value: i32) -> i32 {
    value.clamp(-32_768, 32_767)
}

/// What differs between the bands: how the scale factor moves.
struct Scale {
    growth_max: i32,
    shift: i32,
}

const LOW: Scale = Scale { growth_max: 18_432, shift: 8 };
const HIGH: Scale = Scale { growth_max: 22_528, shift: 10 };

/// The adaptive predictor and quantiser scale of one band (clauses 3.5 and 3.6, block 3 and 4).
#[derive(Default)]
struct Band {
    /// Predicted signal, and its part from the zero section.
    predicted: i32,
    zeroes: i32,
    /// Reconstructed and partially reconstructed signals, newest first.
    r: [i32; 2],
    p: [i32; 2],
    /// Coefficients of the two poles and six zeroes, and the differences that the zeroes weigh.
    a: [i32; 2],
    b: [i32; 6],
    d: [i32; 6],
    /// Logarithmic and linear scale factor.
    nb: i32,
    det: i32,
}

impl Band {
    /// LOGSCL and SCALEL, LOGSCH and SCALEH.
    fn rescale(&mut self, scale: &Scale, growth: i32) {
        self.nb = (((self.nb * 127) >> 7) + growth).clamp(0, scale.growth_max);
        let base = ILB[(self.nb >> 6 & 31) as usize];
        let shift = scale.shift - (self.nb >> 11);
        self.det = (if shift < 0 { base << -shift } else { base >> shift }) << 2;
    }

    /// The sample of the lower band that six bits stand for, and the step to the next one, which four of them decide.
    fn decode_low(&mut self, code: u8) -> i32 {
        let difference = (self.det * QQ6[usize::from(code)]) >> 15;
        let sample = (self.predicted + difference).clamp(-16_384, 16_383);
        self.adapt_low(code);
        sample
    }

    fn adapt_low(&mut self, code: u8) {
        let code = usize::from(code >> 2);
        let difference = (self.det * QQ4[code]) >> 15;
        self.rescale(&LOW, W_LOW[code]);
        self.adapt(difference);
    }

    /// Block 4: adapt to the quantised difference and predict the next sample.
    fn adapt(&mut self, difference: i32) {
        let r = saturated(self.predicted + difference);
        let p = saturated(self.zeroes + difference);
        self.adapt_poles(p);
        self.adapt_zeroes(difference);
        self.d.copy_within(0..5, 1);
        self.d[0] = difference;
        self.r = [r, self.r[0]];
        self.p = [p, self.p[0]];
        self.predict();
    }

    /// UPPOL2 and UPPOL1, with their limits of stability.
    fn adapt_poles(&mut self, p: i32) {
        let agrees = |before: i32| (p < 0) == (before < 0);
        let lean = saturated(self.a[0] << 2);
        let lean = if agrees(self.p[0]) { (-lean).min(32_767) } else { lean };
        let step = if agrees(self.p[1]) { 128 } else { -128 };
        let second = ((lean >> 7) + step + ((self.a[1] * 32_512) >> 15)).clamp(-12_288, 12_288);
        let step = if agrees(self.p[0]) { 192 } else { -192 };
        let limit = saturated(15_360 - second);
        let first = saturated(step + ((self.a[0] * 32_640) >> 15)).clamp(-limit, limit);
        self.a = [first, second];
    }

    /// UPZERO.
    fn adapt_zeroes(&mut self, difference: i32) {
        let step = if difference == 0 { 0 } else { 128 };
        for (b, d) in self.b.iter_mut().zip(&self.d) {
            let step = if (*d < 0) == (difference < 0) { step } else { -step };
            *b = saturated(step + ((*b * 32_640) >> 15));
        }
    }

    /// FILTEP, FILTEZ and PREDIC.
    fn predict(&mut self) {
        let poles: i32 = self.a.iter().zip(&self.r).map(|(a, r)| (a * saturated(r + r)) >> 15).sum();
        let zeroes: i32 = self.b.iter().zip(&self.d).map(|(b, d)| (b * saturated(d + d)) >> 15).sum();
        self.zeroes = saturated(zeroes);
        self.predicted = saturated(saturated(poles) + self.zeroes);
    }
}

/// The two bands in their initial state (clause 5.2.9 reset), and the delay line of the mirror filter.
struct Bands {
    low: Band,
    high: Band,
    line: [i32; 24],
}

impl Default for Bands {
    fn default() -> Bands {
        Bands { low: Band { det: 32, ..Band::default() }, high: Band { det: 8, ..Band::default() }, line: [0; 24] }
    }
}

impl Bands {
    /// Push two values and give the sums over the even and the odd taps.
    fn filter(&mut self, newest: [i32; 2]) -> (i32, i32) {
        self.line.copy_within(2.., 0);
        self.line[22..].copy_from_slice(&newest);
        let mut sums = (0, 0);
        for (pair, at) in self.line.chunks_exact(2).zip(0..12) {
            sums.0 += pair[0] * QMF[at];
            sums.1 += pair[1] * QMF[11 - at];
        }
        sums
    }

    fn adapt_high(&mut self, code: u8) -> i32 {
        let code = usize::from(code);
        let difference = (self.high.det * QQ2[code]) >> 15;
        let signal = (self.high.predicted + difference).clamp(-16_384, 16_383);
        self.high.rescale(&HIGH, W_HIGH[code]);
        self.high.adapt(difference);
        signal
    }
}

#[derive(Default)]
pub struct Encoder(Bands);

impl Encoder {
    /// Two samples at 16 kHz in one code.
    pub fn encode(&mut self, samples: [i16; 2]) -> u8 {
        let bands = &mut self.0;
        let (odd, even) = bands.filter(samples.map(i32::from));
        let low = quantise_low(saturated(((even + odd) >> 14) - bands.low.predicted), bands.low.det);
        bands.low.adapt_low(low);
        let high = quantise_high(saturated(((even - odd) >> 14) - bands.high.predicted), bands.high.det);
        bands.adapt_high(high);
        high << 6 | low
    }
}

/// The magnitude by which an interval is found: negative numbers count from minus one.
fn magnitude(difference: i32) -> i32 {
    if difference < 0 {
        !difference
    } else {
        difference
    }
}

/// QUANTL.
fn quantise_low(difference: i32, det: i32) -> u8 {
    let magnitude = magnitude(difference);
    // The interval is that of the highest level not above; levels grow, so it is found by halving.
    let interval = Q6[1..].partition_point(|level| (level * det) >> 12 <= magnitude);
    if difference < 0 {
        CODES_BELOW[interval]
    } else {
        FIRST_CODE_ABOVE - interval as u8
    }
}

/// QUANTH.
fn quantise_high(difference: i32, det: i32) -> u8 {
    let is_far = magnitude(difference) >= (564 * det) >> 12;
    match (difference < 0, is_far) {
        (true, true) => 0,
        (true, false) => 1,
        (false, true) => 2,
        (false, false) => 3,
    }
}

#[derive(Default)]
pub struct Decoder(Bands);

impl Decoder {
    /// One code into two samples at 16 kHz.
    pub fn decode(&mut self, code: u8) -> [i16; 2] {
        let bands = &mut self.0;
        let low = bands.low.decode_low(code & 0x3f);
        let high = bands.adapt_high(code >> 6);
        let (even, odd) = bands.filter([low + high, low - high]);
        [saturated(odd >> 11) as i16, saturated(even >> 11) as i16]
    }
}

/// The lower band alone, up to 4 kHz: half the work of decoding, and nearly all the power of speech.
pub struct LowBand(Band);

impl Default for LowBand {
    fn default() -> LowBand {
        LowBand(Bands::default().low)
    }
}

impl LowBand {
    /// The sum of the squares of the samples of a payload, 8,000 a second, on the 16-bit scale.
    pub fn power(&mut self, payload: &[u8]) -> u64 {
        payload.iter().map(|code| i64::from(2 * self.0.decode_low(code & 0x3f)).pow(2) as u64).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{Audio, Tone};

    fn measured(samples: &[i16]) -> Audio {
        let (mut encoder, mut band, mut audio) = (Encoder::default(), LowBand::default(), Audio::default());
        let codes: Vec<u8> = samples.chunks_exact(2).map(|pair| encoder.encode([pair[0], pair[1]])).collect();
        for payload in codes.chunks(160) {
            audio.add(160, band.power(payload), false);
        }
        audio
    }

    #[test]
    fn the_lower_band_is_as_loud_as_what_was_said() {
        for (frequency, level) in [(300, -10.0), (1004, -30.0), (2000, -20.0)] {
            let mut samples = vec![0; 16_000];
            Tone::new(16_000, frequency, level).fill(&mut samples);
            let heard = measured(&samples).level_dbov().unwrap();
            assert!((heard - (level - 6.18)).abs() < 1.0, "{frequency} Hz: {heard}");
        }
    }

    #[test]
    fn silence_is_near_silence() {
        let silent = measured(&[0; 16_000]);
        assert_eq!(silent.near_silence, 8_000, "{:?}", silent.level_dbov());
    }

    fn noise(count: usize) -> impl Iterator<Item = u8> {
        let mut word = 1u32;
        std::iter::repeat_with(move || {
            word = word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (word >> 24) as u8
        })
        .take(count)
    }

    fn crc(bytes: impl Iterator<Item = u8>) -> u32 {
        let mut crc = flate2::Crc::new();
        bytes.for_each(|byte| crc.update(&[byte]));
        crc.sum()
    }

    /// The sums are of what FFmpeg 8's G.722 makes of the same input.
    #[test]
    fn every_bit_is_that_of_another_implementation() {
        let mut decoder = Decoder::default();
        let samples: Vec<i16> = noise(16_000).flat_map(|code| decoder.decode(code)).collect();
        assert_eq!(crc(samples.iter().flat_map(|sample| sample.to_le_bytes())), 0xc02e_8838);
        let mut encoder = Encoder::default();
        let quiet: Vec<i16> = samples.iter().map(|sample| sample.div_euclid(4)).collect();
        let codes = quiet.chunks_exact(2).map(|pair| encoder.encode([pair[0], pair[1]]));
        assert_eq!(crc(codes), 0xe5fe_feb3);
    }
}
