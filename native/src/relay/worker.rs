//! One thread of the engine: its table of ports, its timers, and the loop around its backend.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::events::{Events, What};
use super::io::{Backend, Registry, Switch, Token};
use super::port::{forward, Outgoing, Port, Socket};
use super::tone::{self, PACKET_ROOM};

/// How exactly a media timeout is kept: whole seconds are asked for.
const WATCH_NS: u64 = 100_000_000;

/// Nanoseconds of CLOCK_MONOTONIC.
pub fn now_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` outlives the call, which cannot fail for this clock.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Ports by token. A place that is used again has another generation, so a late event of a closed socket finds none.
#[derive(Default)]
struct Table {
    places: Vec<Place>,
    free: Vec<u32>,
}

#[derive(Default)]
struct Place {
    generation: u32,
    port: Option<Arc<Port>>,
}

impl Table {
    fn reserve(&mut self) -> Token {
        let at = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place::default());
            self.places.len() as u32 - 1
        });
        Token::from(self.places[at as usize].generation) << 33 | Token::from(at) << 1
    }

    fn place(&mut self, token: Token) -> Option<&mut Place> {
        let place = self.places.get_mut((token >> 1 & 0xffff_ffff) as usize)?;
        (Token::from(place.generation) == token >> 33).then_some(place)
    }

    fn free(&mut self, token: Token) {
        let Some(place) = self.place(token) else { return };
        place.port = None;
        // 31 bits, so that no token is that of a wake-up.
        place.generation = (place.generation + 1) & 0x3fff_ffff;
        self.free.push((token >> 1 & 0xffff_ffff) as u32);
    }
}

/// What the rest of the engine sees of a worker.
pub struct Desk {
    table: Mutex<Table>,
    registry: Arc<dyn Registry>,
    tones: Mutex<Vec<Playing>>,
    is_watching: AtomicBool,
    is_ending: AtomicBool,
    panics: AtomicU64,
}

struct Playing {
    due_ns: u64,
    serial: u64,
    port: Weak<Port>,
}

impl Desk {
    pub fn new(registry: Arc<dyn Registry>) -> Desk {
        Desk {
            table: Mutex::default(),
            registry,
            tones: Mutex::default(),
            is_watching: AtomicBool::new(false),
            is_ending: AtomicBool::new(false),
            panics: AtomicU64::new(0),
        }
    }

    pub fn reserve(&self) -> Token {
        self.table().reserve()
    }

    pub fn free(&self, token: Token) {
        self.table().free(token);
    }

    /// Receive on a port from now on.
    pub fn admit(&self, port: &Arc<Port>) -> std::io::Result<()> {
        if let Some(place) = self.table().place(port.token) {
            place.port = Some(port.clone());
        }
        self.registry.add(port.descriptor(false), port.token)?;
        self.registry.add(port.descriptor(true), port.token | 1)
    }

    pub fn ports(&self) -> Vec<Arc<Port>> {
        self.table().places.iter().filter_map(|place| place.port.clone()).collect()
    }

    pub fn play(&self, port: &Arc<Port>, serial: u64, due_ns: u64) {
        let playing = Playing { due_ns, serial, port: Arc::downgrade(port) };
        self.tones.lock().unwrap_or_else(PoisonError::into_inner).push(playing);
        self.registry.wake();
    }

    /// Some port has a media timeout.
    pub fn watch(&self) {
        if !self.is_watching.swap(true, Ordering::AcqRel) {
            self.registry.wake();
        }
    }

    pub fn end(&self) {
        self.is_ending.store(true, Ordering::Release);
        self.registry.wake();
    }

    /// Turns that a defect of ours cut short.
    pub fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Forwarding<'a> {
    desk: &'a Desk,
    events: &'a Events,
}

impl Switch for Forwarding<'_> {
    fn socket(&self, token: Token) -> Option<Socket> {
        let port = self.desk.table().place(token)?.port.clone()?;
        Some(Socket { port, is_rtcp: token & 1 == 1 })
    }

    fn datagram(
        &mut self,
        socket: &Socket,
        source: SocketAddr,
        buffer: &mut [u8],
        length: usize,
    ) -> Option<Outgoing> {
        forward(socket, source, buffer, length, now_ns(), self.events)
    }
}

/// A worker as its own thread sees it.
pub struct Worker {
    backend: Box<dyn Backend>,
    desk: Arc<Desk>,
    events: Arc<Events>,
    due: BinaryHeap<Reverse<(u64, u64)>>,
    playing: std::collections::HashMap<u64, Weak<Port>>,
    watched_ns: u64,
}

impl Worker {
    pub fn new(backend: Box<dyn Backend>, desk: Arc<Desk>, events: Arc<Events>) -> Worker {
        Worker { backend, desk, events, due: BinaryHeap::new(), playing: Default::default(), watched_ns: 0 }
    }

    /// Until the desk is told to end.
    pub fn run(mut self) {
        while !self.desk.is_ending.load(Ordering::Acquire) {
            // A panic is a defect of ours. It may cost the packet that met it, never the other calls.
            if catch_unwind(AssertUnwindSafe(|| self.turn())).is_err() {
                self.desk.panics.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn turn(&mut self) {
        let now_ns = now_ns();
        self.play_tones(now_ns);
        self.check_watches(now_ns);
        let wait_ns = self.deadline_ns().map(|due_ns| due_ns.saturating_sub(now_ns));
        let mut switch = Forwarding { desk: &self.desk, events: &self.events };
        // The wait fails only for a reason that lasts (a descriptor that is gone), and then the desk is ending.
        let _ = self.backend.turn(wait_ns, &mut switch);
    }

    fn deadline_ns(&self) -> Option<u64> {
        let tone_ns = self.due.peek().map(|Reverse((due_ns, _))| *due_ns);
        let watch_ns = self.desk.is_watching.load(Ordering::Acquire).then_some(self.watched_ns + WATCH_NS);
        tone_ns.into_iter().chain(watch_ns).min()
    }

    fn play_tones(&mut self, now_ns: u64) {
        for Playing { due_ns, serial, port } in self.new_tones() {
            self.playing.insert(serial, port);
            self.due.push(Reverse((due_ns, serial)));
        }
        let mut packet = [0; PACKET_ROOM];
        while let Some(Reverse((due_ns, serial))) = self.due.peek().copied() {
            if due_ns > now_ns {
                break;
            }
            self.due.pop();
            match self.play(serial, &mut packet, now_ns) {
                Some(due_ns) => self.due.push(Reverse((due_ns, serial))),
                None => drop(self.playing.remove(&serial)),
            }
        }
    }

    fn new_tones(&self) -> Vec<Playing> {
        std::mem::take(&mut *self.desk.tones.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn play(&mut self, serial: u64, packet: &mut [u8; PACKET_ROOM], now_ns: u64) -> Option<u64> {
        let port = self.playing.get(&serial)?.upgrade()?;
        let (due_ns, outgoing) = tone::play(&port, serial, packet, now_ns)?;
        if let Some(outgoing) = outgoing {
            self.backend.send(&outgoing, &packet[..outgoing.length]);
        }
        Some(due_ns)
    }

    fn check_watches(&mut self, now_ns: u64) {
        if now_ns < self.watched_ns + WATCH_NS || !self.desk.is_watching.swap(false, Ordering::AcqRel) {
            return;
        }
        self.watched_ns = now_ns;
        for port in self.desk.ports() {
            let mut side = port.side();
            if let Some(silent_ns) = side.time_out(now_ns) {
                self.events.tell(port.id, now_ns, What::TimedOut { silent_ns });
            }
            if side.is_watched() {
                self.desk.is_watching.store(true, Ordering::Release);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_used_again_has_another_token() {
        let mut table = Table::default();
        let (first, second) = (table.reserve(), table.reserve());
        assert_ne!(first, second);
        assert!(table.place(first | 1).is_some());
        table.free(first);
        assert!(table.place(first).is_none());
        let third = table.reserve();
        assert_eq!(third & 0xffff_ffff, first & 0xffff_ffff);
        assert!(table.place(third).is_some() && table.place(first).is_none());
    }
}
