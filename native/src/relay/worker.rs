//! One thread of the engine: its timers, and the loop around its backend.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::SocketAddr;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{Arc, Weak};

use super::convert::follow;
use super::desk::Playing;
use super::dub::{Ready, Step};
use super::events::{Events, What};
use super::forward::forward;
use super::io::{Backend, Switch, Token};
use super::packet::Media;
use super::port::{depart, leave, Desk, Outgoing, Port, Socket};
use super::shortcut::Shortcuts;

/// How exactly a media timeout is kept: whole seconds are asked for.
const WATCH_NS: u64 = 100_000_000;

/// A packet of ours in any codec, its header with extensions, and what sealing appends.
const ROOM: usize = 2048;

/// Nanoseconds of CLOCK_MONOTONIC.
pub fn now_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` outlives the call, which cannot fail for this clock.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

struct Forwarding<'a> {
    desk: &'a Desk,
    events: &'a Events,
    shortcuts: Option<&'a Shortcuts>,
}

impl Switch<Port> for Forwarding<'_> {
    /// What has passed in the kernel came before what climbed.
    fn wakes(&mut self) {
        if let Some(shortcuts) = self.shortcuts {
            shortcuts.look(now_ns());
        }
    }

    fn socket(&self, token: Token) -> Option<Socket> {
        self.desk.socket(token)
    }

    fn datagram(
        &mut self,
        socket: &Socket,
        source: SocketAddr,
        buffer: &mut [u8],
        length: usize,
    ) -> Option<Outgoing> {
        let now_ns = now_ns();
        let outgoing = forward(socket, source, buffer, length, now_ns, self.events)?;
        if let Some(shortcuts) = self.shortcuts.filter(|_| outgoing.is_plain) {
            shortcuts.consider(&socket.port, source, &outgoing, now_ns);
        }
        Some(outgoing)
    }

    fn follow(&mut self, port: &Arc<Port>, buffer: &mut [u8]) -> Option<Outgoing> {
        follow(port, buffer)
    }
}

/// A worker as its own thread sees it.
pub struct Worker {
    backend: Box<dyn Backend<Port>>,
    desk: Arc<Desk>,
    events: Arc<Events>,
    shortcuts: Option<Arc<Shortcuts>>,
    due: BinaryHeap<Reverse<(u64, u64)>>,
    playing: HashMap<u64, Weak<Port>>,
    watched_ns: u64,
}

impl Worker {
    pub fn new(
        backend: Box<dyn Backend<Port>>,
        desk: Arc<Desk>,
        events: Arc<Events>,
        shortcuts: Option<Arc<Shortcuts>>,
    ) -> Worker {
        Worker { backend, desk, events, shortcuts, due: BinaryHeap::new(), playing: HashMap::new(), watched_ns: 0 }
    }

    /// Until the desk is told to end.
    pub fn run(mut self) {
        while !self.desk.is_ending() {
            // A panic is a defect of ours. It may cost the packet that met it, never the other calls.
            if catch_unwind(AssertUnwindSafe(|| self.turn())).is_err() {
                self.desk.count_panic();
            }
        }
    }

    fn turn(&mut self) {
        let now_ns = now_ns();
        self.play_tones(now_ns);
        self.check_watches(now_ns);
        let wait_ns = self.deadline_ns().map(|due_ns| due_ns.saturating_sub(now_ns));
        let shortcuts = self.shortcuts.as_deref();
        let mut switch = Forwarding { desk: &self.desk, events: &self.events, shortcuts };
        // The wait fails only for a reason that lasts (a descriptor that is gone), and then the desk is ending.
        let _ = self.backend.turn(wait_ns, now_ns, &mut switch);
    }

    fn deadline_ns(&self) -> Option<u64> {
        let tone_ns = self.due.peek().map(|Reverse((due_ns, _))| *due_ns);
        let watch_ns = self.desk.is_watching().then_some(self.watched_ns + WATCH_NS);
        let copies_ns = self.shortcuts.as_ref().and_then(|shortcuts| shortcuts.deadline_ns());
        tone_ns.into_iter().chain(watch_ns).chain(copies_ns).min()
    }

    fn play_tones(&mut self, now_ns: u64) {
        for Playing { due_ns, serial, port } in self.desk.take_tones() {
            self.playing.insert(serial, port);
            self.due.push(Reverse((due_ns, serial)));
        }
        let mut packet = [0; ROOM];
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

    /// Send the packet that is due of the tone or announcement `serial`; when the next is due. None when it ended.
    fn play(&mut self, serial: u64, packet: &mut [u8; ROOM], now_ns: u64) -> Option<u64> {
        let port = self.playing.get(&serial)?.upgrade()?;
        let is_reachable = port.transport().side().is_reachable();
        let mut side = port.side();
        let ready = Ready { is_reachable, is_heard: side.has_heard() };
        if let Some(dub) = side.dub.as_mut().filter(|dub| dub.serial == serial) {
            let step = dub.step(packet, ready, now_ns);
            drop(side);
            return self.announce(&port, step, packet, now_ns);
        }
        let stream = side.tone.as_mut().filter(|stream| stream.serial == serial)?;
        let length = stream.write(packet, now_ns);
        let due_ns = stream.due_ns();
        drop(side);
        if let Some(outgoing) = leave(&port, Media::Rtp, packet, length) {
            self.backend.send(&outgoing, &packet[..outgoing.length]);
        }
        Some(due_ns)
    }

    /// What comes of a turn of an announcement. Its packets are heard by a recording as they go to the peer, and its end
    /// is told when all of them have gone.
    fn announce(&mut self, port: &Arc<Port>, step: Step, packet: &mut [u8; ROOM], now_ns: u64) -> Option<u64> {
        let (length, due_ns, played_ns) = match step {
            Step::Waits { due_ns } => return Some(due_ns),
            Step::Sends { length, due_ns } => (length, Some(due_ns), None),
            Step::Ends { length, played_ns } => (length, None, Some(played_ns)),
        };
        let plain = *packet;
        if let Some(outgoing) = (length > 0).then(|| depart(port, Media::Rtp, packet, length)).flatten() {
            self.backend.send(&outgoing, &packet[..outgoing.length]);
            port.side().record_own(port, outgoing.to, &plain[..length], now_ns);
        }
        if let Some(played_ns) = played_ns {
            self.events.tell(port.id, now_ns, What::Announced { played_ns });
        }
        due_ns
    }

    fn check_watches(&mut self, now_ns: u64) {
        if now_ns < self.watched_ns + WATCH_NS || !self.desk.take_watching() {
            return;
        }
        self.watched_ns = now_ns;
        let mut is_watched = false;
        for port in self.desk.ports() {
            let mut side = port.side();
            if let Some(silent_ns) = side.time_out(now_ns) {
                self.events.tell(port.id, now_ns, What::TimedOut { silent_ns });
            }
            if side.advances(now_ns) {
                self.events.tell(port.id, now_ns, What::Advanced);
            }
            is_watched |= side.is_watched();
        }
        if is_watched {
            self.desk.watch();
        }
    }
}
