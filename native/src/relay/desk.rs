//! A worker as the rest of the engine sees it: its ports, the table of its sockets, and what it is asked to do.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::io::{Registry, Token};
use super::packet::Socket;

/// Sockets by token. A place that is used again has another generation, so a late event of a closed socket finds none.
struct Table<P> {
    places: Vec<Place<P>>,
    free: Vec<u32>,
}

struct Place<P> {
    generation: u32,
    socket: Option<Socket<P>>,
}

impl<P> Table<P> {
    fn take_place(&mut self, socket: Socket<P>) -> Token {
        let at = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place { generation: 0, socket: None });
            self.places.len() as u32 - 1
        });
        let place = &mut self.places[at as usize];
        place.socket = Some(socket);
        Token::from(place.generation) << 32 | Token::from(at)
    }

    fn place(&mut self, token: Token) -> Option<&mut Place<P>> {
        let place = self.places.get_mut(token as u32 as usize)?;
        (Token::from(place.generation) == token >> 32).then_some(place)
    }

    fn free(&mut self, token: Token) -> Option<Socket<P>> {
        let place = self.place(token)?;
        let socket = place.socket.take();
        // 31 bits, so that no token is that of a wake-up.
        place.generation = (place.generation + 1) & 0x7fff_ffff;
        self.free.push(token as u32);
        socket
    }
}

/// A worker receives from a socket until this is dropped.
pub struct Admission<P> {
    desk: Arc<Desk<P>>,
    token: Token,
}

impl<P> Drop for Admission<P> {
    fn drop(&mut self) {
        // The socket goes after the table is unlocked: it may be the last to hold its port.
        let socket = self.desk.table().free(self.token);
        drop(socket);
    }
}

/// A tone that begins.
pub struct Playing<P> {
    pub due_ns: u64,
    pub serial: u64,
    pub port: Weak<P>,
}

pub struct Desk<P> {
    registry: Arc<dyn Registry>,
    table: Mutex<Table<P>>,
    ports: Mutex<BTreeMap<u64, Arc<P>>>,
    tones: Mutex<Vec<Playing<P>>>,
    is_watching: AtomicBool,
    is_ending: AtomicBool,
    panics: AtomicU64,
}

impl<P> Desk<P> {
    pub fn new(registry: Arc<dyn Registry>) -> Desk<P> {
        Desk {
            registry,
            table: Mutex::new(Table { places: Vec::new(), free: Vec::new() }),
            ports: Mutex::default(),
            tones: Mutex::default(),
            is_watching: AtomicBool::new(false),
            is_ending: AtomicBool::new(false),
            panics: AtomicU64::new(0),
        }
    }

    pub fn add_port(&self, id: u64, port: &Arc<P>) {
        self.all_ports().insert(id, port.clone());
    }

    pub fn remove_port(&self, id: u64) {
        self.all_ports().remove(&id);
    }

    /// All ports, oldest first.
    pub fn ports(&self) -> Vec<Arc<P>> {
        self.all_ports().values().cloned().collect()
    }

    /// Those with such an id, oldest first.
    pub fn ports_of(&self, is_wanted: impl Fn(u64) -> bool) -> Vec<Arc<P>> {
        self.all_ports().iter().filter(|(id, _)| is_wanted(**id)).map(|(_, port)| port.clone()).collect()
    }

    /// Receive from a socket from now on.
    pub fn admit(self: &Arc<Self>, socket: Socket<P>) -> io::Result<Admission<P>> {
        let descriptor = socket.descriptor.clone();
        let admission = Admission { token: self.table().take_place(socket), desk: self.clone() };
        self.registry.add(descriptor.as_raw_fd(), admission.token)?;
        Ok(admission)
    }

    pub fn socket(&self, token: Token) -> Option<Socket<P>> {
        self.table().place(token)?.socket.clone()
    }

    pub fn play(&self, playing: Playing<P>) {
        self.tones.lock().unwrap_or_else(PoisonError::into_inner).push(playing);
        self.registry.wake();
    }

    pub fn take_tones(&self) -> Vec<Playing<P>> {
        std::mem::take(&mut *self.tones.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Some port has a media timeout.
    pub fn watch(&self) {
        if !self.is_watching.swap(true, Ordering::AcqRel) {
            self.registry.wake();
        }
    }

    pub fn is_watching(&self) -> bool {
        self.is_watching.load(Ordering::Acquire)
    }

    /// Whether some port may have a media timeout; the caller looks at all, and calls `watch` when one still has.
    pub fn take_watching(&self) -> bool {
        self.is_watching.swap(false, Ordering::AcqRel)
    }

    pub fn end(&self) {
        self.is_ending.store(true, Ordering::Release);
        self.registry.wake();
    }

    pub fn is_ending(&self) -> bool {
        self.is_ending.load(Ordering::Acquire)
    }

    pub fn count_panic(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }

    /// Turns that a defect of ours cut short.
    pub fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    fn table(&self) -> MutexGuard<'_, Table<P>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn all_ports(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<P>>> {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
