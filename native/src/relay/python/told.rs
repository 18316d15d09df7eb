//! What the engine tells, as Python sees it.

use std::net::SocketAddr;

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::meter::NANOS;
use crate::relay::events::What;
use crate::relay::receipts::Receipt;

type Address = (String, u16);

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<FirstHeard>()?;
    module.add_class::<Latched>()?;
    module.add_class::<TimedOut>()?;
    module.add_class::<Advanced>()?;
    module.add_class::<Elsewhere>()?;
    module.add_class::<Received>()?;
    module.add_class::<Announced>()?;
    module.add_class::<Climbed>()
}

#[pyclass(frozen, get_all, module = "talkpath._native")]
struct FirstHeard {
    port: u64,
    at: f64,
    source: Address,
}

#[pyclass(frozen, get_all, module = "talkpath._native")]
struct Latched {
    port: u64,
    at: f64,
    source: Address,
    rtcp: bool,
    rebound: bool,
}

#[pyclass(frozen, get_all, module = "talkpath._native")]
struct Elsewhere {
    port: u64,
    at: f64,
    source: Address,
}

#[pyclass(frozen, get_all, module = "talkpath._native")]
struct Received {
    port: u64,
    at: f64,
    unheard_packets: u64,
}

#[pyclass(frozen, get_all, module = "talkpath._native")]
struct TimedOut {
    port: u64,
    at: f64,
    silent_s: f64,
}

#[pyclass(frozen, get_all, module = "talkpath._native")]
struct Advanced {
    port: u64,
    at: f64,
}

#[pyclass(frozen, get_all, module = "talkpath._native")]
struct Announced {
    port: u64,
    at: f64,
    seconds: f64,
}

#[pyclass(frozen, get_all, module = "talkpath._native")]
struct Climbed {
    port: u64,
    at: f64,
    source: Address,
    rtcp: bool,
    data: Py<PyBytes>,
}

/// An event of this port at this time.
pub fn event(py: Python<'_>, port: u64, at: f64, what: What) -> PyResult<Py<PyAny>> {
    Ok(match what {
        What::FirstHeard { source } => Py::new(py, FirstHeard { port, at, source: told(source) })?.into_any(),
        What::Latched { source, rtcp, rebound } => {
            Py::new(py, Latched { port, at, source: told(source), rtcp, rebound })?.into_any()
        }
        What::Elsewhere { source } => Py::new(py, Elsewhere { port, at, source: told(source) })?.into_any(),
        What::Received(receipt) => {
            let unheard_packets = match receipt {
                Receipt::Confirmed => 0,
                Receipt::Denied { packets } => packets,
            };
            Py::new(py, Received { port, at, unheard_packets })?.into_any()
        }
        What::TimedOut { silent_ns } => {
            Py::new(py, TimedOut { port, at, silent_s: silent_ns as f64 / NANOS as f64 })?.into_any()
        }
        What::Climbed { source, rtcp, data } => {
            let data = PyBytes::new(py, &data).unbind();
            Py::new(py, Climbed { port, at, source: told(source), rtcp, data })?.into_any()
        }
        What::Advanced => Py::new(py, Advanced { port, at })?.into_any(),
        What::Announced { played_ns } => {
            Py::new(py, Announced { port, at, seconds: played_ns as f64 / NANOS as f64 })?.into_any()
        }
    })
}

fn told(source: SocketAddr) -> Address {
    (source.ip().to_string(), source.port())
}
