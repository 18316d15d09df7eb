//! What comes to a port: what of it is media, opened, judged and counted, and what climbs to Python.

use std::net::SocketAddr;
use std::sync::Arc;

use super::{Port, Side};
use crate::meter::Format;
use crate::relay::events::{Events, What};
use crate::relay::kin::Verdict;
use crate::relay::latch::{Latch, Rule};
use crate::relay::packet::Media;
use crate::rtp::{self, Header, Kind};
use crate::srtp::Refusal;

/// Where a datagram came from, and whom to tell about it.
pub struct Arrival<'a> {
    pub port: u64,
    pub on_rtcp_socket: bool,
    pub source: SocketAddr,
    pub now_ns: u64,
    pub events: &'a Events,
}

impl Arrival<'_> {
    fn tell(&self, what: What) {
        self.events.tell(self.port, self.now_ns, what);
    }
}

impl Side {
    /// What of the datagram is media, and how long that is once it is opened.
    pub fn take(&mut self, arrival: &Arrival, data: &mut [u8]) -> Option<(Media, usize)> {
        match self.kind(arrival, data) {
            Kind::Rtp if !arrival.on_rtcp_socket => return Some((Media::Rtp, self.open(arrival, Media::Rtp, data)?)),
            Kind::Rtcp => return Some((Media::Rtcp, self.open(arrival, Media::Rtcp, data)?)),
            Kind::Stun => self.climb_stun(arrival, data),
            Kind::Dtls => self.climb(arrival, data, self.latch.admits(arrival.source, arrival.on_rtcp_socket)),
            Kind::Rtp | Kind::Unknown => drop(self.refuse(arrival)),
        }
        None
    }

    /// The sections that a packet of this transport belongs to. One that belongs to none is counted.
    pub fn sort(&mut self, media: Media, data: &[u8]) -> Vec<Arc<Port>> {
        let Some(bundle) = &mut self.bundle else { return Vec::new() };
        let sections = match media {
            Media::Rtp => bundle.sort_rtp(data).into_iter().collect(),
            Media::Rtcp => bundle.sort_rtcp(data),
        };
        self.totals.unnegotiated += u64::from(sections.is_empty());
        sections
    }

    /// Judge what was opened, and count it.
    pub fn hear(&mut self, arrival: &Arrival, media: Media, data: &mut [u8]) -> Option<()> {
        match media {
            Media::Rtp => {
                if let Some(numbers) = &self.numbers {
                    numbers.hear(data);
                }
                self.hear_rtp(arrival, data)
            }
            Media::Rtcp => self.hear_rtcp(arrival, data),
        }
    }

    /// Copy what was heard to the recording, if there is one, with the second byte that its peer wrote: the payload
    /// type by the number that stands in the description it was sent. Whether there is one.
    pub fn record(&self, port: &Port, arrival: &Arrival, data: &[u8], second: u8) -> bool {
        let Some(recording) = &self.tee else { return false };
        let local = SocketAddr::new(port.host, port.number + u16::from(arrival.on_rtcp_socket));
        recording.take(arrival.now_ns, arrival.source, local, data, second);
        true
    }

    /// Copy what we said ourselves to the recording, if there is one: from our socket to its peer.
    pub fn record_own(&self, port: &Port, to: SocketAddr, data: &[u8], now_ns: u64) {
        let Some(recording) = &self.tee else { return };
        let second = self.numbers.as_ref().map_or(data[1], |numbers| data[1] & 0x80 | numbers.sent(data[1]));
        recording.take(now_ns, SocketAddr::new(port.host, port.number), to, data, second);
    }

    /// Open what is sealed, before the latch, which must believe nothing that is not authentic.
    fn open(&mut self, arrival: &Arrival, media: Media, data: &mut [u8]) -> Option<usize> {
        if self.guard.is_clear() {
            return Some(data.len());
        }
        if !self.latch.admits_media(arrival.source, arrival.on_rtcp_socket) {
            self.count_stranger(arrival);
            return None;
        }
        match self.guard.open(media, data) {
            Ok(length) => return Some(length),
            Err(Refusal::Replayed) => self.totals.replayed += 1,
            Err(Refusal::Unauthentic) => self.totals.unauthentic += 1,
            Err(_) => self.totals.malformed += 1,
        }
        None
    }

    fn kind(&self, arrival: &Arrival, data: &[u8]) -> Kind {
        if self.flavour.raw {
            return if arrival.on_rtcp_socket { Kind::Unknown } else { Kind::Rtp };
        }
        match Kind::of(data) {
            // A payload type of 64 to 95 that was negotiated all the same is RTP, where ports are not shared.
            Kind::Rtcp if !arrival.on_rtcp_socket && self.format(data[1] & 0x7f).is_some() => Kind::Rtp,
            kind => kind,
        }
    }

    fn format(&self, payload_type: u8) -> Option<&Format> {
        self.flavour.formats.iter().find(|format| format.payload_type == payload_type)
    }

    fn hear_rtp(&mut self, arrival: &Arrival, data: &[u8]) -> Option<()> {
        let header = if self.flavour.raw { None } else { Some(Header::parse(data)) };
        if header == Some(None) {
            return self.refuse(arrival);
        }
        let header = header.flatten();
        let format = header.and_then(|header| self.format(header.payload_type).copied());
        let is_negotiated = format.is_some() || self.flavour.raw;
        let is_proven = !self.guard.is_clear();
        let verdict =
            |latch: &mut Latch| latch.rtp(arrival.source, header.as_ref(), is_negotiated, is_proven, arrival.now_ns);
        match self.judge(verdict) {
            Verdict::Heard => {}
            Verdict::Stranger => return self.count_stranger(arrival),
            Verdict::Latched { rebound } => {
                self.forgive(arrival, What::Latched { source: arrival.source, rtcp: false, rebound });
            }
            Verdict::Elsewhere => self.forgive(arrival, What::Elsewhere { source: arrival.source }),
        }
        self.totals.unnegotiated += u64::from(!is_negotiated);
        self.count_heard(arrival, data.len());
        if let Some(header) = header {
            self.meter.packet(&header, data, format.as_ref(), self.flavour.levels, arrival.now_ns);
        }
        Some(())
    }

    /// Who is heard is for the latch of the transport to say.
    fn judge(&mut self, verdict: impl FnOnce(&mut Latch) -> Verdict) -> Verdict {
        if self.is_carried {
            Verdict::Heard
        } else {
            verdict(&mut self.latch)
        }
    }

    fn count_heard(&mut self, arrival: &Arrival, length: usize) {
        if self.is_first {
            self.is_first = false;
            arrival.tell(What::FirstHeard { source: arrival.source });
        }
        self.totals.heard_packets += 1;
        self.totals.heard_bytes += length as u64;
        self.totals.last_heard_ns = Some(arrival.now_ns);
    }

    fn hear_rtcp(&mut self, arrival: &Arrival, data: &[u8]) -> Option<()> {
        let Some(sender) = rtp::rtcp_sender(data) else { return self.refuse(arrival) };
        match self.judge(|latch| latch.rtcp(arrival.source, sender, arrival.on_rtcp_socket)) {
            Verdict::Stranger => return self.count_stranger(arrival),
            Verdict::Heard | Verdict::Elsewhere => {}
            Verdict::Latched { rebound } => {
                self.forgive(arrival, What::Latched { source: arrival.source, rtcp: true, rebound });
            }
        }
        if let Some(receipt) = self.receipts.hear(data, self.totals.sent_packets, arrival.now_ns) {
            arrival.tell(What::Received(receipt));
        }
        self.totals.heard_rtcp += 1;
        self.totals.last_heard_ns = Some(arrival.now_ns);
        Some(())
    }

    /// Under ICE, STUN of anyone: that is how addresses come to be approved.
    fn climb_stun(&mut self, arrival: &Arrival, data: &[u8]) {
        let is_heard = match self.latch.signalled().rule {
            Rule::Approved => self.checks.admit(data, arrival.now_ns),
            Rule::Exact | Rule::Nat(_) => self.latch.hears(arrival.source, arrival.on_rtcp_socket),
        };
        self.climb(arrival, data, is_heard);
    }

    fn climb(&mut self, arrival: &Arrival, data: &[u8], is_heard: bool) {
        if !is_heard {
            self.count_stranger(arrival);
        } else if self.flavour.climb || self.latch.signalled().rule == Rule::Approved {
            self.tell_climbed(arrival, data);
        } else {
            self.totals.malformed += 1;
        }
    }

    fn tell_climbed(&self, arrival: &Arrival, data: &[u8]) {
        arrival.tell(What::Climbed { source: arrival.source, rtcp: arrival.on_rtcp_socket, data: data.into() });
    }

    fn refuse(&mut self, arrival: &Arrival) -> Option<()> {
        if self.latch.hears(arrival.source, arrival.on_rtcp_socket) {
            self.totals.malformed += 1;
            return None;
        }
        self.count_stranger(arrival)
    }

    fn count_stranger(&mut self, arrival: &Arrival) -> Option<()> {
        self.totals.strangers += 1;
        self.strangers.count(arrival.source);
        None
    }

    /// It is the peer: what came of it before, while that was open, was no stranger's.
    fn forgive(&mut self, arrival: &Arrival, what: What) {
        self.strangers.forgive(arrival.source);
        arrival.tell(what);
    }
}
