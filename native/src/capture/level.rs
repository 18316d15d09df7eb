//! Loudness of G.711 (ITU-T G.711) without decoding it: the square of every code is in a table.

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
    let (table, invert) = match law {
        Law::Mu => (&MU, 0x7f),
        Law::A => (&A, 0x55),
    };
    let mut sums = [0u64; 4];
    let mut chunks = payload.chunks_exact(4);
    for c in &mut chunks {
        sums[0] += u64::from(table[usize::from(c[0])]);
        sums[1] += u64::from(table[usize::from(c[1])]);
        sums[2] += u64::from(table[usize::from(c[2])]);
        sums[3] += u64::from(table[usize::from(c[3])]);
    }
    for &b in chunks.remainder() {
        sums[0] += u64::from(table[usize::from(b)]);
    }
    let (mut low, mut high) = (0xffu8, 0u8);
    for &b in payload {
        let magnitude = (b ^ invert) & 0x7f;
        low = low.min(magnitude);
        high = high.max(magnitude);
    }
    Loudness {
        energy: sums.iter().sum(),
        samples: payload.len() as u32,
        is_flat: high == 0 || (low == high && payload.iter().all(|&b| b == payload[0])),
        clipped: if high == 0x7f { clipped(payload, invert) } else { 0 },
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
