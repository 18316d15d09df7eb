//! Who may be heard on a port, and where we send: the strict rules that keep strangers out of a call.
//!
//! Signalling says one of three things about a peer (`Rule`):
//!
//! - `Exact`: its address is what it signalled. Nobody else is heard, unless its `kin` say who may speak in its place
//!   while it is silent; what we send never moves.
//! - `Nat(host)`: it is behind a NAT that signalling has seen as `host`. Until the signalled address itself is heard
//!   (it then holds for ever), a steady stream from some port of that host may take its place, and is then the only
//!   one heard. It loses the place only when it has been silent for `REBINDING_NS` *and* another port of the same
//!   host stands probation. No packet of another host, no RTCP, no STUN and no garbage ever moves anything.
//! - `Approved`: ICE decides. Nobody is heard until Python approves an address.
//!
//! Pure: takes addresses, parsed headers and the time; does no I/O and counts nothing.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::kin::{Kin, KinState, Verdict};
use crate::meter::NANOS;
use crate::rtp::Header;

/// A latched address silent this long may be replaced by another of the same host. Longer than any pause of a
/// talking phone (comfort noise and RTCP come more often), shorter than a person waits before hanging up.
const REBINDING_NS: u64 = 5 * NANOS;

/// Packets in a row that make a stream steady. The first of them are not passed on: one packet of 20 ms is lost.
const PROBATION: u8 = 2;

/// How far the sequence may step between two packets on probation.
const PROBATION_STEP: u16 = 8;

/// Streams of one host that stand probation side by side, so that none can keep another from passing.
const CANDIDATES: usize = 4;

/// Addresses ICE may approve on one socket. Checks of a browser with several interfaces validate a handful.
const APPROVED: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rule {
    Exact,
    Nat(IpAddr),
    Approved,
}

/// What signalling says of a peer. Equal expectations keep what was latched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signalled {
    pub rtp: Option<SocketAddr>,
    pub rtcp: Option<SocketAddr>,
    pub mux: bool,
    pub rule: Rule,
    /// Under `Exact`: where its signalling comes from, if it may be heard from elsewhere.
    pub kin: Option<IpAddr>,
}

/// An address on probation.
struct Candidate {
    source: SocketAddr,
    ssrc: u32,
    sequence: u16,
    steady: u8,
}

/// What ICE decided for one socket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Component {
    approved: Vec<SocketAddr>,
    selected: Option<SocketAddr>,
}

/// Who is heard on the two sockets of a port.
pub struct Latch {
    signalled: Signalled,
    /// Behind a NAT: the address that holds the place, and when it was last heard under which source.
    rtp: Option<SocketAddr>,
    heard_ns: u64,
    ssrc: Option<u32>,
    rtcp: Option<SocketAddr>,
    candidates: Vec<Candidate>,
    components: [Component; 2],
    /// Until the signalled address is heard.
    kin: Option<Box<Kin>>,
}

/// Who is heard, so that another goes on hearing the same; who stands probation begins anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatchState {
    signalled: Signalled,
    rtp: Option<SocketAddr>,
    ssrc: Option<u32>,
    rtcp: Option<SocketAddr>,
    components: [Component; 2],
    kin: Option<KinState>,
}

impl Latch {
    pub fn state(&self) -> LatchState {
        let Latch { signalled, rtp, ssrc, rtcp, .. } = *self;
        let kin = self.kin.as_deref().map(Kin::state);
        LatchState { signalled, rtp, ssrc, rtcp, components: self.components.clone(), kin }
    }

    /// As if whoever holds the place had been heard just now: that nobody was heard while nobody listened gives it to no
    /// other.
    pub fn resumed(state: LatchState, now_ns: u64) -> Latch {
        let LatchState { signalled, rtp, ssrc, rtcp, mut components, kin } = state;
        components.iter_mut().for_each(|component| component.approved.truncate(APPROVED));
        let kin = signalled.kin.zip(kin).map(|(host, kin)| Box::new(Kin::resumed(host, &kin, now_ns)));
        Latch { signalled, rtp, heard_ns: now_ns, ssrc, rtcp, candidates: Vec::new(), components, kin }
    }

    pub fn new(signalled: Signalled) -> Latch {
        let components = Default::default();
        let kin = signalled.kin.map(|host| Box::new(Kin::new(host)));
        Latch { signalled, rtp: None, heard_ns: 0, ssrc: None, rtcp: None, candidates: Vec::new(), components, kin }
    }

    pub fn signalled(&self) -> &Signalled {
        &self.signalled
    }

    /// Signalling says something else; whether what was heard so far means nothing any more. What ICE approved stays
    /// approved, whatever becomes of the RTCP port.
    pub fn expect(&mut self, signalled: Signalled) -> bool {
        if self.signalled == signalled {
            return false;
        }
        if self.signalled.rule == Rule::Approved && signalled.rule == Rule::Approved {
            self.signalled = signalled;
            return false;
        }
        *self = Latch::new(signalled);
        true
    }

    /// Judge an RTP packet; without `header` it is media that is not RTP, of which only the address counts.
    /// `is_negotiated`: its payload type is, so it may stand probation; `is_proven`: SRTP says that it is the peer's.
    pub fn rtp(
        &mut self,
        source: SocketAddr,
        header: Option<&Header>,
        is_negotiated: bool,
        is_proven: bool,
        now_ns: u64,
    ) -> Verdict {
        match self.signalled.rule {
            Rule::Exact if self.signalled.rtp == Some(source) => match self.kin.take() {
                Some(kin) if kin.is_heard() => Verdict::Latched { rebound: true },
                _ => Verdict::Heard,
            },
            Rule::Exact => match (self.kin_of(source), header) {
                (Some(kin), Some(header)) if is_negotiated => kin.rtp(source, header, is_proven, now_ns),
                _ => Verdict::Stranger,
            },
            Rule::Approved => Verdict::heard_if(self.components[0].approved.contains(&source)),
            Rule::Nat(host) => {
                if self.rtp != Some(source) {
                    let is_signalled = self.signalled.rtp == Some(source);
                    let may_take = is_signalled
                        || source.ip() == host
                            && is_negotiated
                            && self.is_vacant(now_ns)
                            && self.passes_probation(source, header);
                    if !may_take {
                        return Verdict::Stranger;
                    }
                    return self.take_place(source, header, now_ns);
                }
                self.heard_ns = now_ns;
                self.ssrc = header.map(|header| header.ssrc);
                Verdict::Heard
            }
        }
    }

    /// Judge an RTCP packet of the sender `ssrc`, on whichever socket it came.
    pub fn rtcp(&mut self, source: SocketAddr, ssrc: u32, on_rtcp_socket: bool) -> Verdict {
        if self.hears(source, on_rtcp_socket) {
            return Verdict::Heard;
        }
        let Rule::Nat(host) = self.signalled.rule else {
            return Verdict::heard_if(self.kin.as_ref().is_some_and(|kin| kin.rtcp(source, ssrc)));
        };
        // An RTCP packet is believed when it names the stream that stood probation (RFC 3550 6.4).
        let is_signalled = self.signalled.rtcp == Some(source);
        let is_of_stream = self.rtcp.is_none() && source.ip() == host && self.ssrc == Some(ssrc);
        if !on_rtcp_socket || !(is_signalled || is_of_stream) {
            return Verdict::Stranger;
        }
        let rebound = self.rtcp.replace(source).is_some();
        Verdict::Latched { rebound }
    }

    /// Whether this address is heard on this socket as things stand; moves nothing.
    pub fn hears(&self, source: SocketAddr, on_rtcp_socket: bool) -> bool {
        let source = Some(source);
        match self.signalled.rule {
            Rule::Approved => {
                self.components[usize::from(on_rtcp_socket)].approved.iter().any(|a| Some(*a) == source)
            }
            // Many peers send RTCP from their RTP port, whatever they signalled.
            _ => source == self.rtp_destination() || on_rtcp_socket && source == self.own_rtcp(),
        }
    }

    /// Whether a packet of this address is worth opening: it is heard, or may be once it proved authentic.
    pub fn admits(&self, source: SocketAddr, on_rtcp_socket: bool) -> bool {
        let may_latch = match self.signalled.rule {
            Rule::Nat(host) => source.ip() == host || self.signalled.rtp == Some(source),
            Rule::Exact | Rule::Approved => false,
        };
        may_latch || self.hears(source, on_rtcp_socket)
    }

    /// The same for media alone, which may come from elsewhere than was announced.
    pub fn admits_media(&self, source: SocketAddr, on_rtcp_socket: bool) -> bool {
        let may_be = |kin: &Kin| self.signalled.rtp.is_some_and(|announced| kin.may_be(announced, source));
        self.admits(source, on_rtcp_socket) || self.kin.as_deref().is_some_and(may_be)
    }

    /// Whether RTP of this address is heard, and none that comes can change that without coming from another.
    pub fn holds(&self, source: SocketAddr) -> bool {
        match self.signalled.rule {
            Rule::Exact => self.signalled.rtp == Some(source) && self.kin.is_none(),
            Rule::Nat(_) => self.rtp == Some(source),
            Rule::Approved => false,
        }
    }

    pub fn rtp_destination(&self) -> Option<SocketAddr> {
        match self.signalled.rule {
            Rule::Exact => self.signalled.rtp,
            Rule::Nat(_) => self.rtp.or(self.signalled.rtp),
            Rule::Approved => self.components[0].selected,
        }
    }

    /// Where RTCP goes, and whether it leaves from the RTCP socket.
    pub fn rtcp_destination(&self) -> (Option<SocketAddr>, bool) {
        if self.signalled.mux {
            (self.rtp_destination(), false)
        } else {
            (self.own_rtcp(), true)
        }
    }

    pub fn approve(&mut self, source: SocketAddr, on_rtcp_socket: bool, select: bool) {
        let component = &mut self.components[usize::from(on_rtcp_socket)];
        if !component.approved.contains(&source) {
            if component.approved.len() == APPROVED {
                component.approved.remove(0);
            }
            component.approved.push(source);
        }
        if select {
            component.selected = Some(source);
        }
    }

    pub fn revoke(&mut self, source: SocketAddr, on_rtcp_socket: bool) {
        let component = &mut self.components[usize::from(on_rtcp_socket)];
        component.approved.retain(|approved| *approved != source);
        component.selected = component.selected.filter(|selected| *selected != source);
    }

    /// Who judges this source, where it may be the peer.
    fn kin_of(&mut self, source: SocketAddr) -> Option<&mut Kin> {
        let announced = self.signalled.rtp?;
        self.kin.as_deref_mut().filter(|kin| kin.may_be(announced, source))
    }

    fn own_rtcp(&self) -> Option<SocketAddr> {
        match self.signalled.rule {
            Rule::Exact => self.signalled.rtcp,
            Rule::Nat(_) => self.rtcp.or(self.signalled.rtcp),
            Rule::Approved => self.components[1].selected,
        }
    }

    fn is_vacant(&self, now_ns: u64) -> bool {
        match self.rtp {
            None => true,
            held if held == self.signalled.rtp => false,
            Some(_) => now_ns.saturating_sub(self.heard_ns) > REBINDING_NS,
        }
    }

    fn take_place(&mut self, source: SocketAddr, header: Option<&Header>, now_ns: u64) -> Verdict {
        let rebound = self.rtp.replace(source).is_some();
        self.heard_ns = now_ns;
        self.ssrc = header.map(|header| header.ssrc);
        self.candidates = Vec::new();
        if self.rtcp != self.signalled.rtcp {
            self.rtcp = None;
        }
        Verdict::Latched { rebound }
    }

    fn passes_probation(&mut self, source: SocketAddr, header: Option<&Header>) -> bool {
        let (ssrc, sequence) = header.map_or((0, 0), |header| (header.ssrc, header.sequence));
        let Some(candidate) = self.candidates.iter_mut().find(|candidate| candidate.source == source) else {
            if self.candidates.len() == CANDIDATES {
                self.candidates.remove(0);
            }
            self.candidates.push(Candidate { source, ssrc, sequence, steady: 1 });
            return false;
        };
        let step = sequence.wrapping_sub(candidate.sequence);
        let continues = candidate.ssrc == ssrc && (header.is_none() || (1..=PROBATION_STEP).contains(&step));
        candidate.steady = if continues { candidate.steady + 1 } else { 1 };
        candidate.ssrc = ssrc;
        candidate.sequence = sequence;
        candidate.steady >= PROBATION
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::write_header;

    const SIGNALLED: &str = "192.168.1.5:4000";
    const PUBLIC: &str = "203.0.113.7:31000";
    const OTHER_PORT: &str = "203.0.113.7:31002";
    const STRANGER: &str = "198.51.100.9:4000";

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn latch(rule: Rule) -> Latch {
        let rtcp = Some(address("192.168.1.5:4001"));
        Latch::new(Signalled { rtp: Some(address(SIGNALLED)), rtcp, mux: false, rule, kin: None })
    }

    fn nat() -> Latch {
        latch(Rule::Nat(address(PUBLIC).ip()))
    }

    fn hear(latch: &mut Latch, source: &str, sequence: u16, now_s: u64) -> Verdict {
        let mut data = [0; 12];
        write_header(&mut data, false, 8, sequence, 0, 77);
        latch.rtp(address(source), Header::parse(&data).as_ref(), true, false, now_s * NANOS)
    }

    const LATCHED: Verdict = Verdict::Latched { rebound: false };
    const REBOUND: Verdict = Verdict::Latched { rebound: true };

    #[test]
    fn exact_hears_only_what_was_signalled() {
        let mut latch = latch(Rule::Exact);
        for sequence in 0..100 {
            assert_eq!(hear(&mut latch, STRANGER, sequence, 0), Verdict::Stranger);
            assert_eq!(hear(&mut latch, "192.168.1.5:4002", sequence, 0), Verdict::Stranger);
            assert_eq!(hear(&mut latch, SIGNALLED, sequence, 0), Verdict::Heard);
        }
        assert_eq!(latch.rtp_destination(), Some(address(SIGNALLED)));
        assert_eq!(latch.rtcp(address("192.168.1.5:4001"), 1, true), Verdict::Heard);
        assert_eq!(latch.rtcp(address(SIGNALLED), 1, true), Verdict::Heard);
        assert_eq!(latch.rtcp(address(STRANGER), 1, true), Verdict::Stranger);
    }

    #[test]
    fn a_steady_stream_behind_the_nat_is_latched_and_then_alone() {
        let mut latch = nat();
        assert_eq!(latch.rtp_destination(), Some(address(SIGNALLED)));
        assert_eq!(hear(&mut latch, STRANGER, 1, 0), Verdict::Stranger);
        assert_eq!(hear(&mut latch, STRANGER, 2, 0), Verdict::Stranger);
        assert_eq!(hear(&mut latch, PUBLIC, 65535, 0), Verdict::Stranger);
        assert_eq!(hear(&mut latch, PUBLIC, 0, 0), LATCHED);
        assert_eq!(latch.rtp_destination(), Some(address(PUBLIC)));
        assert_eq!(hear(&mut latch, PUBLIC, 40, 1), Verdict::Heard);
        for sequence in 0..20 {
            assert_eq!(hear(&mut latch, OTHER_PORT, sequence, 5), Verdict::Stranger);
        }
    }

    #[test]
    fn an_unsteady_stream_is_never_latched() {
        let mut latch = nat();
        for sequence in [1, 100, 50, 50, 7] {
            assert_eq!(hear(&mut latch, PUBLIC, sequence, 0), Verdict::Stranger);
        }
        let garbage_type = |latch: &mut Latch| {
            let header = Header::parse(&[0x80, 99, 0, 8, 0, 0, 0, 0, 0, 0, 0, 77]);
            latch.rtp(address(PUBLIC), header.as_ref(), false, false, 0)
        };
        assert_eq!(garbage_type(&mut latch), Verdict::Stranger);
        assert_eq!(garbage_type(&mut latch), Verdict::Stranger);
    }

    #[test]
    fn neither_of_two_streams_keeps_the_other_from_passing() {
        let mut latch = nat();
        assert_eq!(hear(&mut latch, PUBLIC, 1, 0), Verdict::Stranger);
        assert_eq!(hear(&mut latch, OTHER_PORT, 500, 0), Verdict::Stranger);
        assert_eq!(hear(&mut latch, PUBLIC, 2, 0), LATCHED);
    }

    #[test]
    fn the_signalled_address_wins_for_ever() {
        let mut latch = nat();
        hear(&mut latch, PUBLIC, 1, 0);
        assert_eq!(hear(&mut latch, PUBLIC, 2, 0), LATCHED);
        assert_eq!(hear(&mut latch, SIGNALLED, 9, 0), REBOUND);
        for sequence in 0..20 {
            assert_eq!(hear(&mut latch, PUBLIC, sequence, 1000), Verdict::Stranger);
        }
        assert_eq!(latch.rtp_destination(), Some(address(SIGNALLED)));
    }

    #[test]
    fn a_new_port_of_the_nat_takes_over_only_after_silence() {
        let mut latch = nat();
        hear(&mut latch, PUBLIC, 1, 0);
        hear(&mut latch, PUBLIC, 2, 0);
        assert_eq!(hear(&mut latch, STRANGER, 3, 60), Verdict::Stranger);
        assert_eq!(hear(&mut latch, STRANGER, 4, 60), Verdict::Stranger);
        assert_eq!(hear(&mut latch, OTHER_PORT, 3, 60), Verdict::Stranger);
        assert_eq!(hear(&mut latch, OTHER_PORT, 4, 60), REBOUND);
    }

    #[test]
    fn rtcp_is_latched_when_it_names_the_stream() {
        let mut latch = nat();
        let (public, other) = (address("203.0.113.7:31001"), address("203.0.113.7:31005"));
        assert_eq!(latch.rtcp(public, 77, true), Verdict::Stranger, "never before RTP");
        hear(&mut latch, PUBLIC, 1, 0);
        hear(&mut latch, PUBLIC, 2, 0);
        assert_eq!(latch.rtcp(public, 78, true), Verdict::Stranger);
        assert_eq!(latch.rtcp(address(STRANGER), 77, true), Verdict::Stranger);
        assert_eq!(latch.rtcp(public, 77, true), LATCHED);
        assert_eq!(latch.rtcp(other, 77, true), Verdict::Stranger);
        assert_eq!(latch.rtcp_destination(), (Some(public), true));
        assert_eq!(latch.rtcp(address(PUBLIC), 1, false), Verdict::Heard, "muxed on the latched address");
    }

    #[test]
    fn rtcp_alone_never_moves_rtp() {
        let mut latch = nat();
        for _ in 0..10 {
            assert_eq!(latch.rtcp(address(PUBLIC), 77, false), Verdict::Stranger);
        }
        assert_eq!(latch.rtp_destination(), Some(address(SIGNALLED)));
    }

    #[test]
    fn under_ice_the_rtcp_port_has_pairs_of_its_own_until_it_is_shared() {
        let mut latch = latch(Rule::Approved);
        latch.approve(address(PUBLIC), false, true);
        latch.approve(address(OTHER_PORT), true, true);
        assert_eq!(latch.rtcp(address(OTHER_PORT), 1, true), Verdict::Heard);
        assert_eq!(latch.rtcp(address(PUBLIC), 1, true), Verdict::Stranger);
        assert_eq!(latch.rtcp_destination(), (Some(address(OTHER_PORT)), true));
        let shared = Signalled { mux: true, ..*latch.signalled() };
        assert!(!latch.expect(shared), "nothing was forgotten");
        assert_eq!(latch.rtcp_destination(), (Some(address(PUBLIC)), false));
        assert_eq!(hear(&mut latch, PUBLIC, 1, 0), Verdict::Heard);
    }

    #[test]
    fn under_ice_only_the_approved_are_heard() {
        let mut latch = latch(Rule::Approved);
        assert_eq!(hear(&mut latch, SIGNALLED, 1, 0), Verdict::Stranger);
        latch.approve(address(PUBLIC), false, false);
        assert_eq!(hear(&mut latch, PUBLIC, 1, 0), Verdict::Heard);
        assert_eq!(latch.rtp_destination(), None);
        latch.approve(address(PUBLIC), false, true);
        assert_eq!(latch.rtp_destination(), Some(address(PUBLIC)));
        latch.revoke(address(PUBLIC), false);
        assert_eq!(hear(&mut latch, PUBLIC, 2, 0), Verdict::Stranger);
        assert_eq!(latch.rtp_destination(), None);
    }
}
