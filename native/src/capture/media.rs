//! Which flows are media, and the streams on them.

use super::codec::{Codec, Kind, Plan};
use super::flow::{Endpoint, Flow};
use super::limits::*;
use super::marks::Marks;
use super::record::{At, Counted, Packet, Record};
use super::rtp::{Context, Header, Moment, Stream};
use rustc_hash::{FxHashMap, FxHashSet};
use std::borrow::Cow;
use std::sync::Arc;

struct Announced {
    plan: Arc<Plan>,
    /// Whose SDP it was (`sdp::call_of`).
    call: u64,
    used: i64,
}

#[derive(Default)]
struct MediaFlow {
    streams: Vec<Stream>,
    current: usize,
    /// What the destination announced, then the source.
    plans: [Option<Arc<Plan>>; 2],
    /// The calls that had announced both ends when it began.
    calls: [u64; 2],
    generation: u32,
    /// DTLS or ZRTP was seen on the flow.
    keyed: bool,
    /// What keys and plans mean for each packet.
    context: Context,
    last: i64,
}

/// What a new stream begins with.
struct Wanted {
    at: Moment,
    dscp: u8,
    flow: Flow,
    /// Other places see it too: which of its packets came here is kept.
    is_compared: bool,
}

/// One UDP payload with what surrounds it.
#[derive(Clone, Copy)]
pub struct Datagram<'a> {
    pub at: At,
    pub data: &'a [u8],
    pub cut: usize,
    pub dscp: u8,
}

pub struct Media {
    /// Of the place whose packets are read now.
    flows: FxHashMap<Flow, MediaFlow>,
    /// Of all places, where several are read at once; that of `place` is in `flows`.
    elsewhere: Vec<FxHashMap<Flow, MediaFlow>>,
    place: usize,
    announced: FxHashMap<Endpoint, Announced>,
    /// Counts changes of `announced`, so that a flow knows when to look again.
    generation: u32,
    forgot: i64,
    udptl: FxHashMap<Flow, Counted>,
    ended: Ended,
    /// Streams whose packets are wanted one by one.
    pub picked: FxHashSet<(Flow, u32)>,
    /// The last packet belongs to a picked stream.
    pub touched: bool,
    pub refused: u64,
}

/// What becomes of streams that end.
struct Ended {
    /// In ns.
    jitter_buffer: i64,
    /// Streams told because they were silent for long; what comes again of them continues.
    told: FxHashSet<(Flow, u32)>,
    /// Packets of streams that looked like RTP for a moment.
    doubtful: u64,
    /// Packets of the others that were there twice.
    copies: u64,
}

impl Media {
    pub fn new(jitter_buffer_ms: u32, picked: FxHashSet<(Flow, u32)>) -> Media {
        Media {
            flows: FxHashMap::default(),
            elsewhere: Vec::new(),
            place: 0,
            announced: FxHashMap::default(),
            generation: 1,
            forgot: 0,
            udptl: FxHashMap::default(),
            ended: Ended {
                jitter_buffer: i64::from(jitter_buffer_ms) * 1_000_000,
                told: FxHashSet::default(),
                doubtful: 0,
                copies: 0,
            },
            picked,
            touched: false,
            refused: 0,
        }
    }

    /// Captures of so many places are read at once: each sees the streams for itself.
    pub fn places(&mut self, count: usize) {
        self.elsewhere.resize_with(count, FxHashMap::default);
    }

    /// What comes now was captured at this place.
    pub fn enter(&mut self, place: usize) {
        if place != self.place && place < self.elsewhere.len() {
            std::mem::swap(&mut self.flows, &mut self.elsewhere[self.place]);
            std::mem::swap(&mut self.flows, &mut self.elsewhere[place]);
            self.place = place;
        }
    }

    /// An SDP said what an address will receive.
    pub fn announce(&mut self, endpoint: Endpoint, plan: Arc<Plan>, call: u64, time: i64) {
        if let Some(known) = self.announced.get_mut(&endpoint) {
            known.used = time;
            known.call = call;
            if known.plan == plan {
                return;
            }
            known.plan = plan;
        } else if self.announced.len() < ANNOUNCED {
            self.announced.insert(endpoint, Announced { plan, call, used: time });
        } else {
            self.refused += 1;
        }
        self.generation = self.generation.wrapping_add(1);
    }

    /// Keys are being agreed on this flow (DTLS, ZRTP): what it carries both ways is encrypted.
    pub fn keyed(&mut self, flow: Flow, time: i64) {
        for flow in [flow, flow.reversed()] {
            if self.flows.len() < MEDIA_FLOWS || self.flows.contains_key(&flow) {
                let known = self.flows.entry(flow).or_default();
                known.keyed = true;
                known.context.is_secure = true;
                known.last = time;
            }
        }
    }

    pub fn is_secure(&self, flow: Flow) -> bool {
        let port_before = |e: Endpoint| Endpoint { port: e.port.wrapping_sub(1), ..e };
        let secure = |e: Endpoint| self.announced.get(&e).is_some_and(|a| a.plan.is_secure);
        let ends = [flow.dst, port_before(flow.dst), flow.src, port_before(flow.src)];
        self.flows.get(&flow).is_some_and(|f| f.keyed) || ends.into_iter().any(secure)
    }

    /// T.38 (ITU-T T.38 annex D) on an address announced for it.
    pub fn udptl(&mut self, datagram: &Datagram<'_>) -> bool {
        let At { frame, time, flow } = datagram.at;
        let expects = |e: &Endpoint| self.announced.get(e).is_some_and(|a| a.plan.is_udptl);
        if !expects(&flow.dst) && !expects(&flow.src) {
            return false;
        }
        if self.udptl.len() >= MEDIA_FLOWS && !self.udptl.contains_key(&flow) {
            self.refused += 1;
            return true;
        }
        let new = Counted {
            flow,
            kind: "udptl",
            first_frame: frame,
            last_frame: 0,
            start: time,
            end: 0,
            packets: 0,
            bytes: 0,
        };
        let counted = self.udptl.entry(flow).or_insert(new);
        counted.last_frame = frame;
        counted.end = time;
        counted.packets += 1;
        counted.bytes += (datagram.data.len() + datagram.cut) as u64;
        true
    }

    /// Takes what has RTP's shape. False: it cannot be RTP.
    #[inline]
    pub fn rtp(&mut self, datagram: &Datagram<'_>, out: &mut Vec<Record>) -> bool {
        let At { frame, time, flow } = datagram.at;
        let Some(header) = Header::parse(datagram.data, datagram.cut) else { return false };
        let at = Moment { frame, time };
        let Some(media) = self.flows.get_mut(&flow) else {
            return self.admit(flow, &header, time) && self.rtp(datagram, out);
        };
        if time - media.last > REUSED_QUIET_S && media.is_left(calls_of(&self.announced, flow)) {
            self.leave(flow, out);
            return self.rtp(datagram, out);
        }
        media.last = time;
        if media.generation != self.generation && media.should_look_again() {
            media.look(&mut self.announced, flow, self.generation, time);
        }
        let wanted = Wanted { at, dscp: datagram.dscp, flow, is_compared: !self.elsewhere.is_empty() };
        let Some(stream) = media.stream(&header, &wanted, &mut self.ended, out) else {
            return false;
        };
        media.streams[stream].receive(&header, at, &media.context, self.ended.jitter_buffer);
        if media.streams[stream].wants_keys() && datagram.cut == 0 {
            let keys = media.plans[1].as_ref().map_or(&[][..], |plan| &plan.keys);
            media.streams[stream].try_keys(keys, datagram.data);
        }
        if !self.picked.is_empty() {
            self.pick(datagram, &header, out);
        }
        true
    }

    /// Opens a new flow: announced, or with a payload type that exists and ports that users may open.
    fn admit(&mut self, flow: Flow, header: &Header<'_>, time: i64) -> bool {
        let is_announced = self.announced.contains_key(&flow.dst) || self.announced.contains_key(&flow.src);
        let is_plausible = matches!(header.payload_type, 0..=34 | 96..=127)
            && flow.src.port >= 1024
            && flow.dst.port >= 1024
            && header.size > 0;
        if !is_announced && !is_plausible && !self.is_picked(flow) {
            return false;
        }
        let is_full = self.flows.len() >= MEDIA_FLOWS;
        if is_full {
            self.refused += 1;
        } else {
            let calls = calls_of(&self.announced, flow);
            self.flows.insert(flow, MediaFlow { calls, last: time, ..MediaFlow::default() });
        }
        !is_full
    }

    /// Another call has these addresses now. A phone may use port and SSRC again: what comes begins a stream.
    fn leave(&mut self, flow: Flow, out: &mut Vec<Record>) {
        let Some(media) = self.flows.remove(&flow) else { return };
        for stream in media.streams {
            let ssrc = stream.ssrc;
            self.ended.tell(stream, flow, &media.plans, media.keyed, out);
            self.ended.told.remove(&(flow, ssrc));
        }
    }

    /// Whether a stream of this flow is asked for: somebody knows that it is media.
    fn is_picked(&self, flow: Flow) -> bool {
        self.picked.iter().any(|(picked, _)| *picked == flow)
    }

    fn pick(&mut self, datagram: &Datagram<'_>, header: &Header<'_>, out: &mut Vec<Record>) {
        if !self.picked.contains(&(datagram.at.flow, header.ssrc)) {
            return;
        }
        self.touched = true;
        out.push(Record::Packet(Box::new(Packet {
            at: datagram.at,
            ssrc: header.ssrc,
            payload_type: header.payload_type,
            sequence: header.sequence,
            timestamp: header.timestamp,
            marker: header.marker,
            payload: header.payload.to_vec(),
        })));
    }

    /// Packets since the last time this was asked that looked like RTP and then were none.
    pub fn take_doubtful(&mut self) -> u64 {
        std::mem::take(&mut self.ended.doubtful)
    }

    /// The same for packets that were there twice, of streams that ended.
    pub fn take_copies(&mut self) -> u64 {
        std::mem::take(&mut self.ended.copies)
    }

    /// Tells and forgets what is idle; everything when `all`.
    pub fn sweep(&mut self, now: i64, all: bool, out: &mut Vec<Record>) {
        self.end(|_, f| all || f.is_idle(now), |_, c| all || now - c.end > MEDIA_IDLE_S, out);
        // Some hundred thousand entries that live for hours need no look every few seconds.
        if now - self.forgot > ANNOUNCED_S / 16 {
            self.forgot = now;
            self.announced.retain(|_, a| now - a.used <= ANNOUNCED_S);
        }
    }
}

impl Media {
    /// The call that announced these addresses is over: tells what flowed to and from them.
    pub fn settle(&mut self, addresses: &FxHashSet<Endpoint>, out: &mut Vec<Record>) {
        let is_theirs = |flow: &Flow| addresses.contains(&flow.dst) || addresses.contains(&flow.src);
        self.end(|flow, _| is_theirs(flow), |flow, _| is_theirs(flow), out);
    }

    fn end(
        &mut self,
        mut is_over: impl FnMut(&Flow, &MediaFlow) -> bool,
        mut is_fax_over: impl FnMut(&Flow, &Counted) -> bool,
        out: &mut Vec<Record>,
    ) {
        let mut over: Vec<(Flow, MediaFlow)> = self.flows.extract_if(|flow, f| is_over(flow, f)).collect();
        for flows in &mut self.elsewhere {
            over.extend(flows.extract_if(|flow, f| is_over(flow, f)));
        }
        // Hash order would differ from one run to the next.
        over.sort_by_key(|(_, f)| f.streams.first().map(|s| s.first.frame));
        for (flow, media) in over {
            let (plans, keyed) = (media.plans, media.keyed);
            for stream in media.streams {
                self.ended.tell(stream, flow, &plans, keyed, out);
            }
        }
        let mut faxes: Vec<Counted> = self.udptl.extract_if(|flow, c| is_fax_over(flow, c)).map(|(_, c)| c).collect();
        faxes.sort_by_key(|c| c.first_frame);
        out.extend(faxes.into_iter().map(|c| Record::Counted(Box::new(c))));
    }
}

/// The calls that announced both ends.
fn calls_of(announced: &FxHashMap<Endpoint, Announced>, flow: Flow) -> [u64; 2] {
    [flow.dst, flow.src].map(|end| announced.get(&end).map_or(0, |known| known.call))
}

impl MediaFlow {
    /// Whether another call has one of its ends by now.
    fn is_left(&self, calls: [u64; 2]) -> bool {
        self.calls.into_iter().zip(calls).any(|(was, is)| was != 0 && is != 0 && was != is)
    }

    /// A changed announcement matters at a stream's start and when its payload type means nothing; else now and then.
    #[inline]
    fn should_look_again(&self) -> bool {
        self.streams.get(self.current).is_none_or(|s| s.packets < 16 || s.packets % 64 == 0)
    }

    fn look(&mut self, announced: &mut FxHashMap<Endpoint, Announced>, flow: Flow, generation: u32, time: i64) {
        self.generation = generation;
        for (plan, end) in self.plans.iter_mut().zip([flow.dst, flow.src]) {
            if let Some(known) = announced.get_mut(&end) {
                known.used = time;
                *plan = Some(known.plan.clone());
            }
        }
        let plans = self.plans.iter().flatten();
        self.context = Context {
            is_secure: self.keyed || secure(&self.plans),
            level_extension: plans.map(|p| p.level_extension).find(|&n| n != 0).unwrap_or(0),
        };
        for stream in &mut self.streams {
            stream.is_confirmed |= self.plans.iter().flatten().next().is_some();
        }
        if let Some(stream) = self.streams.get_mut(self.current) {
            let number = stream.payload_type();
            if let Some(codec) = planned(&self.plans, number).filter(|c| Some(*c) != stream.codec()) {
                stream.rename(codec.clone());
            }
        }
    }

    /// The index of the packet's stream, which may be new; nothing if the flow has too many.
    #[inline]
    fn stream(
        &mut self,
        header: &Header<'_>,
        wanted: &Wanted,
        ended: &mut Ended,
        out: &mut Vec<Record>,
    ) -> Option<usize> {
        let &Wanted { at, dscp, flow, is_compared } = wanted;
        if self.streams.get(self.current).is_some_and(|s| s.ssrc == header.ssrc && s.knows(header.payload_type)) {
            return Some(self.current);
        }
        let plans = &self.plans;
        let codec = || codec_of(plans, header);
        if let Some(i) = self.streams.iter().position(|s| s.ssrc == header.ssrc) {
            self.streams[i].switch(header.payload_type, codec, at);
            self.current = i;
            return Some(i);
        }
        let mut stream = Stream::new(header, codec(), at, dscp);
        stream.is_confirmed = plans.iter().flatten().next().is_some();
        stream.continues = ended.told.contains(&(flow, header.ssrc));
        stream.marks = is_compared.then(|| Box::new(Marks::new(header.sequence)));
        if self.streams.len() >= FLOW_STREAMS {
            // A peer that changes SSRC all the time: the oldest is told now.
            let oldest = (0..self.streams.len()).min_by_key(|&i| self.streams[i].last.time)?;
            let old = self.streams.swap_remove(oldest);
            ended.tell(old, flow, &self.plans, self.keyed, out);
        }
        self.current = self.streams.len();
        // Nearly always the only one: room for more would be most of a page for each flow.
        self.streams.reserve_exact(1);
        self.streams.push(stream);
        Some(self.current)
    }

    fn is_idle(&self, now: i64) -> bool {
        let sure = self.streams.iter().any(|s| s.is_confirmed) || self.keyed;
        now - self.last > if sure { MEDIA_IDLE_S } else { MEDIA_DOUBT_S }
    }
}

fn secure(plans: &[Option<Arc<Plan>>; 2]) -> bool {
    match plans {
        [Some(a), Some(b)] => a.is_secure || b.is_secure || (a.offers_keys && b.offers_keys),
        [Some(a), None] | [None, Some(a)] => a.is_secure,
        [None, None] => false,
    }
}

fn planned(plans: &[Option<Arc<Plan>>; 2], number: u8) -> Option<&Codec> {
    plans.iter().flatten().find_map(|plan| plan.codec(number))
}

/// What a payload type means here: by SDP, by RFC 3551, or by the looks of a telephone-event (RFC 4733).
fn codec_of(plans: &[Option<Arc<Plan>>; 2], header: &Header<'_>) -> Codec {
    if let Some(codec) = planned(plans, header.payload_type) {
        return codec.clone();
    }
    let event = matches!(header.payload, [0..=16, flags, _, _] if flags & 0x40 == 0);
    if header.payload_type >= 96 && event {
        return Codec { kind: Kind::Event, ..Codec::new("telephone-event", 8000) };
    }
    Codec::of_static(header.payload_type)
}

impl Ended {
    fn tell(
        &mut self,
        stream: Stream,
        flow: Flow,
        plans: &[Option<Arc<Plan>>; 2],
        keyed: bool,
        out: &mut Vec<Record>,
    ) {
        if !stream.is_confirmed {
            self.doubtful += stream.packets;
            return;
        }
        self.copies += stream.duplicates;
        if self.told.len() < MEDIA_FLOWS {
            self.told.insert((flow, stream.ssrc));
        }
        let plan = plans.iter().flatten().next();
        let media = plan.map_or_else(|| Cow::Borrowed(""), |p| p.media_of(stream.payload_type()));
        let jitter_buffer = self.jitter_buffer / 1_000_000;
        let summary = stream.finish(flow, media, plan.is_some(), keyed || secure(plans), jitter_buffer);
        out.push(Record::Stream(Box::new(summary)));
    }
}
