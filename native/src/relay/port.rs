//! One leased port pair and what we know of its peer: judge what comes, meter it, and say where it goes on.
//!
//! A port may share the transport of another (RFC 9143), its `carrier`: then the carrier's side latches, opens, seals
//! and knows the addresses, `bundle` sorts, and each section's own side meters, counts and routes.

mod hearing;
mod saving;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::bundle::Bundle;
use super::checks::Checks;
use super::desk;
use super::dub::Dub;
use super::flavour::Flavour;
use super::guard::Guards;
use super::latch::{Latch, Rule, Signalled};
use super::lease::{self, Lease};
use super::numbers::Numbers;
use super::pace::Pace;
use super::packet::{self, Media, Sender};
use super::receipts::Receipts;
use super::strangers::Strangers;
use super::tone::ToneStream;
use super::totals::Totals;
use super::transcode::Transcoder;
use crate::meter::Meter;
use crate::rtp;
use crate::tee::Recording;
pub use hearing::Arrival;
pub use saving::Times;

/// How the ports of an engine send.
#[derive(Clone, Copy)]
pub struct Manner {
    pub dscp: u8,
    /// Packets sent to one address after which a port opens a socket that is connected to it.
    pub steady: u32,
}

/// One second of audio.
pub const STEADY: u32 = 50;
/// The share of all descriptors that may serve steady streams: the others carry half as many calls again.
const DIRECT_SHARE: RawFd = 4;

pub type Socket = packet::Socket<Port>;
pub type Outgoing = packet::Outgoing<Port>;
pub type Desk = desk::Desk<Port>;
type Admission = desk::Admission<Port>;

pub struct Port {
    pub id: u64,
    pub host: IpAddr,
    pub number: u16,
    pub desk: Arc<Desk>,
    /// The port whose transport this one shares.
    carrier: Option<Arc<Port>>,
    manner: Manner,
    /// Descriptors below this number are plenty.
    spare: RawFd,
    sockets: [Arc<OwnedFd>; 2],
    side: Mutex<Side>,
}

/// A second socket on the RTP port, connected to the peer. The kernel sends over it without looking up a route (a
/// fifth of the cost of a packet) and gives it what the peer sends; everybody else still comes to the first socket.
struct Direct {
    to: SocketAddr,
    descriptor: Arc<OwnedFd>,
    _admission: Admission,
}

/// Where what is heard goes on.
pub enum Outlet {
    Nowhere,
    /// Out of another port, to its peer.
    Port(Weak<Port>),
    /// Back to the peer, under this synchronisation source: its own would look like a loop (RFC 3550 8.2).
    Back {
        ssrc: u32,
    },
}

struct Watch {
    timeout_ns: u64,
    since_ns: u64,
}

/// The peer of a port as we know it.
pub struct Side {
    latch: Latch,
    flavour: Flavour,
    pub guard: Guards,
    pub checks: Checks,
    is_first: bool,
    pub outlet: Outlet,
    /// What is heard goes on in another codec; kept while it does not, so that its stream goes on later.
    pub transcoder: Option<Box<Transcoder>>,
    pub converts: bool,
    pub meter: Meter,
    pub tone: Option<Box<ToneStream>>,
    /// What the peer hears, or heard, of ours in place of the other side.
    pub dub: Option<Box<Dub>>,
    watch: Option<Watch>,
    /// Where what is heard is copied to.
    pub tee: Option<Arc<Recording>>,
    totals: Totals,
    strangers: Strangers,
    receipts: Receipts,
    /// Packets that went to the present address before a socket was connected to it.
    steady: u32,
    direct: Option<Direct>,
    /// The sections on this transport, where there are more than one, or its packets are marked with theirs.
    pub bundle: Option<Box<Bundle<Port>>>,
    /// What the peer calls by other numbers.
    pub numbers: Option<Arc<Numbers>>,
    /// The carrier judges who is heard.
    is_carried: bool,
    is_open: bool,
    /// A worker receives from the two sockets.
    admissions: Vec<Admission>,
    /// Until it has moved too far from there.
    saved: Option<saving::Mark>,
    pace: Pace,
}

const NOBODY: Signalled = Signalled { rtp: None, rtcp: None, mux: false, rule: Rule::Exact, kin: None };

impl Port {
    /// Receive on a lease from now on.
    pub fn open(id: u64, host: IpAddr, lease: Lease, desk: &Arc<Desk>, manner: Manner) -> io::Result<Arc<Port>> {
        let port = Port::leased(id, host, lease, desk, manner, Side::new(false));
        port.receive()?;
        Ok(port)
    }

    /// A port on a lease, which receives nothing yet.
    fn leased(id: u64, host: IpAddr, lease: Lease, desk: &Arc<Desk>, manner: Manner, side: Side) -> Arc<Port> {
        let (number, spare) = (lease.port, lease.ceiling / DIRECT_SHARE);
        let sockets = [Arc::new(lease.rtp), Arc::new(lease.rtcp)];
        let (desk, side) = (desk.clone(), Mutex::new(side));
        Arc::new(Port { id, host, number, desk, carrier: None, manner, spare, sockets, side })
    }

    pub fn receive(self: &Arc<Port>) -> io::Result<()> {
        if !self.is_carried() {
            let admissions = [false, true].into_iter().map(|is_rtcp| self.desk.admit(self.socket(is_rtcp)));
            let admissions = admissions.collect::<io::Result<_>>()?;
            self.side().admissions = admissions;
        }
        self.desk.add_port(self.id, self);
        Ok(())
    }

    /// Another section on the transport of this port; None when there are too many.
    pub fn share(self: &Arc<Port>, id: u64) -> Option<Arc<Port>> {
        let carrier = self.transport();
        let port = carrier.carry(id, Side::new(true));
        let mut side = carrier.side();
        let has_room = side.sort_alone(carrier) && side.bundle.as_mut().is_some_and(|bundle| bundle.add(id, &port));
        has_room.then(|| {
            carrier.desk.add_port(id, &port);
            port
        })
    }

    fn carry(self: &Arc<Port>, id: u64, side: Side) -> Arc<Port> {
        Arc::new(Port {
            id,
            host: self.host,
            number: self.number,
            desk: self.desk.clone(),
            carrier: Some(self.clone()),
            manner: self.manner,
            spare: self.spare,
            sockets: self.sockets.clone(),
            side: Mutex::new(side),
        })
    }

    /// The port whose sockets, addresses and keys this one uses: itself, or its carrier.
    pub fn transport(self: &Arc<Port>) -> &Arc<Port> {
        self.carrier.as_ref().unwrap_or(self)
    }

    pub fn dscp(&self) -> u8 {
        self.manner.dscp
    }

    /// A lease of its own goes back when it closes.
    pub fn is_carried(&self) -> bool {
        self.carrier.is_some()
    }

    pub fn socket(self: &Arc<Port>, is_rtcp: bool) -> Socket {
        let descriptor = self.sockets[usize::from(is_rtcp)].clone();
        Socket { port: self.clone(), descriptor, is_rtcp }
    }

    /// Open a socket connected to the peer at `to`. Where that fails, or where descriptors are wanted for calls, sending
    /// goes on as before.
    pub fn connect(self: &Arc<Port>, to: SocketAddr) {
        if self.sockets[1].as_raw_fd() >= self.spare {
            return;
        }
        let local = SocketAddr::new(self.host, self.number);
        let Ok(descriptor) = lease::connected(&self.sockets[0], local, to, self.manner.dscp) else { return };
        let descriptor = Arc::new(descriptor);
        let socket = Socket { port: self.clone(), descriptor: descriptor.clone(), is_rtcp: false };
        let Ok(admission) = self.desk.admit(socket) else { return };
        let mut side = self.side();
        if side.is_open() && side.latch.rtp_destination() == Some(to) {
            side.direct = Some(Direct { to, descriptor, _admission: admission });
        }
    }

    pub fn side(&self) -> MutexGuard<'_, Side> {
        self.side.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sender for Port {
    fn refused(&self, media: Media, length: usize) {
        let totals = &mut self.side().totals;
        totals.unsendable += 1;
        match media {
            Media::Rtp => {
                totals.sent_packets = totals.sent_packets.saturating_sub(1);
                totals.sent_bytes = totals.sent_bytes.saturating_sub(length as u64);
            }
            Media::Rtcp => totals.sent_rtcp = totals.sent_rtcp.saturating_sub(1),
        }
    }

    fn proven(self: &Arc<Port>, to: SocketAddr) {
        self.transport().connect(to);
    }
}

/// Seal the packet in `buffer[..length]` for the port's peer, and count it as sent; where it leaves and goes. None when
/// no address is known, or it cannot be sealed.
pub fn leave(port: &Arc<Port>, media: Media, buffer: &mut [u8], length: usize) -> Option<Outgoing> {
    let mut side = port.side();
    if let Some(dub) = &mut side.dub {
        if !dub.pass_on(media, &mut buffer[..length]) {
            return None;
        }
    }
    if port.is_carried() {
        drop(side);
        return depart(port, media, buffer, length);
    }
    let outgoing = side.outgoing(port, media, buffer, length);
    side.count_sent(outgoing.as_ref());
    outgoing
}

/// The same for what is put in between by ourselves.
pub fn depart(port: &Arc<Port>, media: Media, buffer: &mut [u8], length: usize) -> Option<Outgoing> {
    let transport = port.transport();
    let mut side = transport.side();
    let outgoing = side.outgoing(port, media, buffer, length);
    if port.is_carried() {
        drop(side);
        side = port.side();
    }
    side.count_sent(outgoing.as_ref());
    outgoing
}

impl Side {
    fn new(is_carried: bool) -> Side {
        Side {
            latch: Latch::new(NOBODY),
            flavour: Flavour::default(),
            guard: Guards::default(),
            checks: Checks::default(),
            is_first: true,
            outlet: Outlet::Nowhere,
            transcoder: None,
            converts: false,
            meter: Meter::default(),
            tone: None,
            dub: None,
            watch: None,
            tee: None,
            totals: Totals::default(),
            strangers: Strangers::default(),
            receipts: Receipts::default(),
            steady: 0,
            direct: None,
            bundle: None,
            numbers: None,
            is_carried,
            is_open: true,
            admissions: Vec::new(),
            saved: None,
            pace: Pace::default(),
        }
    }

    /// What the peer signalled. The same addresses as before keep what was latched.
    pub fn expect(&mut self, signalled: Signalled, flavour: Flavour) {
        if self.flavour.raw != flavour.raw {
            self.latch = Latch::new(signalled);
            self.is_first = true;
        }
        if signalled.mux {
            self.guard.share();
        }
        self.is_first |= self.latch.expect(signalled);
        self.converts &= !flavour.opaque;
        self.flavour = flavour;
    }

    pub fn approve(&mut self, source: SocketAddr, on_rtcp_socket: bool, select: bool) {
        self.latch.approve(source, on_rtcp_socket, select);
    }

    pub fn revoke(&mut self, source: SocketAddr, on_rtcp_socket: bool) {
        self.latch.revoke(source, on_rtcp_socket);
    }

    pub fn watch(&mut self, timeout_ns: Option<u64>, now_ns: u64) {
        self.watch = timeout_ns.map(|timeout_ns| Watch { timeout_ns, since_ns: now_ns });
    }

    /// What is heard may not be decoded.
    pub fn is_opaque(&self) -> bool {
        self.flavour.opaque
    }

    /// Whether what is sent to the peer arrives, as far as we know.
    pub fn is_reachable(&self) -> bool {
        self.latch.rtp_destination().is_some() && !self.guard.is_shut()
    }

    pub fn has_heard(&self) -> bool {
        self.totals.heard_packets > 0
    }

    /// Whether it has to be looked at again and again.
    pub fn is_watched(&self) -> bool {
        self.watch.is_some() || self.saved.is_some()
    }

    /// How long the peer has been silent, once, when that is as long as was asked to watch for.
    pub fn time_out(&mut self, now_ns: u64) -> Option<u64> {
        let watch = self.watch.as_ref()?;
        let heard_ns = self.totals.last_heard_ns.unwrap_or(0).max(watch.since_ns);
        let silent_ns = now_ns.saturating_sub(heard_ns);
        if silent_ns < watch.timeout_ns {
            return None;
        }
        self.watch = None;
        Some(silent_ns)
    }

    pub fn totals(&self) -> Totals {
        let sums = self.meter.sums();
        Totals { lost: sums.lost, reordered: sums.reordered, duplicates: sums.duplicates, ..self.totals }
    }

    /// Sort what comes to the carrier `port` by sections, of which it is one. False when there are too many.
    pub fn sort_alone(&mut self, port: &Arc<Port>) -> bool {
        let bundle = self.bundle.get_or_insert_default();
        let has_room = bundle.add(port.id, port);
        if !port.is_carried() {
            bundle.expect(port.id, &self.flavour.formats);
            bundle.renumber(port.id, self.numbers.clone());
        }
        has_room
    }

    /// Who was not heard, and how many packets of each; and those of the peer from before it was known.
    pub fn strangers(&self) -> (Vec<(SocketAddr, u64)>, u64) {
        (self.strangers.told(), self.strangers.forgiven)
    }

    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// Nothing is heard or sent from now on, though a worker may still hold the port for a moment.
    pub fn close(&mut self) -> Totals {
        self.stop();
        self.is_open = false;
        self.totals()
    }

    /// The same of a port that is still leased.
    fn stop(&mut self) {
        self.latch = Latch::new(NOBODY);
        self.outlet = Outlet::Nowhere;
        self.transcoder = None;
        self.converts = false;
        self.tone = None;
        self.dub = None;
        self.watch = None;
        self.tee = None;
        self.saved = None;
        self.direct = None;
        self.bundle = None;
        self.admissions.clear();
    }

    /// What a packet of the section `port` needs to leave on this transport.
    fn outgoing(&mut self, port: &Arc<Port>, media: Media, buffer: &mut [u8], length: usize) -> Option<Outgoing> {
        let (destination, is_rtcp) = match media {
            Media::Rtp => (self.latch.rtp_destination(), false),
            Media::Rtcp => self.latch.rtcp_destination(),
        };
        let to = destination?;
        let length = match (media, &mut self.bundle, &self.numbers) {
            (Media::Rtp, Some(bundle), _) => bundle.leave(port.id, buffer, length),
            (Media::Rtp, None, Some(numbers)) => {
                numbers.send(buffer);
                length
            }
            _ => length,
        };
        let length = self.guard.seal(media, buffer, length).ok()?;
        let direct = if is_rtcp { None } else { self.direct_to(to) };
        let is_connected = direct.is_some();
        let is_steady = !is_rtcp && !is_connected && self.steady == port.manner.steady;
        let descriptor = direct.unwrap_or_else(|| port.sockets[usize::from(is_rtcp)].clone());
        let is_plain = is_connected && self.plain_destination() == Some(to);
        let port = port.clone();
        Some(Outgoing { port, descriptor, to, is_connected, is_steady, is_plain, media, length, followed_from: None })
    }

    /// Where what leaves here goes over a socket of its own, when it leaves as it is and nothing else leaves with it.
    pub fn plain_destination(&self) -> Option<SocketAddr> {
        let is_plain = self.guard.is_clear()
            && self.dub.is_none()
            && self.numbers.is_none()
            && self.bundle.is_none()
            && !self.is_carried;
        let to = self.direct.as_ref()?.to;
        (is_plain && self.latch.rtp_destination() == Some(to)).then_some(to)
    }

    /// Whether all RTP that comes from `source` goes on as it came to the peer of `target`.
    pub fn passes(&self, source: SocketAddr, target: &Arc<Port>) -> bool {
        let leads = matches!(&self.outlet, Outlet::Port(led) if std::ptr::eq(led.as_ptr(), Arc::as_ptr(target)));
        leads
            && self.is_open
            && !self.converts
            && !self.flavour.raw
            && !self.is_carried
            && self.guard.is_clear()
            && self.bundle.is_none()
            && self.numbers.is_none()
            && self.latch.holds(source)
    }

    fn count_sent(&mut self, outgoing: Option<&Outgoing>) {
        match outgoing.map(|sent| (sent.media, sent.length)) {
            None => self.totals.unsendable += 1,
            Some((Media::Rtp, length)) => {
                self.totals.sent_packets += 1;
                self.totals.sent_bytes += length as u64;
            }
            Some((Media::Rtcp, _)) => self.totals.sent_rtcp += 1,
        }
    }

    /// Where what this section's peer says goes on.
    pub fn target(&mut self, port: &Arc<Port>, media: Media, data: &mut [u8]) -> Option<Arc<Port>> {
        match &self.outlet {
            Outlet::Nowhere => None,
            Outlet::Port(target) => {
                if let (Media::Rtcp, Some(dub)) = (media, &self.dub) {
                    dub.hear_report(data);
                }
                target.upgrade()
            }
            Outlet::Back { .. } if media == Media::Rtcp => None,
            Outlet::Back { ssrc } => {
                if !self.flavour.raw {
                    rtp::set_ssrc(data, *ssrc);
                }
                Some(port.clone())
            }
        }
    }

    /// The socket connected to this address. One to another address goes; without one, the packet is counted.
    fn direct_to(&mut self, to: SocketAddr) -> Option<Arc<OwnedFd>> {
        match &self.direct {
            Some(direct) if direct.to == to => return Some(direct.descriptor.clone()),
            Some(_) => {
                self.direct = None;
                self.steady = 0;
            }
            None => {}
        }
        self.steady = self.steady.saturating_add(1);
        None
    }
}
