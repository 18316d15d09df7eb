//! What a connection carries, once the bytes are in order and in clear: SIP, SIP in WebSocket, HEP, or nothing of ours.

use super::flow::Flow;
use super::limits::*;
use super::message::{self, Cut};
use super::record::{At, HepOrigin, Record, Sip, Transport, WebSocket};
use super::stream::Bytes;
use super::{hep, websocket};

#[derive(Default, PartialEq, Eq, Clone, Copy, Debug)]
enum Layer {
    #[default]
    Unknown,
    Sip,
    /// An upgrade is asked for (client) or expected (server).
    Http,
    WebSocket,
    Hep,
    Other,
}

#[derive(Default)]
struct Direction {
    layer: Layer,
    stream: Bytes,
    incoming: websocket::Incoming,
    /// Bytes in which no protocol showed itself.
    strange: usize,
}

/// Both directions.
#[derive(Default)]
pub struct Pipe {
    directions: [Direction; 2],
    /// The HTTP request that asked for a WebSocket.
    upgrade: Option<Vec<u8>>,
    pub is_tls: bool,
}

/// Where records of a connection go.
pub struct Sink<'a> {
    pub out: &'a mut Vec<Record>,
    /// Positions in `out` of SIP messages whose SDP is to be read.
    pub fresh: &'a mut Vec<usize>,
    pub mirrored: &'a mut Vec<(At, Vec<u8>)>,
    pub connection: u64,
    pub hep: Option<&'a HepOrigin>,
}

impl Pipe {
    /// Bytes were lost: what comes next does not continue what we have.
    pub fn gap(&mut self, direction: usize) {
        let d = &mut self.directions[direction];
        d.stream.clear();
        d.incoming = websocket::Incoming::default();
    }

    /// Something of ours was found on the connection.
    pub fn is_ours(&self) -> bool {
        self.directions.iter().any(|d| matches!(d.layer, Layer::Sip | Layer::WebSocket)) || self.upgrade.is_some()
    }

    /// Nothing of ours is in it, as far as was seen.
    pub fn is_other(&self) -> bool {
        self.directions.iter().any(|d| d.layer == Layer::Other)
    }

    /// Takes bytes of a direction in order.
    pub fn push(&mut self, direction: usize, at: At, data: &[u8], sink: &mut Sink<'_>) {
        let d = &mut self.directions[direction];
        if d.layer == Layer::Other {
            // Perhaps the capture began inside something; a start of a segment may be the start of a message.
            if !message::is_sip(data) && !websocket::looks_like_sip(data) {
                return;
            }
            d.layer = Layer::Unknown;
        }
        d.stream.push(data, at.frame);
        loop {
            let before = (self.directions[direction].layer, self.directions[direction].stream.len());
            self.step(direction, at, sink);
            let d = &self.directions[direction];
            if d.stream.is_empty() || before == (d.layer, d.stream.len()) {
                return;
            }
        }
    }

    fn step(&mut self, direction: usize, at: At, sink: &mut Sink<'_>) {
        match self.directions[direction].layer {
            Layer::Unknown => self.detect(direction),
            Layer::Sip => self.sip(direction, at, sink),
            Layer::Http => self.http(direction, at, sink),
            Layer::WebSocket => self.websocket(direction, at, sink),
            Layer::Hep => self.hep(direction, at, sink),
            Layer::Other => self.directions[direction].stream.clear(),
        }
    }

    fn detect(&mut self, direction: usize) {
        let upgrade_asked = self.upgrade.is_some();
        let d = &mut self.directions[direction];
        let data = d.stream.bytes();
        let text = data.trim_ascii_start();
        d.layer = match text.first() {
            None => return d.stream.clear(),
            Some(_) if message::is_sip(text) => Layer::Sip,
            Some(_) if text.starts_with(b"GET ") => Layer::Http,
            Some(_) if text.starts_with(b"HTTP/1.") && upgrade_asked => Layer::Http,
            Some(b'H') if text.starts_with(b"HEP3") => Layer::Hep,
            Some(_) if websocket::looks_like_sip(data) => Layer::WebSocket,
            Some(_) if data.len() < 12 => return,
            Some(_) => return d.search(),
        };
    }

    fn sip(&mut self, direction: usize, at: At, sink: &mut Sink<'_>) {
        let transport = if self.is_tls { Transport::Tls } else { Transport::Tcp };
        let d = &mut self.directions[direction];
        match message::cut(d.stream.bytes()) {
            Cut::Message { skip, len } => {
                d.stream.skip(skip);
                let (raw, frames) = d.stream.take(len);
                d.strange = 0;
                sink.sip(at, transport, raw, frames);
            }
            Cut::Wait { skip } => d.stream.skip(skip),
            Cut::Lost { skip } => {
                d.stream.skip(skip);
                d.strange += skip;
                if d.strange > MESSAGE_BYTES {
                    d.layer = Layer::Other;
                }
            }
        }
    }

    /// RFC 6455 section 4: the request and the response that turn HTTP into a WebSocket.
    fn http(&mut self, direction: usize, at: At, sink: &mut Sink<'_>) {
        let d = &mut self.directions[direction];
        let Some(end) = message::head_end(d.stream.bytes()) else {
            if d.stream.len() > MESSAGE_BYTES {
                d.layer = Layer::Other;
            }
            return;
        };
        let (head, _) = d.stream.take(end);
        if head.starts_with(b"GET ") {
            let wanted = websocket::field(&head, "upgrade").is_some_and(|v| v.eq_ignore_ascii_case("websocket"));
            d.layer = if wanted { Layer::WebSocket } else { Layer::Other };
            self.upgrade = wanted.then_some(head);
            return;
        }
        let status = websocket::status(&head).unwrap_or(0);
        let request = self.upgrade.clone().unwrap_or_default();
        let opened = status == 101;
        let protocol = websocket::field(&head, "sec-websocket-protocol").unwrap_or("").to_string();
        d.layer = if opened { Layer::WebSocket } else { Layer::Other };
        let at = At { flow: at.flow.reversed(), ..at };
        let (kind, code) = if opened { ("opened", 101) } else { ("refused", status) };
        sink.websocket(at, kind, code, protocol, request);
    }

    fn websocket(&mut self, direction: usize, at: At, sink: &mut Sink<'_>) {
        let transport = if self.is_tls { Transport::Wss } else { Transport::Ws };
        let d = &mut self.directions[direction];
        match d.incoming.next(&mut d.stream) {
            None => {}
            Some(websocket::Event::Message { data, frames }) if message::is_sip(&data) => {
                sink.sip(at, transport, data, frames);
            }
            // Keep-alives (RFC 7118 section 6) and what other subprotocols say.
            Some(websocket::Event::Message { .. }) => {}
            Some(websocket::Event::Close { code, reason }) => sink.websocket(at, "closed", code, reason, Vec::new()),
            Some(websocket::Event::Broken) => d.layer = Layer::Other,
        }
    }

    fn hep(&mut self, direction: usize, at: At, sink: &mut Sink<'_>) {
        let d = &mut self.directions[direction];
        match hep::stream_length(d.stream.bytes()) {
            None => {}
            Some(0) => d.layer = Layer::Other,
            Some(len) if d.stream.len() >= len => sink.mirrored.push((at, d.stream.take(len).0)),
            Some(_) => {}
        }
    }
}

impl Direction {
    /// Looks for a start line further on, within limits.
    fn search(&mut self) {
        let before = self.stream.len();
        match message::cut(self.stream.bytes()) {
            Cut::Message { skip, .. } | Cut::Wait { skip } | Cut::Lost { skip } => self.stream.skip(skip),
        }
        self.strange += before - self.stream.len();
        if self.strange + self.stream.len() > DETECT_BYTES && !message::is_sip(self.stream.bytes()) {
            self.layer = Layer::Other;
        }
    }
}

impl Sink<'_> {
    fn sip(&mut self, at: At, transport: Transport, raw: Vec<u8>, frames: Vec<u64>) {
        self.fresh.push(self.out.len());
        self.out.push(Record::Sip(Box::new(Sip {
            at,
            transport,
            wire_bytes: raw.len(),
            raw: raw.into(),
            frames,
            fragments: 1,
            connection: self.connection,
            is_copy: false,
            is_retransmission: false,
            is_truncated: false,
            hep: self.hep.cloned(),
        })));
    }

    fn websocket(&mut self, at: At, kind: &'static str, code: u16, text: String, head: Vec<u8>) {
        let connection = self.connection;
        self.out.push(Record::WebSocket(Box::new(WebSocket { at, connection, kind, code, text, head })));
    }
}

/// The flow of a direction: 0 is from the side that opened the connection, or spoke first.
pub fn flow_of(first: Flow, direction: usize) -> Flow {
    if direction == 0 {
        first
    } else {
        first.reversed()
    }
}
