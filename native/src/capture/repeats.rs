//! SIP messages seen before: captured twice, or sent again (RFC 3261 section 17).

use super::flow::Flow;
use super::limits::*;
use rustc_hash::{FxHashMap, FxHasher};
use std::hash::{Hash, Hasher};

struct Seen {
    first: i64,
    last: i64,
    id: u32,
    place: usize,
}

#[derive(Default)]
pub struct Repeats {
    seen: FxHashMap<u64, Seen>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Repeat {
    No,
    Copy,
    /// The same packet, at another place of its way.
    Elsewhere,
    Retransmission,
}

impl Repeats {
    /// Looks a datagram up by where it goes and what it says. `id` is the IP identification, 0 if none; `place` where it
    /// was captured.
    pub fn receive(&mut self, flow: Flow, raw: &[u8], id: u32, time: i64, place: usize) -> Repeat {
        let mut hasher = FxHasher::default();
        flow.hash(&mut hasher);
        raw.hash(&mut hasher);
        let key = hasher.finish();
        if let Some(seen) = self.seen.get_mut(&key).filter(|s| (time - s.last).abs() <= REPEAT_S) {
            let same_packet = id != 0 && id == seen.id && time - seen.first < SECOND;
            let within = if place == seen.place { COPY_NS } else { PLACES_NS };
            let copy = same_packet || (time - seen.last).abs() < within;
            let is_elsewhere = place != seen.place;
            let first = if copy { seen.first } else { time };
            *seen = Seen { first, last: time, id, place: if copy { seen.place } else { place } };
            return match (copy, is_elsewhere) {
                (true, true) => Repeat::Elsewhere,
                (true, false) => Repeat::Copy,
                (false, _) => Repeat::Retransmission,
            };
        }
        if self.seen.len() < REPEATS {
            self.seen.insert(key, Seen { first: time, last: time, id, place });
        }
        Repeat::No
    }

    pub fn sweep(&mut self, now: i64) {
        self.seen.retain(|_, s| now - s.last <= REPEAT_S);
    }
}
