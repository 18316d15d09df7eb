//! What the engine has counted, as Python sees it.

use std::net::SocketAddr;

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::row;
use crate::audio::SAMPLE_RATE;
use crate::meter::{Second, NANOS};
use crate::relay::totals::Totals;

#[pyclass(frozen, get_all, name = "Totals", module = "talkpath._native")]
pub struct PyTotals {
    heard_packets: u64,
    heard_bytes: u64,
    heard_rtcp: u64,
    sent_packets: u64,
    sent_bytes: u64,
    sent_rtcp: u64,
    lost: i64,
    reordered: u64,
    duplicates: u64,
    strangers: u64,
    malformed: u64,
    unnegotiated: u64,
    unsendable: u64,
    unauthentic: u64,
    replayed: u64,
    last_heard: Option<f64>,
    /// Sources of strangers, and how many packets of each.
    dropped: Vec<(String, u16, u64)>,
    forgiven: u64,
}

#[pyclass(frozen, get_all, name = "Second", module = "talkpath._native")]
pub struct PySecond {
    pub port: u64,
    pub at: f64,
    pub ssrc: u32,
    pub payload_type: u8,
    pub packets: u32,
    pub bytes: u64,
    pub lost: i32,
    pub reordered: u32,
    pub duplicates: u32,
    pub restarts: u32,
    pub jitter_ms: Option<f32>,
    pub max_gap_ms: f64,
    pub level_dbov: Option<f64>,
    pub audio_ms: f64,
    pub digital_silence_ms: f64,
    pub near_silence_ms: f64,
}

#[pymethods]
impl PySecond {
    #[getter]
    fn row<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &row::of(self))
    }
}

impl PyTotals {
    /// `time` is of the clock that Python reads. With the strangers that were not heard, and how many packets of a peer
    /// came before it was known.
    pub fn new(
        totals: &Totals,
        (dropped, forgiven): (Vec<(SocketAddr, u64)>, u64),
        time: impl Fn(u64) -> f64,
    ) -> PyTotals {
        PyTotals {
            heard_packets: totals.heard_packets,
            heard_bytes: totals.heard_bytes,
            heard_rtcp: totals.heard_rtcp,
            sent_packets: totals.sent_packets,
            sent_bytes: totals.sent_bytes,
            sent_rtcp: totals.sent_rtcp,
            lost: totals.lost,
            reordered: totals.reordered,
            duplicates: totals.duplicates,
            strangers: totals.strangers,
            malformed: totals.malformed,
            unnegotiated: totals.unnegotiated,
            unsendable: totals.unsendable,
            unauthentic: totals.unauthentic,
            replayed: totals.replayed,
            last_heard: totals.last_heard_ns.map(|at_ns| time(at_ns)),
            forgiven,
            dropped: dropped.into_iter().map(|(from, count)| (from.ip().to_string(), from.port(), count)).collect(),
        }
    }
}

impl PySecond {
    pub fn new(port: u64, second: &Second, time: impl Fn(u64) -> f64) -> PySecond {
        let ms = |samples: u32| f64::from(samples) * 1000.0 / f64::from(SAMPLE_RATE);
        PySecond {
            port,
            at: time(second.index * NANOS),
            ssrc: second.ssrc,
            payload_type: second.payload_type,
            packets: second.packets,
            bytes: second.bytes,
            lost: second.lost,
            reordered: second.reordered,
            duplicates: second.duplicates,
            restarts: second.restarts,
            jitter_ms: second.jitter_ms,
            max_gap_ms: second.max_gap_ns as f64 / 1e6,
            level_dbov: second.audio.level_dbov(),
            audio_ms: ms(second.audio.samples),
            digital_silence_ms: ms(second.audio.digital_silence),
            near_silence_ms: ms(second.audio.near_silence),
        }
    }
}
