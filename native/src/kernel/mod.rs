//! Streams that pass in the kernel, below the sockets: which ones, and copies of what passed.
//!
//! `layout` is what the program (`native/kernel/relay.bpf.c`) shares with us, `road` finds the interface that a packet
//! leaves by and hears when that may have changed. The links belong to this process: when it ends, however it ends, the
//! kernel takes the program away and packets find the sockets again. A stream that passes is not seen by the host's
//! firewall or its connection tracking.

mod layout;
mod road;

use std::collections::HashSet;
use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aya::maps::{HashMap, Map, MapData, RingBuf};
use aya::programs::tc::TcAttachOptions;
use aya::programs::{LinkOrder, SchedClassifier, TcAttachType};
use aya::Ebpf;

use layout::{Copy, Flow, Key};
use road::Changes;

/// Compiled with the crate; empty where there was no compiler.
static PROGRAM: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/relay.bpf.o"));

/// A stream: from a peer to a port of ours, and from another port of ours to its peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    pub from: SocketAddr,
    pub to_us: SocketAddr,
    pub from_us: SocketAddr,
    pub to: SocketAddr,
    pub dscp: u8,
}

pub struct Kernel {
    program: Mutex<Program>,
    flows: Mutex<HashMap<MapData, Key, Flow>>,
    copies: Mutex<RingBuf<MapData>>,
    changes: Mutex<Changes>,
}

struct Program {
    loaded: Ebpf,
    interfaces: HashSet<u32>,
}

impl Kernel {
    /// The program in the kernel, at no interface yet. `Unsupported` when it was not built, `PermissionDenied` when we may
    /// not, anything else is the kernel's word.
    pub fn load() -> Result<Kernel> {
        if PROGRAM.is_empty() {
            return Err(Error::new(ErrorKind::Unsupported, "built without clang"));
        }
        let mut loaded = Ebpf::load(PROGRAM).map_err(told)?;
        classifier(&mut loaded)?.load().map_err(told)?;
        let flows = HashMap::try_from(map(&mut loaded, "flows")?).map_err(told)?;
        let copies = RingBuf::try_from(map(&mut loaded, "copies")?).map_err(told)?;
        Ok(Kernel {
            program: Mutex::new(Program { loaded, interfaces: HashSet::new() }),
            flows: Mutex::new(flows),
            copies: Mutex::new(copies),
            changes: Mutex::new(Changes::watch()?),
        })
    }

    /// Let this stream pass by itself from now on; copies of it bear `number`. An error when it cannot: it comes or leaves
    /// by an interface without an Ethernet header, or it would change between loopback and another interface.
    pub fn pass(&self, stream: &Stream, number: u64) -> Result<()> {
        let back = road::towards(stream.to_us.ip(), stream.from.ip())?;
        let on = road::towards(stream.from_us.ip(), stream.to.ip())?;
        if back.is_local != on.is_local {
            return Err(Error::new(ErrorKind::Unsupported, "between this host and another"));
        }
        let (arrives, leaves) = match on.is_local {
            true => (layout::LOOPBACK, layout::LOOPBACK),
            false => (road::interface_of(stream.to_us.ip())?, on.interface),
        };
        if !on.is_local && !(road::is_ethernet(arrives) && road::is_ethernet(leaves)) {
            return Err(Error::new(ErrorKind::Unsupported, "an interface without Ethernet"));
        }
        lock(&self.program).attach(arrives)?;
        let flow = Flow::new(number, (stream.from_us, stream.to), arrives, leaves, stream.dscp);
        lock(&self.flows).insert(Key::new(stream.from, stream.to_us), flow, 0).map_err(told)
    }

    /// Let its packets climb from now on.
    pub fn stop(&self, stream: &Stream) {
        // What is not there need not be removed.
        let _ = lock(&self.flows).remove(&Key::new(stream.from, stream.to_us));
    }

    /// Hand over the copies of what has passed meanwhile: the stream's number, when (CLOCK_MONOTONIC), and the packet.
    /// Nothing while another thread does.
    pub fn copies(&self, mut each: impl FnMut(u64, u64, &[u8])) {
        let Ok(mut copies) = self.copies.try_lock() else { return };
        take(&mut copies, &mut each);
    }

    /// The same, waiting for the other.
    pub fn all_copies(&self, mut each: impl FnMut(u64, u64, &[u8])) {
        take(&mut lock(&self.copies), &mut each);
    }

    /// Whether routes, addresses or interfaces have changed since it was asked.
    pub fn roads_changed(&self) -> bool {
        lock(&self.changes).any()
    }
}

impl Program {
    fn attach(&mut self, interface: u32) -> Result<()> {
        if self.interfaces.contains(&interface) {
            return Ok(());
        }
        let name = road::name_of(interface)?;
        let options = TcAttachOptions::TcxOrder(LinkOrder::default());
        classifier(&mut self.loaded)?.attach_with_options(&name, TcAttachType::Ingress, options).map_err(told)?;
        self.interfaces.insert(interface);
        Ok(())
    }
}

fn take(copies: &mut RingBuf<MapData>, each: &mut impl FnMut(u64, u64, &[u8])) {
    while let Some(copy) = copies.next() {
        if let Some(Copy { number, now_ns, data }) = Copy::read(&copy) {
            each(number, now_ns, data);
        }
    }
}

fn classifier(loaded: &mut Ebpf) -> Result<&mut SchedClassifier> {
    let program = loaded.program_mut("relay").ok_or_else(|| Error::other("the program is not in its object"))?;
    program.try_into().map_err(told)
}

fn map(loaded: &mut Ebpf, name: &str) -> Result<Map> {
    loaded.take_map(name).ok_or_else(|| Error::other("a map is not in the program's object"))
}

/// The system's error below whatever it is wrapped in, where there is one.
fn told(error: impl std::error::Error + 'static) -> Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(inner) = cause {
        if let Some(code) = inner.downcast_ref::<Error>().and_then(Error::raw_os_error) {
            return Error::from_raw_os_error(code);
        }
        cause = inner.source();
    }
    Error::other(error.to_string())
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}
