//! Captures and feeds: pcap, pcapng and HEP down to SIP messages and stream summaries. Python's view is
//! `src/talkpath/capture/`. Nothing here knows what a call is.

mod bytes;
mod codec;
mod dtls;
mod engine;
mod erf;
mod esp;
pub mod flow;
mod frag;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod handshake;
mod hep;
mod icmp;
mod interface;
mod ip;
mod keys;
mod lanes;
mod level;
mod limits;
mod link;
mod marks;
mod media;
mod message;
mod netmon;
mod pcap;
mod pcapng;
pub mod picked;
mod pipe;
mod python;
mod reader;
pub mod record;
mod repeats;
pub mod row;
mod rtcp;
mod rtp;
mod sctp;
mod sdp;
mod segments;
mod sequence;
mod snoop;
mod source;
mod stream;
mod stun;
mod tcp;
mod timing;
mod tls;
mod tunnel;
mod twins;
mod unpack;
mod websocket;
mod wireless;
mod writer;
mod zrtp;

use engine::Engine;
use flow::{Endpoint, Flow, Ip};
use interface::Interface;
use lanes::Lanes;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyList;
use reader::Open;
pub use reader::Unreadable;
use rustc_hash::FxHashSet;
use source::Source;
use writer::{Form, Writer};

pyo3::create_exception!(_native, CaptureUnreadable, pyo3::exceptions::PyException);

/// Reads captures one after another, or takes packets and HEP messages, through one engine.
#[pyclass(module = "talkpath._native")]
pub struct CaptureReader {
    engine: Engine,
    open: Option<Open>,
    lanes: Option<Lanes>,
    interface: Option<Interface>,
    shapes: python::Shapes,
    frames_before: u64,
    /// Of the file read last.
    position: (u64, u64),
}

/// A stream asked for: source, its port, destination, its port, SSRC.
pub type Pick = (String, u16, String, u16, u32);

#[pymethods]
impl CaptureReader {
    #[new]
    #[pyo3(signature = (records, *, keylog = None, jitter_buffer_ms = 80, picked = None))]
    fn new(
        records: Py<PyAny>,
        keylog: Option<&[u8]>,
        jitter_buffer_ms: u32,
        picked: Option<Vec<Pick>>,
    ) -> PyResult<Self> {
        let mut keys = tls::KeyLog::default();
        keys.add(keylog.unwrap_or(&[]));
        let picked = picked.unwrap_or_default().iter().map(stream_key).collect::<PyResult<_>>()?;
        let engine = Engine::new(jitter_buffer_ms, picked, keys);
        Ok(CaptureReader {
            engine,
            open: None,
            lanes: None,
            interface: None,
            shapes: python::Shapes::new(records),
            frames_before: 0,
            position: (0, 0),
        })
    }

    /// Opens a file. Raises OSError, or CaptureUnreadable(kind) for what is no capture.
    fn open(&mut self, path: &str) -> PyResult<()> {
        self.start(Source::open(path))
    }

    /// The same for a descriptor, which is closed with the reader.
    fn open_fd(&mut self, fd: i32) -> PyResult<()> {
        self.start(Source::from_fd(fd))
    }

    /// Opens captures of several places, to be read as one in the order of time: of each place its files with the number
    /// of their first frame, and how many seconds its clock is ahead. A file that is none raises when its turn comes.
    fn open_places(&mut self, places: Vec<(Vec<(String, u64)>, f64)>) {
        self.engine.media.places(places.len());
        let places = places.into_iter().map(|(files, ahead)| (files, (ahead * 1e9) as i64)).collect();
        self.lanes = Some(Lanes::new(places));
    }

    /// Records of what is open, at least one step of reading; None at its end.
    /// Of a file that is still written (`is_growing`) an empty list is what there is by now.
    #[pyo3(signature = (max_records, max_bytes, is_growing = false))]
    fn read<'py>(
        &mut self,
        py: Python<'py>,
        max_records: usize,
        max_bytes: u64,
        is_growing: bool,
    ) -> PyResult<Option<Bound<'py, PyList>>> {
        let engine = &mut self.engine;
        let more = if let Some(lanes) = self.lanes.as_mut() {
            let more = py.detach(|| lanes.run(engine, max_records, max_bytes)).map_err(Unreadable::into_error)?;
            self.position = lanes.position();
            more
        } else if let Some(open) = self.open.as_mut() {
            open.is_growing = is_growing;
            let more = py.detach(|| open.run(engine, max_records, max_bytes))?;
            self.position = open.position();
            more
        } else {
            return Ok(None);
        };
        if !more {
            (self.open, self.lanes) = (None, None);
            if self.engine.out.is_empty() {
                return Ok(None);
            }
        }
        self.drain(py).map(Some)
    }

    /// Takes one packet of the given link type.
    fn packet(&mut self, link_type: u16, time: f64, data: &[u8], wire_bytes: usize) {
        self.engine.packet(link_type, nanos(time), data, wire_bytes.max(data.len()));
    }

    /// Takes what waits at a packet socket, `limit` frames at most; how many there were. Raises OSError.
    fn receive(&mut self, fd: i32, now: f64, limit: usize) -> PyResult<usize> {
        let interface = self.interface.get_or_insert_with(Interface::new);
        Ok(interface.receive(fd, nanos(now), limit, &mut self.engine)?)
    }

    /// Lets time pass where no packet comes: what is idle is told.
    fn expire(&mut self, now: f64) {
        self.engine.expire(nanos(now));
    }

    /// Ends the streams to and from these addresses.
    fn settle(&mut self, addresses: Vec<(String, u16)>) {
        let known = addresses.iter().filter_map(|(host, port)| Some(Endpoint { ip: Ip::parse(host)?, port: *port }));
        self.engine.media.settle(&known.collect(), &mut self.engine.out);
    }

    /// Takes one HEP message; whether it was one.
    fn hep(&mut self, data: &[u8], time: f64) -> bool {
        self.engine.mirrored(data, nanos(time))
    }

    /// Records since the last time.
    fn drain<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let records = std::mem::take(&mut self.engine.out);
        let list = PyList::empty(py);
        for record in records {
            list.append(self.shapes.record(py, record)?)?;
        }
        Ok(list)
    }

    /// Ends everything that is open and gives its records.
    fn finish<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.engine.finish();
        self.drain(py)
    }

    /// The latest time of a packet; 0 before the first.
    fn clock(&self) -> f64 {
        python::seconds(self.engine.latest().max(0))
    }

    /// (bytes taken of the file read last, its size or 0).
    fn position(&self) -> (u64, u64) {
        self.position
    }

    /// (packets, first, last, undecoded by reason) since this was last asked.
    fn summary(&mut self) -> (u64, f64, f64, Vec<(String, u64)>) {
        let packets = self.engine.frame - self.frames_before;
        self.frames_before = self.engine.frame;
        let first = self.engine.first.take().map_or(0.0, python::seconds);
        let last = if packets > 0 { python::seconds(self.engine.last) } else { 0.0 };
        (packets, first, last, self.engine.take_undecoded(0))
    }

    /// What was not understood at one of several places, by reason, since this was last asked.
    fn undecoded(&mut self, place: usize) -> Vec<(String, u64)> {
        self.engine.take_undecoded(place)
    }
}

impl CaptureReader {
    fn start(&mut self, source: std::io::Result<Source>) -> PyResult<()> {
        match source.map_err(Unreadable::Io).and_then(Open::new) {
            Ok(open) => {
                self.open = Some(open);
                Ok(())
            }
            Err(e) => Err(e.into_error()),
        }
    }
}

impl Unreadable {
    pub fn into_error(self) -> PyErr {
        match self {
            Unreadable::Io(e) => PyOSError::new_err((e.raw_os_error().unwrap_or(0), e.to_string())),
            Unreadable::NotACapture(kind) => CaptureUnreadable::new_err(kind),
        }
    }
}

/// Copies packets of a capture into a new one: those with the given frame numbers and those of the picked streams.
/// Gives how many there were. Raises as `CaptureReader.open`, and OSError for what cannot be written.
#[pyfunction]
fn copy_packets(py: Python<'_>, path: &str, out: &str, frames: Vec<u64>, picked: Vec<Pick>) -> PyResult<u64> {
    let picked: FxHashSet<_> = picked.iter().map(stream_key).collect::<PyResult<_>>()?;
    let frames: FxHashSet<u64> = frames.into_iter().collect();
    py.detach(|| {
        for form in [Form::Pcap, Form::PcapNg] {
            let mut engine = Engine::new(0, picked.clone(), tls::KeyLog::default());
            let mut open = Source::open(path).map_err(Unreadable::Io).and_then(Open::new)?;
            let mut writer = Writer::create(out, form)?;
            if let Some(copied) = open.copy(&mut engine, &frames, &mut writer)? {
                writer.finish()?;
                return Ok(copied);
            }
        }
        Ok(0)
    })
    .map_err(Unreadable::into_error)
}

/// (packets, time of the first, time of the last) of a file; the times are 0 without packets. Raises as
/// `CaptureReader.open`.
#[pyfunction]
fn capture_span(py: Python<'_>, path: &str) -> PyResult<(u64, f64, f64)> {
    let (packets, first, last) = py.detach(|| lanes::span_of(path)).map_err(Unreadable::into_error)?;
    Ok((packets, python::seconds(first), python::seconds(last)))
}

/// Length of the first HEP3 message in a stream's bytes: None while too little is there, 0 if it is not HEP3.
#[pyfunction]
fn hep_stream_length(data: &[u8]) -> Option<usize> {
    hep::stream_length(data)
}

fn nanos(time: f64) -> i64 {
    ((time * 1e9) as i64).clamp(0, limits::LATEST_NS)
}

pub fn stream_key((src, sport, dst, dport, ssrc): &Pick) -> PyResult<(Flow, u32)> {
    let ip = |text: &str| Ip::parse(text).ok_or_else(|| PyValueError::new_err(format!("not an IP address: {text}")));
    let src = Endpoint { ip: ip(src)?, port: *sport };
    let dst = Endpoint { ip: ip(dst)?, port: *dport };
    Ok((Flow { src, dst }, *ssrc))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<CaptureReader>()?;
    module.add("CaptureUnreadable", module.py().get_type::<CaptureUnreadable>())?;
    module.add_function(wrap_pyfunction!(hep_stream_length, module)?)?;
    module.add_function(wrap_pyfunction!(copy_packets, module)?)?;
    module.add_function(wrap_pyfunction!(capture_span, module)?)?;
    Ok(())
}
