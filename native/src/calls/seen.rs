//! One SIP message as it was caught, with what decides where it belongs. Python reads it by attributes
//! (`src/talkpath/_native.pyi` explains them).

use super::head::Head;
use crate::capture::flow::Ip;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use std::sync::Arc;

/// An address in a form that compares quickly. A host that is no IP address is a name.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Place {
    pub host: Host,
    port: u32,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Host {
    Ip(Ip),
    Name(Box<str>),
}

impl Host {
    pub fn of(text: &str) -> Host {
        Ip::parse(text).map_or_else(|| Host::Name(text.into()), Host::Ip)
    }
}

impl Place {
    pub fn new(ip: Ip, port: u16) -> Place {
        Place { host: Host::Ip(ip), port: port.into() }
    }

    fn of(address: &Bound<'_, PyAny>) -> PyResult<Place> {
        let (host, port): (String, u32) = address.extract()?;
        Ok(Place { host: Host::of(&host), port })
    }
}

/// What is known of a message besides its bytes and its addresses.
#[derive(Default)]
pub struct Catch {
    pub frame: u64,
    pub time: f64,
    /// All frames that carry a piece of it; None where it is the one.
    pub frames: Option<Box<[u64]>>,
    pub fragments: usize,
    pub connection: u64,
    pub is_udp: bool,
    pub is_copy: bool,
    pub is_retransmission: bool,
    pub is_truncated: bool,
    pub wire_bytes: usize,
}

/// One SIP message. `src` and `dst` are addresses, `transport` a `Transport`, `hep` a `HepOrigin` or None.
#[pyclass(frozen, module = "talkpath._native")]
pub struct SipSeen {
    pub catch: Catch,
    #[pyo3(get)]
    pub src: Py<PyAny>,
    #[pyo3(get)]
    pub dst: Py<PyAny>,
    #[pyo3(get)]
    transport: Py<PyAny>,
    #[pyo3(get)]
    pub hep: Py<PyAny>,
    /// The message itself. Python gets a copy: few are ever looked at.
    pub raw: Arc<[u8]>,
    pub from: Place,
    pub to: Place,
    /// None for what is no SIP message after all.
    pub head: Option<Head>,
}

/// Python's view of where a message went and what it says.
pub struct Wire {
    pub src: (Place, Py<PyAny>),
    pub dst: (Place, Py<PyAny>),
    pub transport: Py<PyAny>,
    pub raw: Arc<[u8]>,
    pub hep: Py<PyAny>,
}

impl SipSeen {
    pub fn new(catch: Catch, wire: Wire) -> SipSeen {
        let head = Head::of(&wire.raw);
        let ((from, src), (to, dst)) = (wire.src, wire.dst);
        SipSeen { catch, src, dst, transport: wire.transport, raw: wire.raw, hep: wire.hep, from, to, head }
    }

    pub fn transport(&self, py: Python<'_>) -> Py<PyAny> {
        self.transport.clone_ref(py)
    }

    fn frame_list(&self) -> &[u64] {
        self.catch.frames.as_deref().unwrap_or(std::slice::from_ref(&self.catch.frame))
    }
}

#[pymethods]
impl SipSeen {
    #[new]
    #[pyo3(signature = (frame, time, src, dst, transport, raw, frames, fragments, connection, is_copy,
                        is_retransmission, is_truncated, wire_bytes, hep))]
    #[allow(clippy::too_many_arguments)]
    fn from_python(
        frame: u64,
        time: f64,
        src: Bound<'_, PyAny>,
        dst: Bound<'_, PyAny>,
        transport: Bound<'_, PyAny>,
        raw: Bound<'_, PyBytes>,
        frames: Vec<u64>,
        fragments: usize,
        connection: u64,
        is_copy: bool,
        is_retransmission: bool,
        is_truncated: bool,
        wire_bytes: usize,
        hep: Py<PyAny>,
    ) -> PyResult<SipSeen> {
        let catch = Catch {
            frame,
            time,
            frames: Some(frames.into()),
            fragments,
            connection,
            is_udp: transport.extract::<String>()? == "UDP",
            is_copy,
            is_retransmission,
            is_truncated,
            wire_bytes,
        };
        let (src, dst) = ((Place::of(&src)?, src.unbind()), (Place::of(&dst)?, dst.unbind()));
        Ok(SipSeen::new(catch, Wire { src, dst, transport: transport.unbind(), raw: raw.as_bytes().into(), hep }))
    }

    #[getter]
    fn raw<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.raw)
    }

    #[getter]
    fn frame(&self) -> u64 {
        self.catch.frame
    }

    #[getter]
    fn time(&self) -> f64 {
        self.catch.time
    }

    #[getter]
    fn frames<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.frame_list())
    }

    #[getter]
    fn fragments(&self) -> usize {
        self.catch.fragments
    }

    #[getter]
    fn connection(&self) -> u64 {
        self.catch.connection
    }

    #[getter]
    fn is_copy(&self) -> bool {
        self.catch.is_copy
    }

    #[getter]
    fn is_retransmission(&self) -> bool {
        self.catch.is_retransmission
    }

    #[getter]
    fn is_truncated(&self) -> bool {
        self.catch.is_truncated
    }

    #[getter]
    fn wire_bytes(&self) -> usize {
        self.catch.wire_bytes
    }

    fn __repr__(&self) -> String {
        let line = self.raw.split(|&byte| byte == b'\r' || byte == b'\n').next().unwrap_or_default();
        format!("<SipSeen frame {} {}>", self.catch.frame, String::from_utf8_lossy(line))
    }
}
