//! TCP connections: their life (RFC 9293) and the streams in them.

use super::bytes::{be16, be32};
use super::flow::{Endpoint, Flow, Ip, Reason};
use super::limits::*;
use super::pipe::{flow_of, Pipe, Sink};
use super::record::{At, HepOrigin, Record, Tcp};
use super::segments::{Half, Piece};
use super::tls::{self, KeyLog};
use rustc_hash::FxHashMap;

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;
/// Moments kept until it is known whether the connection carries anything of ours.
const MAX_MOMENTS: usize = 8;
/// A second SYN within so short a time is the first one captured twice.
const COPY_NS: i64 = 50_000_000;

#[derive(PartialEq, Eq, Clone, Copy)]
enum State {
    /// SYN seen and nothing else.
    Asked,
    Open,
    Closed,
}

struct Connection {
    id: u64,
    /// Direction 0: from who opened it, or who was heard first.
    flow: Flow,
    state: State,
    syns: u64,
    syn_sequence: u32,
    first: At,
    last: i64,
    halves: [Half; 2],
    pipe: Pipe,
    tls: Option<Box<tls::Connection>>,
    /// Not told yet; told at once when the connection turns out to be ours.
    moments: Vec<(At, &'static str, u64)>,
    is_ours: bool,
    hep: Option<HepOrigin>,
}

pub struct Table {
    pub keys: KeyLog,
    /// Positions in `out` of SIP messages whose SDP is to be read.
    pub fresh: Vec<usize>,
    /// HEP messages that came in a captured connection.
    pub mirrored: Vec<(At, Vec<u8>)>,
    pub refused: u64,
    connections: FxHashMap<Flow, Connection>,
    next_id: u64,
}

struct Segment<'a> {
    sequence: u32,
    ack: Option<u32>,
    flags: u8,
    data: &'a [u8],
    cut: usize,
}

impl<'a> Segment<'a> {
    fn parse(bytes: &'a [u8], cut: usize) -> Option<(u16, u16, Segment<'a>)> {
        let flags = *bytes.get(13)?;
        let header = usize::from(bytes[12] >> 4) * 4;
        let segment = Segment {
            sequence: be32(bytes, 4)?,
            ack: be32(bytes, 8).filter(|_| flags & ACK != 0),
            flags,
            data: bytes.get(header.max(20)..)?,
            cut,
        };
        Some((be16(bytes, 0)?, be16(bytes, 2)?, segment))
    }
}

impl Table {
    pub fn new(keys: KeyLog) -> Table {
        let (fresh, mirrored, connections) = Default::default();
        Table { keys, fresh, mirrored, refused: 0, connections, next_id: 1 }
    }

    #[allow(clippy::too_many_arguments)]
    pub fn receive(
        &mut self,
        mut at: At,
        src: Ip,
        dst: Ip,
        bytes: &[u8],
        cut: usize,
        hep: Option<&HepOrigin>,
        out: &mut Vec<Record>,
    ) -> Option<Reason> {
        let Some((sport, dport, segment)) = Segment::parse(bytes, cut) else {
            return Some(Reason("packet cut in its TCP header", 0));
        };
        at.flow = Flow { src: Endpoint { ip: src, port: sport }, dst: Endpoint { ip: dst, port: dport } };
        let key = key_of(at.flow);
        if !self.connections.contains_key(&key) {
            // A lone RST or an acknowledgement tells nothing about a connection we never saw.
            let begins = segment.flags & SYN != 0 || !segment.data.is_empty();
            if segment.flags & RST != 0 || !begins {
                return None;
            }
            if self.connections.len() >= CONNECTIONS {
                self.refused += 1;
                return None;
            }
        }
        let next_id = &mut self.next_id;
        let connection = self.connections.entry(key).or_insert_with(|| Connection::new(next_id, at, &segment, hep));
        if connection.is_reopened_by(at, &segment) {
            let fresh = Connection::new(next_id, at, &segment, hep);
            let old = std::mem::replace(connection, fresh);
            let mut outlet = Outlet { out, fresh: &mut self.fresh, mirrored: &mut self.mirrored, keys: &self.keys };
            old.close(&mut outlet);
        }
        let mut outlet = Outlet { out, fresh: &mut self.fresh, mirrored: &mut self.mirrored, keys: &self.keys };
        connection.receive(at, &segment, &mut outlet);
        connection.is_strange(&segment).then_some(Reason("other TCP", 0))
    }

    pub fn sweep(&mut self, now: i64, all: bool, out: &mut Vec<Record>) {
        let mut over: Vec<Connection> =
            self.connections.extract_if(|_, c| all || c.is_over(now)).map(|(_, c)| c).collect();
        over.sort_by_key(|c| c.id);
        for mut connection in over {
            if !all && connection.state == State::Open {
                let at = At { time: connection.last, ..connection.first };
                connection.moment(at, "idle", 0, out);
            }
            let mut outlet = Outlet { out, fresh: &mut self.fresh, mirrored: &mut self.mirrored, keys: &self.keys };
            connection.close(&mut outlet);
        }
    }
}

/// Both directions of a connection have one key.
fn key_of(flow: Flow) -> Flow {
    if flow.src <= flow.dst {
        flow
    } else {
        flow.reversed()
    }
}

struct Outlet<'a> {
    out: &'a mut Vec<Record>,
    fresh: &'a mut Vec<usize>,
    mirrored: &'a mut Vec<(At, Vec<u8>)>,
    keys: &'a KeyLog,
}

impl Connection {
    fn new(next_id: &mut u64, at: At, segment: &Segment<'_>, hep: Option<&HepOrigin>) -> Connection {
        let answered = segment.flags & (SYN | ACK) == SYN | ACK;
        let asks = segment.flags & SYN != 0;
        let id = *next_id;
        *next_id += 1;
        Connection {
            id,
            flow: if answered { at.flow.reversed() } else { at.flow },
            state: if asks && !answered { State::Asked } else { State::Open },
            syns: 0,
            syn_sequence: segment.sequence,
            first: at,
            last: at.time,
            halves: Default::default(),
            pipe: Pipe::default(),
            tls: None,
            moments: if asks { Vec::new() } else { vec![(at, "midstream", 0)] },
            is_ours: false,
            hep: hep.cloned(),
        }
    }

    /// A SYN that is not the one we know begins another connection between the same ports.
    fn is_reopened_by(&self, at: At, segment: &Segment<'_>) -> bool {
        segment.flags & (SYN | ACK) == SYN
            && (self.state != State::Asked || at.flow != self.flow)
            && (self.syn_sequence != segment.sequence || self.state == State::Closed)
            && at.time - self.first.time > COPY_NS
    }

    fn direction(&self, flow: Flow) -> usize {
        usize::from(flow != self.flow)
    }

    fn receive(&mut self, at: At, segment: &Segment<'_>, outlet: &mut Outlet<'_>) {
        let direction = self.direction(at.flow);
        if segment.flags & SYN != 0 {
            self.syn(at, segment, direction, outlet.out);
        }
        if let Some(ack) = segment.ack {
            let pieces = self.halves[1 - direction].acknowledged(ack);
            self.pieces(1 - direction, at, pieces, outlet);
        }
        if !segment.data.is_empty() {
            self.state = if self.state == State::Asked { State::Open } else { self.state };
            self.data(direction, at, segment, outlet);
        }
        if segment.flags & RST != 0 {
            self.reset(at, direction, outlet.out);
        } else if segment.flags & FIN != 0 && !std::mem::replace(&mut self.halves[direction].finished, true) {
            self.moment(at, "finished", 0, outlet.out);
            if self.halves[1 - direction].finished {
                self.state = State::Closed;
            }
        }
        self.last = at.time;
    }

    fn syn(&mut self, at: At, segment: &Segment<'_>, direction: usize, out: &mut Vec<Record>) {
        if segment.flags & ACK == 0 {
            let is_copy = self.syns > 0 && at.time - self.last < COPY_NS;
            self.syns += u64::from(!is_copy);
        } else if self.state == State::Asked {
            self.state = State::Open;
            self.moment(At { flow: self.flow, ..at }, "opened", 0, out);
        }
        if !self.halves[direction].is_started() {
            self.halves[direction].start(segment.sequence);
        }
    }

    fn reset(&mut self, at: At, direction: usize, out: &mut Vec<Record>) {
        let kind = match self.state {
            State::Asked if direction == 1 => "refused",
            State::Closed => return,
            _ => "reset",
        };
        self.undelivered(out);
        if kind == "refused" {
            self.tell(at, kind, self.syns, out);
        } else {
            self.moment(at, kind, 0, out);
        }
        self.state = State::Closed;
    }

    fn data(&mut self, direction: usize, at: At, segment: &Segment<'_>, outlet: &mut Outlet<'_>) {
        // A SYN takes a sequence number of its own (TCP Fast Open carries data with it).
        let sequence = segment.sequence.wrapping_add(u32::from(segment.flags & SYN != 0));
        if segment.cut == 0 && self.halves[direction].is_next(sequence, segment.data.len(), at.time) {
            return self.deliver(direction, at, segment.data, outlet);
        }
        let pieces = self.halves[direction].receive(sequence, segment.data, segment.cut, at.frame, at.time);
        self.pieces(direction, at, pieces, outlet);
    }

    fn pieces(&mut self, direction: usize, at: At, pieces: Vec<Piece>, outlet: &mut Outlet<'_>) {
        let flow = flow_of(self.flow, direction);
        for piece in pieces {
            match piece {
                Piece::Data { data, frame, time } => self.deliver(direction, At { frame, time, flow }, &data, outlet),
                Piece::Gap(count) => {
                    self.pipe.gap(direction);
                    if let Some(tls) = &mut self.tls {
                        tls.gap(direction);
                    }
                    self.moment(At { flow, ..at }, "gap", u64::from(count), outlet.out);
                }
            }
        }
    }

    /// Bytes in order: through TLS if there is any, then to what they carry.
    fn deliver(&mut self, direction: usize, at: At, data: &[u8], outlet: &mut Outlet<'_>) {
        if self.tls.is_none() && !self.pipe.is_ours() && tls::is_tls(data) && data[0] == 22 {
            self.tls = Some(Box::default());
            self.pipe.is_tls = true;
            self.claim(outlet.out);
        }
        let plain = match &mut self.tls {
            Some(tls) => Some(tls.push(direction, at, self.id, data, outlet.keys, outlet.out)),
            None => None,
        };
        // What the connection turns out to be is told before what it carries.
        let before = outlet.out.len();
        let mut sink = Sink {
            out: &mut *outlet.out,
            fresh: &mut *outlet.fresh,
            mirrored: &mut *outlet.mirrored,
            connection: self.id,
            hep: self.hep.as_ref(),
        };
        match plain {
            Some(texts) => texts.iter().for_each(|text| self.pipe.push(direction, at, text, &mut sink)),
            None => self.pipe.push(direction, at, data, &mut sink),
        }
        if !self.is_ours && self.pipe.is_ours() {
            let carried = outlet.out.split_off(before);
            let moved = outlet.out.len();
            self.claim(outlet.out);
            let by = outlet.out.len() - moved;
            outlet.fresh.iter_mut().filter(|i| **i >= before).for_each(|i| *i += by);
            outlet.out.extend(carried);
        }
    }

    /// The connection is ours: tells what was kept back.
    fn claim(&mut self, out: &mut Vec<Record>) {
        if !std::mem::replace(&mut self.is_ours, true) {
            for (at, kind, count) in std::mem::take(&mut self.moments) {
                self.tell(at, kind, count, out);
            }
        }
    }

    fn moment(&mut self, at: At, kind: &'static str, count: u64, out: &mut Vec<Record>) {
        if self.is_ours {
            self.tell(at, kind, count, out);
        } else if self.moments.len() < MAX_MOMENTS {
            self.moments.push((at, kind, count));
        }
    }

    fn tell(&self, at: At, kind: &'static str, count: u64, out: &mut Vec<Record>) {
        out.push(Record::Tcp(Box::new(Tcp { at, connection: self.id, kind, count })));
    }

    fn undelivered(&mut self, out: &mut Vec<Record>) {
        for direction in 0..2 {
            if let Some(repeated) = self.halves[direction].undelivered() {
                let at = At { frame: repeated.frame, time: repeated.time, flow: flow_of(self.flow, direction) };
                self.moment(at, "undelivered", repeated.times, out);
            }
        }
    }

    fn close(mut self, outlet: &mut Outlet<'_>) {
        for direction in 0..2 {
            let at = At { time: self.last, ..self.first };
            let pieces = self.halves[direction].flush();
            self.pieces(direction, at, pieces, outlet);
        }
        if self.state == State::Asked {
            let at = At { time: self.last, ..self.first };
            self.tell(at, "unanswered", self.syns, outlet.out);
        } else if self.state == State::Open {
            self.undelivered(outlet.out);
        }
    }

    /// Data in which nothing of ours was found.
    fn is_strange(&self, segment: &Segment<'_>) -> bool {
        !segment.data.is_empty() && !self.is_ours && self.pipe.is_other()
    }

    fn is_over(&self, now: i64) -> bool {
        let patience = match self.state {
            State::Open if self.is_ours => TCP_IDLE_S,
            _ => TCP_OTHER_IDLE_S,
        };
        now - self.last > patience
    }
}
