//! Who may speak for a peer that sends from elsewhere than it announced: from another port (asymmetric RTP), or from
//! another address of a host with several. Pure, as `latch` is, whose rule `Exact` asks here.
//!
//! What we send never moves: such a peer hears where it said. It is heard only as long as nothing ever came from there,
//! and when nobody else claims to be it: one steady stream of one source, of a payload type that was negotiated, for as
//! long as `QUIET_NS`. Under SRTP what is authentic needs none of that. The first packet from where it said ends it all.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::meter::NANOS;
use crate::rtp::Header;

/// So long a stream must have been steady, and the announced address silent: longer than phones take to begin, shorter
/// than a person waits.
const QUIET_NS: u64 = 2 * NANOS;
/// Packets that a stream needs in that time: half of what one with 40 ms has.
const STEADY: u32 = 25;
/// How far its sequence may step between two of them, and for how long it may pause.
const STEP: u16 = 8;
const PAUSE_NS: u64 = NANOS / 2;
/// Who was heard and is silent for so long may be replaced, by the same rules.
const LOST_NS: u64 = 5 * NANOS;
/// Streams that are watched side by side; more of them claim nothing but that there is more than one.
const CLAIMS: usize = 4;

/// Whether a packet is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Heard,
    /// Heard, and what we send goes to its source from now on.
    Latched {
        rebound: bool,
    },
    /// Heard from now on, though it is not where it said; what we send stays.
    Elsewhere,
    Stranger,
}

impl Verdict {
    pub fn heard_if(is_heard: bool) -> Verdict {
        if is_heard {
            Verdict::Heard
        } else {
            Verdict::Stranger
        }
    }
}

/// A source that claims to be the peer.
struct Claim {
    source: SocketAddr,
    ssrc: u32,
    sequence: u16,
    since_ns: u64,
    last_ns: u64,
    packets: u32,
}

/// Who is heard in the place of an address that stays silent.
pub struct Kin {
    /// Where the peer's signalling comes from.
    host: IpAddr,
    claims: Vec<Claim>,
    heard: Option<SocketAddr>,
    ssrc: u32,
    heard_ns: u64,
}

/// Who is heard, so that another goes on hearing it; claims begin anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KinState {
    heard: Option<SocketAddr>,
    ssrc: u32,
}

impl Kin {
    pub fn state(&self) -> KinState {
        KinState { heard: self.heard, ssrc: self.ssrc }
    }

    /// As if it had been heard just now.
    pub fn resumed(host: IpAddr, state: &KinState, now_ns: u64) -> Kin {
        let KinState { heard, ssrc } = *state;
        Kin { heard, ssrc, heard_ns: now_ns, ..Kin::new(host) }
    }

    pub fn new(host: IpAddr) -> Kin {
        Kin { host, claims: Vec::new(), heard: None, ssrc: 0, heard_ns: 0 }
    }

    /// Whether somebody was heard in place of the peer.
    pub fn is_heard(&self) -> bool {
        self.heard.is_some()
    }

    /// Whether this can be the peer that announced itself there: on its own address, on that of its signalling, or, on
    /// the very same port, on an address beside its own.
    pub fn may_be(&self, announced: SocketAddr, source: SocketAddr) -> bool {
        let is_beside = source.port() == announced.port() && is_beside(announced.ip(), source.ip());
        source.ip() == announced.ip() || source.ip() == self.host || is_beside
    }

    /// Judge an RTP packet that did not come from where the peer announced itself. `is_proven`: SRTP was authentic.
    pub fn rtp(&mut self, source: SocketAddr, header: &Header, is_proven: bool, now_ns: u64) -> Verdict {
        if self.heard == Some(source) {
            (self.ssrc, self.heard_ns) = (header.ssrc, now_ns);
            return Verdict::Heard;
        }
        let is_steady = self.claim(source, header, now_ns);
        let is_free = self.heard.is_none() || now_ns.saturating_sub(self.heard_ns) > LOST_NS;
        if !(is_proven || is_steady && is_free && self.is_alone(source, now_ns)) {
            return Verdict::Stranger;
        }
        self.heard = Some(source);
        (self.ssrc, self.heard_ns) = (header.ssrc, now_ns);
        self.claims = Vec::new();
        Verdict::Elsewhere
    }

    /// Whether RTCP of this sender is of the stream that is heard (RFC 3550 6.4).
    pub fn rtcp(&self, source: SocketAddr, ssrc: u32) -> bool {
        self.ssrc == ssrc && self.heard.is_some_and(|heard| heard.ip() == source.ip())
    }

    /// Count a packet of a claim; whether it has been steady for long enough.
    fn claim(&mut self, source: SocketAddr, header: &Header, now_ns: u64) -> bool {
        let Header { ssrc, sequence, .. } = *header;
        let fresh = Claim { source, ssrc, sequence, since_ns: now_ns, last_ns: now_ns, packets: 1 };
        let Some(claim) = self.claims.iter_mut().find(|claim| claim.source == source) else {
            if self.claims.len() == CLAIMS {
                self.claims.remove(0);
            }
            self.claims.push(fresh);
            return false;
        };
        let step = sequence.wrapping_sub(claim.sequence);
        let is_in_time = now_ns.saturating_sub(claim.last_ns) < PAUSE_NS;
        if claim.ssrc != ssrc || !(1..=STEP).contains(&step) || !is_in_time {
            *claim = fresh;
            return false;
        }
        (claim.sequence, claim.last_ns) = (sequence, now_ns);
        claim.packets += 1;
        claim.packets >= STEADY && now_ns.saturating_sub(claim.since_ns) >= QUIET_NS
    }

    /// Whether nobody else claimed anything lately.
    fn is_alone(&self, source: SocketAddr, now_ns: u64) -> bool {
        let is_late = |claim: &Claim| now_ns.saturating_sub(claim.last_ns) >= QUIET_NS;
        self.claims.iter().all(|claim| claim.source == source || is_late(claim))
    }
}

/// Whether hosts with several addresses may have both of these: on one link of IPv6, on one small network that is private.
fn is_beside(one: IpAddr, other: IpAddr) -> bool {
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            let is_local = one.is_private() || one.is_loopback() || one.is_link_local();
            is_local && one.octets()[..3] == other.octets()[..3]
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => one.octets()[..8] == other.octets()[..8],
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::latch::{Latch, Rule, Signalled};
    use super::*;
    use crate::rtp::write_header;

    const ANNOUNCED: &str = "10.0.0.5:4000";
    const OTHER_PORT: &str = "10.0.0.5:4444";
    const SIGNALLING: &str = "192.168.7.9:5062";
    const BESIDE: &str = "10.0.0.77:4000";
    const MS: u64 = 1_000_000;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn latch() -> Latch {
        let (rtp, kin) = (Some(address(ANNOUNCED)), Some(address(SIGNALLING).ip()));
        Latch::new(Signalled { rtp, rtcp: Some(address("10.0.0.5:4001")), mux: false, rule: Rule::Exact, kin })
    }

    fn hear(latch: &mut Latch, source: &str, sequence: u16, now_ms: u64) -> Verdict {
        packet(latch, source, sequence, 77, false, now_ms)
    }

    fn packet(latch: &mut Latch, source: &str, sequence: u16, ssrc: u32, is_proven: bool, now_ms: u64) -> Verdict {
        let mut data = [0; 12];
        write_header(&mut data, false, 8, sequence, 0, ssrc);
        latch.rtp(address(source), Header::parse(&data).as_ref(), true, is_proven, now_ms * MS)
    }

    /// When this source was first heard, in ms, of ten seconds of it.
    fn first_heard(latch: &mut Latch, source: &str) -> Option<u64> {
        (0..500u16)
            .find(|n| hear(latch, source, *n, u64::from(*n) * 20) != Verdict::Stranger)
            .map(|n| u64::from(n) * 20)
    }

    #[test]
    fn who_sends_from_elsewhere_is_heard_when_nothing_comes_from_where_it_said() {
        for source in [OTHER_PORT, SIGNALLING, BESIDE] {
            let mut latch = latch();
            assert_eq!(first_heard(&mut latch, source), Some(2000));
            assert_eq!(hear(&mut latch, source, 101, 2020), Verdict::Heard);
            assert_eq!(latch.rtp_destination(), Some(address(ANNOUNCED)), "what we send never moves");
        }
    }

    #[test]
    fn strangers_are_never_heard_however_long_they_send() {
        for source in ["198.51.100.9:4000", "10.0.0.77:4002", "10.0.1.5:4000", "192.168.7.10:5062"] {
            assert_eq!(first_heard(&mut latch(), source), None);
        }
        let mut public = Latch::new(Signalled { rtp: Some(address("203.0.113.5:4000")), ..*latch().signalled() });
        assert_eq!(first_heard(&mut public, "203.0.113.77:4000"), None, "who rents the machine beside it");
    }

    #[test]
    fn where_the_peer_said_wins_at_once_and_for_ever() {
        let mut latch = latch();
        first_heard(&mut latch, OTHER_PORT);
        assert_eq!(hear(&mut latch, ANNOUNCED, 1, 3000), Verdict::Latched { rebound: true });
        assert_eq!(hear(&mut latch, ANNOUNCED, 2, 3020), Verdict::Heard);
        for n in 0..1000u16 {
            assert_eq!(hear(&mut latch, OTHER_PORT, n, 60_000 + 20 * u64::from(n)), Verdict::Stranger);
        }
    }

    #[test]
    fn a_peer_that_spoke_from_where_it_said_is_nowhere_else() {
        let mut latch = latch();
        assert_eq!(hear(&mut latch, ANNOUNCED, 1, 0), Verdict::Heard);
        assert_eq!(first_heard(&mut latch, OTHER_PORT), None);
    }

    #[test]
    fn of_two_that_claim_to_be_it_neither_is_heard() {
        let mut latch = latch();
        for n in 0..500u16 {
            let now_ms = 20 * u64::from(n);
            assert_eq!(hear(&mut latch, OTHER_PORT, n, now_ms), Verdict::Stranger);
            assert_eq!(hear(&mut latch, SIGNALLING, n.wrapping_add(9), now_ms), Verdict::Stranger);
        }
        let since_ms = 20_000;
        let alone = (0..500u16)
            .find(|n| hear(&mut latch, OTHER_PORT, *n, since_ms + 20 * u64::from(*n)) != Verdict::Stranger);
        assert_eq!(alone, Some(100), "the other has given up");
    }

    #[test]
    fn a_flood_a_changing_source_and_a_broken_sequence_are_no_stream() {
        let mut latch = latch();
        for n in 0..2000u16 {
            let now_ms = 5 * u64::from(n);
            let port = format!("10.0.0.5:{}", 5000 + n % 40);
            assert_eq!(hear(&mut latch, &port, n, now_ms), Verdict::Stranger);
            assert_eq!(packet(&mut latch, OTHER_PORT, n, u32::from(n), false, now_ms), Verdict::Stranger);
            assert_eq!(hear(&mut latch, "10.0.0.5:4446", n.wrapping_mul(37), now_ms), Verdict::Stranger);
        }
    }

    #[test]
    fn while_one_is_heard_the_others_are_not() {
        let mut latch = latch();
        first_heard(&mut latch, OTHER_PORT);
        for n in 101..600u16 {
            let now_ms = 20 * u64::from(n);
            assert_eq!(hear(&mut latch, OTHER_PORT, n, now_ms), Verdict::Heard);
            assert_eq!(hear(&mut latch, SIGNALLING, n, now_ms), Verdict::Stranger);
        }
    }

    #[test]
    fn what_is_authentic_needs_no_patience() {
        let mut latch = latch();
        assert_eq!(packet(&mut latch, OTHER_PORT, 1, 7, true, 0), Verdict::Elsewhere);
        assert_eq!(packet(&mut latch, OTHER_PORT, 2, 7, true, 20), Verdict::Heard);
        assert!(latch.admits_media(address(OTHER_PORT), false));
        assert!(!latch.admits(address(OTHER_PORT), false), "no handshake with it");
        assert!(!latch.admits_media(address("198.51.100.9:4000"), false));
    }

    #[test]
    fn its_reports_are_heard_with_it() {
        let mut latch = latch();
        let beside = address("10.0.0.5:4445");
        assert_eq!(latch.rtcp(beside, 77, true), Verdict::Stranger);
        first_heard(&mut latch, OTHER_PORT);
        assert_eq!(latch.rtcp(beside, 77, true), Verdict::Heard);
        assert_eq!(latch.rtcp(beside, 78, true), Verdict::Stranger);
        assert_eq!(latch.rtcp(address(SIGNALLING), 77, true), Verdict::Stranger);
    }
}
