//! The SIP messages of a capture or a feed by Call-ID, and who spoke when. Python's `CaptureLedger` makes calls of them.

use super::hop::Hop;
use super::hops::{apart, said_apart};
use super::seen::{Host, SipSeen};
use super::shelf::{Sheaf, Shelf};
use crate::sip::{text, with_bytes};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::sync::Arc;

/// Messages that lie unpacked (about a KiB each); beyond, calls that are over are packed.
const UNPACKED: usize = 16_384;
/// A call of which nothing came for so long after its end is over: no transaction lives longer (RFC 3261 17.1.1.2).
const OVER_S: f64 = 32.0;
/// One that did not end is set aside after so long (Timer C); should it go on, it is unpacked.
const SILENT_S: f64 = 200.0;

/// What was seen with one Call-ID.
struct Trace {
    /// Counts the Call-IDs, so that they can be told in the order in which they came.
    number: u64,
    rows: Vec<Py<SipSeen>>,
    packed: Option<Packed>,
    touched: f64,
    /// A refusal, or a BYE, was the last that concerned the whole.
    has_ended: bool,
    has_bye: bool,
}

/// A call that is over: its hops for each use of the Call-ID, and their messages. There are no rows then.
struct Packed {
    calls: Vec<Vec<(Py<Hop>, Option<usize>)>>,
    sheaf: Arc<Sheaf>,
}

/// See `_native.pyi`.
#[pyclass(module = "talkpath._native")]
pub struct SipLedger {
    traces: FxHashMap<Arc<[u8]>, Trace>,
    /// Call-IDs that were forgotten, and when: stragglers of theirs belong to no call any more.
    closed: FxHashMap<Arc<[u8]>, f64>,
    heard: FxHashMap<Host, Vec<f64>>,
    shelf: Arc<Shelf>,
    /// When to look at which Call-ID, whether it can be packed.
    due: VecDeque<(f64, Arc<[u8]>)>,
    unpacked: usize,
    max_messages: usize,
    begun: u64,
    #[pyo3(get)]
    malformed: u64,
    #[pyo3(get)]
    left_out: u64,
    #[pyo3(get)]
    first: f64,
    #[pyo3(get)]
    last: f64,
}

#[pymethods]
impl SipLedger {
    #[new]
    fn new(max_messages: usize) -> SipLedger {
        let (traces, closed, heard, due) = Default::default();
        let shelf = Arc::new(Shelf::new(said_apart));
        let (begun, malformed, left_out, first, last) = Default::default();
        SipLedger {
            traces,
            closed,
            heard,
            shelf,
            due,
            unpacked: 0,
            max_messages,
            begun,
            malformed,
            left_out,
            first,
            last,
        }
    }

    fn take<'py>(
        &mut self,
        py: Python<'py>,
        records: &Bound<'py, PyList>,
    ) -> PyResult<(Bound<'py, PyList>, Bound<'py, PyList>)> {
        let (outside, others) = (PyList::empty(py), PyList::empty(py));
        for record in records {
            match record.cast::<SipSeen>() {
                Ok(seen) if self.message(py, seen)? => {}
                Ok(seen) => outside.append(seen)?,
                Err(_) => others.append(record)?,
            }
        }
        self.pack_what_is_over(py)?;
        Ok((outside, others))
    }

    fn pack(&mut self, py: Python<'_>) -> PyResult<()> {
        if self.unpacked > UNPACKED {
            for trace in self.traces.values_mut() {
                self.unpacked -= trace.pack(py, &self.shelf)?;
            }
            self.due.clear();
        }
        Ok(())
    }

    #[pyo3(signature = (horizon, only = None))]
    fn calls<'py>(
        &self,
        py: Python<'py>,
        horizon: f64,
        only: Option<Vec<Bound<'py, PyAny>>>,
    ) -> PyResult<Bound<'py, PyList>> {
        let mut traces: Vec<_> = match only {
            None => self.traces.values().collect(),
            Some(names) => {
                let known = names.iter().map(|name| with_bytes(name, |name| self.traces.get(name)));
                known.collect::<PyResult<Vec<_>>>()?.into_iter().flatten().collect()
            }
        };
        traces.sort_by_key(|trace| trace.number);
        folded(py, &traces, horizon)
    }

    fn ended<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for (call_id, trace) in self.traces.iter().filter(|(_, trace)| trace.has_ended) {
            list.append((text(py, call_id)?, trace.touched))?;
        }
        Ok(list)
    }

    fn silent<'py>(&self, py: Python<'py>, before: f64) -> PyResult<Vec<Bound<'py, PyString>>> {
        let silent = self.traces.iter().filter(|(_, trace)| trace.touched < before);
        silent.map(|(call_id, _)| text(py, call_id)).collect()
    }

    fn forget(&mut self, call_ids: Vec<Bound<'_, PyAny>>, now: f64) -> PyResult<()> {
        for call_id in &call_ids {
            if let Some((call_id, trace)) = with_bytes(call_id, |call_id| self.traces.remove_entry(call_id))? {
                self.unpacked -= trace.rows.len();
                self.closed.insert(call_id, now);
            }
        }
        Ok(())
    }

    fn forget_before(&mut self, time: f64) {
        self.closed.retain(|_, closed_at| *closed_at >= time);
        self.heard.retain(|_, times| {
            times.drain(..times.partition_point(|heard| *heard < time));
            !times.is_empty()
        });
    }

    fn __len__(&self) -> usize {
        self.traces.len()
    }

    fn spoke(&self, host: &str, start: f64, end: f64) -> usize {
        let times = self.heard.get(&Host::of(host)).map_or(&[][..], |times| times);
        let before = |limit: f64| times.partition_point(|time| *time < limit);
        before(end).saturating_sub(before(start))
    }

    fn has_heard(&self, host: &str) -> bool {
        self.heard.contains_key(&Host::of(host))
    }
}

impl SipLedger {
    /// Keeps a message of a call; whether it is none of our business any more (kept, or no message at all).
    fn message(&mut self, py: Python<'_>, seen: &Bound<'_, SipSeen>) -> PyResult<bool> {
        let message = seen.get();
        let time = message.catch.time;
        self.note(&message.from.host, time);
        let Some(head) = &message.head else {
            self.malformed += 1;
            return Ok(true);
        };
        let raw = &message.raw;
        let call_id = head.call_id(raw);
        // Without it nobody can say what a message belongs to (RFC 3261 8.1.1).
        if call_id.is_empty() {
            self.malformed += 1;
            return Ok(true);
        }
        let (method, status) = (head.method(raw), head.status);
        if !self.traces.contains_key(call_id) {
            let is_first = method == b"INVITE" && (!head.is_request || head.receiver_tag(raw).is_empty());
            if !is_first && self.closed.contains_key(call_id) {
                return Ok(true);
            }
            if method != b"INVITE" {
                return Ok(false);
            }
            self.closed.remove(call_id);
            let (number, name) = (self.begun, Arc::<[u8]>::from(call_id));
            let trace =
                Trace { number, rows: Vec::new(), packed: None, touched: time, has_ended: false, has_bye: false };
            self.due.push_back((time + OVER_S, name.clone()));
            self.traces.insert(name, trace);
            self.begun += 1;
        }
        let Some(trace) = self.traces.get_mut(call_id) else { return Ok(false) };
        trace.touched = time;
        trace.has_bye |= method == b"BYE";
        if trace.has_bye || status >= 300 {
            trace.has_ended = true;
        } else if method == b"INVITE" {
            trace.has_ended = false;
        }
        if let Some(packed) = trace.packed.take() {
            trace.rows = packed.sheaf.rows(py)?;
            self.unpacked += trace.rows.len();
            self.due.push_back((self.last + OVER_S, call_id.into()));
        }
        if trace.rows.len() < self.max_messages {
            trace.rows.push(seen.clone().unbind());
            self.unpacked += 1;
        } else {
            self.left_out += 1;
        }
        Ok(true)
    }

    /// Packs the calls that were over first, as long as too much lies unpacked.
    fn pack_what_is_over(&mut self, py: Python<'_>) -> PyResult<()> {
        while self.unpacked > UNPACKED {
            let Some((_, name)) = self.due.pop_front_if(|(due, _)| *due <= self.last) else { return Ok(()) };
            let Some(trace) = self.traces.get_mut(&name).filter(|trace| trace.packed.is_none()) else { continue };
            let patience = if trace.has_ended { OVER_S } else { SILENT_S };
            if self.last - trace.touched < patience {
                self.due.push_back((self.last + OVER_S, name));
            } else {
                self.unpacked -= trace.pack(py, &self.shelf)?;
            }
        }
        Ok(())
    }

    fn note(&mut self, host: &Host, time: f64) {
        if self.first == 0.0 {
            self.first = time;
        }
        self.last = self.last.max(time);
        match self.heard.get_mut(host) {
            Some(times) => times.push(time),
            None => drop(self.heard.insert(host.clone(), vec![time])),
        }
    }
}

impl Trace {
    /// Folds and packs the messages. Gives how many there were.
    fn pack(&mut self, py: Python<'_>, shelf: &Arc<Shelf>) -> PyResult<usize> {
        let rows = std::mem::take(&mut self.rows);
        if rows.is_empty() {
            return Ok(0);
        }
        let rows = in_order(py, &rows);
        let sheaf = Arc::new(Sheaf::new(py, shelf, &rows));
        let mut calls = Vec::new();
        for (number, hops) in apart(py, &rows).into_iter().enumerate() {
            let mut call = Vec::with_capacity(1);
            for (place, (mut hop, parent)) in hops.placed().enumerate() {
                hop.shelve(py, &sheaf, (number, place));
                call.push((Py::new(py, hop)?, parent));
            }
            calls.push(call);
        }
        calls.shrink_to_fit();
        self.packed = Some(Packed { calls, sheaf });
        Ok(rows.len())
    }
}

/// By time, and those of one time as they came.
fn in_order(py: Python<'_>, rows: &[Py<SipSeen>]) -> Vec<Py<SipSeen>> {
    let mut rows: Vec<_> = rows.iter().map(|row| row.clone_ref(py)).collect();
    rows.sort_by(|a, b| a.get().catch.time.total_cmp(&b.get().catch.time));
    rows
}

/// The calls that Call-IDs were used for, each as its hops.
fn folded<'py>(py: Python<'py>, traces: &[&Trace], horizon: f64) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for trace in traces {
        if let Some(packed) = &trace.packed {
            for (hop, _) in packed.calls.last().into_iter().flatten() {
                hop.borrow_mut(py).time_out(horizon);
            }
            for call in &packed.calls {
                list.append(PyList::new(py, call.iter().map(|(hop, parent)| (hop, parent)))?)?;
            }
            continue;
        }
        let mut calls = apart(py, &in_order(py, &trace.rows));
        if let Some(last) = calls.last_mut() {
            last.time_out(horizon);
        }
        for hops in calls {
            list.append(hops.into_list(py)?)?;
        }
    }
    Ok(list)
}
