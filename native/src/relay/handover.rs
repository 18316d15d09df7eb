//! From one engine to another: ports are saved while they work, and adopted where the first is no more.
//!
//! Adopting is all or nothing: every state is read and every key made before the first socket is opened, and nothing is
//! received before the last one is.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use super::ahead::{Ahead, HEIRS};
use super::desk::Playing;
use super::lease::Lease;
use super::port::{Port, Side, Times};
use super::saved::{PortState, Saved, Unreadable, PORTS};
use super::tone::ToneStream;
use super::worker::now_ns;
use super::Engine;

/// Where ports are opened that cannot be had again: at an address of this host for each, and any free pair of the range.
pub struct Elsewhere {
    pub hosts: Vec<IpAddr>,
    pub low: u16,
    pub high: u16,
}

/// Why ports were not adopted. None of them is open then.
#[derive(Debug)]
pub enum Unadopted {
    Unreadable(Unreadable),
    /// Not one address for each of them, of the family that its peer speaks.
    Misplaced,
    /// There are no heirs of that number.
    NoHeir,
    /// So many packets may have been sealed since it was taken that their indexes cannot be told any more.
    TooOld,
    /// The pair of this address cannot be had: another has it, or the host has not the address (yet). Elsewhere: none
    /// can, and the port is 0.
    Unavailable(SocketAddr, io::Error),
}

impl std::fmt::Display for Unadopted {
    fn fmt(&self, text: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unadopted::Unreadable(why) => why.fmt(text),
            Unadopted::TooOld => {
                write!(text, "more packets may have been sealed since it was saved than can be counted")
            }
            Unadopted::Misplaced => write!(text, "each port needs an address of the family that it had"),
            Unadopted::NoHeir => write!(text, "heirs are numbered from 1 to {HEIRS}"),
            Unadopted::Unavailable(pair, error) if pair.port() == 0 => write!(text, "{}: {error}", pair.ip()),
            Unadopted::Unavailable(pair, error) => write!(text, "{pair}: {error}"),
        }
    }
}

impl Elsewhere {
    /// Whether it has an address for each of these, of the family in which its peer is spoken to.
    fn is_for(&self, states: &[PortState]) -> bool {
        let mut pairs = self.hosts.iter().zip(states);
        self.hosts.len() == states.len() && pairs.all(|(host, state)| host.is_ipv6() == state.host.is_ipv6())
    }
}

impl From<Unreadable> for Unadopted {
    fn from(why: Unreadable) -> Unadopted {
        Unadopted::Unreadable(why)
    }
}

const CONTRADICTION: Unadopted = Unadopted::Unreadable(Unreadable::Mangled("a key or a plan in it is none"));

impl Engine {
    /// Ports as bytes, while they work; `epoch` is the clock's. After their `last` they neither hear nor say anything.
    /// Fails where one of them leads to, or shares its transport with, a port that is not among them, and for more than
    /// a call has.
    pub fn save(&self, ports: &[Arc<Port>], last: bool, epoch: f64) -> Result<Vec<u8>, &'static str> {
        if ports.len() > PORTS {
            return Err("more ports than a call has");
        }
        let _aside = ports.iter().filter(|_| last).map(|port| self.aside(port)).collect::<Vec<_>>();
        self.catch_up();
        let times = Times { epoch, now_ns: now_ns() };
        let place = |id: u64| ports.iter().position(|port| port.id == id).map(|place| place as u32);
        let states = ports.iter().map(|port| port.save(place, last, &times)).collect::<Option<_>>();
        let states = states.ok_or("a port leads to, or shares its transport with, one that is not saved with it")?;
        ports.iter().for_each(|port| port.desk.watch());
        Ok(Saved::new(times.now(), last, states).write())
    }

    /// Go on with saved ports, in their order, as the heir of this number; at the addresses that they had, or elsewhere.
    pub fn adopt(
        &self,
        bytes: &[u8],
        heir: u16,
        elsewhere: Option<&Elsewhere>,
        epoch: f64,
    ) -> Result<Vec<Arc<Port>>, Unadopted> {
        let saved = Saved::read(bytes)?;
        if elsewhere.is_some_and(|there| !there.is_for(&saved.ports)) {
            return Err(Unadopted::Misplaced);
        }
        let times = Times { epoch, now_ns: now_ns() };
        let ahead = Ahead::new(heir, times.now() - saved.at, saved.last).ok_or(Unadopted::NoHeir)?;
        if saved.is_secured() && !ahead.can_tell(saved.pace()) {
            return Err(Unadopted::TooOld);
        }
        let sides = saved.ports.iter().map(|state| self.resumed(state, &ahead, &times));
        let sides = sides.collect::<Option<Vec<_>>>().ok_or(CONTRADICTION)?;
        let ports = self.open_again(&saved.ports, sides, elsewhere)?;
        ports.iter().zip(&saved.ports).for_each(|(port, state)| port.lead(state, &ports));
        for (at, port) in ports.iter().enumerate() {
            if let Err(error) = port.receive() {
                ports.iter().for_each(|port| self.abandon(port));
                return Err(unavailable(&saved.ports[at], error));
            }
        }
        self.attend(&ports, &saved.ports);
        Ok(ports)
    }

    fn resumed(&self, state: &PortState, ahead: &Ahead, times: &Times) -> Option<Side> {
        let mut side = Side::resumed(state, ahead, times)?;
        if let Some(tone) = &state.tone {
            let serial = self.serial.fetch_add(1, Ordering::Relaxed);
            side.tone = Some(Box::new(ToneStream::resumed(serial, tone, ahead, times.now_ns)?));
        }
        Some(side)
    }

    /// Sockets for every side, in their order.
    fn open_again(
        &self,
        states: &[PortState],
        sides: Vec<Side>,
        elsewhere: Option<&Elsewhere>,
    ) -> Result<Vec<Arc<Port>>, Unadopted> {
        let mut sides: Vec<_> = sides.into_iter().map(Some).collect();
        let mut ports: Vec<Option<Arc<Port>>> = vec![None; states.len()];
        for (at, state) in states.iter().enumerate().filter(|(_, state)| state.carrier.is_none()) {
            let Some(side) = sides[at].take() else { continue };
            let place = match elsewhere {
                None => self.lease_again(state),
                Some(there) => self.lease_at(there.hosts[at], there),
            };
            match place.and_then(|(host, lease)| self.open_pair(host, lease, side)) {
                Ok(port) => ports[at] = Some(port),
                Err(error) => {
                    ports.iter().flatten().for_each(|port| self.abandon(port));
                    let pair = SocketAddr::new(state.host, state.number);
                    let pair = elsewhere.map_or(pair, |there| SocketAddr::new(there.hosts[at], 0));
                    return Err(Unadopted::Unavailable(pair, error));
                }
            }
        }
        for (at, state) in states.iter().enumerate() {
            let carrier = state.carrier.and_then(|carrier| ports[carrier as usize].clone());
            if let (Some(carrier), Some(side)) = (carrier, sides[at].take()) {
                ports[at] = Some(carrier.resumed_beside(self.next_id(), side));
            }
        }
        Ok(ports.into_iter().flatten().collect())
    }

    fn lease_again(&self, state: &PortState) -> io::Result<(IpAddr, Lease)> {
        Ok((state.host, self.pool().take(state.host, state.number, self.manner.dscp)?))
    }

    fn lease_at(&self, host: IpAddr, there: &Elsewhere) -> io::Result<(IpAddr, Lease)> {
        Ok((host, self.pool().lease(host, there.low, there.high, self.manner.dscp)?))
    }

    fn open_pair(&self, host: IpAddr, lease: Lease, side: Side) -> io::Result<Arc<Port>> {
        if self.threads().is_empty() {
            return Err(io::Error::other("the relay was shut down"));
        }
        let id = self.next_id();
        Ok(Port::resumed(id, lease, self.desk_of(id), self.manner, (host, side)))
    }

    /// Their tones go on, their timeouts are watched, and what they had counted before is no news.
    fn attend(&self, ports: &[Arc<Port>], states: &[PortState]) {
        let mut elsewhere = self.counted_elsewhere.lock().unwrap_or_else(PoisonError::into_inner);
        for (port, state) in ports.iter().zip(states) {
            elsewhere.add(&state.totals);
            let side = port.side();
            let playing = side.tone.as_ref().map(|tone| (tone.serial, tone.due_ns()));
            drop(side);
            if let Some((serial, due_ns)) = playing {
                port.desk.play(Playing { due_ns, serial, port: Arc::downgrade(port) });
            }
            port.desk.watch();
        }
    }

    /// Give back what was opened in vain.
    fn abandon(&self, port: &Arc<Port>) {
        port.side().close();
        port.desk.remove_port(port.id);
        if !port.is_carried() {
            self.pool().release(port.host, port.number);
        }
    }
}

fn unavailable(state: &PortState, error: io::Error) -> Unadopted {
    Unadopted::Unavailable(SocketAddr::new(state.host, state.number), error)
}
