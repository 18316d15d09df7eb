//! How long somebody spoke, and how long there was nothing to hear, by the levels of a stream's seconds.

use pyo3::prelude::*;

/// One row of `RtpStream.packed_seconds` (`records.py` SECOND), with its time and its level in 0.1 dBov.
const ROW: usize = 34;
const LEVEL: usize = 20;
const NO_LEVEL: i16 = i16::MIN;

/// Seconds whose level reaches `speech_dbov` and seconds below `silence_dbov`; None where no level is known.
///
/// The first and the last row stand for the part of their second in which the stream ran, from `start` until its last
/// packet, of `end`, was heard for its packet time.
#[pyfunction]
pub fn heard(
    packed: &[u8],
    start: f64,
    end: f64,
    ptime_ms: f64,
    speech_dbov: f64,
    silence_dbov: f64,
) -> Option<(f64, f64)> {
    let is_speech = |level: i16| f64::from(level) / 10.0 >= speech_dbov;
    let is_silent = |level: i16| level != NO_LEVEL && f64::from(level) / 10.0 < silence_dbov;
    let (mut known, mut speech, mut silent) = (false, 0.0, 0.0);
    for (_, level) in rows(packed) {
        known |= level != NO_LEVEL;
        speech += f64::from(u8::from(is_speech(level)));
        silent += f64::from(u8::from(is_silent(level)));
    }
    let (first, last) = (rows(packed).next()?, rows(packed).next_back()?);
    let late_s = (start - first.0).clamp(0.0, 1.0);
    let early_s = (last.0 + 1.0 - end - ptime_ms / 1000.0).clamp(0.0, 1.0);
    for (level, missing_s) in [(first.1, late_s), (last.1, early_s)] {
        speech -= if is_speech(level) { missing_s } else { 0.0 };
        silent -= if is_silent(level) { missing_s } else { 0.0 };
    }
    known.then_some((speech.max(0.0), silent.max(0.0)))
}

/// Time and level of each row; a rest that is no row is left out.
fn rows(packed: &[u8]) -> impl DoubleEndedIterator<Item = (f64, i16)> + '_ {
    packed.chunks_exact(ROW).map(|row| {
        let time = row.first_chunk().map_or(0.0, |bytes| f64::from_le_bytes(*bytes));
        (time, i16::from_le_bytes([row[LEVEL], row[LEVEL + 1]]))
    })
}
