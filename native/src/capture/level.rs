//! Loudness of G.711 (ITU-T G.711): the squares of its samples, 32 at a time where the processor can (AVX2), else out of
//! a table.

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Law {
    Mu,
    A,
}

#[derive(Clone, Copy, Default, Debug)]
pub struct Loudness {
    /// Sum over the samples of their squares, samples on a 16-bit scale.
    pub energy: u64,
    pub samples: u32,
    /// All samples zero, or all the same: a straight line.
    pub is_flat: bool,
    /// Samples at full scale.
    pub clipped: u32,
}

/// Full scale squared: 0 dBov (RFC 6464, ITU-T G.100.1).
pub const FULL_SCALE: f64 = 32768.0 * 32768.0;

#[inline]
pub fn measure(payload: &[u8], law: Law) -> Loudness {
    let Sums { energy, low, high } = sums(payload, law);
    Loudness {
        energy,
        samples: payload.len() as u32,
        is_flat: high == 0 || (low == high && payload.iter().all(|&b| b == payload[0])),
        clipped: if high == 0x7f { clipped(payload, law.inverted()) } else { 0 },
    }
}

impl Law {
    /// What turns a code into one that counts up with the magnitude.
    const fn inverted(self) -> u8 {
        match self {
            Law::Mu => 0x7f,
            Law::A => 0x55,
        }
    }
}

/// What one walk over the codes gives: their energy, and the least and the greatest magnitude code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Sums {
    energy: u64,
    low: u8,
    high: u8,
}

impl Sums {
    const NONE: Sums = Sums { energy: 0, low: 0xff, high: 0 };

    fn and(self, other: Sums) -> Sums {
        let (low, high) = (self.low.min(other.low), self.high.max(other.high));
        Sums { energy: self.energy + other.energy, low, high }
    }
}

#[inline]
fn sums(payload: &[u8], law: Law) -> Sums {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        let (whole, rest) = payload.split_at(payload.len() & !(lanes::WIDTH - 1));
        // SAFETY: the processor was just asked.
        return unsafe { lanes::sums(whole, law) }.and(sums_by_table(rest, law));
    }
    sums_by_table(payload, law)
}

fn sums_by_table(payload: &[u8], law: Law) -> Sums {
    let table = match law {
        Law::Mu => &MU,
        Law::A => &A,
    };
    payload.iter().fold(Sums::NONE, |sums, &code| {
        let magnitude = (code ^ law.inverted()) & 0x7f;
        sums.and(Sums { energy: u64::from(table[usize::from(code)]), low: magnitude, high: magnitude })
    })
}

/// A code's magnitude has a segment of three bits and a step of four. A sample is (2 * step + offset) << shift - bias, where
/// the segment gives offset and shift: both fit bytes, so that a table of sixteen bytes in a register knows them.
#[cfg(target_arch = "x86_64")]
mod lanes {
    use super::{Law, Sums};
    use std::arch::x86_64::*;

    pub const WIDTH: usize = 32;
    /// Sums of squares that fit 32 bits: in each lane and run 4 squares of at most 8031.
    const RUNS: usize = 16;

    struct Segments {
        offsets: [i8; 8],
        /// 1 << shift.
        factors: [u8; 8],
        bias: i16,
        /// The square of the unit, on a 16-bit scale.
        unit: u64,
    }

    const MU: Segments = Segments { offsets: [33; 8], factors: [1, 2, 4, 8, 16, 32, 64, 128], bias: 33, unit: 16 };
    const A: Segments = Segments {
        offsets: [1, 33, 33, 33, 33, 33, 33, 33],
        factors: [1, 1, 2, 4, 8, 16, 32, 64],
        bias: 0,
        unit: 64,
    };

    /// Of a multiple of `WIDTH` bytes; what is beyond is left out.
    #[target_feature(enable = "avx2")]
    pub fn sums(payload: &[u8], law: Law) -> Sums {
        let segments = match law {
            Law::Mu => &MU,
            Law::A => &A,
        };
        let invert = _mm256_set1_epi8(law.inverted() as i8);
        let offsets = _mm256_set1_epi64x(i64::from_le_bytes(segments.offsets.map(|offset| offset as u8)));
        let factors = _mm256_set1_epi64x(i64::from_le_bytes(segments.factors));
        let bias = _mm256_set1_epi16(segments.bias);
        let (even, nibble) = (_mm256_set1_epi16(0x00ff), _mm256_set1_epi8(0x0f));
        let (mut low, mut high) = (_mm256_set1_epi8(-1), _mm256_setzero_si256());
        let mut energy = 0;
        for run in payload.chunks(WIDTH * RUNS) {
            let mut squares = _mm256_setzero_si256();
            for codes in run.chunks_exact(WIDTH) {
                // SAFETY: the chunk has as many bytes as are loaded; they need no alignment.
                let codes = unsafe { _mm256_loadu_si256(codes.as_ptr().cast()) };
                let magnitudes = _mm256_and_si256(_mm256_xor_si256(codes, invert), _mm256_set1_epi8(0x7f));
                low = _mm256_min_epu8(low, magnitudes);
                high = _mm256_max_epu8(high, magnitudes);
                let segment = _mm256_and_si256(_mm256_srli_epi16::<4>(magnitudes), nibble);
                let step = _mm256_and_si256(magnitudes, nibble);
                let twice = _mm256_add_epi8(step, step);
                let step = _mm256_add_epi8(twice, _mm256_shuffle_epi8(offsets, segment));
                let factor = _mm256_shuffle_epi8(factors, segment);
                for half in [_mm256_and_si256(even, factor), _mm256_andnot_si256(even, factor)] {
                    // Products of neighbours are added, and of two neighbours one factor is nothing.
                    let samples = _mm256_sub_epi16(_mm256_maddubs_epi16(half, step), bias);
                    squares = _mm256_add_epi32(squares, _mm256_madd_epi16(samples, samples));
                }
            }
            energy += total(squares);
        }
        Sums {
            energy: energy * segments.unit,
            low: least(low),
            high: !least(_mm256_xor_si256(high, _mm256_set1_epi8(-1))),
        }
    }

    /// The sum of eight numbers of 32 bits.
    #[target_feature(enable = "avx2")]
    fn total(numbers: __m256i) -> u64 {
        let low = _mm256_and_si256(numbers, _mm256_set1_epi64x(0xffff_ffff));
        let four = _mm256_add_epi64(low, _mm256_srli_epi64::<32>(numbers));
        let two = _mm_add_epi64(_mm256_castsi256_si128(four), _mm256_extracti128_si256::<1>(four));
        (_mm_cvtsi128_si64(two) + _mm_extract_epi64::<1>(two)) as u64
    }

    /// The least of 32 bytes.
    #[target_feature(enable = "avx2")]
    fn least(bytes: __m256i) -> u8 {
        let half = _mm_min_epu8(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256::<1>(bytes));
        let pairs = _mm_min_epu8(half, _mm_srli_epi16::<8>(half));
        _mm_extract_epi16::<0>(_mm_minpos_epu16(pairs)) as u8
    }
}

/// Samples at full scale, counted in bytes over short runs: then the compiler counts many at a time.
fn clipped(payload: &[u8], invert: u8) -> u32 {
    let run = |run: &[u8]| u32::from(run.iter().map(|&b| u8::from((b ^ invert) & 0x7f == 0x7f)).sum::<u8>());
    payload.chunks(128).map(run).sum()
}

/// Mean power in dBov: 0 is a full-scale square wave, -127 and less is silence.
pub fn dbov(energy: f64, samples: f64) -> f64 {
    (10.0 * (energy / samples.max(1.0) / FULL_SCALE).log10()).clamp(-127.0, 0.0)
}

/// The energy that RFC 6464's level (0 to 127, negative dBov) stands for.
pub fn energy_of(level: u8) -> u64 {
    (FULL_SCALE * 10f64.powf(-f64::from(level & 0x7f) / 10.0)) as u64
}

static MU: [u32; 256] = squares(Law::Mu);
static A: [u32; 256] = squares(Law::A);

const fn squares(law: Law) -> [u32; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        let sample = match law {
            Law::Mu => mu(code as u8),
            Law::A => a(code as u8),
        };
        table[code] = (sample * sample) as u32;
        code += 1;
    }
    table
}

const fn mu(code: u8) -> i64 {
    let code = !code & 0x7f;
    let segment = code >> 4;
    ((((code as i64 & 0xf) << 3) + 0x84) << segment) - 0x84
}

const fn a(code: u8) -> i64 {
    let code = (code ^ 0x55) & 0x7f;
    let segment = code >> 4;
    let step = (code as i64 & 0xf) << 4;
    match segment {
        0 => step + 8,
        1 => step + 0x108,
        _ => (step + 0x108) << (segment - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_and_table_agree_on_every_code_and_on_the_loudest_packets() {
        let every: Vec<u8> = (0..=255).collect();
        for law in [Law::Mu, Law::A] {
            let loudest = (0..=255u8).max_by_key(|&code| sums_by_table(&[code], law).energy).unwrap_or(0);
            for payload in [every.clone(), vec![loudest; 1500], every[7..100].to_vec(), vec![0xd5; 160], Vec::new()] {
                assert_eq!(sums(&payload, law), sums_by_table(&payload, law));
            }
            for code in every.iter() {
                assert_eq!(sums(&[*code; 32], law), sums_by_table(&[*code; 32], law));
            }
        }
    }
}
