//! The SIP messages of a capture or a feed by Call-ID, and who spoke when. Python's `CaptureLedger` makes calls of them.

use super::hop::Row;
use super::hops::Hops;
use super::seen::{Host, SipSeen};
use crate::sip::{text, with_bytes};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};
use rustc_hash::FxHashMap;

/// What was seen with one Call-ID.
struct Trace {
    /// Counts the Call-IDs, so that they can be told in the order in which they came.
    number: u64,
    rows: Vec<Py<SipSeen>>,
    touched: f64,
    /// A refusal, or a BYE, was the last that concerned the whole.
    has_ended: bool,
    has_bye: bool,
}

/// See `_native.pyi`.
#[pyclass(module = "talkpath._native")]
pub struct SipLedger {
    traces: FxHashMap<Box<[u8]>, Trace>,
    /// Call-IDs that were forgotten, and when: stragglers of theirs belong to no call any more.
    closed: FxHashMap<Box<[u8]>, f64>,
    heard: FxHashMap<Host, Vec<f64>>,
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
        let (traces, closed, heard) = Default::default();
        SipLedger { traces, closed, heard, max_messages, begun: 0, malformed: 0, left_out: 0, first: 0.0, last: 0.0 }
    }

    fn take<'py>(
        &mut self,
        py: Python<'py>,
        records: &Bound<'py, PyList>,
    ) -> PyResult<(Bound<'py, PyList>, Bound<'py, PyList>)> {
        let (outside, others) = (PyList::empty(py), PyList::empty(py));
        for record in records {
            match record.cast::<SipSeen>() {
                Ok(seen) if self.message(seen) => {}
                Ok(seen) => outside.append(seen)?,
                Err(_) => others.append(record)?,
            }
        }
        Ok((outside, others))
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
            let known = with_bytes(call_id, |call_id| self.traces.remove_entry(call_id))?;
            self.closed.extend(known.map(|(call_id, _)| (call_id, now)));
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
    fn message(&mut self, seen: &Bound<'_, SipSeen>) -> bool {
        let message = seen.get();
        let time = message.catch.time;
        self.note(&message.from.host, time);
        let Some(head) = &message.head else {
            self.malformed += 1;
            return true;
        };
        let raw = &message.raw;
        let call_id = head.call_id(raw);
        // Without it nobody can say what a message belongs to (RFC 3261 8.1.1).
        if call_id.is_empty() {
            self.malformed += 1;
            return true;
        }
        let (method, status) = (head.method(raw), head.status);
        if !self.traces.contains_key(call_id) {
            let is_first = method == b"INVITE" && (!head.is_request || head.receiver_tag(raw).is_empty());
            if !is_first && self.closed.contains_key(call_id) {
                return true;
            }
            if method != b"INVITE" {
                return false;
            }
            self.closed.remove(call_id);
            let trace =
                Trace { number: self.begun, rows: Vec::new(), touched: time, has_ended: false, has_bye: false };
            self.traces.insert(call_id.into(), trace);
            self.begun += 1;
        }
        let Some(trace) = self.traces.get_mut(call_id) else { return false };
        trace.touched = time;
        trace.has_bye |= method == b"BYE";
        if trace.has_bye || status >= 300 {
            trace.has_ended = true;
        } else if method == b"INVITE" {
            trace.has_ended = false;
        }
        if trace.rows.len() < self.max_messages {
            trace.rows.push(seen.clone().unbind());
        } else {
            self.left_out += 1;
        }
        true
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

/// The calls that Call-IDs were used for, each as its hops.
fn folded<'py>(py: Python<'py>, traces: &[&Trace], horizon: f64) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for trace in traces {
        let mut calls = apart(py, trace);
        if let Some(last) = calls.last_mut() {
            last.time_out(horizon);
        }
        for hops in calls {
            list.append(hops.into_list(py)?)?;
        }
    }
    Ok(list)
}

/// The calls that one Call-ID was used for, one after another.
fn apart(py: Python<'_>, trace: &Trace) -> Vec<Hops> {
    let mut rows: Vec<_> = trace.rows.iter().collect();
    rows.sort_by(|a, b| a.get().catch.time.total_cmp(&b.get().catch.time));
    let mut found = vec![Hops::default()];
    for row in rows {
        let seen = row.get();
        let Some(head) = &seen.head else { continue };
        if found.last().is_some_and(|hops| hops.starts_another(seen, head)) {
            found.push(Hops::default());
        }
        if let Some(hops) = found.last_mut() {
            hops.take(py, Row { seen: row.clone_ref(py), sent: None });
        }
    }
    found
}
