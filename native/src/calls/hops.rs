//! Which message belongs to which hop: the hops of the call that uses one Call-ID.

use super::head::Head;
use super::hop::Hop;
use super::said::{Row, Said};
use super::seen::{Place, SipSeen};
use pyo3::prelude::*;
use pyo3::types::PyList;
use rustc_hash::FxHashMap;

type Branch = Box<[u8]>;

/// Takes messages in the order of time.
#[derive(Default)]
pub struct Hops {
    hops: Vec<Hop>,
    by_branch: FxHashMap<Branch, usize>,
    /// The branches of all Vias of the message that began each hop, the top one first.
    vias: Vec<Vec<Branch>>,
}

/// Hops in the order of their INVITEs, each with the place of the one it was made from (None for the first). The rows
/// are (message, whether we sent it or None); what is no SIP message is passed over.
#[pyfunction]
pub fn fold<'py>(py: Python<'py>, rows: Vec<(Py<SipSeen>, Option<bool>)>) -> PyResult<Bound<'py, PyList>> {
    let mut hops = Hops::default();
    for (seen, sent) in rows {
        hops.take(py, Row { seen, sent });
    }
    hops.into_list(py)
}

impl Hops {
    /// The next message, in the order of time.
    pub fn take(&mut self, py: Python<'_>, row: Row) {
        let seen = row.seen.clone_ref(py);
        let seen = seen.get();
        let Some(head) = &seen.head else { return };
        let raw = &seen.raw;
        let branch = head.branch(raw);
        let at = self.hop_for(seen, head).or_else(|| self.moved_attempt(py, seen, head)).unwrap_or_else(|| {
            self.hops.push(Hop::new(py, seen, head));
            self.vias.push(head.branches(raw));
            self.hops.len() - 1
        });
        if !branch.is_empty() && is_invite(head, raw) && !self.by_branch.contains_key(branch) {
            self.by_branch.insert(branch.into(), at);
        }
        self.hops[at].take(py, row);
    }

    /// Whether this message, after what came before, begins another call with the Call-ID used again.
    pub fn starts_another(&self, seen: &SipSeen, head: &Head) -> bool {
        let raw = &seen.raw;
        let Some(first) = self.hops.first().filter(|hop| hop.is_over()) else { return false };
        if !is_invite(head, raw)
            || !head.receiver_tag(raw).is_empty()
            || self.by_branch.contains_key(head.branch(raw))
        {
            return false;
        }
        *head.sender_tag(raw) != *first.from_tag || head.cseq > first.attempt || first.ended_how == "bye"
    }

    /// Concludes from silence.
    pub fn time_out(&mut self, horizon: f64) {
        self.hops.iter_mut().for_each(|hop| hop.time_out(horizon));
    }

    /// Each hop with the place of the one it was made from.
    pub fn placed(self) -> impl ExactSizeIterator<Item = (Hop, Option<usize>)> {
        let parents: Vec<_> = (0..self.hops.len()).map(|index| self.parent_of(index)).collect();
        self.hops.into_iter().zip(parents)
    }

    /// As `fold` gives it.
    pub fn into_list(self, py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
        PyList::new(py, self.placed())
    }

    /// What was said on each hop.
    fn into_said(self) -> Vec<Said> {
        self.hops.into_iter().map(Hop::into_said).collect()
    }

    fn hop_for(&self, seen: &SipSeen, head: &Head) -> Option<usize> {
        let raw = &seen.raw;
        if let Some(&known) = self.by_branch.get(head.branch(raw)) {
            if self.fits(known, seen, head) {
                return Some(known);
            }
        }
        if is_invite(head, raw) && head.receiver_tag(raw).is_empty() {
            return self.next_attempt(seen, head, raw);
        }
        (!self.hops.is_empty()).then(|| self.by_ends(seen, head, raw))
    }

    /// The branch names the hop, unless a hop was copied from another without a new branch.
    fn fits(&self, at: usize, seen: &SipSeen, head: &Head) -> bool {
        let (hop, raw) = (&self.hops[at], &seen.raw);
        let there = (&seen.from, &seen.to) == (&hop.caller, &hop.callee);
        let back = (&seen.to, &seen.from) == (&hop.caller, &hop.callee);
        there || back || !is_invite(head, raw) || hop.has_said(raw)
    }

    /// The hop on which the caller tries again (with credentials); a fork to the same address is another hop.
    fn next_attempt(&self, seen: &SipSeen, head: &Head, raw: &[u8]) -> Option<usize> {
        let at = self.hops.iter().rposition(|hop| {
            (&seen.from, &seen.to) == (&hop.caller, &hop.callee) && *head.sender_tag(raw) == *hop.from_tag
        })?;
        let hop = &self.hops[at];
        (head.cseq != hop.attempt || !hop.has_invite).then_some(at)
    }

    /// The same over another transport: with credentials an INVITE is often too large for UDP (RFC 3261 18.1.1).
    fn moved_attempt(&mut self, py: Python<'_>, seen: &SipSeen, head: &Head) -> Option<usize> {
        let raw = &seen.raw;
        let depth = head.branches(raw).len();
        let at = (0..self.hops.len()).rev().find(|&at| {
            let hop = &self.hops[at];
            let hosts = (&hop.caller.host, &hop.callee.host) == (&seen.from.host, &seen.to.host);
            let is_next = *head.sender_tag(raw) == *hop.from_tag && head.cseq > hop.attempt;
            hop.is_to_be_retried() && hosts && is_next && self.vias[at].len() == depth
        })?;
        self.hops[at].moves(py, seen);
        Some(at)
    }

    /// The hop between these addresses; else between these hosts (a new connection); else one that ends here.
    fn by_ends(&self, seen: &SipSeen, head: &Head, raw: &[u8]) -> usize {
        let likeness: Vec<_> = self.hops.iter().map(|hop| likeness(hop, seen, head, raw)).collect();
        let best = likeness.iter().max().copied().unwrap_or(0);
        let likely: Vec<_> = (0..self.hops.len()).filter(|&at| likeness[at] == best).collect();
        self.by_tags(&likely, head, raw)
    }

    /// Of several hops the one whose dialog the message names; else the one that was answered last.
    fn by_tags(&self, likely: &[usize], head: &Head, raw: &[u8]) -> usize {
        let tags = [head.sender_tag(raw), head.receiver_tag(raw)];
        let names =
            |hop: &Hop| tags.contains(&&*hop.from_tag) && hop.to_tags.iter().any(|tag| tags.contains(&&**tag));
        let last = |test: &dyn Fn(&Hop) -> bool| likely.iter().rev().copied().find(|&at| test(&self.hops[at]));
        match likely {
            [only] => *only,
            _ => last(&names)
                .or_else(|| last(&|hop| hop.answered_at.is_some()))
                .or(likely.last().copied())
                .unwrap_or(0),
        }
    }

    /// The hop whose INVITE the middle box passed on: by the Vias below its own, else by the addresses.
    fn parent_of(&self, index: usize) -> Option<usize> {
        if index == 0 {
            return None;
        }
        for branch in self.vias[index].iter().skip(1) {
            let named = |other: &usize| *other != index && self.vias[*other].first() == Some(branch);
            if let Some(other) = (0..self.hops.len()).find(named) {
                return Some(other);
            }
        }
        let sender = &self.hops[index].caller;
        let earlier = &self.hops[..index];
        let at_address = earlier.iter().position(|hop| hop.callee == *sender);
        at_address.or_else(|| earlier.iter().position(|hop| hop.callee.host == sender.host)).or(Some(0))
    }
}

/// How well a message's addresses fit a hop. A request past a proxy belongs to the hop of its sender, and so does its
/// response: both are weighed from the side of the one who asks. Where two hops lie between the same addresses (both
/// phones are one host) the way tells them apart: what the caller asks goes from a hop's caller to its callee.
fn likeness(hop: &Hop, seen: &SipSeen, head: &Head, raw: &[u8]) -> u8 {
    let (from, to) = if head.is_request { (&seen.from, &seen.to) } else { (&seen.to, &seen.from) };
    let is_end = |place: &Place| *place == hop.caller || *place == hop.callee;
    let (a, b) = (&hop.caller.host, &hop.callee.host);
    let same_hosts = (a, b) == (&from.host, &to.host) || (a, b) == (&to.host, &from.host);
    let way = if *head.sender_tag(raw) == *hop.from_tag { (from, to) } else { (to, from) };
    let is_on_its_way = way == (&hop.caller, &hop.callee);
    3 * u8::from(is_end(from)) + 2 * u8::from(is_end(to)) + 2 * u8::from(same_hosts) + u8::from(is_on_its_way)
}

fn is_invite(head: &Head, raw: &[u8]) -> bool {
    head.is_request && head.method(raw) == b"INVITE"
}

/// The calls that one Call-ID was used for, one after another; its messages in the order of time.
pub fn apart(py: Python<'_>, rows: &[Py<SipSeen>]) -> Vec<Hops> {
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

/// What was said on each hop of each of them.
pub fn said_apart(py: Python<'_>, rows: &[Py<SipSeen>]) -> Vec<Vec<Said>> {
    apart(py, rows).into_iter().map(Hops::into_said).collect()
}
