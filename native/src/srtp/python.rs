//! `Srtp` for tests and tools; the relay uses `Context` itself.

use std::time::Instant;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::{Context, ContextState, Refusal, Suite, OVERHEAD};

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Srtp>()
}

#[pyclass(module = "talkpath._native")]
struct Srtp(Context);

type Seal = fn(&mut Context, &mut [u8], usize) -> Result<usize, Refusal>;
type Open = fn(&mut Context, &mut [u8]) -> Result<usize, Refusal>;

#[pymethods]
impl Srtp {
    #[new]
    fn new(suite: &str, key: &[u8], salt: &[u8]) -> PyResult<Srtp> {
        let known = Suite::by_name(suite).ok_or_else(|| PyValueError::new_err("unknown suite"))?;
        let context = Context::new(known, key, salt);
        context.map(Srtp).ok_or_else(|| PyValueError::new_err("key or salt of the wrong length"))
    }

    fn protect<'py>(&mut self, py: Python<'py>, packet: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        self.seal(py, packet, Context::seal_rtp)
    }

    fn unprotect<'py>(&mut self, py: Python<'py>, packet: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        self.open(py, packet, Context::open_rtp)
    }

    fn protect_rtcp<'py>(&mut self, py: Python<'py>, packet: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        self.seal(py, packet, Context::seal_rtcp)
    }

    fn unprotect_rtcp<'py>(&mut self, py: Python<'py>, packet: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        self.open(py, packet, Context::open_rtcp)
    }

    fn streams(&self) -> Vec<(u32, u64, u64)> {
        self.0.streams().collect()
    }

    fn save<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let state = rmp_serde::to_vec_named(&self.0.state());
        Ok(PyBytes::new(py, &state.map_err(|error| PyValueError::new_err(error.to_string()))?))
    }

    #[staticmethod]
    #[pyo3(signature = (state, *, reports_ahead = 0))]
    fn adopt(state: &[u8], reports_ahead: u32) -> PyResult<Srtp> {
        let state: ContextState = rmp_serde::from_slice(state).map_err(|_| refused(Refusal::Malformed))?;
        Context::resumed(&state, reports_ahead).map(Srtp).ok_or_else(|| refused(Refusal::Malformed))
    }

    /// Seconds for one packet of `size` bytes (to seal, to open), measured over `count` packets of a new stream.
    fn measure(&mut self, size: usize, count: u32) -> PyResult<(f64, f64)> {
        let room = size.max(12) + OVERHEAD;
        let mut packets = vec![0u8; room * count as usize];
        let mut opener = self.0.twin().ok_or_else(|| refused(Refusal::Malformed))?;
        for (sequence, packet) in (0u32..).zip(packets.chunks_exact_mut(room)) {
            packet[0] = 0x80;
            packet[2..4].copy_from_slice(&(sequence as u16).to_be_bytes());
        }
        let started = Instant::now();
        let mut length = 0;
        for packet in packets.chunks_exact_mut(room) {
            length = self.0.seal_rtp(packet, room - OVERHEAD).map_err(refused)?;
        }
        let sealed = started.elapsed();
        for packet in packets.chunks_exact_mut(room) {
            opener.open_rtp(&mut packet[..length]).map_err(refused)?;
        }
        let opened = started.elapsed() - sealed;
        Ok((sealed.as_secs_f64() / f64::from(count), opened.as_secs_f64() / f64::from(count)))
    }
}

impl Srtp {
    fn seal<'py>(&mut self, py: Python<'py>, packet: &[u8], seal: Seal) -> PyResult<Bound<'py, PyBytes>> {
        let mut buffer = vec![0u8; packet.len() + OVERHEAD];
        buffer[..packet.len()].copy_from_slice(packet);
        let length = seal(&mut self.0, &mut buffer, packet.len()).map_err(refused)?;
        Ok(PyBytes::new(py, &buffer[..length]))
    }

    fn open<'py>(&mut self, py: Python<'py>, packet: &[u8], open: Open) -> PyResult<Bound<'py, PyBytes>> {
        let mut buffer = packet.to_vec();
        let length = open(&mut self.0, &mut buffer).map_err(refused)?;
        Ok(PyBytes::new(py, &buffer[..length]))
    }
}

fn refused(refusal: Refusal) -> PyErr {
    PyValueError::new_err(refusal.name())
}
