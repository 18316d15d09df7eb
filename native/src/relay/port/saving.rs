//! A port as data, and a port made of it; and when it has moved so far that it should be saved again.

use std::net::IpAddr;
use std::sync::Arc;

use super::{Desk, Manner, Outlet, Port, Side};
use crate::meter::{Meter, NANOS};
use crate::relay::ahead::{Ahead, SAVED_FOR};
use crate::relay::bundle::Bundle;
use crate::relay::checks::Checks;
use crate::relay::dub::Dub;
use crate::relay::guard::Guards;
use crate::relay::latch::Latch;
use crate::relay::lease::Lease;
use crate::relay::numbers::Numbers;
use crate::relay::pace::Pace;
use crate::relay::receipts::Receipts;
use crate::relay::saved::{OutletState, Place, PortState};
use crate::relay::strangers::Strangers;
use crate::relay::totals::Totals;
use crate::relay::transcode::Transcoder;

/// Where the port stood when it was saved; until it is told of.
pub struct Mark {
    sent: u64,
    heard: u64,
    streams: usize,
    /// By how much what is relayed is moved, behind what was played in between.
    moved: Option<u16>,
}

/// A clock of nanoseconds that begins at `epoch`, in seconds since the epoch.
#[derive(Clone, Copy)]
pub struct Times {
    pub epoch: f64,
    pub now_ns: u64,
}

impl Times {
    pub fn now(&self) -> f64 {
        self.seconds(self.now_ns)
    }

    fn seconds(&self, at_ns: u64) -> f64 {
        self.epoch + at_ns as f64 / NANOS as f64
    }

    /// Nothing is later than now, whatever another machine takes for the time.
    fn nanos(&self, at: f64) -> u64 {
        (((at - self.epoch) * NANOS as f64) as u64).min(self.now_ns)
    }
}

impl Port {
    /// The port as it stands, by the places that it and others have; it counts as saved from now on, or for the `last`
    /// time: then it stands still. None where it leads to, or shares its transport with, a port that has no place.
    pub fn save(
        self: &Arc<Port>,
        place: impl Fn(u64) -> Option<Place>,
        last: bool,
        times: &Times,
    ) -> Option<PortState> {
        let carrier = match &self.carrier {
            Some(carrier) => Some(place(carrier.id)?),
            None => None,
        };
        let mut side = self.side();
        let bundle = match &side.bundle {
            Some(bundle) => Some(bundle.state(&place)?),
            None => None,
        };
        let target = match &side.outlet {
            Outlet::Port(target) => target.upgrade(),
            Outlet::Nowhere | Outlet::Back { .. } => None,
        };
        let mut state = side.state(self, times);
        if last {
            side.stop();
        } else {
            side.mark();
        }
        drop(side);
        (state.carrier, state.bundle) = (carrier, bundle);
        if let Some(target) = target {
            match place(target.id) {
                Some(place) => state.outlet = OutletState::Port(place),
                None if target.side().is_open() => return None,
                None => {}
            }
        }
        Some(state)
    }

    /// A port on a lease, with this side. It receives nothing yet.
    pub fn resumed(
        id: u64,
        lease: Lease,
        desk: &Arc<Desk>,
        manner: Manner,
        (host, side): (IpAddr, Side),
    ) -> Arc<Port> {
        Port::leased(id, host, lease, desk, manner, side)
    }

    /// The same for a section on the transport of this port.
    pub fn resumed_beside(self: &Arc<Port>, id: u64, side: Side) -> Arc<Port> {
        self.carry(id, side)
    }

    /// Lead where the state says. `ports` are all that the places stand for.
    pub fn lead(&self, state: &PortState, ports: &[Arc<Port>]) {
        let at = |place: Place| ports.get(place as usize);
        if let OutletState::Port(target) = state.outlet {
            self.side().outlet = at(target).map_or(Outlet::Nowhere, |target| Outlet::Port(Arc::downgrade(target)));
        }
        if let Some(kept) = &state.bundle {
            let mut bundle = Bundle::resumed(kept, |place| at(place).map(|port| (port.id, Arc::downgrade(port))));
            for port in kept.places().filter_map(at) {
                let side = port.side();
                if let Some(bundle) = &mut bundle {
                    bundle.expect(port.id, &side.flavour.formats);
                    bundle.renumber(port.id, side.numbers.clone());
                }
            }
            self.side().bundle = bundle.map(Box::new);
        }
    }
}

impl Side {
    fn state(&self, port: &Port, times: &Times) -> PortState {
        let outlet = match self.outlet {
            Outlet::Back { ssrc } => OutletState::Back { ssrc },
            Outlet::Nowhere | Outlet::Port(_) => OutletState::Nowhere,
        };
        PortState {
            host: port.host,
            number: port.number,
            carrier: None,
            outlet,
            flavour: self.flavour.clone(),
            latch: self.latch.state(),
            guard: self.guard.state(),
            checks: self.checks.names().to_vec(),
            was_heard: !self.is_first,
            transcoder: self.transcoder.as_ref().map(|transcoder| transcoder.state()),
            converts: self.converts,
            tone: self.tone.as_ref().map(|tone| tone.state()),
            dub: self.dub.as_ref().map(|dub| dub.state()),
            bundle: None,
            numbers: self.numbers.as_ref().map_or_else(Vec::new, |numbers| numbers.pairs.to_vec()),
            watch_ns: self.watch.as_ref().map(|watch| watch.timeout_ns),
            totals: self.totals,
            sums: self.meter.sums(),
            last_heard: self.totals.last_heard_ns.map(|at_ns| times.seconds(at_ns)),
            strangers: self.strangers.clone(),
            receipts: self.receipts.state(),
            pace: self.pace.most(),
        }
    }

    /// A side that goes on, as far as it needs no other. None where the state contradicts itself.
    pub fn resumed(state: &PortState, ahead: &Ahead, times: &Times) -> Option<Side> {
        let mut side = Side::new(state.carrier.is_some());
        side.latch = Latch::resumed(state.latch.clone(), times.now_ns);
        side.flavour = state.flavour.clone();
        side.guard = Guards::resumed(&state.guard, ahead)?;
        side.checks = Checks::default();
        side.checks.expect(state.checks.clone());
        side.is_first = !state.was_heard;
        if let OutletState::Back { ssrc } = state.outlet {
            side.outlet = Outlet::Back { ssrc };
        }
        if let Some(kept) = &state.transcoder {
            side.transcoder = Some(Box::new(Transcoder::resumed(kept.clone(), ahead)?));
        }
        side.converts = state.converts && side.transcoder.is_some();
        side.dub = state.dub.as_ref().map(|dub| Box::new(Dub::resumed(dub, ahead)));
        side.meter = Meter::resumed(state.sums);
        side.watch(state.watch_ns, times.now_ns);
        let last_heard_ns = state.last_heard.map(|at| times.nanos(at));
        side.totals = Totals { last_heard_ns, ..state.totals };
        side.strangers = Strangers::resumed(state.strangers.clone());
        side.receipts = Receipts::resumed(&state.receipts, state.totals.sent_packets, times.now_ns);
        side.numbers = Numbers::new(&state.numbers).map(Arc::new);
        side.pace = Pace::resumed(state.pace);
        // What it has become is not what was saved.
        side.saved = Some(Mark { streams: usize::MAX, ..side.standing() });
        Some(side)
    }

    /// It is as it was saved.
    fn mark(&mut self) {
        self.saved = Some(self.standing());
    }

    fn standing(&self) -> Mark {
        let Totals { sent_packets, sent_rtcp, heard_packets, heard_rtcp, .. } = self.totals;
        let (sent, heard) = (sent_packets + sent_rtcp, heard_packets + heard_rtcp);
        Mark { sent, heard, streams: self.guard.streams(), moved: self.dub.as_ref().and_then(|dub| dub.settled()) }
    }

    /// Whether it has moved, since it was saved, as far as is safe: once, until it is saved again. Only where indexes
    /// count, or a stream is ours; the sections of one transport are those of a browser, which is always secured.
    pub fn advances(&mut self, now_ns: u64) -> bool {
        let Some(saved) = &self.saved else { return false };
        let stands = self.standing();
        self.pace.look(stands.sent, now_ns);
        let is_ours = self.converts || self.tone.is_some() || self.dub.is_some();
        if self.guard.is_clear() && !self.is_carried && !is_ours {
            return false;
        }
        let has_advanced = stands.moved != saved.moved
            || stands.streams != saved.streams
            || stands.sent.saturating_sub(saved.sent) >= SAVED_FOR
            || stands.heard.saturating_sub(saved.heard) >= SAVED_FOR;
        if has_advanced {
            self.saved = None;
        }
        has_advanced
    }
}
