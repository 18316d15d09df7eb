//! A second of a meter as calls keep it: a row of `SECOND` (capture/records.py).

use super::counted::PySecond;

/// Where no level is known (`NO_LEVEL`).
const NO_LEVEL: i16 = -32_768;
pub const BYTES: usize = 34;

/// Packets that came after their second was over make it less than nothing that was lost; Python takes them off the
/// second before.
pub fn of(second: &PySecond) -> [u8; BYTES] {
    let packet_ms = second.audio_ms / f64::from(second.packets.max(1));
    let flat = if packet_ms > 0.0 { second.digital_silence_ms / packet_ms } else { 0.0 };
    let jitter = f64::from(second.jitter_ms.unwrap_or(0.0)) * 10.0;
    let level = second.level_dbov.map_or(NO_LEVEL, |level| (level.clamp(-127.0, 0.0) * 10.0).round() as i16);
    let mut row = [0; BYTES];
    row[..8].copy_from_slice(&second.at.to_le_bytes());
    row[8..10].copy_from_slice(&short(f64::from(second.packets)));
    row[10..12].copy_from_slice(&short(f64::from(second.lost)));
    // Nothing is late to a meter, 12..14.
    row[14..16].copy_from_slice(&short(jitter));
    row[16..20].copy_from_slice(&(second.max_gap_ms.round() as u32).to_le_bytes());
    row[20..22].copy_from_slice(&level.to_le_bytes());
    row[22..24].copy_from_slice(&short(flat));
    // Clipped, noise and events are told of captures only, 24..30.
    row[30..].copy_from_slice(&(second.bytes.min(u32::MAX.into()) as u32).to_le_bytes());
    row
}

/// The nearest that fits; a cast of Rust goes no further than the ends.
fn short(value: f64) -> [u8; 2] {
    (value.round() as u16).to_le_bytes()
}
