//! Which streams pass in the kernel, and how they are told all the same.
//!
//! A stream between two steady peers that leaves as it came takes the short way (`crate::kernel`). Each of its packets is
//! judged here a moment later, from its copy, by the very walk that it would have gone (`forward`); only sending it is left
//! out. So it is latched, metered, timed out and recorded as ever. Where the walk would have ended elsewhere by now, the
//! stream climbs again. Whoever changes a port takes its streams aside meanwhile (`Aside`).

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use rustc_hash::FxHashMap;

use super::events::Events;
use super::forward::forward;
use super::port::{Outgoing, Port};
use crate::kernel::{Kernel, Stream};
use crate::meter::NANOS;

/// Copies are read this often at least: no event of a call is later than that, and the ring never fills.
pub const LOOK_NS: u64 = 20_000_000;
/// A stream that could not pass is not tried again before.
const AGAIN_NS: u64 = 5 * NANOS;
/// Ports that are remembered for it before those that may be tried again are forgotten.
const REFUSED: usize = 4096;
/// The longest packet that passes, and room for what sealing would append.
const ROOM: usize = 1024;

pub struct Shortcuts {
    kernel: Kernel,
    events: Arc<Events>,
    known: Mutex<Known>,
    passing: AtomicUsize,
    looked_ns: AtomicU64,
}

#[derive(Default)]
struct Known {
    last: u64,
    by_number: FxHashMap<u64, Shortcut>,
    /// By the port that its packets come to.
    by_source: FxHashMap<u64, u64>,
    /// By the port that they leave from.
    by_target: FxHashMap<u64, Vec<u64>>,
    /// When the stream to a port may be tried again.
    refused: FxHashMap<u64, u64>,
}

#[derive(Clone)]
struct Shortcut {
    source: Weak<Port>,
    source_id: u64,
    target: u64,
    stream: Stream,
}

impl Shortcuts {
    pub fn new(kernel: Kernel, events: Arc<Events>) -> Shortcuts {
        let (passing, looked_ns) = (AtomicUsize::new(0), AtomicU64::new(0));
        Shortcuts { kernel, events, known: Mutex::default(), passing, looked_ns }
    }

    /// How many streams pass now.
    pub fn passing(&self) -> usize {
        self.passing.load(Ordering::Relaxed)
    }

    /// When copies are to be looked at next; never while nothing passes.
    pub fn deadline_ns(&self) -> Option<u64> {
        (self.passing() > 0).then(|| self.looked_ns.load(Ordering::Relaxed) + LOOK_NS)
    }

    /// What came from `from` to `source` left as `outgoing`, as it was: let the rest of its stream pass by itself.
    pub fn consider(&self, source: &Arc<Port>, from: SocketAddr, outgoing: &Outgoing, now_ns: u64) {
        let mut known = self.known();
        if known.refused.get(&source.id).is_some_and(|until_ns| now_ns < *until_ns) {
            return;
        }
        if let Some(number) = known.by_source.get(&source.id).copied() {
            // Its peer is another by now, or this packet is one of those that always climb.
            if known.by_number.get(&number).is_some_and(|shortcut| shortcut.stream.from == from) {
                return;
            }
            self.stop(&mut known, number);
        }
        if !self.begin(&mut known, source, from, &outgoing.port) {
            if known.refused.len() >= REFUSED {
                known.refused.retain(|_, until_ns| now_ns < *until_ns);
            }
            known.refused.insert(source.id, now_ns + AGAIN_NS);
        }
    }

    fn begin(&self, known: &mut Known, source: &Arc<Port>, from: SocketAddr, target: &Arc<Port>) -> bool {
        // Ports may have changed since the packet was judged; nobody changes them while this is locked without looking
        // here afterwards.
        let passes = source.side().passes(from, target);
        let Some(to) = passes.then(|| target.side().plain_destination()).flatten() else { return false };
        let to_us = SocketAddr::new(source.host, source.number);
        let from_us = SocketAddr::new(target.host, target.number);
        let stream = Stream { from, to_us, from_us, to, dscp: target.dscp() };
        let number = known.last + 1;
        if from.is_ipv4() != to.is_ipv4() || self.kernel.pass(&stream, number).is_err() {
            return false;
        }
        known.last = number;
        let shortcut = Shortcut { source: Arc::downgrade(source), source_id: source.id, target: target.id, stream };
        known.by_number.insert(number, shortcut);
        known.by_source.insert(source.id, number);
        known.by_target.entry(target.id).or_default().push(number);
        self.passing.store(known.by_number.len(), Ordering::Relaxed);
        true
    }

    fn stop(&self, known: &mut Known, number: u64) {
        let Some(shortcut) = known.by_number.remove(&number) else { return };
        self.kernel.stop(&shortcut.stream);
        known.by_source.remove(&shortcut.source_id);
        if let Some(numbers) = known.by_target.get_mut(&shortcut.target) {
            numbers.retain(|other| *other != number);
            if numbers.is_empty() {
                known.by_target.remove(&shortcut.target);
            }
        }
        self.passing.store(known.by_number.len(), Ordering::Relaxed);
    }

    /// Hear what has passed, and look whether the roads are what they were.
    pub fn look(&self, now_ns: u64) {
        if self.passing() == 0 {
            return;
        }
        self.looked_ns.store(now_ns, Ordering::Relaxed);
        self.kernel.copies(|number, at_ns, data| self.hear(number, at_ns, data));
        if self.kernel.roads_changed() {
            let mut known = self.known();
            for number in known.by_number.keys().copied().collect::<Vec<_>>() {
                self.stop(&mut known, number);
            }
            known.refused.clear();
        }
    }

    /// Hear all that has passed until now.
    pub fn catch_up(&self) {
        self.kernel.all_copies(|number, at_ns, data| self.hear(number, at_ns, data));
    }

    /// One packet that has passed.
    fn hear(&self, number: u64, at_ns: u64, data: &[u8]) {
        let Some(shortcut) = self.known().by_number.get(&number).cloned() else { return };
        let Some(port) = shortcut.source.upgrade() else { return };
        let mut buffer = [0; ROOM];
        buffer[..data.len()].copy_from_slice(data);
        let socket = port.socket(false);
        let from = shortcut.stream.from;
        let outgoing = forward(&socket, from, &mut buffer, data.len(), at_ns, &self.events);
        let goes_on = outgoing.is_some_and(|outgoing| {
            outgoing.is_plain && outgoing.to == shortcut.stream.to && outgoing.port.id == shortcut.target
        });
        if !goes_on {
            self.stop(&mut self.known(), number);
        }
    }

    fn climb(&self, port: u64) {
        if self.passing() == 0 {
            return;
        }
        let mut known = self.known();
        let mut numbers = known.by_target.get(&port).cloned().unwrap_or_default();
        numbers.extend(known.by_source.get(&port));
        for shortcut in numbers.iter().filter_map(|number| known.by_number.get(number)) {
            self.kernel.stop(&shortcut.stream);
        }
        if !numbers.is_empty() {
            // What passed before is heard as things stood then.
            drop(known);
            self.catch_up();
            known = self.known();
        }
        for number in numbers {
            self.stop(&mut known, number);
        }
        known.refused.remove(&port);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The streams of a port go by the sockets while this is there, so that what changes meanwhile is so for all of them.
pub struct Aside<'a> {
    shortcuts: &'a Shortcuts,
    port: u64,
}

impl Aside<'_> {
    pub fn take(shortcuts: &Shortcuts, port: u64) -> Aside<'_> {
        shortcuts.climb(port);
        Aside { shortcuts, port }
    }
}

impl Drop for Aside<'_> {
    /// One that began just before the change was looked at as it was before.
    fn drop(&mut self) {
        self.shortcuts.climb(self.port);
    }
}
