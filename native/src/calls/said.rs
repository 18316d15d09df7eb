//! What was said on one hop: its messages with their repetitions, and first looks at them.

use super::described::{self, Shapes};
use super::head::Head;
use super::seen::SipSeen;
use crate::sip::Frame;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyList, PyTuple};
use rustc_hash::FxHasher;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};

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

/// What a first look shows, as bits; the names are those of `signs` in `_native.pyi`.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
pub struct Signs(u16);

const NAMES: [&str; 9] =
    ["repeated", "other-length", "large", "unanswered", "challenged", "refused", "timed", "overtaken", "portless"];

impl Signs {
    const REPEATED: Signs = Signs(1);
    const OTHER_LENGTH: Signs = Signs(2);
    const LARGE: Signs = Signs(4);
    const UNANSWERED: Signs = Signs(8);
    const CHALLENGED: Signs = Signs(16);
    const REFUSED: Signs = Signs(32);
    const TIMED: Signs = Signs(64);
    const OVERTAKEN: Signs = Signs(128);
    const PORTLESS: Signs = Signs(256);

    fn set(&mut self, other: Signs) {
        self.0 |= other.0;
    }

    pub fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES.iter().enumerate().filter(move |(bit, _)| self.0 >> bit & 1 == 1).map(|(_, name)| *name)
    }
}

pub struct Said {
    rows: Vec<Row>,
    kept: Vec<Kept>,
    /// What was announced, once somebody asked: Python's `Medium`s, and how many of them are of the first message.
    announced: PyOnceLock<(Py<PyTuple>, usize)>,
    opening: PyOnceLock<Py<Frame>>,
}

impl Default for Said {
    fn default() -> Said {
        Said { rows: Vec::new(), kept: Vec::new(), announced: PyOnceLock::new(), opening: PyOnceLock::new() }
    }
}

impl Said {
    /// Keeps the next message; whether it says something new.
    pub fn take(&mut self, row: Row, seen: &SipSeen, head: &Head, from_caller: bool) -> bool {
        let key = key_of(&seen.raw, head, from_caller);
        let place = self.rows.len() as u32;
        self.rows.push(row);
        match self.repeated(key, seen, head, from_caller) {
            Some(at) => {
                let first = self.seen(self.kept[at].row);
                let is_copy = seen.catch.is_copy || (&seen.from, &seen.to) != (&first.from, &first.to);
                self.kept[at].again.push(Again { row: place, is_copy });
                false
            }
            None => {
                self.kept.push(Kept { row: place, key, from_caller, again: Vec::new() });
                true
            }
        }
    }

    /// Whether these very bytes were said before.
    pub fn has(&self, raw: &[u8]) -> bool {
        self.kept.iter().any(|kept| *self.seen(kept.row).raw == *raw)
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

    pub fn first(&self) -> Option<&Py<SipSeen>> {
        self.kept.first().map(|kept| &self.rows[kept.row as usize].seen)
    }

    pub fn opening(&self, py: Python<'_>) -> PyResult<Py<Frame>> {
        let opening = self.opening.get_or_try_init(py, || {
            let raw = self.first().map_or_else(|| Arc::from([]), |first| first.get().raw.clone());
            Py::new(py, Frame::of(raw)?)
        })?;
        Ok(opening.clone_ref(py))
    }

    pub fn is_one_sided(&self) -> bool {
        let first = self.kept.first().map(|kept| kept.from_caller);
        self.kept.iter().all(|kept| Some(kept.from_caller) == first)
    }

    /// What one side calls itself, empty where it does not say.
    pub fn agent(&self, from_caller: bool) -> &[u8] {
        let own = self.kept.iter().filter(|kept| kept.from_caller == from_caller).map(|kept| self.message(kept.row));
        let mut agents = own.map(|(head, raw)| head.agent(raw));
        agents.find(|agent| !agent.is_empty()).unwrap_or_default()
    }

    pub fn requests(&self) -> impl Iterator<Item = (u64, &SipSeen)> {
        let kept = self.kept.iter().map(|kept| (self.message(kept.row), self.seen(kept.row)));
        kept.filter(|((head, _), _)| head.is_request).map(|((head, raw), seen)| {
            let mut hasher = FxHasher::default();
            (head.method(raw), head.branch(raw)).hash(&mut hasher);
            (hasher.finish(), seen)
        })
    }

    /// As `messages` in `_native.pyi`.
    pub fn messages<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
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

    /// Every m= section that either side announced, and how many of them the first message announced.
    pub fn announced<'py>(&self, py: Python<'py>, shapes: &Shapes<'_, 'py>) -> PyResult<&(Py<PyTuple>, usize)> {
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

    /// As `ways` in `_native.pyi`.
    pub fn ways<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
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

    /// First looks at what was said.
    pub fn signs(&self) -> Signs {
        let mut signs = Signs::default();
        let (mut asked, mut answered, mut accepted) = (Vec::new(), Vec::new(), Vec::new());
        for kept in &self.kept {
            let (head, raw) = self.message(kept.row);
            let catch = &self.seen(kept.row).catch;
            if kept.again.iter().any(|again| !again.is_copy) {
                signs.set(Signs::REPEATED);
            }
            let body = head.body.len();
            if body > 0 && catch.is_udp && head.content_length != Some(body) {
                signs.set(Signs::OTHER_LENGTH);
            }
            let exchange = (kept.from_caller == head.is_request, head.method(raw), head.cseq);
            if !head.is_request {
                let dialog = (exchange, head.receiver_tag(raw));
                if head.status >= 200 {
                    answered.push(exchange);
                    signs.set(final_sign(head, raw));
                    accepted.extend((head.status < 300).then_some(dialog));
                } else if head.status > 100 && accepted.contains(&dialog) {
                    signs.set(Signs::OVERTAKEN);
                }
                if is_without_audio(head, raw) {
                    signs.set(Signs::PORTLESS);
                }
                continue;
            }
            if head.method(raw) != b"ACK" {
                asked.push(exchange);
            }
            if catch.wire_bytes > LARGE_BYTES {
                signs.set(Signs::LARGE);
            }
        }
        if asked.iter().any(|exchange| !answered.contains(exchange)) {
            signs.set(Signs::UNANSWERED);
        }
        signs
    }
}

/// An answer that refuses an audio section: its port is 0 (RFC 3264 6).
fn is_without_audio(head: &Head, raw: &[u8]) -> bool {
    let is_answer = (200..300).contains(&head.status) && head.method(raw) == b"INVITE";
    is_answer && memchr::memmem::find(head.whole_body(raw), b"m=audio 0 ").is_some()
}

fn final_sign(head: &Head, raw: &[u8]) -> Signs {
    match head.status {
        401 | 407 => Signs::CHALLENGED,
        300.. => Signs::REFUSED,
        _ if head.method(raw) == b"INVITE" && head.has_session_timer => Signs::TIMED,
        _ => Signs::default(),
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
