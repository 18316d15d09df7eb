//! One hop of a call: folds the messages between two addresses. Repetitions are told apart from news by what a
//! transaction keeps (RFC 3261 17.1.3, 17.2.3): branch, CSeq, status and tag. Which message belongs to which hop is
//! decided in `hops.rs`.

mod asked;

use super::head::Head;
use super::said::{Row, Said};
use super::seen::{Place, SipSeen};
use super::shelf::{Sheaf, Shelved};
use pyo3::prelude::*;
use std::sync::Arc;

/// Refusals that ask the caller to try again (RFC 3261 22.2 and 8.1.3.4, RFC 4028 6): the call is not over.
const RETRIED: [u16; 18] = [300, 301, 302, 305, 401, 407, 413, 415, 416, 420, 421, 422, 428, 436, 437, 438, 491, 494];
/// Timer B, and Timer C with its three minutes (RFC 3261 17.1.1.2, 16.6 step 11).
const UNANSWERED_S: f64 = 32.0;
const RINGING_S: f64 = 180.0;
/// How a hop ended of which nothing more was heard.
const TIMEOUT: &str = "timeout";
/// What was said on a hop: in full, or packed.
pub enum Words {
    Here(Said),
    Shelved(Shelved),
}

/// One hop of a call; see `_native.pyi`.
#[pyclass(module = "talkpath._native")]
pub struct Hop {
    pub words: Words,
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
            words: Words::Here(Said::default()),
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
        let Words::Here(said) = &mut self.words else { return };
        if said.take(row, seen, head, from_caller) {
            self.conclude(seen.catch.time, &seen.raw, head, from_caller);
        }
    }

    /// What the message means for the state of the hop. A repetition changes nothing.
    pub fn conclude(&mut self, time: f64, raw: &[u8], head: &Head, from_caller: bool) {
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
        matches!(&self.words, Words::Here(said) if said.has(raw))
    }

    /// Concludes from silence: nothing came though what was seen went on until `horizon`. What was concluded before
    /// from an earlier silence is forgotten.
    pub fn time_out(&mut self, horizon: f64) {
        if self.ended_how == TIMEOUT {
            (self.ended_at, self.ended_by, self.ended_how) = (None, "", "");
        }
        if self.ended_at.is_some() || self.answered_at.is_some() || self.is_midway {
            return;
        }
        let patience = if self.status == 0 { UNANSWERED_S } else { RINGING_S };
        if horizon - self.last > patience {
            (self.ended_at, self.ended_by, self.ended_how) = (Some(self.last), "", TIMEOUT);
        }
    }

    /// Lets go of the messages, which are packed there: those of one hop of a use of the Call-ID.
    pub fn shelve(&mut self, py: Python<'_>, sheaf: &Arc<Sheaf>, at: (usize, usize)) {
        if let Words::Here(said) = &self.words {
            self.words = Words::Shelved(Shelved::new(py, sheaf, at, said));
        }
        self.to_tags.shrink_to_fit();
    }

    pub fn into_said(self) -> Said {
        match self.words {
            Words::Here(said) => said,
            Words::Shelved(_) => Said::default(),
        }
    }
}
