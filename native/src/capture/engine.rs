//! From frames to records: the one walk of every packet, whatever brought it (file, feed, live interface).

use super::flow::{Endpoint, Flow, Ip, Reason};
use super::frag::Fragments;
use super::hep;
use super::ip;
use super::limits::*;
use super::media::{Datagram, Media};
use super::message;
use super::record::{At, HepOrigin, Record, Sip, Transport};
use super::repeats::{Repeat, Repeats};
use super::twins::{Twin, Twins};
use super::{dtls, esp, icmp, link, rtcp, sctp, sdp, stun, tcp, tls, tunnel, wireless, zrtp};
use rustc_hash::{FxHashMap, FxHashSet};

/// ESP in UDP (RFC 3948).
const IPSEC: u16 = 4500;

/// What surrounds a packet on its way up.
#[derive(Clone, Copy)]
struct Context<'a> {
    frame: u64,
    time: i64,
    /// Encapsulations passed.
    depth: u8,
    /// Bytes the snap length cut from the end.
    cut: usize,
    /// Frames of a reassembled datagram; empty when it came in one.
    frames: &'a [u64],
    id: u32,
    dscp: u8,
    hep: Option<&'a HepOrigin>,
}

impl Context<'_> {
    /// One encapsulation further in.
    fn deeper(&self) -> Self {
        Context { depth: self.depth + 1, ..*self }
    }
}

pub struct Engine {
    pub out: Vec<Record>,
    pub media: Media,
    pub tcp: tcp::Table,
    fragments: Fragments,
    sctp: sctp::Associations,
    repeats: Repeats,
    twins: Twins,
    hep_clocks: hep::Clocks,
    dtls: dtls::Handshakes,
    undecoded: FxHashMap<(usize, Reason), u64>,
    place: usize,
    pub frame: u64,
    pub first: Option<i64>,
    pub last: i64,
    latest: i64,
    next_sweep: i64,
    snapped: u64,
    backwards: u64,
    copies: u64,
}

impl Engine {
    pub fn new(jitter_buffer_ms: u32, picked: FxHashSet<(Flow, u32)>, keys: tls::KeyLog) -> Engine {
        Engine {
            out: Vec::new(),
            media: Media::new(jitter_buffer_ms, picked),
            tcp: tcp::Table::new(keys),
            fragments: Fragments::default(),
            sctp: sctp::Associations::default(),
            repeats: Repeats::default(),
            twins: Twins::default(),
            hep_clocks: hep::Clocks::default(),
            dtls: dtls::Handshakes::default(),
            undecoded: FxHashMap::default(),
            place: 0,
            frame: 0,
            first: None,
            last: 0,
            latest: i64::MIN,
            next_sweep: i64::MIN,
            snapped: 0,
            backwards: 0,
            copies: 0,
        }
    }

    /// Takes the next frame. `wire` is its size on the wire.
    #[inline]
    pub fn packet(&mut self, link: u16, time: i64, data: &[u8], wire: usize) {
        self.tick(time);
        self.snapped += u64::from(wire > data.len());
        let context = Context { frame: self.frame, time, depth: 0, cut: 0, frames: &[], id: 0, dscp: 0, hep: None };
        match wireless::to_ip(link, data) {
            Ok(packet) => self.ip(packet, &context),
            Err(reason) => self.skip(reason),
        }
    }

    /// The next packet was captured at this place, of several that are read at once; `frame` is its number.
    pub fn at_place(&mut self, place: usize, frame: u64) {
        self.place = place;
        self.frame = frame.saturating_sub(1);
        self.media.enter(place);
    }

    /// Takes a HEP message that came by a socket.
    pub fn mirrored(&mut self, data: &[u8], time: i64) -> bool {
        self.tick(time);
        let context = Context { frame: self.frame, time, depth: 0, cut: 0, frames: &[], id: 0, dscp: 0, hep: None };
        self.hep(data, &context)
    }

    #[inline]
    fn tick(&mut self, time: i64) {
        self.frame += 1;
        self.first.get_or_insert(time);
        self.last = time;
        self.backwards += u64::from(time + QUEUES_NS < self.latest);
        self.latest = self.latest.max(time);
        self.expire(time);
    }

    /// The latest time of a packet.
    pub fn latest(&self) -> i64 {
        self.latest
    }

    /// Lets time pass without a packet.
    pub fn expire(&mut self, now: i64) {
        if now >= self.next_sweep {
            self.sweep(now, false);
            self.next_sweep = now + SWEEP_S;
        }
    }

    /// Tells everything that is still open; the end of the capture.
    pub fn finish(&mut self) {
        self.sweep(self.latest, true);
        self.copies += self.media.take_copies();
        let full = self.fragments.refused + self.media.refused + self.tcp.refused;
        for (kind, count) in
            [("snapped", self.snapped), ("backwards", self.backwards), ("table-full", full), ("copies", self.copies)]
        {
            if count > 0 {
                self.note(kind, count, 0);
            }
        }
        (self.snapped, self.backwards, self.copies) = (0, 0, 0);
        (self.fragments.refused, self.media.refused, self.tcp.refused) = (0, 0, 0);
    }

    pub fn note(&mut self, kind: &'static str, count: u64, offset: u64) {
        self.out.push(Record::Note { frame: self.frame, time: self.last, kind, count, offset });
    }

    /// What was not understood at a place since the last time this was asked, by reason.
    pub fn take_undecoded(&mut self, place: usize) -> Vec<(String, u64)> {
        let doubtful = if place == 0 { self.media.take_doubtful() } else { 0 };
        let here = self.undecoded.extract_if(|(of, _), _| *of == place);
        let mut counts: Vec<_> = here.map(|((_, reason), n)| (reason.to_string(), n)).collect();
        if doubtful > 0 {
            counts.push(("unconfirmed RTP".into(), doubtful));
        }
        counts.sort();
        counts
    }

    fn sweep(&mut self, now: i64, all: bool) {
        self.fragments.sweep(now, all, &mut self.out);
        self.sctp.sweep(now);
        self.tcp.sweep(now, all, &mut self.out);
        self.learn();
        self.media.sweep(now, all, &mut self.out);
        self.repeats.sweep(now);
        self.dtls.sweep(now);
    }

    fn skip(&mut self, reason: Reason) {
        *self.undecoded.entry((self.place, reason)).or_default() += 1;
    }

    /// From here to `datagram` one function for the compiler: what surrounds a packet never needs to be in memory. What
    /// is found inside another packet comes by `inner_ip` and `inner_datagram`.
    #[inline(always)]
    fn ip(&mut self, data: &[u8], outer: &Context<'_>) {
        if outer.depth >= DEPTH {
            return self.skip(Reason("too many tunnels", 0));
        }
        let packet = match ip::parse(data) {
            Ok(packet) => packet,
            Err(reason) => return self.skip(reason),
        };
        let context = Context { cut: outer.cut + packet.cut, id: packet.id, dscp: packet.dscp, ..outer.deeper() };
        if packet.fragment.is_none() {
            return self.transport(&packet, packet.protocol, packet.payload, &context);
        }
        let Some(whole) = self.fragments.receive(&packet, context.frame, context.time) else { return };
        let context = Context { cut: whole.cut, frames: &whole.frames, ..context };
        match ip::after_reassembly(packet.protocol, &whole.payload) {
            Ok((protocol, payload)) => self.transport(&packet, protocol, payload, &context),
            Err(reason) => self.skip(reason),
        }
    }

    #[inline(always)]
    fn transport(&mut self, packet: &ip::Packet<'_>, protocol: u8, payload: &[u8], context: &Context<'_>) {
        match protocol {
            17 => self.udp(packet, payload, context),
            _ => self.other_transport(packet, protocol, payload, context),
        }
    }

    fn other_transport(&mut self, packet: &ip::Packet<'_>, protocol: u8, payload: &[u8], context: &Context<'_>) {
        match protocol {
            1 | 6 | 58 | 132 if self.is_copy(packet.src, packet.dst, payload, context) => {}
            6 => {
                let (at, hep) = (At { frame: context.frame, time: context.time, flow: Flow::default() }, context.hep);
                if let Some(reason) =
                    self.tcp.receive(at, packet.src, packet.dst, payload, context.cut, hep, &mut self.out)
                {
                    self.skip(reason);
                }
                self.learn();
            }
            1 | 58 => {
                let (frame, time) = (context.frame, context.time);
                match icmp::parse(protocol == 58, packet.src, packet.dst, payload, frame, time) {
                    Some(error) => self.out.push(Record::Icmp(Box::new(error))),
                    None => self.skip(Reason("ICMP", 0)),
                }
            }
            4 | 41 => self.inner_ip(payload, context),
            47 => match tunnel::gre(payload) {
                Some(inner) => self.inner_ip(inner, context),
                None => self.skip(Reason("GRE", 0)),
            },
            51 => match ip::after_reassembly(51, payload) {
                Ok((inner, payload)) if inner != 51 => self.transport(packet, inner, payload, context),
                _ => self.skip(Reason("IP protocol", 51)),
            },
            137 => match link::mpls(payload) {
                Ok(inner) => self.inner_ip(inner, context),
                Err(reason) => self.skip(reason),
            },
            50 => match esp::open(payload, packet.src, packet.dst).filter(|_| context.depth < DEPTH) {
                Some((inner, payload)) => self.inside(packet, inner, payload, context),
                None => self.skip(Reason("IP protocol", 50)),
            },
            115 => match tunnel::l2tp3(payload) {
                Some(inner) => self.inner_ip(inner, context),
                None => self.skip(Reason("IP protocol", 115)),
            },
            132 => self.associated(packet, payload, context),
            other => self.skip(Reason("IP protocol", u16::from(other))),
        }
    }

    /// What ESP held: another packet, or the transport of this one.
    #[cold]
    fn inside(&mut self, packet: &ip::Packet<'_>, protocol: u8, payload: &[u8], context: &Context<'_>) {
        match protocol {
            4 | 41 => self.inner_ip(payload, context),
            _ => self.transport(packet, protocol, payload, &context.deeper()),
        }
    }

    /// SIP over SCTP. There is no other word for it than TCP's: reliable, and in the clear.
    fn associated(&mut self, packet: &ip::Packet<'_>, payload: &[u8], context: &Context<'_>) {
        let found = self.sctp.receive(packet.src, packet.dst, payload, context.time);
        let Some((flow, messages)) = found else { return self.skip(Reason("IP protocol", 132)) };
        let at = At { frame: context.frame, time: context.time, flow };
        for message in messages {
            if !message::is_sip(&message) {
                self.skip(Reason("other SCTP", 0));
                continue;
            }
            self.sip(at, &message, context);
            if let Some(Record::Sip(sip)) = self.out.last_mut() {
                sip.transport = Transport::Tcp;
            }
        }
    }

    #[inline(always)]
    fn udp(&mut self, packet: &ip::Packet<'_>, segment: &[u8], context: &Context<'_>) {
        let Some(head) = segment.first_chunk::<8>() else {
            return self.skip(Reason("packet cut in its UDP header", 0));
        };
        let flow = Flow {
            src: Endpoint { ip: packet.src, port: u16::from_be_bytes([head[0], head[1]]) },
            dst: Endpoint { ip: packet.dst, port: u16::from_be_bytes([head[2], head[3]]) },
        };
        let len = usize::from(u16::from_be_bytes([head[4], head[5]]));
        // RFC 768: the length covers the header; 0 with segmentation offload or jumbograms.
        let data = match len {
            8.. => &segment[8..len.min(segment.len())],
            _ => &segment[8..],
        };
        let cut = if len >= 8 { len.saturating_sub(segment.len()) } else { context.cut };
        if flow.dst.port == IPSEC || flow.src.port == IPSEC {
            if let Some((inner, payload)) =
                esp::of_udp(data, packet.src, packet.dst).filter(|_| context.depth < DEPTH)
            {
                return self.sealed(packet, inner, payload, context);
            }
        }
        self.datagram(flow, data, &Context { cut, ..*context });
    }

    #[cold]
    fn sealed(&mut self, packet: &ip::Packet<'_>, protocol: u8, payload: &[u8], context: &Context<'_>) {
        self.inside(packet, protocol, payload, context);
    }

    /// The payload of a datagram, by its content (RFC 7983 for what shares a media port).
    #[inline(always)]
    fn datagram(&mut self, flow: Flow, data: &[u8], context: &Context<'_>) {
        let at = At { frame: context.frame, time: context.time, flow };
        if let Some(inner) = tunnel::over_udp(flow.src.port, flow.dst.port, data) {
            return self.inner_ip(inner, context);
        }
        let datagram = Datagram { at, data, cut: context.cut, dscp: context.dscp };
        match data.first() {
            Some(0x80..=0xbf) => {
                if rtcp::is_rtcp(data) {
                    if self.is_copy(flow.src.ip, flow.dst.ip, data, context) {
                        return;
                    }
                    let secure = self.media.is_secure(flow);
                    let rtcp = rtcp::parse(at, data, secure, context.hep.cloned());
                    return self.out.push(Record::Rtcp(Box::new(rtcp)));
                }
                if self.media.rtp(&datagram, &mut self.out) {
                    return;
                }
            }
            Some(0..=3) if stun::is_stun(data) => return self.stun(at, data, context),
            Some(20..=63) if dtls::is_dtls(data) => {
                self.media.keyed(flow, context.time);
                if self.is_copy(flow.src.ip, flow.dst.ip, data, context) {
                    return;
                }
                return self.dtls.receive(at, data, &mut self.out);
            }
            Some(0x10) if zrtp::is_zrtp(data) => return self.zrtp(at, data),
            Some(0x40..=0x4f) => {
                if let Some(inner) = stun::channel_data(data).filter(|_| context.depth < DEPTH) {
                    return self.inner_datagram(flow, inner, &context.deeper());
                }
            }
            None => return self.skip(Reason("empty datagram", 0)),
            _ => {}
        }
        if message::is_sip(data) {
            return self.sip(at, data, context);
        }
        if hep::is_hep(data, flow.dst.port) && self.hep(data, context) {
            return;
        }
        if self.media.udptl(&datagram) {
            return;
        }
        self.skip(if message::is_keepalive(data) { Reason("keep-alive", 0) } else { Reason("other UDP", 0) });
    }

    fn inner_ip(&mut self, data: &[u8], outer: &Context<'_>) {
        self.ip(data, outer);
    }

    fn inner_datagram(&mut self, flow: Flow, data: &[u8], context: &Context<'_>) {
        self.datagram(flow, data, context);
    }

    fn stun(&mut self, at: At, data: &[u8], context: &Context<'_>) {
        if self.is_copy(at.flow.src.ip, at.flow.dst.ip, data, context) {
            return;
        }
        // TURN's Send and Data carry somebody's packet: that is what matters then.
        if let Some(inner) = stun::relayed(data).filter(|_| context.depth < DEPTH) {
            return self.inner_datagram(at.flow, inner, &context.deeper());
        }
        if let Some(stun) = stun::parse(at, data) {
            self.out.push(Record::Stun(Box::new(stun)));
        }
    }

    /// Whether this very packet was there before: then it says nothing new. RTP knows its own, SIP says of its copies
    /// that they are some.
    fn is_copy(&mut self, src: Ip, dst: Ip, data: &[u8], context: &Context<'_>) -> bool {
        let twin = self.twins.receive(src, dst, data, context.id, context.time, self.place);
        self.copies += u64::from(twin == Twin::Here);
        twin != Twin::No
    }

    fn zrtp(&mut self, at: At, data: &[u8]) {
        let name = zrtp::name(data);
        // RFC 6189 figure 1: media is encrypted from the confirmations on.
        if name.starts_with("Conf") {
            self.media.keyed(at.flow, at.time);
        }
        self.out.push(Record::Zrtp(at, name));
    }

    fn sip(&mut self, at: At, data: &[u8], context: &Context<'_>) {
        let repeat = self.repeats.receive(at.flow, data, context.id, at.time, self.place);
        self.copies += u64::from(repeat == Repeat::Copy);
        self.announce(data, at.time);
        self.out.push(Record::Sip(Box::new(Sip {
            at,
            transport: Transport::Udp,
            raw: data.into(),
            fragments: context.frames.len().max(1),
            frames: context.frames.to_vec(),
            connection: 0,
            is_copy: matches!(repeat, Repeat::Copy | Repeat::Elsewhere),
            is_retransmission: repeat == Repeat::Retransmission,
            is_truncated: context.cut > 0,
            wire_bytes: data.len() + context.cut,
            hep: context.hep.cloned(),
        })));
    }

    fn announce(&mut self, message: &[u8], time: i64) {
        let plans = sdp::announced(message);
        let call = if plans.is_empty() { 0 } else { sdp::call_of(message) };
        for (endpoint, plan) in plans {
            self.media.announce(endpoint, plan, call, time);
        }
    }

    /// Reads the SDP of SIP messages that came by TCP since the last time.
    fn learn(&mut self) {
        for (at, data) in std::mem::take(&mut self.tcp.mirrored) {
            let context =
                Context { frame: at.frame, time: at.time, depth: 1, cut: 0, frames: &[], id: 0, dscp: 0, hep: None };
            self.hep(&data, &context);
        }
        for i in self.tcp.fresh.drain(..).collect::<Vec<usize>>() {
            if let Some(Record::Sip(sip)) = self.out.get(i) {
                let (time, plans, call) = (sip.at.time, sdp::announced(&sip.raw), sdp::call_of(&sip.raw));
                for (endpoint, plan) in plans {
                    self.media.announce(endpoint, plan, call, time);
                }
            }
        }
    }

    /// A mirrored message: what it carries is taken as if captured where its agent stands.
    fn hep(&mut self, data: &[u8], context: &Context<'_>) -> bool {
        let Some(message) = hep::parse(data).filter(|_| context.depth < DEPTH) else { return false };
        let time = self.hep_clocks.aligned(&message.origin, message.time, context.time);
        let at = At { frame: context.frame, time, flow: message.flow };
        let inner = Context { time, id: 0, frames: &[], hep: Some(&message.origin), ..context.deeper() };
        let payload: &[u8] = &message.payload;
        match message.kind {
            1 if message::is_sip(payload) => self.mirrored_sip(at, payload, message.protocol, &inner),
            5 if rtcp::is_rtcp(payload) => {
                let rtcp = rtcp::parse(at, payload, false, Some(message.origin));
                self.out.push(Record::Rtcp(Box::new(rtcp)));
            }
            4 if payload.first().is_some_and(|b| b >> 6 == 2) => self.inner_datagram(message.flow, payload, &inner),
            kind => self.out.push(Record::Hep { at, kind, payload: payload.to_vec(), hep: message.origin }),
        }
        true
    }

    fn mirrored_sip(&mut self, at: At, data: &[u8], protocol: u8, context: &Context<'_>) {
        self.sip(at, data, context);
        // Agents say TCP for TLS too: HEP has no number for it; the well-known port tells (RFC 3261 section 18.2).
        if let (Some(Record::Sip(sip)), 6) = (self.out.last_mut(), protocol) {
            let is_tls = at.flow.src.port == 5061 || at.flow.dst.port == 5061;
            sip.transport = if is_tls { Transport::Tls } else { Transport::Tcp };
        }
    }
}
