//! Who sends, and how much of it is heard: looked at before anything is parsed.
//!
//! A source is an IPv4 address or an IPv6 /64. It has an allowance of each kind of message, and one of the bytes that
//! our answers may have; who asks for more is banned, for longer each time. Where somebody has proven who he is, all
//! that differs is the unit: the flows of those who have proven nothing are looked at one by one there, so that an
//! office does not suffer for one of its machines. Time is an argument, and so is the seed of the hashes.
//!
//! What comes in datagrams and what comes over connections is counted apart, as if it came from two sources: anybody
//! can write any address on a datagram, and shall not keep its owner from connecting. Whom users of ours call is heard
//! on that flow whatever comes from his address, or who writes it on his datagrams could cut us off from a carrier.
//!
//! `table` remembers sources in a fixed number of places (`pages`), `allowance` counts, `networks` says who is in a list,
//! `refusal` writes answers to those who are not heard, `python` is the face of it all.

mod allowance;
mod networks;
mod pages;
pub mod python;
pub mod refusal;
mod table;

use std::net::IpAddr;

use rustc_hash::FxHashMap as HashMap;

use allowance::{after, ticks, Rate, TICKS};
use networks::Networks;
use table::{Entry, Hashing, Table};

/// Kinds of what is counted; the first five are told from the first bytes of a message.
pub const KINDS: usize = 7;
pub const INVITE: usize = 0;
pub const OPTIONS: usize = 1;
pub const REGISTER: usize = 2;
/// Other requests, and what is no SIP at all.
pub const OTHER: usize = 3;
/// Responses, and requests that only make sense within a dialog or a transaction.
pub const DIALOG: usize = 4;
/// Wrong credentials, told by Python.
pub const WRONG: usize = 5;
/// Bytes of our answers beyond those that came.
pub const BYTES: usize = 6;

/// Where somebody has proven himself, the whole source has this many times the allowance, and each flow of others
/// that many times.
const WIDE: u32 = 100;
const NEIGHBOUR: u32 = 4;
/// Calls of theirs that users have not taken yet: a machine that tests phones there has some hundreds.
const NEIGHBOUR_CALLS: u32 = 16;
/// An answered call gives back this many times what its INVITE took.
const CREDIT: u32 = 2;
const DIALOG_CREDIT: u32 = 12;
/// And the answers of one more call in bytes.
const BYTES_CREDIT: u32 = 8_192;
/// Flows remembered for proofs and bans of their own, at 48 bytes each; proofs that ran out make room.
const FLOWS: usize = 262_144;
/// How long who is called in the name of a user is heard: nearly every call is over by then.
const ASKED_S: f64 = 14_400.0;
/// Answers a second to all who are not heard, where the operator wants some.
const REFUSALS_PER_S: f64 = 1_000.0;
/// Bans that wait to be told of.
const EVENTS: usize = 1_024;
/// Sources banned within one IPv4 /24 or IPv6 /48 in an hour before all of it is; networks that are counted so.
const NEIGHBOURS: u8 = 8;
const PREFIXES: usize = 65_536;

/// The policy, given at once and whole.
pub struct Policy {
    pub rates: [Rate; KINDS],
    /// What all who have proven nothing may send together.
    pub strangers: Rate,
    pub ban_first_s: f64,
    pub ban_most_s: f64,
    /// Flows of a source that are banned before the source is.
    pub strikes: u8,
    /// The status that who is not heard is answered with, 0 for silence.
    pub refusal: u16,
}

/// Where a message comes from.
#[derive(Clone, Copy)]
pub struct Peer {
    pub ip: IpAddr,
    pub port: u16,
    /// Over a connection, so that the address is not forged.
    pub is_stream: bool,
}

impl Peer {
    pub fn datagram(address: std::net::SocketAddr) -> Peer {
        Peer { ip: address.ip(), port: address.port(), is_stream: false }
    }

    /// IPv4 addresses stand where IPv6 has multicast, which nobody sends from; of IPv6 the subscriber's /64 counts.
    fn source(self) -> u64 {
        let address = match self.ip {
            IpAddr::V4(v4) => 0xFF00_0000_0000_0000 | u64::from(u32::from(v4)),
            IpAddr::V6(v6) => (u128::from(v6) >> 64) as u64,
        };
        // Connections stand where no address is assigned.
        (if self.is_stream { address ^ 0xC000_0000_0000_0000 } else { address }).max(1)
    }

    fn prefix(self) -> u64 {
        let network = match self.ip {
            IpAddr::V4(v4) => u64::from(u32::from(v4)) >> 8,
            IpAddr::V6(v6) => (u128::from(v6) >> 80) as u64 | 1 << 63,
        };
        network | u64::from(self.is_stream) << 62
    }

    fn over(self, is_stream: bool) -> Peer {
        Peer { is_stream, ..self }
    }
}

/// What becomes of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    Pass,
    Banned,
    Limited,
}

/// A ban that begins. `port` is 0 where it is of the whole source, `prefix` the bits of the network it covers.
pub struct Event {
    pub ip: IpAddr,
    pub port: u16,
    pub prefix: u8,
    pub is_stream: bool,
    pub kind: usize,
    pub seconds: f64,
    pub level: u8,
}

#[derive(Default, Clone, Copy)]
pub struct Counts {
    pub banned: u64,
    pub limited: u64,
    pub crowded: u64,
    pub withheld: u64,
    pub refused: u64,
    pub bans: u64,
}

struct FlowState {
    until: u32,
}

struct Prefix {
    bans: u8,
    since: u32,
    banned_until: u32,
}

/// See the module's text.
pub struct Guard {
    policy: Policy,
    table: Table,
    hashing: Hashing,
    origin: f64,
    proven: HashMap<u64, FlowState>,
    /// Flows that users of ours call out of the house.
    asked: HashMap<u64, FlowState>,
    prefixes: HashMap<u64, Prefix>,
    banned_prefixes: usize,
    trusted: Networks,
    exempt: Networks,
    shut: Networks,
    strangers: u32,
    refusals: u32,
    counts: Counts,
    events: Vec<Event>,
}

impl Guard {
    pub fn new(policy: Policy, seed: [u8; 16], now: f64) -> std::io::Result<Guard> {
        let hashing = Hashing::new(seed);
        Ok(Guard {
            policy,
            table: Table::new(hashing)?,
            hashing,
            // Ticks begin at a second, so that 0 is the past.
            origin: now - 1.0,
            proven: HashMap::default(),
            asked: HashMap::default(),
            prefixes: HashMap::default(),
            banned_prefixes: 0,
            trusted: Networks::default(),
            exempt: Networks::default(),
            shut: Networks::default(),
            strangers: 0,
            refusals: 0,
            counts: Counts::default(),
            events: Vec::new(),
        })
    }

    fn tick(&self, now: f64) -> u32 {
        ticks(now - self.origin)
    }

    /// Judge a message by where it comes from and its first bytes.
    pub fn look(&mut self, peer: Peer, data: &[u8], now: f64) -> Verdict {
        self.look_for(peer, kind_of(data), data.len() as u32, now)
    }

    /// Judge a connection that wants to be accepted. Web servers before us bring those of everybody.
    pub fn look_at_connection(&mut self, ip: IpAddr, now: f64) -> Verdict {
        let is_front = self.exempt.covers(ip, 0.0) && !self.shut.covers(ip, now);
        if is_front {
            Verdict::Pass
        } else {
            self.look_for(Peer { ip, port: 0, is_stream: true }, DIALOG, 0, now)
        }
    }

    fn look_for(&mut self, peer: Peer, kind: usize, size: u32, now: f64) -> Verdict {
        if !self.shut.is_empty() && self.shut.covers(peer.ip, now) {
            self.counts.banned += 1;
            return Verdict::Banned;
        }
        if !self.trusted.is_empty() && self.trusted.covers(peer.ip, now) {
            return Verdict::Pass;
        }
        let verdict = self.judge(peer, kind, size, self.tick(now));
        match verdict {
            Verdict::Pass => {}
            Verdict::Banned => self.counts.banned += 1,
            Verdict::Limited => self.counts.limited += 1,
        }
        verdict
    }

    fn judge(&mut self, peer: Peer, kind: usize, size: u32, tick: u32) -> Verdict {
        let rates = self.policy.rates;
        let flow = self.hashing.flow(peer);
        let source = self.table.entry(peer.source(), tick);
        source.seen = tick;
        let (is_office, is_banned) = (after(source.proven_until, tick), after(source.banned_until, tick));
        let has_banned_flows = after(source.flows_until, tick);
        if is_office || self.is_asked(flow, tick) {
            return self.judge_neighbour(peer, kind, size, is_office, tick);
        }
        if is_banned {
            return Verdict::Banned;
        }
        if has_banned_flows && self.table.find(flow).is_some_and(|entry| after(entry.banned_until, tick)) {
            return Verdict::Banned;
        }
        if self.is_in_banned_prefix(peer, tick) {
            return Verdict::Banned;
        }
        let source = self.table.entry(peer.source(), tick);
        source.gave(size, &rates[BYTES], tick);
        if !source.take(kind, 1, &rates[kind], 1, tick) {
            self.strike(peer, kind, tick);
            return Verdict::Banned;
        }
        if kind != DIALOG && !allowance::take(&mut self.strangers, 1, &self.policy.strangers, 1, tick) {
            self.counts.crowded += 1;
            return Verdict::Limited;
        }
        Verdict::Pass
    }

    /// Where somebody has proven himself, each flow counts alone; what those take who have not is limited together too.
    fn judge_neighbour(&mut self, peer: Peer, kind: usize, size: u32, is_office: bool, tick: u32) -> Verdict {
        let rate = self.policy.rates[kind];
        let flow = self.hashing.flow(peer);
        let is_welcome = !is_office || self.is_proven(flow, tick) || self.is_asked(flow, tick);
        let entry = self.table.entry(flow, tick);
        entry.seen = tick;
        entry.gave(size, &self.policy.rates[BYTES], tick);
        if is_welcome {
            return if entry.take(kind, 1, &rate, WIDE, tick) { Verdict::Pass } else { Verdict::Limited };
        }
        if after(entry.banned_until, tick) {
            return Verdict::Banned;
        }
        let scale = if kind == INVITE { NEIGHBOUR_CALLS } else { NEIGHBOUR };
        if !entry.take(kind, 1, &rate, scale, tick) {
            self.strike(peer, kind, tick);
            return Verdict::Banned;
        }
        let source = self.table.entry(peer.source(), tick);
        if source.take(kind, 1, &rate, WIDE, tick) {
            Verdict::Pass
        } else {
            Verdict::Limited
        }
    }

    /// Whether this many bytes may be sent in a datagram as an answer to who may have proven nothing.
    pub fn may_answer(&mut self, peer: Peer, size: u32, now: f64) -> bool {
        if !self.trusted.is_empty() && self.trusted.covers(peer.ip, now) {
            return true;
        }
        let (tick, rate) = (self.tick(now), self.policy.rates[BYTES]);
        let flow = self.hashing.flow(peer);
        let source = self.table.entry(peer.source(), tick);
        let is_office = after(source.proven_until, tick);
        let may = if is_office && self.is_proven(flow, tick) {
            return true;
        } else if self.is_asked(flow, tick) {
            self.table.entry(flow, tick).take(BYTES, size, &rate, WIDE, tick)
        } else if is_office {
            self.table.entry(flow, tick).take(BYTES, size, &rate, NEIGHBOUR, tick)
        } else {
            self.table.entry(peer.source(), tick).take(BYTES, size, &rate, 1, tick)
        };
        self.counts.withheld += u64::from(!may);
        may
    }

    /// A user of ours calls out of the house: what comes back is heard, and so is what belongs to the call.
    pub fn asked(&mut self, peer: Peer, now: f64) {
        if !self.trusted.is_empty() && self.trusted.covers(peer.ip, now) {
            return;
        }
        let (tick, flow) = (self.tick(now), self.hashing.flow(peer));
        if !self.is_proven(flow, tick) {
            remember(&mut self.asked, flow, tick.wrapping_add(ticks(ASKED_S)), tick);
        }
    }

    /// What who is not heard is told, if anything: never more bytes than came, and no more of them than anybody may draw
    /// who has proven nothing.
    pub fn refusal(&mut self, peer: Peer, data: &[u8], now: f64) -> Option<Vec<u8>> {
        if self.policy.refusal == 0 || !refusal::is_answerable(data) {
            return None;
        }
        let (tick, rates) = (self.tick(now), self.policy.rates);
        let everybody = Rate::new(REFUSALS_PER_S, REFUSALS_PER_S);
        let mut all = self.refusals;
        if !allowance::take(&mut all, 1, &everybody, 1, tick) {
            return None;
        }
        if !self.table.entry(peer.source(), tick).take(BYTES, data.len() as u32, &rates[BYTES], 1, tick) {
            return None;
        }
        let answer = refusal::written(data, self.policy.refusal, self.seconds_left(peer, now))?;
        self.refusals = all;
        self.counts.refused += 1;
        Some(answer)
    }

    /// How long a peer will not be heard yet.
    fn seconds_left(&self, peer: Peer, now: f64) -> u32 {
        let tick = self.tick(now);
        let entries =
            [peer.source(), self.hashing.flow(peer)].map(|key| self.table.find(key).map(|one| one.banned_until));
        let prefix = self.prefixes.get(&peer.prefix()).map(|one| one.banned_until);
        let left = |end: u32| if after(end, tick) { end.wrapping_sub(tick).div_ceil(TICKS) } else { 0 };
        entries.into_iter().flatten().chain(prefix).map(left).max().unwrap_or(0)
    }

    /// The flow belongs to somebody who proved who he is; good until then.
    pub fn prove(&mut self, peer: Peer, until: f64, now: f64) {
        let (tick, end) = (self.tick(now), self.tick(until));
        for is_stream in [false, true] {
            let source = self.table.entry(peer.over(is_stream).source(), tick);
            source.seen = tick;
            source.banned_until = tick;
            source.proven_until = later(source.proven_until, end, tick);
        }
        remember(&mut self.proven, self.hashing.flow(peer), end, tick);
    }

    /// Whether the flow's owner has proven who he is, or the operator trusts him.
    pub fn is_known(&self, peer: Peer, now: f64) -> bool {
        self.trusted.covers(peer.ip, now) || self.is_proven(self.hashing.flow(peer), self.tick(now))
    }

    /// Whether somebody proved himself from that address.
    pub fn is_known_source(&self, peer: Peer, now: f64) -> bool {
        let tick = self.tick(now);
        self.trusted.covers(peer.ip, now)
            || self.table.find(peer.source()).is_some_and(|entry| after(entry.proven_until, tick))
    }

    fn is_proven(&self, flow: u64, tick: u32) -> bool {
        self.proven.get(&flow).is_some_and(|state| after(state.until, tick))
    }

    fn is_asked(&self, flow: u64, tick: u32) -> bool {
        !self.asked.is_empty() && self.asked.get(&flow).is_some_and(|state| after(state.until, tick))
    }

    /// Python knows more than the first bytes: take `units` more of a kind. Gives whether that was too much.
    pub fn weigh(&mut self, peer: Peer, kind: usize, units: u32, now: f64) -> bool {
        if self.trusted.covers(peer.ip, now) {
            return false;
        }
        let (tick, rate) = (self.tick(now), self.policy.rates[kind]);
        let flow = self.hashing.flow(peer);
        if self.is_proven(flow, tick) {
            return false;
        }
        let (unit, scale) = self.unit(peer, flow, tick);
        if after(unit.banned_until, tick) || unit.take(kind, units, &rate, scale, tick) {
            return false;
        }
        self.strike(peer, kind, tick);
        true
    }

    /// A call of who has proven nothing was answered by a user: he is welcome to as many more.
    pub fn credit(&mut self, peer: Peer, now: f64) {
        let (tick, rates) = (self.tick(now), self.policy.rates);
        let flow = self.hashing.flow(peer);
        let (unit, scale) = self.unit(peer, flow, tick);
        unit.give(INVITE, CREDIT, &rates[INVITE], scale, tick);
        unit.give(DIALOG, DIALOG_CREDIT, &rates[DIALOG], scale, tick);
        unit.give(BYTES, BYTES_CREDIT, &rates[BYTES], 1, tick);
    }

    /// What is counted and banned for a flow: itself where somebody has proven himself beside it, else its source.
    fn unit(&mut self, peer: Peer, flow: u64, tick: u32) -> (&mut Entry, u32) {
        let is_known = self.table.find(peer.source()).is_some_and(|entry| after(entry.proven_until, tick));
        let (key, scale) = if is_known { (flow, NEIGHBOUR) } else { (peer.source(), 1) };
        (self.table.entry(key, tick), scale)
    }

    /// Too much came: the flow is banned; at the third of one source in a row the source is, unless somebody there has
    /// proven himself, or it is this host or a web server before us.
    fn strike(&mut self, peer: Peer, kind: usize, tick: u32) {
        let (rates, strikes) = (self.policy.rates, self.policy.strikes);
        let is_exempt = self.exempt.covers(peer.ip, 0.0);
        let source = self.table.entry(peer.source(), tick);
        let has_proven = after(source.proven_until, tick);
        if source.strike(tick) < strikes || has_proven || is_exempt {
            // What the flow took shall not be missing to those beside it.
            source.ease(&rates, tick);
            return self.ban_flow(peer, kind, tick);
        }
        source.strikes = 0;
        let seconds = source.ban(self.policy.ban_first_s, self.policy.ban_most_s, tick);
        let level = source.level;
        self.counts.bans += 1;
        self.tell(event(peer, 0, if peer.ip.is_ipv4() { 32 } else { 64 }, kind, seconds, level));
        self.count_prefix(peer, kind, seconds, tick);
    }

    fn ban_flow(&mut self, peer: Peer, kind: usize, tick: u32) {
        let flow = self.hashing.flow(peer);
        let entry = self.table.entry(flow, tick);
        entry.seen = tick;
        let seconds = entry.ban(self.policy.ban_first_s, self.policy.ban_most_s, tick);
        let (level, until) = (entry.level, entry.banned_until);
        let source = self.table.entry(peer.source(), tick);
        source.flows_until = later(source.flows_until, until, tick);
        self.counts.bans += 1;
        self.tell(event(peer, peer.port, if peer.ip.is_ipv4() { 32 } else { 64 }, kind, seconds, level));
    }

    fn tell(&mut self, event: Event) {
        if self.events.len() < EVENTS {
            self.events.push(event);
        }
    }

    /// Many banned sources side by side are one: their network is banned too.
    fn count_prefix(&mut self, peer: Peer, kind: usize, seconds: f64, tick: u32) {
        if self.prefixes.len() >= PREFIXES {
            let hour = ticks(3600.0);
            self.prefixes
                .retain(|_, one| after(one.banned_until, tick) || !after(tick, one.since.wrapping_add(hour)));
            self.banned_prefixes = self.prefixes.values().filter(|one| after(one.banned_until, tick)).count();
            if self.prefixes.len() >= PREFIXES {
                return;
            }
        }
        let known = self.prefixes.entry(peer.prefix()).or_insert(Prefix { bans: 0, since: tick, banned_until: tick });
        if after(tick, known.since.wrapping_add(ticks(3600.0))) {
            *known = Prefix { bans: 0, since: tick, banned_until: known.banned_until };
        }
        known.bans = known.bans.saturating_add(1);
        if known.bans < NEIGHBOURS || after(known.banned_until, tick) {
            return;
        }
        known.bans = 0;
        known.banned_until = tick.wrapping_add(ticks(seconds));
        self.banned_prefixes += 1;
        self.counts.bans += 1;
        self.tell(event(peer, 0, if peer.ip.is_ipv4() { 24 } else { 48 }, kind, seconds, 1));
    }

    fn is_in_banned_prefix(&self, peer: Peer, tick: u32) -> bool {
        self.banned_prefixes > 0 && self.prefixes.get(&peer.prefix()).is_some_and(|one| after(one.banned_until, tick))
    }

    /// End every automatic ban of an address; with `port` only those of a flow. Whether there was one.
    pub fn lift(&mut self, ip: IpAddr, port: u16, now: f64) -> bool {
        let tick = self.tick(now);
        let mut was = false;
        for peer in [false, true].map(|is_stream| Peer { ip, port, is_stream }) {
            let key = if port == 0 { peer.source() } else { self.hashing.flow(peer) };
            if let Some(entry) = self.table.find_mut(key) {
                was |= after(entry.banned_until, tick);
                entry.pardon(&self.policy.rates, tick);
            }
            if let Some(one) = self.prefixes.get_mut(&peer.prefix()).filter(|_| port == 0) {
                was |= after(one.banned_until, tick);
                one.banned_until = tick;
                one.bans = 0;
            }
        }
        was
    }

    /// Forget what is as good as new, a part of the table at a time, and give its memory back.
    pub fn sweep(&mut self, now: f64) {
        let tick = self.tick(now);
        if self.table.sweep(tick) {
            for flows in [&mut self.proven, &mut self.asked] {
                flows.retain(|_, state| after(state.until, tick));
                flows.shrink_to(1024);
            }
            self.prefixes
                .retain(|_, one| after(one.banned_until, tick) || !after(tick, one.since.wrapping_add(3600 * TICKS)));
            self.banned_prefixes = self.prefixes.values().filter(|one| after(one.banned_until, tick)).count();
        }
    }
}

/// The kind of a message, from its first word; every other thing counts as a request of no special kind.
fn kind_of(data: &[u8]) -> usize {
    match data {
        [b'I', b'N', b'V', b'I', ..] => INVITE,
        [b'O', b'P', b'T', b'I', ..] => OPTIONS,
        [b'R', b'E', b'G', b'I', ..] => REGISTER,
        [b'S', b'I', b'P', b'/', ..] | [b'A', b'C', b'K', b' ', ..] | [b'B', b'Y', b'E', b' ', ..] => DIALOG,
        [b'C', b'A', b'N', b'C', ..] | [b'P', b'R', b'A', b'C', ..] | [b'U', b'P', b'D', b'A', ..] => DIALOG,
        // Keep-alives: line ends, and STUN.
        [0..=3 | b'\r' | b'\n', ..] | [] => DIALOG,
        _ => OTHER,
    }
}

/// Keep a flow until then; those that are over make room, and where there is none it is not kept.
fn remember(flows: &mut HashMap<u64, FlowState>, flow: u64, end: u32, tick: u32) {
    if flows.len() >= FLOWS && !flows.contains_key(&flow) {
        flows.retain(|_, state| after(state.until, tick));
        if flows.len() >= FLOWS {
            return;
        }
    }
    let state = flows.entry(flow).or_insert(FlowState { until: end });
    state.until = later(state.until, end, tick);
}

fn event(peer: Peer, port: u16, prefix: u8, kind: usize, seconds: f64, level: u8) -> Event {
    Event { ip: peer.ip, port, prefix, is_stream: peer.is_stream, kind, seconds, level }
}

/// The later of two ends, of which the first may be long past.
fn later(one: u32, other: u32, tick: u32) -> u32 {
    if after(one, tick) && after(one, other) {
        one
    } else {
        other
    }
}
