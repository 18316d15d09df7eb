//! One second of an RTP stream in bytes: the layout that Python reads as `records.py` SECOND, "<dHHHHIhHHHHI".

/// Bytes of a row.
const SIZE: usize = 34;
/// Where its level stands, in 0.1 dBov.
const LEVEL: usize = 20;
/// The level of a second in which nothing was decoded.
pub const NO_LEVEL: i16 = i16::MIN;

/// What was counted in one second.
#[derive(Default)]
pub struct Row {
    pub second: i64,
    pub packets: u16,
    pub lost: u16,
    pub late: u16,
    pub jitter: f64,
    pub gap_ms: u32,
    pub energy: u64,
    pub samples: u32,
    pub flat: u16,
    pub clipped: u16,
    pub noise: u16,
    pub events: u16,
    pub bytes: u32,
}

impl Row {
    pub fn packed(&self, level: i16) -> [u8; SIZE] {
        let mut out = [0; SIZE];
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            out[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        put(&(self.second as f64).to_le_bytes());
        put(&self.packets.to_le_bytes());
        put(&self.lost.to_le_bytes());
        put(&self.late.to_le_bytes());
        put(&((self.jitter * 10.0).min(65535.0) as u16).to_le_bytes());
        put(&self.gap_ms.to_le_bytes());
        put(&level.to_le_bytes());
        put(&self.flat.to_le_bytes());
        put(&self.clipped.to_le_bytes());
        put(&self.noise.to_le_bytes());
        put(&self.events.to_le_bytes());
        put(&self.bytes.to_le_bytes());
        out
    }
}

/// Time and level of each row; a rest that is no row is left out.
pub fn levels(packed: &[u8]) -> impl DoubleEndedIterator<Item = (f64, i16)> + '_ {
    packed.chunks_exact(SIZE).map(|row| {
        let time = row.first_chunk().map_or(0.0, |bytes| f64::from_le_bytes(*bytes));
        (time, i16::from_le_bytes([row[LEVEL], row[LEVEL + 1]]))
    })
}
