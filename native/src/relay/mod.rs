//! The media engine: leases ports, and forwards, reflects, plays and meters media on threads of its own.
//!
//! `engine` here; `forward` is the walk of a `packet`; `port` judges it (with `latch` and `kin` for who is heard,
//! `bundle` for sections of one transport, `numbers` for payload types that the peer calls otherwise, `receipts` for what
//! it says of ours), `worker` runs the threads (each behind its `desk`) over a backend of `io`, `lease` finds ports,
//! `shortcut` says which streams pass in the kernel, `events` tells Python, `tone` plays, `dub` announces, `transcode` converts; `handover` saves ports and goes on with saved
//! ones (as bytes: `saved`; how far ahead: `ahead`, by the `pace` of what left); `python` is the face of it all. Nothing here allocates,
//! or waits for another thread, on the way of a packet that passes as it is.

mod address;
mod ahead;
mod bundle;
mod checks;
mod convert;
mod desk;
mod dub;
mod events;
mod flavour;
mod forward;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod guard;
mod handover;
mod io;
mod kin;
mod latch;
mod lease;
mod numbers;
mod pace;
mod packet;
mod port;
mod python;
mod receipts;
mod saved;
mod shortcut;
mod strangers;
mod tone;
mod totals;
mod transcode;
mod worker;

use std::io::{Error, Result};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;

use crate::kernel::Kernel;
use crate::meter::Second;
use crate::tee::Recording;
use bundle::Identity;
use desk::Playing;
use dub::{Clip, Dub, Voice};
use events::{Event, Events};
use flavour::Flavour;
use io::{Backend, Portable};
use latch::Signalled;
use lease::{checked, Pool};
use numbers::Numbers;
use port::{Desk, Manner, Outlet, Port, Socket};
use shortcut::{Aside, Shortcuts};
use tone::{Sound, Start, ToneStream};
use totals::Totals;
use transcode::{Plan, Seed, Transcoder};
use worker::{now_ns, Worker};

pub use python::register;

/// A port that is gone.
#[derive(Debug)]
pub struct Closed;

pub struct Engine {
    desks: Vec<Arc<Desk>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    events: Arc<Events>,
    pool: Mutex<Pool>,
    manner: Manner,
    shortcuts: Option<Arc<Shortcuts>>,
    opened: AtomicU64,
    serial: AtomicU64,
    /// Sums of the ports that were closed, and what was counted elsewhere of those that were adopted.
    closed: Mutex<Totals>,
    counted_elsewhere: Mutex<Totals>,
}

impl Engine {
    /// Sockets of ports get descriptors below `ceiling` only. With a `kernel`, what needs nothing of us passes in it.
    pub fn new(workers: usize, manner: Manner, ceiling: RawFd, kernel: Option<Kernel>) -> Result<Engine> {
        raise_descriptor_limit()?;
        let events = Arc::new(Events::new()?);
        let shortcuts = kernel.map(|kernel| Arc::new(Shortcuts::new(kernel, events.clone())));
        let mut desks = Vec::new();
        let mut threads = Vec::new();
        for number in 0..workers.max(1) {
            let backend: Box<dyn Backend<Port>> = Box::new(Portable::new()?);
            let desk = Arc::new(Desk::new(backend.registry()));
            let worker = Worker::new(backend, desk.clone(), events.clone(), shortcuts.clone());
            let thread = std::thread::Builder::new().name(format!("relay-{number}"));
            threads.push(thread.spawn(move || worker.run())?);
            desks.push(desk);
        }
        Ok(Engine {
            desks,
            threads: Mutex::new(threads),
            events,
            pool: Mutex::new(Pool::new(ceiling)),
            manner,
            shortcuts,
            opened: AtomicU64::new(0),
            serial: AtomicU64::new(0),
            closed: Mutex::default(),
            counted_elsewhere: Mutex::default(),
        })
    }

    pub fn open(&self, host: IpAddr, low: u16, high: u16) -> Result<Arc<Port>> {
        if self.threads().is_empty() {
            return Err(Error::other("the relay was shut down"));
        }
        let lease = self.pool().lease(host, low, high, self.manner.dscp)?;
        let number = lease.port;
        let id = self.next_id();
        let opened = Port::open(id, host, lease, self.desk_of(id), self.manner);
        if opened.is_err() {
            self.pool().release(host, number);
        }
        opened
    }

    /// Another section on the transport of `port`; None when it has too many.
    pub fn share(&self, port: &Arc<Port>) -> Option<Arc<Port>> {
        let _aside = self.aside(port.transport());
        port.share(self.next_id())
    }

    /// How packets of this section are told from those of others on its transport.
    pub fn identify(&self, port: &Arc<Port>, identity: Identity) {
        let _aside = self.aside(port.transport());
        let mut side = port.transport().side();
        if identity.stamp {
            side.sort_alone(port);
        }
        if let Some(bundle) = &mut side.bundle {
            bundle.identify(port.id, identity);
        }
    }

    /// What payload types the peer of this section knows by other numbers than its call; None for all by the same.
    pub fn renumber(&self, port: &Arc<Port>, numbers: Option<Arc<Numbers>>) {
        let _aside = self.aside(port);
        if let Some(bundle) = &mut port.transport().side().bundle {
            bundle.renumber(port.id, numbers.clone());
        }
        port.side().numbers = numbers;
    }

    pub fn close(&self, port: Arc<Port>) -> std::result::Result<Totals, Closed> {
        let aside = self.aside(&port);
        let mut side = port.side();
        if !side.is_open() {
            return Err(Closed);
        }
        let totals = side.close();
        drop(side);
        drop(aside);
        port.desk.remove_port(port.id);
        self.closed.lock().unwrap_or_else(PoisonError::into_inner).add(&totals);
        if port.is_carried() {
            if let Some(bundle) = &mut port.transport().side().bundle {
                bundle.remove(port.id);
            }
            return Ok(totals);
        }
        let (host, number) = (port.host, port.number);
        drop(port);
        self.pool().release(host, number);
        Ok(totals)
    }

    pub fn expect(&self, port: &Arc<Port>, signalled: Signalled, flavour: Flavour) {
        let _aside = self.aside(port);
        if let Some(bundle) = &mut port.transport().side().bundle {
            bundle.expect(port.id, &flavour.formats);
        }
        port.side().expect(signalled, flavour);
    }

    pub fn route(&self, source: &Port, target: Option<Weak<Port>>) {
        let _aside = self.aside(source);
        source.side().outlet = target.map_or(Outlet::Nowhere, Outlet::Port);
    }

    /// Convert what is heard on `source` by this plan from now on; without one it goes on as it came.
    pub fn transcode(&self, source: &Port, plan: Option<Plan>) -> Result<()> {
        let _aside = self.aside(source);
        let mut side = source.side();
        if plan.is_some() && side.is_opaque() {
            return Err(Error::other("what is encrypted from end to end cannot be converted"));
        }
        let went_on = std::mem::replace(&mut side.converts, plan.is_some());
        let Some(mut plan) = plan else { return Ok(()) };
        if let Some(known) = &side.transcoder {
            plan = known.keeping_source(plan);
        }
        if let Some(known) = side.transcoder.as_mut().filter(|_| !went_on) {
            known.resume();
        }
        if side.transcoder.as_ref().is_some_and(|known| known.has(&plan)) {
            return Ok(());
        }
        let seed = Seed { ssrc: random()?, sequence: first_sequence()?, timestamp: random()? };
        let done = match &mut side.transcoder {
            Some(known) => known.change(plan, &seed),
            none => Transcoder::new(plan, &seed).map(|made| *none = Some(Box::new(made))),
        };
        side.converts = done.is_some();
        done.ok_or_else(out_of_memory)
    }

    /// Copy what is heard on `source` to a recording from now on; None to copy it nowhere.
    pub fn tee(&self, source: &Port, recording: Option<Arc<Recording>>) {
        self.catch_up();
        source.side().tee = recording;
    }

    pub fn reflect(&self, port: &Port) -> Result<()> {
        let ssrc = random()?;
        let _aside = self.aside(port);
        port.side().outlet = Outlet::Back { ssrc };
        Ok(())
    }

    pub fn tone(&self, port: &Arc<Port>, sound: &Sound) -> Result<()> {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let start = Start { ssrc: random()?, sequence: first_sequence()?, timestamp: random()? };
        let due_ns = now_ns();
        let stream = ToneStream::new(serial, sound, &start, due_ns).ok_or_else(out_of_memory)?;
        port.side().tone = Some(Box::new(stream));
        port.desk.play(Playing { due_ns, serial, port: Arc::downgrade(port) });
        Ok(())
    }

    pub fn quiet(&self, port: &Port) {
        port.side().tone = None;
    }

    /// Let the peer of a port hear a clip in place of the other side; what of one before is left is not heard.
    pub fn announce(&self, port: &Arc<Port>, clip: Arc<Clip>, voice: Voice) -> Result<()> {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let seed = Seed { ssrc: random()?, sequence: random()? as u16, timestamp: random()? };
        let due_ns = now_ns();
        let _aside = self.aside(port);
        match &mut port.side().dub {
            Some(dub) => dub.begin(serial, clip, voice, due_ns),
            none => *none = Some(Box::new(Dub::new(serial, clip, voice, &seed, due_ns))),
        }
        port.desk.play(Playing { due_ns, serial, port: Arc::downgrade(port) });
        Ok(())
    }

    /// Go on with it in this voice; without one not before there is one again.
    pub fn announce_as(&self, port: &Port, voice: Option<Voice>) {
        if let Some(dub) = &mut port.side().dub {
            dub.go_on(voice);
        }
    }

    pub fn watch(&self, port: &Port, timeout_ns: Option<u64>) {
        port.side().watch(timeout_ns, now_ns());
        if timeout_ns.is_some() {
            port.desk.watch();
        }
    }

    /// The streams of this port go by the sockets until what is given is dropped: for whoever changes it.
    pub fn aside(&self, port: &Port) -> Option<Aside<'_>> {
        self.shortcuts.as_deref().map(|shortcuts| Aside::take(shortcuts, port.id))
    }

    /// Hear what has passed in the kernel until now: for whoever asks what was heard.
    pub fn catch_up(&self) {
        if let Some(shortcuts) = &self.shortcuts {
            shortcuts.catch_up();
        }
    }

    /// How many streams pass in the kernel.
    pub fn passing(&self) -> usize {
        self.shortcuts.as_ref().map_or(0, |shortcuts| shortcuts.passing())
    }

    pub fn send(&self, socket: &Socket, to: SocketAddr, data: &[u8]) -> Result<()> {
        io::send_to(&socket.descriptor, to, data)
    }

    pub fn events(&self) -> impl Iterator<Item = Event> {
        self.events.take().into_iter()
    }

    pub fn descriptor(&self) -> RawFd {
        self.events.descriptor()
    }

    /// All seconds of one port, the running one too.
    pub fn meters_of(&self, port: &Port) -> Vec<(u64, Second)> {
        self.catch_up();
        port.side().meter.take_all(now_ns()).map(|second| (port.id, second)).collect()
    }

    /// The finished seconds of one of so many equal parts of all ports.
    pub fn meters(&self, part: u64, parts: u64) -> Vec<(u64, Second)> {
        self.catch_up();
        let now_ns = now_ns();
        let mut taken = Vec::new();
        for port in self.desks.iter().flat_map(|desk| desk.ports_of(|id| id % parts == part)) {
            taken.extend(port.side().meter.take(now_ns).map(|second| (port.id, second)));
        }
        taken
    }

    /// Sums over all ports that were ever open, of what passed here.
    pub fn totals(&self) -> Totals {
        self.catch_up();
        let mut sums = *self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        for port in self.ports() {
            sums.add(&port.side().totals());
        }
        sums.less(&self.counted_elsewhere.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Ports open now, ports ever opened, events that found no room, and turns that a defect cut short.
    pub fn counts(&self) -> [u64; 4] {
        let panics = self.desks.iter().map(|desk| desk.panics()).sum();
        [self.ports().count() as u64, self.opened.load(Ordering::Relaxed), self.events.dropped(), panics]
    }

    /// Close every port and end the threads; calls after it find all ports closed.
    pub fn shutdown(&self) {
        for port in self.ports().collect::<Vec<_>>() {
            let _ = self.close(port);
        }
        for desk in &self.desks {
            desk.end();
        }
        for thread in self.threads().drain(..) {
            let _ = thread.join();
        }
    }

    fn next_id(&self) -> u64 {
        self.opened.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn desk_of(&self, id: u64) -> &Arc<Desk> {
        &self.desks[id as usize % self.desks.len()]
    }

    fn threads(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ports(&self) -> impl Iterator<Item = Arc<Port>> + '_ {
        self.desks.iter().flat_map(|desk| desk.ports())
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shutdown();
    }
}

/// Each call takes four descriptors, so the soft limit is raised to the hard one (as Go and Java do).
fn raise_descriptor_limit() -> Result<()> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` outlives both calls.
    checked(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) })?;
    limit.rlim_cur = limit.rlim_max;
    checked(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) })?;
    Ok(())
}

/// Of the lower half, so that whoever hears the stream later than its beginning knows that it has not wrapped
/// (RFC 3711 3.3.1).
fn first_sequence() -> Result<u16> {
    Ok((random()? >> 17) as u16)
}

fn out_of_memory() -> Error {
    Error::other("no memory for the codec")
}

fn random() -> Result<u32> {
    let mut word = [0; 4];
    // SAFETY: at most four bytes are written to `word`.
    let written = unsafe { libc::getrandom(word.as_mut_ptr().cast(), word.len(), 0) };
    if written == 4 {
        Ok(u32::from_ne_bytes(word))
    } else {
        Err(Error::last_os_error())
    }
}
