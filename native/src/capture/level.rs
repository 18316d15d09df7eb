//! Loudness of G.711 (ITU-T G.711): the squares of its samples, eight at a time where the processor can shift each of
//! eight numbers by its own segment (AVX2), else out of a table.

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
    let invert = match law {
        Law::Mu => 0x7f,
        Law::A => 0x55,
    };
    let (mut low, mut high) = (0xffu8, 0u8);
    for &b in payload {
        let magnitude = (b ^ invert) & 0x7f;
        low = low.min(magnitude);
        high = high.max(magnitude);
    }
    Loudness {
        energy: energy(payload, law),
        samples: payload.len() as u32,
        is_flat: high == 0 || (low == high && payload.iter().all(|&b| b == payload[0])),
        clipped: if high == 0x7f { clipped(payload, invert) } else { 0 },
    }
}

fn energy(payload: &[u8], law: Law) -> u64 {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor was just asked.
        return unsafe { energy_in_lanes(payload, law) };
    }
    energy_by_table(payload, law)
}

fn energy_by_table(payload: &[u8], law: Law) -> u64 {
    let table = match law {
        Law::Mu => &MU,
        Law::A => &A,
    };
    payload.iter().map(|&code| u64::from(table[usize::from(code)])).sum()
}

/// The loops are plain; with this feature the compiler makes eight lanes of them.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn energy_in_lanes(payload: &[u8], law: Law) -> u64 {
    // A square is at most 8031^2, of which 64 just fit 32 bits.
    match law {
        Law::Mu => {
            16 * payload.chunks(64).map(|run| u64::from(run.iter().map(|&c| square_mu(c)).sum::<u32>())).sum::<u64>()
        }
        Law::A => {
            64 * payload.chunks(64).map(|run| u64::from(run.iter().map(|&c| square_a(c)).sum::<u32>())).sum::<u64>()
        }
    }
}

/// The square of a sample in units of 4.
#[inline(always)]
fn square_mu(code: u8) -> u32 {
    let code = u32::from(!code & 0x7f);
    let sample = ((2 * (code & 0xf) + 33) << (code >> 4)) - 33;
    sample * sample
}

/// The square of a sample in units of 8.
#[inline(always)]
fn square_a(code: u8) -> u32 {
    let code = u32::from((code ^ 0x55) & 0x7f);
    let high = u32::from(code >= 16);
    let sample = (2 * (code & 0xf) + 1 + 32 * high) << ((code >> 4) - high);
    sample * sample
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
            let loudest = (0..=255u8).max_by_key(|&code| energy_by_table(&[code], law)).unwrap_or(0);
            for payload in [every.clone(), vec![loudest; 1500], every[7..100].to_vec(), Vec::new()] {
                assert_eq!(energy(&payload, law), energy_by_table(&payload, law));
            }
        }
    }
}
