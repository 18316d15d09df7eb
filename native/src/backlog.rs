//! What waits for Python when more comes than it can take, and in which order it gets there (docs/decisions/overload.md).
//!
//! Left in the kernel, messages of running calls wait behind new ones until the buffer overflows and any of them are lost;
//! then all are repeated. Here what belongs to something that runs goes first, new calls and other new requests take turns
//! behind it, and a new call that has waited for too long is refused at once instead of late: nothing was done for it yet.
//! A call that brings credentials has cost a challenge already, and is waited for longer. Time is an argument.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hasher};

use crate::sip::{Index, MAX_HEADERS};

/// How long a new call waits at most: in a burst, less than after which its caller repeats it (RFC 3261 17.1.1.1, T1 is half
/// a second), and where one burst follows another, so that everybody hears within a fifth of a second.
const BURST_S: f64 = 0.4;
const STANDING_S: f64 = 0.1;
/// One that brings credentials.
const PROVEN_S: f64 = 0.2;
/// Other requests are dropped then: who sent one repeats it, and the more seldom the longer.
const OTHERS_S: f64 = 0.4;
/// Bursts that follow each other within this time are one.
const CALM_S: f64 = 1.0;
/// What waits at most, in messages and in bytes; the rest stays in the kernel, which drops what does not fit.
const MOST: usize = 8_192;
const MOST_BYTES: usize = 16_777_216;
/// Calls of which it is remembered what became of them, 12 bytes each: those of half a minute of two thousand a second.
const REMEMBERED: usize = 65_536;
/// Of a message, what tells it from others.
const HASHED: usize = 1_024;

/// The tag of our refusals. An ACK that bears it is for nobody.
pub const TAG: &str = "0";

/// What a message is to us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// It belongs to something that runs, or costs nothing.
    Urgent,
    Call {
        is_proven: bool,
    },
    /// What begins something else: registrations above all.
    Other,
    /// An acknowledgement of our own refusal.
    Spent,
}

/// What became of a new call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Taken,
    Refused,
}

/// A message that waits, and the way it came.
pub struct Waiting<W> {
    pub data: Vec<u8>,
    pub way: W,
    since: f64,
    is_proven: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Counts {
    /// New calls that were to be answered 503.
    pub refused: u64,
    /// Other requests that waited for too long.
    pub dropped: u64,
}

/// See the module's text.
pub struct Backlog<W> {
    urgent: VecDeque<Waiting<W>>,
    calls: VecDeque<Waiting<W>>,
    others: VecDeque<Waiting<W>>,
    /// Refused, and not answered yet, or once more because the answer was lost.
    again: VecDeque<Waiting<W>>,
    bytes: usize,
    /// When the burst began, and when something waited last.
    busy_since: f64,
    busy_until: f64,
    is_others_turn: bool,
    fates: Fates,
    counts: Counts,
}

impl<W> Default for Backlog<W> {
    fn default() -> Self {
        Backlog {
            urgent: VecDeque::new(),
            calls: VecDeque::new(),
            others: VecDeque::new(),
            again: VecDeque::new(),
            bytes: 0,
            busy_since: f64::NEG_INFINITY,
            busy_until: f64::NEG_INFINITY,
            is_others_turn: false,
            fates: Fates::default(),
            counts: Counts::default(),
        }
    }
}

impl<W> Backlog<W> {
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn len(&self) -> usize {
        self.urgent.len() + self.calls.len() + self.others.len() + self.again.len()
    }

    pub fn has_room(&self) -> bool {
        self.len() < MOST && self.bytes < MOST_BYTES
    }

    /// Whether new calls are refused rather than waited for: more than one burst came.
    pub fn is_standing(&self, now: f64) -> bool {
        now - self.busy_until <= CALM_S && now - self.busy_since >= BURST_S
    }

    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// A new call goes to Python without having waited: when it is repeated, it is no new one.
    pub fn passed(&mut self, data: &[u8]) {
        if data.starts_with(b"INVITE ") {
            self.fates.note(data, Fate::Taken);
        }
    }

    /// Let a message wait that came just now.
    pub fn put(&mut self, data: &[u8], way: W, now: f64) {
        let mut kind = kind_of(data);
        let mut is_again = false;
        if let Kind::Call { .. } = kind {
            match self.fates.of(data) {
                Some(Fate::Taken) => kind = Kind::Urgent,
                Some(Fate::Refused) => is_again = true,
                None => {}
            }
        }
        if now - self.busy_until > CALM_S {
            self.busy_since = now;
        }
        self.busy_until = now;
        let is_proven = kind == Kind::Call { is_proven: true };
        let queue = match kind {
            Kind::Spent => return,
            Kind::Urgent => &mut self.urgent,
            Kind::Call { .. } if is_again => &mut self.again,
            Kind::Call { .. } => &mut self.calls,
            Kind::Other => &mut self.others,
        };
        self.bytes += data.len();
        queue.push_back(Waiting { data: data.to_vec(), way, since: now, is_proven });
    }

    /// A new call that is to be refused now.
    pub fn refused(&mut self, now: f64) -> Option<Waiting<W>> {
        while let Some(late) = self.too_late(now) {
            match self.fates.of(&late.data) {
                // It was repeated while the first of it waited here, too.
                Some(Fate::Taken) => self.urgent.push_back(late),
                Some(Fate::Refused) => self.again.push_back(late),
                None => {
                    self.fates.note(&late.data, Fate::Refused);
                    self.counts.refused += 1;
                    self.again.push_back(late);
                }
            }
        }
        let refused = self.again.pop_front()?;
        self.bytes -= refused.data.len();
        Some(refused)
    }

    fn too_late(&mut self, now: f64) -> Option<Waiting<W>> {
        let patience_s = if self.is_standing(now) { STANDING_S } else { BURST_S };
        let at = self.calls.iter().position(|one| {
            let most_s = if one.is_proven { patience_s.max(PROVEN_S) } else { patience_s };
            now - one.since > most_s
        })?;
        // Those before it bring credentials, and are few.
        self.calls.remove(at)
    }

    /// What goes to Python next.
    pub fn take(&mut self, now: f64) -> Option<Waiting<W>> {
        self.busy_until = if self.is_empty() { self.busy_until } else { now };
        while self.others.front().is_some_and(|one| now - one.since > OTHERS_S) {
            let dropped = self.others.pop_front()?;
            self.bytes -= dropped.data.len();
            self.counts.dropped += 1;
        }
        let taken = self.urgent.pop_front().or_else(|| self.next_new())?;
        self.bytes -= taken.data.len();
        Some(taken)
    }

    fn next_new(&mut self) -> Option<Waiting<W>> {
        self.is_others_turn = !self.is_others_turn;
        let is_others = self.calls.is_empty() || (self.is_others_turn && !self.others.is_empty());
        if is_others {
            return self.others.pop_front();
        }
        loop {
            let call = self.calls.pop_front()?;
            if self.fates.of(&call.data) == Some(Fate::Refused) {
                self.again.push_back(call);
                continue;
            }
            self.fates.note(&call.data, Fate::Taken);
            return Some(call);
        }
    }
}

/// What became of the calls that came last: a repetition must meet the same. Older ones make room.
#[derive(Default)]
struct Fates {
    /// Made when the first call comes: (hash of the message, what became of it).
    places: Vec<Option<(u64, Fate)>>,
}

impl Fates {
    fn note(&mut self, data: &[u8], fate: Fate) {
        if self.places.is_empty() {
            self.places = vec![None; REMEMBERED];
        }
        let hash = hash_of(data);
        self.places[hash as usize % REMEMBERED] = Some((hash, fate));
    }

    fn of(&self, data: &[u8]) -> Option<Fate> {
        let hash = hash_of(data);
        let (noted, fate) = (*self.places.get(hash as usize % REMEMBERED)?)?;
        (noted == hash).then_some(fate)
    }
}

fn hash_of(data: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(&data[..data.len().min(HASHED)]);
    hasher.write_usize(data.len());
    hasher.finish()
}

/// Whether a message asks for a new call: an INVITE within none.
pub fn is_new_call(data: &[u8]) -> bool {
    matches!(kind_of(data), Kind::Call { .. })
}

fn kind_of(data: &[u8]) -> Kind {
    let is_call = data.starts_with(b"INVITE ");
    let is_other =
        [&b"REGISTER "[..], b"SUBSCRIBE ", b"PUBLISH ", b"MESSAGE "].iter().any(|one| data.starts_with(one));
    if !is_call && !is_other && !data.starts_with(b"ACK ") {
        return Kind::Urgent;
    }
    // What has no form costs its sender an answer, and nobody else.
    let Ok(index) = Index::of(data, MAX_HEADERS) else { return Kind::Other };
    let tag = index.find(data, "To", 0).and_then(|to| tag_in(index.fields[to].value.of(data)));
    match tag {
        Some(tag) if !is_call && !is_other && tag == TAG.as_bytes() => Kind::Spent,
        None if is_call => Kind::Call { is_proven: has_credentials(&index, data) },
        None if is_other => Kind::Other,
        _ => Kind::Urgent,
    }
}

fn has_credentials(index: &Index, data: &[u8]) -> bool {
    ["Proxy-Authorization", "Authorization"].iter().any(|name| index.find(data, name, 0).is_some())
}

/// The tag of a From or To; a quoted name or a parameter of the URI that looks like one costs nobody but its writer.
fn tag_in(value: &[u8]) -> Option<&[u8]> {
    let at = value.windows(5).position(|part| part.eq_ignore_ascii_case(b";tag="))? + 5;
    let end = value[at..]
        .iter()
        .position(|byte| matches!(byte, b';' | b' ' | b'\t' | b'\r'))
        .map_or(value.len(), |n| at + n);
    Some(&value[at..end])
}

#[cfg(test)]
mod tests;
