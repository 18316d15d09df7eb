//! How long somebody spoke, and how long there was nothing to hear, by the levels of a stream's seconds.

use crate::capture::row::{self, NO_LEVEL};
use pyo3::prelude::*;

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
    for (_, level) in row::levels(packed) {
        known |= level != NO_LEVEL;
        speech += f64::from(u8::from(is_speech(level)));
        silent += f64::from(u8::from(is_silent(level)));
    }
    let (first, last) = (row::levels(packed).next()?, row::levels(packed).next_back()?);
    let late_s = (start - first.0).clamp(0.0, 1.0);
    let early_s = (last.0 + 1.0 - end - ptime_ms / 1000.0).clamp(0.0, 1.0);
    for (level, missing_s) in [(first.1, late_s), (last.1, early_s)] {
        speech -= if is_speech(level) { missing_s } else { 0.0 };
        silent -= if is_silent(level) { missing_s } else { 0.0 };
    }
    known.then_some((speech.max(0.0), silent.max(0.0)))
}
