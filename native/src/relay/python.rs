//! The engine as Python sees it; `_native.pyi` says what each thing means.

mod counted;
mod row;
mod told;

use std::net::{IpAddr, SocketAddr};
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use pyo3::exceptions::{PyKeyError, PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use super::bundle::{Identity, SECTIONS};
use super::checks::Name;
use super::dub::{Clip, Voice};
use super::flavour::Flavour;
use super::guard::{Guard, Master};
use super::handover::{Elsewhere, Unadopted};
use super::latch::{Rule, Signalled};
use super::numbers::Numbers;
use super::port::{Manner, Port, STEADY};
use super::tone::Sound;
use super::transcode::{Heard, Mid, Plan, Spoken, Way, FORMATS};
use super::Engine;
use crate::audio::SAMPLE_RATE;
use crate::codec::{Coding, Settings};
use crate::kernel::Kernel;
use crate::meter::{Format, NANOS};
use crate::srtp::Suite;
use crate::tee::PyRecording;
use counted::{PySecond, PyTotals};

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyRelay>()?;
    module.add_class::<PyPort>()?;
    module.add_class::<PyTotals>()?;
    module.add_class::<PySecond>()?;
    module.add_class::<PyClip>()?;
    told::register(module)
}

type Address = (String, u16);

/// Payload type, clock and name, and what it is sent as: payload type and clock.
type HeardFormat = (u8, u32, String, Option<(u8, u32)>);

#[pyclass(frozen, name = "Port", module = "talkpath._native")]
struct PyPort {
    relay: u64,
    port: Weak<Port>,
    #[pyo3(get)]
    id: u64,
    #[pyo3(get)]
    host: String,
    #[pyo3(get)]
    rtp: u16,
}

#[pymethods]
impl PyPort {
    #[getter]
    fn rtcp(&self) -> u16 {
        self.rtp + 1
    }

    fn __repr__(&self) -> String {
        format!("Port({}, {}, {})", self.id, self.host, self.rtp)
    }
}

/// A sound that is played to many.
#[pyclass(frozen, name = "Clip", module = "talkpath._native")]
struct PyClip(Arc<Clip>);

#[pymethods]
impl PyClip {
    #[new]
    fn new(narrow: Vec<i16>, wide: Vec<i16>) -> PyResult<PyClip> {
        if narrow.is_empty() || wide.len() != 2 * narrow.len() {
            return Err(PyValueError::new_err("the same samples at 8000 and at 16000 a second"));
        }
        Ok(PyClip(Arc::new(Clip { narrow: narrow.into(), wide: wide.into() })))
    }

    #[getter]
    fn seconds(&self) -> f64 {
        self.0.narrow.len() as f64 / f64::from(SAMPLE_RATE)
    }
}

#[pyclass(frozen, name = "Relay", module = "talkpath._native")]
struct PyRelay {
    number: u64,
    epoch: f64,
    engine: Engine,
    #[pyo3(get)]
    kernel: Option<String>,
}

static RELAYS: AtomicU64 = AtomicU64::new(0);

#[pymethods]
impl PyRelay {
    #[new]
    #[pyo3(signature = (*, workers = 1, epoch = 0.0, dscp = 46, descriptors = RawFd::MAX, kernel = false,
                        steady = STEADY))]
    fn new(workers: usize, epoch: f64, dscp: u8, descriptors: RawFd, kernel: bool, steady: u32) -> PyResult<PyRelay> {
        if !(1..=64).contains(&workers) || dscp > 63 {
            return Err(PyValueError::new_err("workers must be 1 to 64, dscp 0 to 63"));
        }
        let (kernel, why_not) = match kernel.then(Kernel::load) {
            None => (None, Some("off".into())),
            Some(Ok(kernel)) => (Some(kernel), None),
            Some(Err(error)) => (None, Some(error.to_string())),
        };
        let number = RELAYS.fetch_add(1, Ordering::Relaxed);
        let engine = Engine::new(workers, Manner { dscp, steady }, descriptors, kernel)?;
        Ok(PyRelay { number, epoch, engine, kernel: why_not })
    }

    #[getter]
    fn passing(&self) -> usize {
        self.engine.passing()
    }

    fn open(&self, address: &str, low: u16, high: u16) -> PyResult<PyPort> {
        let host = host(address)?;
        let port = self.engine.open(host, low, high).map_err(with_number)?;
        Ok(self.face(&port))
    }

    fn share(&self, port: &PyPort) -> PyResult<PyPort> {
        let carrier = self.port(port)?;
        let shared = self.engine.share(&carrier);
        let shared =
            shared.ok_or_else(|| PyValueError::new_err(format!("{SECTIONS} sections share a transport at most")))?;
        Ok(self.face(&shared))
    }

    #[pyo3(signature = (port, mid, *, extension = 0, ssrcs = Vec::new(), stamp = false))]
    fn identify(&self, port: &PyPort, mid: &str, extension: u8, ssrcs: Vec<u32>, stamp: bool) -> PyResult<()> {
        let port = self.port(port)?;
        let stamp = stamp && extension != 0;
        self.engine.identify(&port, Identity { mid: mid.as_bytes().into(), extension, stamp, ssrcs });
        Ok(())
    }

    fn renumber(&self, port: &PyPort, pairs: Vec<(u8, u8)>) -> PyResult<()> {
        let numbers = Numbers::new(&pairs).map(Arc::new);
        if numbers.is_none() && !pairs.is_empty() {
            return Err(PyValueError::new_err("payload types are 0 to 127"));
        }
        self.engine.renumber(&self.port(port)?, numbers);
        Ok(())
    }

    #[pyo3(signature = (port, *, rtp, rtcp = None, mux = false, latch = None, formats = Vec::new(), levels = 0,
                        raw = false, ice = false, climb = false, opaque = false, kin = None))]
    #[allow(clippy::too_many_arguments)]
    fn expect(
        &self,
        port: &PyPort,
        rtp: Option<Address>,
        rtcp: Option<Address>,
        mux: bool,
        latch: Option<&str>,
        formats: Vec<(u8, u32, String)>,
        levels: u8,
        raw: bool,
        ice: bool,
        climb: bool,
        opaque: bool,
        kin: Option<&str>,
    ) -> PyResult<()> {
        let port = self.port(port)?;
        let rule = rule(latch, ice)?;
        let kin = if rule == Rule::Exact { kin.map(host).transpose()? } else { None };
        let kin = kin.map(|kin| kin.to_canonical());
        let rtp = rtp.map(|address| peer(&port, &address)).transpose()?;
        let rtcp = rtcp.map(|address| peer(&port, &address)).transpose()?;
        let signalled = Signalled { rtp, rtcp: if mux { rtp } else { rtcp.or_else(|| above(rtp?)) }, mux, rule, kin };
        self.engine.expect(&port, signalled, Flavour { formats: known(&formats)?, levels, raw, climb, opaque });
        Ok(())
    }

    #[pyo3(signature = (port, address, *, rtcp = false, send = true))]
    fn approve(&self, port: &PyPort, address: Address, rtcp: bool, send: bool) -> PyResult<()> {
        let port = self.port(port)?;
        port.side().approve(peer(&port, &address)?, rtcp, send);
        Ok(())
    }

    #[pyo3(signature = (port, address, *, rtcp = false))]
    fn revoke(&self, port: &PyPort, address: Address, rtcp: bool) -> PyResult<()> {
        let port = self.port(port)?;
        port.side().revoke(peer(&port, &address)?, rtcp);
        Ok(())
    }

    fn checks(&self, port: &PyPort, names: Vec<Name>) -> PyResult<()> {
        self.port(port)?.side().checks.expect(names);
        Ok(())
    }

    #[pyo3(signature = (port, suite, ours, theirs, *, rtcp = false, mki = Vec::new()))]
    fn secure(
        &self,
        port: &PyPort,
        suite: &str,
        ours: (Vec<u8>, Vec<u8>),
        theirs: (Vec<u8>, Vec<u8>),
        rtcp: bool,
        mki: Vec<u8>,
    ) -> PyResult<()> {
        let port = self.port(port)?;
        let suite = Suite::by_name(suite).ok_or_else(|| PyValueError::new_err("unknown suite"))?;
        let ours = Master { key: &ours.0, salt: &ours.1 };
        let theirs = Master { key: &theirs.0, salt: &theirs.1 };
        let _aside = self.engine.aside(&port);
        let is_set = port.side().guard.secure(rtcp, suite, &ours, &theirs, &mki);
        is_set.then_some(()).ok_or_else(|| PyValueError::new_err("key or salt of the wrong length"))
    }

    fn shut(&self, port: &PyPort) -> PyResult<()> {
        self.guard(port, Guard::Shut)
    }

    fn unsecure(&self, port: &PyPort) -> PyResult<()> {
        self.guard(port, Guard::Clear)
    }

    #[pyo3(signature = (port, data, address, *, rtcp = false))]
    fn send(&self, port: &PyPort, data: &[u8], address: Address, rtcp: bool) -> PyResult<()> {
        let port = self.port(port)?;
        let to = peer(&port, &address)?;
        port.side().checks.sent(data);
        Ok(self.engine.send(&port.socket(rtcp), to, data)?)
    }

    fn route(&self, source: &PyPort, target: Option<&PyPort>) -> PyResult<()> {
        let source = self.port(source)?;
        let target = target.map(|target| self.port(target)).transpose()?;
        self.engine.route(&source, target.as_ref().map(Arc::downgrade));
        Ok(())
    }

    #[pyo3(signature = (source, heard, payload_type, codec, *, packet_ms = 20, bitrate = 0, fec = false, dtx = false,
                        constant = false, playback_rate = 0, ssrc = None, extension = 0, mid = ""))]
    #[allow(clippy::too_many_arguments)]
    fn transcode(
        &self,
        source: &PyPort,
        heard: Vec<HeardFormat>,
        payload_type: u8,
        codec: &str,
        packet_ms: u32,
        bitrate: u32,
        fec: bool,
        dtx: bool,
        constant: bool,
        playback_rate: u32,
        ssrc: Option<u32>,
        extension: u8,
        mid: &str,
    ) -> PyResult<()> {
        let coding = Coding::by_name(codec).ok_or_else(|| PyValueError::new_err("unknown codec"))?;
        let heard = heard.into_iter().filter_map(|(number, clock, name, sent)| way(number, clock, &name, sent));
        let settings = Settings { bitrate, fec, dtx, constant, playback_rate };
        let spoken = Spoken { payload_type, coding, packet_ms, settings };
        let plan = Plan { heard: heard.collect(), spoken, ssrc, mid: named(extension, mid) };
        if !plan.is_possible() {
            return Err(PyValueError::new_err(
                "payload type 0 to 127; packets of 10 to 60 ms, Opus 10, 20, 40 or 60",
            ));
        }
        Ok(self.engine.transcode(&*self.port(source)?, Some(plan))?)
    }

    fn untranscode(&self, source: &PyPort) -> PyResult<()> {
        Ok(self.engine.transcode(&*self.port(source)?, None)?)
    }

    fn tee(&self, source: &PyPort, recording: Option<&PyRecording>) -> PyResult<()> {
        self.engine.tee(&*self.port(source)?, recording.map(PyRecording::handle));
        Ok(())
    }

    fn reflect(&self, port: &PyPort) -> PyResult<()> {
        Ok(self.engine.reflect(&*self.port(port)?)?)
    }

    #[pyo3(signature = (port, payload_type, codec, *, frequency = 1004, level_dbm0 = 0.0))]
    fn tone(&self, port: &PyPort, payload_type: u8, codec: &str, frequency: u32, level_dbm0: f64) -> PyResult<()> {
        let port = self.port(port)?;
        let coding = Coding::by_name(codec).ok_or_else(|| PyValueError::new_err("unknown codec"))?;
        let sound = Sound { coding, payload_type, frequency, level_dbm0 };
        if !sound.is_playable() {
            return Err(PyValueError::new_err("payload type 0 to 127, frequency 1 to 3999 Hz, a level in dBm0"));
        }
        Ok(self.engine.tone(&port, &sound)?)
    }

    fn quiet(&self, port: &PyPort) -> PyResult<()> {
        self.engine.quiet(&*self.port(port)?);
        Ok(())
    }

    #[pyo3(signature = (port, clip, formats, *, events = Vec::new(), bitrate = 0, fec = false, dtx = false,
                        constant = false, playback_rate = 0, ssrc = None, extension = 0, mid = ""))]
    #[allow(clippy::too_many_arguments)]
    fn announce(
        &self,
        port: &PyPort,
        clip: Option<&PyClip>,
        formats: Vec<(u8, String)>,
        events: Vec<u8>,
        bitrate: u32,
        fec: bool,
        dtx: bool,
        constant: bool,
        playback_rate: u32,
        ssrc: Option<u32>,
        extension: u8,
        mid: &str,
    ) -> PyResult<()> {
        let port = self.port(port)?;
        let known = |(number, name): &(u8, String)| Some((*number, Coding::by_name(name)?));
        let codings: Option<Vec<_>> = formats.iter().map(known).collect();
        let codings = codings.filter(|_| formats.len() <= FORMATS && (clip.is_none() || !formats.is_empty()));
        let codings = codings.ok_or_else(|| PyValueError::new_err("codecs that are converted, and one at least"))?;
        let settings = Settings { bitrate, fec, dtx, constant, playback_rate };
        let events = events.iter().fold(0u128, |set, number| set | 1 << (number & 0x7f));
        let voice = Voice { formats: codings, settings, events, ssrc, mid: named(extension, mid) };
        match clip {
            Some(clip) => self.engine.announce(&port, clip.0.clone(), voice)?,
            None => self.engine.announce_as(&port, (!voice.formats.is_empty()).then_some(voice)),
        }
        Ok(())
    }

    fn watch(&self, port: &PyPort, timeout_s: Option<f64>) -> PyResult<()> {
        let port = self.port(port)?;
        if timeout_s.is_some_and(|seconds| seconds.is_nan() || seconds <= 0.0) {
            return Err(PyValueError::new_err("a timeout is more than 0 s; None stops the watch"));
        }
        self.engine.watch(&port, timeout_s.map(|seconds| (seconds * NANOS as f64) as u64));
        Ok(())
    }

    #[pyo3(signature = (ports, *, last = false))]
    fn save<'py>(
        &self,
        py: Python<'py>,
        ports: Vec<PyRef<'py, PyPort>>,
        last: bool,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let ports = ports.iter().map(|port| self.port(port)).collect::<PyResult<Vec<_>>>()?;
        let state = self.engine.save(&ports, last, self.epoch).map_err(PyValueError::new_err)?;
        Ok(PyBytes::new(py, &state))
    }

    #[pyo3(signature = (state, *, heir = 1, hosts = Vec::new(), low = 0, high = 0))]
    fn adopt(
        &self,
        py: Python<'_>,
        state: &[u8],
        heir: u16,
        hosts: Vec<String>,
        low: u16,
        high: u16,
    ) -> PyResult<Vec<PyPort>> {
        let hosts = hosts.iter().map(|name| host(name)).collect::<PyResult<Vec<_>>>()?;
        let elsewhere = (!hosts.is_empty()).then_some(Elsewhere { hosts, low, high });
        let adopted = py.detach(|| self.engine.adopt(state, heir, elsewhere.as_ref(), self.epoch));
        let ports = adopted.map_err(unadopted)?;
        Ok(ports.iter().map(|port| self.face(port)).collect())
    }

    fn totals(&self, port: &PyPort) -> PyResult<PyTotals> {
        let port = self.port(port)?;
        self.engine.catch_up();
        let side = port.side();
        Ok(PyTotals::new(&side.totals(), side.strangers(), |at_ns| self.time(at_ns)))
    }

    fn close(&self, port: &PyPort) -> PyResult<PyTotals> {
        let closing = self.port(port)?;
        let strangers = closing.side().strangers();
        let totals = self.engine.close(closing).map_err(|_| is_gone(port))?;
        Ok(PyTotals::new(&totals, strangers, |at_ns| self.time(at_ns)))
    }

    fn fileno(&self) -> i32 {
        self.engine.descriptor()
    }

    fn events(&self, py: Python<'_>) -> PyResult<Vec<Py<PyAny>>> {
        self.engine.events().map(|event| told::event(py, event.port, self.time(event.at_ns), event.what)).collect()
    }

    #[pyo3(signature = (port = None, *, part = 0, parts = 1))]
    fn meters(&self, port: Option<&PyPort>, part: u64, parts: u64) -> PyResult<Vec<PySecond>> {
        let taken = match port {
            None => self.engine.meters(part, parts.max(1)),
            Some(port) => self.engine.meters_of(&*self.port(port)?),
        };
        Ok(taken.into_iter().map(|(port, second)| PySecond::new(port, &second, |at_ns| self.time(at_ns))).collect())
    }

    fn counters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let totals = self.engine.totals();
        let [ports, opened, events_dropped, panics] = self.engine.counts();
        let counters = PyDict::new(py);
        let counted = [
            ("ports", ports as i64),
            ("opened", opened as i64),
            ("heard_packets", totals.heard_packets as i64),
            ("heard_bytes", totals.heard_bytes as i64),
            ("heard_rtcp", totals.heard_rtcp as i64),
            ("sent_packets", totals.sent_packets as i64),
            ("sent_bytes", totals.sent_bytes as i64),
            ("sent_rtcp", totals.sent_rtcp as i64),
            ("lost", totals.lost),
            ("reordered", totals.reordered as i64),
            ("duplicates", totals.duplicates as i64),
            ("strangers", totals.strangers as i64),
            ("malformed", totals.malformed as i64),
            ("unnegotiated", totals.unnegotiated as i64),
            ("unsendable", totals.unsendable as i64),
            ("unauthentic", totals.unauthentic as i64),
            ("replayed", totals.replayed as i64),
            ("events_dropped", events_dropped as i64),
            ("panics", panics as i64),
        ];
        for (name, count) in counted {
            counters.set_item(name, count)?;
        }
        Ok(counters)
    }

    fn shutdown(&self, py: Python<'_>) {
        py.detach(|| self.engine.shutdown());
    }
}

impl PyRelay {
    fn face(&self, port: &Arc<Port>) -> PyPort {
        let (id, host, rtp) = (port.id, port.host.to_string(), port.number);
        PyPort { relay: self.number, port: Arc::downgrade(port), id, host, rtp }
    }

    fn port(&self, port: &PyPort) -> PyResult<Arc<Port>> {
        let found = port.port.upgrade().filter(|found| port.relay == self.number && found.side().is_open());
        found.ok_or_else(|| is_gone(port))
    }

    fn guard(&self, port: &PyPort, guard: Guard) -> PyResult<()> {
        let port = self.port(port)?;
        let _aside = self.engine.aside(&port);
        port.side().guard.set(guard);
        Ok(())
    }

    fn time(&self, at_ns: u64) -> f64 {
        self.epoch + at_ns as f64 / NANOS as f64
    }
}

fn is_gone(port: &PyPort) -> PyErr {
    PyKeyError::new_err(format!("{} was closed, or is of another relay", port.__repr__()))
}

fn unadopted(error: Unadopted) -> PyErr {
    match &error {
        Unadopted::Unreadable(_) | Unadopted::Misplaced | Unadopted::NoHeir | Unadopted::TooOld => {
            PyValueError::new_err(error.to_string())
        }
        Unadopted::Unavailable(_, cause) => match cause.raw_os_error() {
            Some(number) => PyOSError::new_err((number, error.to_string())),
            None => PyOSError::new_err(error.to_string()),
        },
    }
}

/// An error of the system with its number, by which Python tells what is missing.
fn with_number(error: std::io::Error) -> PyErr {
    match error.raw_os_error() {
        Some(number) => PyOSError::new_err((number, error.to_string())),
        None => error.into(),
    }
}

fn host(text: &str) -> PyResult<IpAddr> {
    text.parse().map_err(|_| PyValueError::new_err(format!("{text:?} is no IP address")))
}

/// An address that the port can send to.
fn peer(port: &Port, (text, number): &Address) -> PyResult<SocketAddr> {
    let address = host(text)?.to_canonical();
    if address.is_ipv6() != port.host.is_ipv6() || *number == 0 {
        let reason = format!("{text}:{number} cannot be reached from {}: wrong family, or no port", port.host);
        return Err(PyValueError::new_err(reason));
    }
    Ok(SocketAddr::new(address, *number))
}

/// RTCP goes to the port above RTP unless signalled otherwise (RFC 3550 section 11, RFC 3605).
fn above(rtp: SocketAddr) -> Option<SocketAddr> {
    Some(SocketAddr::new(rtp.ip(), rtp.port().checked_add(1)?))
}

fn rule(latch: Option<&str>, ice: bool) -> PyResult<Rule> {
    match (latch, ice) {
        (None, false) => Ok(Rule::Exact),
        (None, true) => Ok(Rule::Approved),
        (Some(text), false) => Ok(Rule::Nat(host(text)?.to_canonical())),
        (Some(_), true) => Err(PyValueError::new_err("under ICE nothing is latched: leave out latch")),
    }
}

/// What a hearer knows our packets by, if it agreed to that.
fn named(extension: u8, mid: &str) -> Option<Mid> {
    (extension != 0 && !mid.is_empty()).then(|| Mid { extension, value: mid.as_bytes().into() })
}

/// What to do with a payload type; None for one that can neither pass nor be converted.
fn way(payload_type: u8, clock: u32, name: &str, sent: Option<(u8, u32)>) -> Option<Heard> {
    let coding = Coding::by_name(name);
    let is_event = name.eq_ignore_ascii_case("telephone-event");
    let way = match (sent, coding) {
        (Some((payload_type, clock)), _) => Way::Pass { payload_type, clock },
        (None, Some(coding)) => Way::Convert(coding),
        (None, None) if is_event => Way::Tones,
        (None, None) if name.eq_ignore_ascii_case("CN") => Way::Noise,
        (None, None) if name.eq_ignore_ascii_case("red") => Way::Unwrap,
        (None, None) => return None,
    };
    Some(Heard { payload_type, clock, coding, is_event, way })
}

fn known(formats: &[(u8, u32, String)]) -> PyResult<Vec<Format>> {
    if formats.len() > FORMATS || formats.iter().any(|(payload_type, ..)| usize::from(*payload_type) >= FORMATS) {
        return Err(PyValueError::new_err("payload types are 0 to 127, each once"));
    }
    Ok(formats.iter().map(|(number, rate, name)| Format::new(*number, *rate, name)).collect())
}
