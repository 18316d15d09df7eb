//! Who sends, and how much of it is heard: looked at before anything is parsed.
//!
//! A source is an IPv4 address or an IPv6 /64. It has an allowance of each kind of message, and one of the bytes that
//! our answers may have; who asks for more is banned, for longer each time. Where somebody has proven who he is, all
//! that differs is the unit: the flows of those who have proven nothing are looked at one by one there, so that an
//! office does not suffer for one of its machines. Time is an argument, and so is the seed of the hashes.
//!
//! `table` remembers sources in a fixed number of places, `allowance` counts, `networks` says who is in a list,
//! `python` is the face of it all.

mod allowance;
mod networks;
pub mod python;
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
/// Bans that wait to be told of.
const EVENTS: usize = 1_024;
/// Sources banned within one IPv4 /24 or IPv6 /48 in an hour before all of it is; networks that are counted so.
const NEIGHBOURS: u8 = 8;
const PREFIXES: usize = 65_536;

/// The policy, given once.
pub struct Policy {
    pub rates: [Rate; KINDS],
    /// What all who have proven nothing may send together.
    pub strangers: Rate,
    pub ban_first_s: f64,
    pub ban_most_s: f64,
    /// Flows of a source that are banned before the source is.
    pub strikes: u8,
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
    prefixes: HashMap<u64, Prefix>,
    banned_prefixes: usize,
    trusted: Networks,
    exempt: Networks,
    shut: Networks,
    strangers: u32,
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
            prefixes: HashMap::default(),
            banned_prefixes: 0,
            trusted: Networks::default(),
            exempt: Networks::default(),
            shut: Networks::default(),
            strangers: 0,
            counts: Counts::default(),
            events: Vec::new(),
        })
    }

    fn tick(&self, now: f64) -> u32 {
        ticks(now - self.origin)
    }

    /// Judge a message by where it comes from and its first bytes.
    pub fn look(&mut self, ip: IpAddr, port: u16, data: &[u8], now: f64) -> Verdict {
        if !self.shut.is_empty() && self.shut.covers(ip, now) {
            self.counts.banned += 1;
            return Verdict::Banned;
        }
        if !self.trusted.is_empty() && self.trusted.covers(ip, now) {
            return Verdict::Pass;
        }
        let (kind, tick) = (kind_of(data), self.tick(now));
        let verdict = self.judge(ip, port, kind, data.len() as u32, tick);
        match verdict {
            Verdict::Pass => {}
            Verdict::Banned => self.counts.banned += 1,
            Verdict::Limited => self.counts.limited += 1,
        }
        verdict
    }

    fn judge(&mut self, ip: IpAddr, port: u16, kind: usize, size: u32, tick: u32) -> Verdict {
        let rates = self.policy.rates;
        let flow = self.hashing.flow(ip, port);
        let source = self.table.entry(source_of(ip), tick);
        source.seen = tick;
        if after(source.proven_until, tick) {
            return self.judge_neighbour(ip, port, kind, size, tick);
        }
        if after(source.banned_until, tick) {
            return Verdict::Banned;
        }
        let has_banned_flows = after(source.flows_until, tick);
        if has_banned_flows && self.table.find(flow).is_some_and(|entry| after(entry.banned_until, tick)) {
            return Verdict::Banned;
        }
        if self.is_in_banned_prefix(ip, tick) {
            return Verdict::Banned;
        }
        let source = self.table.entry(source_of(ip), tick);
        source.gave(size, &rates[BYTES], tick);
        if !source.take(kind, 1, &rates[kind], 1, tick) {
            self.strike(ip, port, kind, tick);
            return Verdict::Banned;
        }
        if kind != DIALOG && !allowance::take(&mut self.strangers, 1, &self.policy.strangers, 1, tick) {
            self.counts.crowded += 1;
            return Verdict::Limited;
        }
        Verdict::Pass
    }

    /// Where somebody has proven himself, each flow counts alone; what those take who have not is limited together too.
    fn judge_neighbour(&mut self, ip: IpAddr, port: u16, kind: usize, size: u32, tick: u32) -> Verdict {
        let rate = self.policy.rates[kind];
        let flow = self.hashing.flow(ip, port);
        let is_proven = self.is_proven(flow, tick);
        let entry = self.table.entry(flow, tick);
        entry.seen = tick;
        if is_proven {
            return if entry.take(kind, 1, &rate, WIDE, tick) { Verdict::Pass } else { Verdict::Limited };
        }
        if after(entry.banned_until, tick) {
            return Verdict::Banned;
        }
        entry.gave(size, &self.policy.rates[BYTES], tick);
        let scale = if kind == INVITE { NEIGHBOUR_CALLS } else { NEIGHBOUR };
        if !entry.take(kind, 1, &rate, scale, tick) {
            self.strike(ip, port, kind, tick);
            return Verdict::Banned;
        }
        let source = self.table.entry(source_of(ip), tick);
        if source.take(kind, 1, &rate, WIDE, tick) { Verdict::Pass } else { Verdict::Limited }
    }

    /// Whether this many bytes may be sent as an answer to who may have proven nothing.
    pub fn may_answer(&mut self, ip: IpAddr, port: u16, size: u32, now: f64) -> bool {
        if !self.trusted.is_empty() && self.trusted.covers(ip, now) {
            return true;
        }
        let (tick, rate) = (self.tick(now), self.policy.rates[BYTES]);
        let flow = self.hashing.flow(ip, port);
        let source = self.table.entry(source_of(ip), tick);
        let may = if !after(source.proven_until, tick) {
            source.take(BYTES, size, &rate, 1, tick)
        } else if self.is_proven(flow, tick) {
            return true;
        } else {
            self.table.entry(flow, tick).take(BYTES, size, &rate, NEIGHBOUR, tick)
        };
        self.counts.withheld += u64::from(!may);
        may
    }

    /// The flow belongs to somebody who proved who he is; good until then.
    pub fn prove(&mut self, ip: IpAddr, port: u16, until: f64, now: f64) {
        let (tick, end) = (self.tick(now), self.tick(until));
        let flow = self.hashing.flow(ip, port);
        let source = self.table.entry(source_of(ip), tick);
        source.seen = tick;
        source.banned_until = tick;
        source.proven_until = later(source.proven_until, end, tick);
        if self.proven.len() >= FLOWS && !self.proven.contains_key(&flow) {
            self.proven.retain(|_, state| after(state.until, tick));
            if self.proven.len() >= FLOWS {
                return;
            }
        }
        let state = self.proven.entry(flow).or_insert(FlowState { until: end });
        state.until = later(state.until, end, tick);
    }

    /// Whether the flow's owner has proven who he is, or the operator trusts him.
    pub fn is_known(&self, ip: IpAddr, port: u16, now: f64) -> bool {
        self.trusted.covers(ip, now) || self.is_proven(self.hashing.flow(ip, port), self.tick(now))
    }

    /// Whether somebody proved himself from that address.
    pub fn is_known_source(&self, ip: IpAddr, now: f64) -> bool {
        let tick = self.tick(now);
        self.trusted.covers(ip, now)
            || self.table.find(source_of(ip)).is_some_and(|entry| after(entry.proven_until, tick))
    }

    fn is_proven(&self, flow: u64, tick: u32) -> bool {
        self.proven.get(&flow).is_some_and(|state| after(state.until, tick))
    }

    /// Python knows more than the first bytes: take `units` more of a kind. Gives whether that was too much.
    pub fn weigh(&mut self, ip: IpAddr, port: u16, kind: usize, units: u32, now: f64) -> bool {
        if self.trusted.covers(ip, now) {
            return false;
        }
        let (tick, rate) = (self.tick(now), self.policy.rates[kind]);
        let flow = self.hashing.flow(ip, port);
        if self.is_proven(flow, tick) {
            return false;
        }
        let (unit, scale) = self.unit(ip, flow, tick);
        if after(unit.banned_until, tick) || unit.take(kind, units, &rate, scale, tick) {
            return false;
        }
        self.strike(ip, port, kind, tick);
        true
    }

    /// A call of who has proven nothing was answered by a user: he is welcome to as many more.
    pub fn credit(&mut self, ip: IpAddr, port: u16, now: f64) {
        let (tick, rates) = (self.tick(now), self.policy.rates);
        let flow = self.hashing.flow(ip, port);
        let (unit, scale) = self.unit(ip, flow, tick);
        unit.give(INVITE, CREDIT, &rates[INVITE], scale, tick);
        unit.give(DIALOG, DIALOG_CREDIT, &rates[DIALOG], scale, tick);
        unit.give(BYTES, BYTES_CREDIT, &rates[BYTES], 1, tick);
    }

    /// What is counted and banned for a flow: itself where somebody has proven himself beside it, else its source.
    fn unit(&mut self, ip: IpAddr, flow: u64, tick: u32) -> (&mut Entry, u32) {
        let is_known = self.table.find(source_of(ip)).is_some_and(|entry| after(entry.proven_until, tick));
        let (key, scale) = if is_known { (flow, NEIGHBOUR) } else { (source_of(ip), 1) };
        (self.table.entry(key, tick), scale)
    }

    /// Too much came: the flow is banned; at the third of one source in a row the source is, unless somebody there has
    /// proven himself, or it is this host.
    fn strike(&mut self, ip: IpAddr, port: u16, kind: usize, tick: u32) {
        let (rates, strikes) = (self.policy.rates, self.policy.strikes);
        let is_exempt = self.exempt.covers(ip, 0.0);
        let source = self.table.entry(source_of(ip), tick);
        let has_proven = after(source.proven_until, tick);
        if source.strike(tick) < strikes || has_proven || is_exempt {
            // What the flow took shall not be missing to those beside it.
            source.ease(&rates, tick);
            return self.ban_flow(ip, port, kind, tick);
        }
        source.strikes = 0;
        let seconds = source.ban(self.policy.ban_first_s, self.policy.ban_most_s, tick);
        let level = source.level;
        self.counts.bans += 1;
        self.tell(Event { ip, port: 0, prefix: if ip.is_ipv4() { 32 } else { 64 }, kind, seconds, level });
        self.count_prefix(ip, kind, seconds, tick);
    }

    fn ban_flow(&mut self, ip: IpAddr, port: u16, kind: usize, tick: u32) {
        let flow = self.hashing.flow(ip, port);
        let entry = self.table.entry(flow, tick);
        entry.seen = tick;
        let seconds = entry.ban(self.policy.ban_first_s, self.policy.ban_most_s, tick);
        let (level, until) = (entry.level, entry.banned_until);
        let source = self.table.entry(source_of(ip), tick);
        source.flows_until = later(source.flows_until, until, tick);
        self.counts.bans += 1;
        self.tell(Event { ip, port, prefix: if ip.is_ipv4() { 32 } else { 64 }, kind, seconds, level });
    }

    fn tell(&mut self, event: Event) {
        if self.events.len() < EVENTS {
            self.events.push(event);
        }
    }

    /// Many banned sources side by side are one: their network is banned too.
    fn count_prefix(&mut self, ip: IpAddr, kind: usize, seconds: f64, tick: u32) {
        if self.prefixes.len() >= PREFIXES {
            let hour = ticks(3600.0);
            self.prefixes.retain(|_, one| after(one.banned_until, tick) || !after(tick, one.since.wrapping_add(hour)));
            self.banned_prefixes = self.prefixes.values().filter(|one| after(one.banned_until, tick)).count();
            if self.prefixes.len() >= PREFIXES {
                return;
            }
        }
        let known = self.prefixes.entry(prefix_of(ip)).or_insert(Prefix { bans: 0, since: tick, banned_until: tick });
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
        let prefix = if ip.is_ipv4() { 24 } else { 48 };
        self.tell(Event { ip, port: 0, prefix, kind, seconds, level: 1 });
    }

    fn is_in_banned_prefix(&self, ip: IpAddr, tick: u32) -> bool {
        self.banned_prefixes > 0
            && self.prefixes.get(&prefix_of(ip)).is_some_and(|one| after(one.banned_until, tick))
    }

    /// End every automatic ban of an address; with `port` only that of a flow. Whether there was one.
    pub fn lift(&mut self, ip: IpAddr, port: u16, now: f64) -> bool {
        let tick = self.tick(now);
        let key = if port == 0 { source_of(ip) } else { self.hashing.flow(ip, port) };
        let mut was = false;
        if let Some(entry) = self.table.find_mut(key) {
            was = after(entry.banned_until, tick);
            entry.pardon(&self.policy.rates, tick);
        }
        if let Some(one) = self.prefixes.get_mut(&prefix_of(ip)).filter(|_| port == 0) {
            was |= after(one.banned_until, tick);
            one.banned_until = tick;
            one.bans = 0;
        }
        was
    }

    /// Forget what is as good as new, a part of the table at a time, and give its memory back.
    pub fn sweep(&mut self, now: f64) {
        let tick = self.tick(now);
        if self.table.sweep(tick) {
            self.proven.retain(|_, state| after(state.until, tick));
            self.proven.shrink_to(1024);
            self.prefixes.retain(|_, one| {
                after(one.banned_until, tick) || !after(tick, one.since.wrapping_add(3600 * TICKS))
            });
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

/// IPv4 addresses stand where IPv6 has multicast, which nobody sends from; of IPv6 the subscriber's /64 counts.
fn source_of(ip: IpAddr) -> u64 {
    match ip {
        IpAddr::V4(v4) => 0xFF00_0000_0000_0000 | u64::from(u32::from(v4)),
        IpAddr::V6(v6) => ((u128::from(v6) >> 64) as u64).max(1),
    }
}

fn prefix_of(ip: IpAddr) -> u64 {
    match ip {
        IpAddr::V4(_) => source_of(ip) >> 8,
        IpAddr::V6(_) => source_of(ip) >> 16 | 1 << 63,
    }
}

/// The later of two ends, of which the first may be long past.
fn later(one: u32, other: u32, tick: u32) -> u32 {
    if after(one, tick) && after(one, other) { one } else { other }
}
