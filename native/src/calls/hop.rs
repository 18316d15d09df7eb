//! One hop of a call: folds the messages between two addresses. Repetitions are told apart from news by what a
//! transaction keeps (RFC 3261 17.1.3, 17.2.3): branch, CSeq, status and tag. Which message belongs to which hop is
//! decided in `hops.rs`.

use super::described::{self, Shapes};
use super::head::Head;
use super::seen::{Place, SipSeen};
use crate::sip::{text, Frame};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyList, PyString, PyTuple, PyType};
use pyo3::IntoPyObjectExt;
use rustc_hash::FxHasher;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};

/// Refusals that ask the caller to try again (RFC 3261 22.2 and 8.1.3.4, RFC 4028 6): the call is not over.
const RETRIED: [u16; 18] = [300, 301, 302, 305, 401, 407, 413, 415, 416, 420, 421, 422, 428, 436, 437, 438, 491, 494];
/// Timer B, and Timer C with its three minutes (RFC 3261 17.1.1.2, 16.6 step 11).
const UNANSWERED_S: f64 = 32.0;
const RINGING_S: f64 = 180.0;
/// Requests from this size on go over TCP when the path's MTU is not known (RFC 3261 18.1.1).
const LARGE_BYTES: usize = 1300;

/// A message, and whether we sent it; None when a capture saw it pass.
pub struct Row {
    pub seen: Py<SipSeen>,
    pub sent: Option<bool>,
}

/// A message that said something new, and its repetitions.
struct Kept {
    row: u32,
    /// Equal for a message and its repetitions.
    key: u32,
    from_caller: bool,
    again: Vec<Again>,
}

/// A repetition: sent again, or the same packet caught again.
#[derive(Clone, Copy)]
struct Again {
    row: u32,
    is_copy: bool,
}

/// One hop of a call; see `_native.pyi`.
#[pyclass(module = "talkpath._native")]
pub struct Hop {
    rows: Vec<Row>,
    kept: Vec<Kept>,
    /// What was announced, once somebody asked: Python's `Medium`s, and how many of them are of the first message.
    announced: PyOnceLock<(Py<PyTuple>, usize)>,
    opening: PyOnceLock<Py<Frame>>,
    pub caller: Place,
    pub callee: Place,
    caller_address: Py<PyAny>,
    callee_address: Py<PyAny>,
    #[pyo3(get)]
    transport: Py<PyAny>,
    call_id: Box<[u8]>,
    pub from_tag: Box<[u8]>,
    to_tag: Box<[u8]>,
    pub to_tags: Vec<Box<[u8]>>,
    #[pyo3(get)]
    start: f64,
    last: f64,
    /// The CSeq number of the INVITE that the caller tries at present.
    pub attempt: i64,
    #[pyo3(get)]
    status: u16,
    reason: Box<[u8]>,
    #[pyo3(get)]
    ringing_at: Option<f64>,
    #[pyo3(get)]
    pub answered_at: Option<f64>,
    #[pyo3(get)]
    acked_at: Option<f64>,
    cancelled_at: Option<f64>,
    #[pyo3(get)]
    ended_at: Option<f64>,
    #[pyo3(get)]
    ended_by: &'static str,
    #[pyo3(get)]
    pub ended_how: &'static str,
    /// The dialog is older than what was seen of it.
    is_midway: bool,
    /// The initial INVITE itself was seen, and not only what answers it.
    pub has_invite: bool,
}

impl Hop {
    /// The hop that a message begins. A request that is the first we see of it is taken to come from the caller.
    pub fn new(py: Python<'_>, seen: &SipSeen, head: &Head) -> Hop {
        let raw = &seen.raw;
        let (mut caller, mut callee) = ((&seen.from, &seen.src), (&seen.to, &seen.dst));
        if !head.is_request {
            std::mem::swap(&mut caller, &mut callee);
        }
        Hop {
            rows: Vec::new(),
            kept: Vec::new(),
            announced: PyOnceLock::new(),
            opening: PyOnceLock::new(),
            caller: caller.0.clone(),
            callee: callee.0.clone(),
            caller_address: caller.1.clone_ref(py),
            callee_address: callee.1.clone_ref(py),
            transport: seen.transport(py),
            call_id: head.call_id(raw).into(),
            from_tag: head.sender_tag(raw).into(),
            to_tag: Box::default(),
            to_tags: Vec::new(),
            start: seen.catch.time,
            last: seen.catch.time,
            attempt: head.cseq,
            status: 0,
            reason: Box::default(),
            ringing_at: None,
            answered_at: None,
            acked_at: None,
            cancelled_at: None,
            ended_at: None,
            ended_by: "",
            ended_how: "",
            is_midway: head.is_request && !head.receiver_tag(raw).is_empty(),
            has_invite: false,
        }
    }

    /// The next message of this hop.
    pub fn take(&mut self, py: Python<'_>, row: Row) {
        let seen = row.seen.clone_ref(py);
        let seen = seen.get();
        let Some(head) = &seen.head else { return };
        self.last = self.last.max(seen.catch.time);
        let from_caller = self.is_from_caller(seen, head);
        let key = key_of(&seen.raw, head, from_caller);
        let place = self.rows.len() as u32;
        self.rows.push(row);
        match self.repeated(key, seen, head, from_caller) {
            Some(at) => {
                let first = self.seen(self.kept[at].row);
                let is_copy = seen.catch.is_copy || (&seen.from, &seen.to) != (&first.from, &first.to);
                self.kept[at].again.push(Again { row: place, is_copy });
            }
            None => {
                self.kept.push(Kept { row: place, key, from_caller, again: Vec::new() });
                self.conclude(seen.catch.time, &seen.raw, head, from_caller);
            }
        }
    }

    /// What the message means for the state of the hop. A repetition changes nothing.
    fn conclude(&mut self, time: f64, raw: &[u8], head: &Head, from_caller: bool) {
        if !head.is_request {
            if head.method(raw) == b"INVITE" {
                self.take_answer(time, raw, head, from_caller);
            }
            return;
        }
        match head.method(raw) {
            b"INVITE" => self.take_invite(raw, head, from_caller),
            b"CANCEL" => self.cancelled_at = self.cancelled_at.or(Some(time)),
            b"ACK" if self.answered_at.is_some() && from_caller => self.acked_at = self.acked_at.or(Some(time)),
            b"BYE" if self.ended_at.is_none() => {
                (self.ended_at, self.ended_how) = (Some(time), "bye");
                self.ended_by = if from_caller { "caller" } else { "callee" };
            }
            _ => {}
        }
    }

    /// Which end sent it: by exact address, else by host where the hosts differ, else by the tags.
    fn is_from_caller(&self, seen: &SipSeen, head: &Head) -> bool {
        if seen.from == self.caller || seen.to == self.callee {
            return true;
        }
        if seen.from == self.callee || seen.to == self.caller {
            return false;
        }
        let host = &seen.from.host;
        if self.caller.host != self.callee.host && (*host == self.caller.host || *host == self.callee.host) {
            return *host == self.caller.host;
        }
        head.is_request == (head.sender_tag(&seen.raw) == &*self.from_tag)
    }

    fn take_invite(&mut self, raw: &[u8], head: &Head, from_caller: bool) {
        if !head.receiver_tag(raw).is_empty() || !from_caller {
            return;
        }
        self.has_invite = true;
        if head.cseq != self.attempt && self.answered_at.is_none() {
            (self.attempt, self.status, self.reason) = (head.cseq, 0, Box::default());
            (self.ended_at, self.ended_by, self.ended_how) = (None, "", "");
        }
    }

    fn take_answer(&mut self, time: f64, raw: &[u8], head: &Head, from_caller: bool) {
        if from_caller || head.cseq != self.attempt || self.is_midway {
            return;
        }
        let (tag, status) = (head.receiver_tag(raw), head.status);
        if !tag.is_empty() && (101..300).contains(&status) && !self.to_tags.iter().any(|known| **known == *tag) {
            self.to_tags.push(tag.into());
        }
        if self.answered_at.is_some() || self.status >= 300 {
            return;
        }
        (self.status, self.reason) = (status, head.reason(raw).into());
        match status {
            101..200 => self.ringing_at = self.ringing_at.or(Some(time)),
            200..300 => (self.answered_at, self.to_tag) = (Some(time), tag.into()),
            300.. => self.take_refusal(time),
            _ => {}
        }
    }

    fn take_refusal(&mut self, time: f64) {
        self.ended_at = Some(time);
        let is_cancelled = self.cancelled_at.is_some() && self.status == 487;
        (self.ended_by, self.ended_how) = if is_cancelled { ("caller", "cancel") } else { ("callee", "refused") };
    }

    /// Whether nothing more can come of this hop, so that another INVITE must be another call.
    pub fn is_over(&self) -> bool {
        self.ended_at.is_some() && !RETRIED.contains(&self.status)
    }

    /// Whether the caller was asked to try again, and has not yet.
    pub fn is_to_be_retried(&self) -> bool {
        self.ended_at.is_some() && RETRIED.contains(&self.status)
    }

    /// The caller tries again between other sockets.
    pub fn moves(&mut self, py: Python<'_>, seen: &SipSeen) {
        (self.caller, self.callee) = (seen.from.clone(), seen.to.clone());
        (self.caller_address, self.callee_address) = (seen.src.clone_ref(py), seen.dst.clone_ref(py));
        self.transport = seen.transport(py);
    }

    /// Whether these very bytes crossed the hop before.
    pub fn has_said(&self, raw: &[u8]) -> bool {
        self.kept.iter().any(|kept| *self.seen(kept.row).raw == *raw)
    }

    /// Concludes from silence: nothing came though what was seen went on until `horizon`.
    pub fn time_out(&mut self, horizon: f64) {
        if self.ended_at.is_some() || self.answered_at.is_some() || self.is_midway {
            return;
        }
        let patience = if self.status == 0 { UNANSWERED_S } else { RINGING_S };
        if horizon - self.last > patience {
            (self.ended_at, self.ended_by, self.ended_how) = (Some(self.last), "", "timeout");
        }
    }

    /// The place in `kept` of the message that this one repeats.
    fn repeated(&self, key: u32, seen: &SipSeen, head: &Head, from_caller: bool) -> Option<usize> {
        self.kept.iter().position(|kept| {
            let (first, first_raw) = self.message(kept.row);
            kept.key == key && kept.from_caller == from_caller && is_same(first, first_raw, head, &seen.raw)
        })
    }

    fn seen(&self, row: u32) -> &SipSeen {
        self.rows[row as usize].seen.get()
    }

    fn message(&self, row: u32) -> (&Head, &[u8]) {
        static NONE: LazyLock<Head> = LazyLock::new(Head::default); // never needed: only readable messages are taken
        let seen = self.seen(row);
        (seen.head.as_ref().unwrap_or(&NONE), &seen.raw)
    }

    /// Every m= section that either side announced, and how many of them the first message announced.
    fn announced<'py>(&self, py: Python<'py>, shapes: &Shapes<'_, 'py>) -> PyResult<&(Py<PyTuple>, usize)> {
        self.announced.get_or_try_init(py, || {
            let (mut media, mut of_first) = (Vec::new(), 0);
            for (place, kept) in self.kept.iter().enumerate() {
                let (head, raw) = self.message(kept.row);
                let description = String::from_utf8_lossy(head.description(raw));
                for section in described::sections(&description) {
                    media.push(shapes.medium(self.seen(kept.row).catch.time, kept.from_caller, &section)?);
                }
                of_first = if place == 0 { media.len() } else { of_first };
            }
            Ok((PyTuple::new(py, media)?.unbind(), of_first))
        })
    }

    /// First looks at what was said; see `signs` in `_native.pyi`.
    fn signs_of(&self) -> Vec<&'static str> {
        let mut signs = Vec::new();
        let (mut asked, mut answered, mut accepted) = (Vec::new(), Vec::new(), Vec::new());
        for kept in &self.kept {
            let (head, raw) = self.message(kept.row);
            let catch = &self.seen(kept.row).catch;
            if kept.again.iter().any(|again| !again.is_copy) {
                signs.push("repeated");
            }
            let body = head.body.len();
            if body > 0 && catch.is_udp && head.content_length != Some(body) {
                signs.push("other-length");
            }
            let exchange = (kept.from_caller == head.is_request, head.method(raw), head.cseq);
            if !head.is_request {
                let dialog = (exchange, head.receiver_tag(raw));
                if head.status >= 200 {
                    answered.push(exchange);
                    signs.extend(final_sign(head, raw));
                    accepted.extend((head.status < 300).then_some(dialog));
                } else if head.status > 100 && accepted.contains(&dialog) {
                    signs.push("overtaken");
                }
                if is_without_audio(head, raw) {
                    signs.push("portless");
                }
                continue;
            }
            if head.method(raw) != b"ACK" {
                asked.push(exchange);
            }
            if catch.wire_bytes > LARGE_BYTES {
                signs.push("large");
            }
        }
        if asked.iter().any(|exchange| !answered.contains(exchange)) {
            signs.push("unanswered");
        }
        signs
    }
}

/// An answer that refuses an audio section: its port is 0 (RFC 3264 6).
fn is_without_audio(head: &Head, raw: &[u8]) -> bool {
    let is_answer = (200..300).contains(&head.status) && head.method(raw) == b"INVITE";
    is_answer && memchr::memmem::find(head.whole_body(raw), b"m=audio 0 ").is_some()
}

fn final_sign(head: &Head, raw: &[u8]) -> Option<&'static str> {
    match head.status {
        401 | 407 => Some("challenged"),
        300.. => Some("refused"),
        _ if head.method(raw) == b"INVITE" && head.has_session_timer => Some("timed"),
        _ => None,
    }
}

/// Equal for a message and its repetitions, as far as `is_same` says so.
fn key_of(raw: &[u8], head: &Head, from_caller: bool) -> u32 {
    let mut hasher = FxHasher::default();
    (head.is_request, head.status, head.cseq, from_caller, head.method(raw), head.branch(raw)).hash(&mut hasher);
    hasher.finish() as u32
}

/// Whether one message repeats the other. Provisional answers repeat only when they are equal byte for byte, and so
/// does what names no branch.
fn is_same(one: &Head, one_raw: &[u8], two: &Head, two_raw: &[u8]) -> bool {
    let is_alike = one.is_request == two.is_request
        && one.status == two.status
        && one.cseq == two.cseq
        && one.method(one_raw) == two.method(two_raw)
        && one.branch(one_raw) == two.branch(two_raw)
        && (one.is_request || one.receiver_tag(one_raw) == two.receiver_tag(two_raw));
    let must_be_equal = one.branch(one_raw).is_empty() || (!one.is_request && one.status < 200);
    is_alike && (!must_be_equal || one_raw == two_raw)
}

#[pymethods]
impl Hop {
    /// The hop that a message begins, for who calls `learn` with the others. Raises ValueError for what is no SIP.
    #[new]
    fn from_python(py: Python<'_>, seen: &SipSeen) -> PyResult<Hop> {
        let head = seen.head.as_ref().ok_or_else(|| pyo3::exceptions::PyValueError::new_err("not a SIP message"))?;
        let mut hop = Hop::new(py, seen, head);
        hop.conclude(seen.catch.time, &seen.raw, head, true);
        Ok(hop)
    }

    fn learn(&mut self, time: f64, raw: &[u8], from_caller: bool) {
        if let Some(head) = Head::of(raw) {
            self.conclude(time, raw, &head, from_caller);
        }
    }

    #[getter]
    fn caller(&self, py: Python<'_>) -> Py<PyAny> {
        self.caller_address.clone_ref(py)
    }

    #[getter]
    fn callee(&self, py: Python<'_>) -> Py<PyAny> {
        self.callee_address.clone_ref(py)
    }

    #[getter]
    fn call_id<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        text(py, &self.call_id)
    }

    #[getter(from_tag)]
    fn tag_of_caller<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        text(py, &self.from_tag)
    }

    #[getter]
    fn to_tag<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        let first = || self.to_tags.first().map_or(&b""[..], |tag| tag);
        text(py, if self.to_tag.is_empty() { first() } else { &self.to_tag })
    }

    #[getter]
    fn to_tags<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let tags: Vec<_> = self.to_tags.iter().map(|tag| text(py, tag)).collect::<PyResult<_>>()?;
        PyTuple::new(py, tags)
    }

    #[getter]
    fn reason<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        text(py, &self.reason)
    }

    #[getter]
    fn result(&self) -> &'static str {
        let status = self.status;
        if self.answered_at.is_some() || self.is_midway {
            return "answered";
        }
        if matches!(status, 486 | 600) {
            return "busy";
        }
        if self.cancelled_at.is_some() && (status < 300 || status == 487) {
            return "cancelled";
        }
        if matches!(status, 401 | 403 | 407 | 433 | 603 | 607 | 608) {
            return "rejected";
        }
        if status == 480 || (self.ringing_at.is_some() && matches!(status, 408 | 487)) {
            return "no-answer";
        }
        if status >= 300 {
            return "failed";
        }
        if self.ended_at.is_none() {
            return "ongoing";
        }
        match (self.ended_how, self.ringing_at) {
            ("bye", _) => "cancelled",
            (_, Some(_)) => "no-answer",
            (_, None) => "failed",
        }
    }

    /// What began the hop: its INVITE where it was seen.
    #[getter]
    fn first(&self, py: Python<'_>) -> Option<Py<SipSeen>> {
        self.kept.first().map(|kept| self.rows[kept.row as usize].seen.clone_ref(py))
    }

    #[getter]
    fn opening(&self, py: Python<'_>) -> PyResult<Py<Frame>> {
        let opening = self.opening.get_or_try_init(py, || {
            let raw = self.kept.first().map_or_else(|| Arc::from([]), |kept| self.seen(kept.row).raw.clone());
            Py::new(py, Frame::of(raw)?)
        })?;
        Ok(opening.clone_ref(py))
    }

    #[getter]
    fn is_one_sided(&self) -> bool {
        let first = self.kept.first().map(|kept| kept.from_caller);
        self.kept.iter().all(|kept| Some(kept.from_caller) == first)
    }

    fn messages<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        let these = |again: &[Again], is_copy: bool| {
            let these = again.iter().filter(|one| one.is_copy == is_copy);
            let seen: Vec<_> = these.map(|one| self.rows[one.row as usize].seen.clone_ref(py)).collect();
            PyTuple::new(py, seen)
        };
        for kept in &self.kept {
            let row = &self.rows[kept.row as usize];
            let (retransmitted, copies) = (these(&kept.again, false)?, these(&kept.again, true)?);
            list.append((row.seen.clone_ref(py), row.sent, kept.from_caller, retransmitted, copies))?;
        }
        Ok(list)
    }

    fn media<'py>(
        &self,
        py: Python<'py>,
        medium: &Bound<'py, PyType>,
        address: &Bound<'py, PyType>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let (media, _) = self.announced(py, &Shapes { medium, address })?;
        Ok(media.bind(py).clone())
    }

    fn offer<'py>(
        &self,
        py: Python<'py>,
        medium: &Bound<'py, PyType>,
        address: &Bound<'py, PyType>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let (media, of_first) = self.announced(py, &Shapes { medium, address })?;
        Ok(media.bind(py).get_slice(0, *of_first))
    }

    fn ways<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for kept in &self.kept {
            let (head, raw) = self.message(kept.row);
            let body = head.whole_body(raw);
            if memchr::memmem::find(body, b"a=ice-ufrag:").is_none() {
                continue;
            }
            let body = String::from_utf8_lossy(body);
            let ways = described::ways(&body);
            let candidates = ways.candidates.iter().map(|(host, port)| (host.to_string(), *port));
            let time = self.seen(kept.row).catch.time;
            list.append((time, kept.from_caller, ways.ufrags, candidates.collect::<Vec<_>>()))?;
        }
        Ok(list)
    }

    fn agent<'py>(&self, py: Python<'py>, from_caller: bool) -> PyResult<Bound<'py, PyString>> {
        let own = self.kept.iter().filter(|kept| kept.from_caller == from_caller).map(|kept| self.message(kept.row));
        let mut agents = own.map(|(head, raw)| head.agent(raw));
        text(py, agents.find(|agent| !agent.is_empty()).unwrap_or_default())
    }

    fn signs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.signs_of().into_iter().map(|sign| PyString::intern(py, sign)))
    }

    fn requests<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for kept in &self.kept {
            let (head, raw) = self.message(kept.row);
            if head.is_request {
                let seen = self.seen(kept.row);
                let branch = text(py, head.branch(raw))?.into_py_any(py)?;
                list.append((text(py, head.method(raw))?, branch, seen.src.clone_ref(py)))?;
            }
        }
        Ok(list)
    }
}
