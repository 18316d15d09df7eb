//! Counters of a port.

use serde::{Deserialize, Serialize};

/// What passed through one port since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Totals {
    pub heard_packets: u64,
    pub heard_bytes: u64,
    pub heard_rtcp: u64,
    pub sent_packets: u64,
    pub sent_bytes: u64,
    pub sent_rtcp: u64,
    pub lost: i64,
    pub reordered: u64,
    pub duplicates: u64,
    pub strangers: u64,
    pub malformed: u64,
    pub unnegotiated: u64,
    pub unsendable: u64,
    pub unauthentic: u64,
    pub replayed: u64,
    /// On the clock of this machine alone.
    #[serde(skip)]
    pub last_heard_ns: Option<u64>,
}

impl Totals {
    /// Add the totals of another port.
    pub fn add(&mut self, other: &Totals) {
        self.heard_packets += other.heard_packets;
        self.heard_bytes += other.heard_bytes;
        self.heard_rtcp += other.heard_rtcp;
        self.sent_packets += other.sent_packets;
        self.sent_bytes += other.sent_bytes;
        self.sent_rtcp += other.sent_rtcp;
        self.lost += other.lost;
        self.reordered += other.reordered;
        self.duplicates += other.duplicates;
        self.strangers += other.strangers;
        self.malformed += other.malformed;
        self.unnegotiated += other.unnegotiated;
        self.unsendable += other.unsendable;
        self.unauthentic += other.unauthentic;
        self.replayed += other.replayed;
        self.last_heard_ns = self.last_heard_ns.max(other.last_heard_ns);
    }

    /// Without what another counted.
    pub fn less(&self, other: &Totals) -> Totals {
        Totals {
            heard_packets: self.heard_packets.saturating_sub(other.heard_packets),
            heard_bytes: self.heard_bytes.saturating_sub(other.heard_bytes),
            heard_rtcp: self.heard_rtcp.saturating_sub(other.heard_rtcp),
            sent_packets: self.sent_packets.saturating_sub(other.sent_packets),
            sent_bytes: self.sent_bytes.saturating_sub(other.sent_bytes),
            sent_rtcp: self.sent_rtcp.saturating_sub(other.sent_rtcp),
            reordered: self.reordered.saturating_sub(other.reordered),
            duplicates: self.duplicates.saturating_sub(other.duplicates),
            strangers: self.strangers.saturating_sub(other.strangers),
            malformed: self.malformed.saturating_sub(other.malformed),
            unnegotiated: self.unnegotiated.saturating_sub(other.unnegotiated),
            unsendable: self.unsendable.saturating_sub(other.unsendable),
            unauthentic: self.unauthentic.saturating_sub(other.unauthentic),
            replayed: self.replayed.saturating_sub(other.replayed),
            lost: self.lost - other.lost,
            last_heard_ns: self.last_heard_ns,
        }
    }
}
