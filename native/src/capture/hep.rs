//! HEP versions 1, 2 and 3 (EEP): messages that Kamailio, OpenSIPS, FreeSWITCH, Asterisk, rtpengine and agents mirror.

use super::bytes::{be16, be32, be64};
use super::flow::{Endpoint, Flow, Ip};
use super::limits::HEP_BYTES;
use super::record::HepOrigin;
use rustc_hash::{FxHashMap, FxHasher};
use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::io::Read;

#[derive(Debug)]
pub struct Message<'a> {
    pub flow: Flow,
    /// Nanoseconds since the epoch, 0 when not told.
    pub time: i64,
    /// Payload type: 1 SIP, 4 RTP, 5 RTCP (rtpengine and captagent: as JSON), 100 log.
    pub kind: u16,
    /// IP protocol of the mirrored packet.
    pub protocol: u8,
    pub origin: HepOrigin,
    pub payload: Cow<'a, [u8]>,
}

/// Clocks of two agents that are apart by less than this are left alone: the way here takes time too.
const CLOSE_NS: i64 = 300_000_000;
/// Apart by more, one of them mirrors a recording, whose times are its own.
const FOREIGN_NS: i64 = 600_000_000_000;
/// How often the clocks are compared.
const COMPARE_NS: i64 = 60_000_000_000;
/// Agents whose clocks are watched.
const AGENTS: usize = 4096;

/// The clocks of the agents, set by the first one's. Two agents tell of one call, and the answer that one saw must not
/// come before the question that the other saw.
#[derive(Default)]
pub struct Clocks {
    /// The agent whose clock counts, and its latest delay from telling to arrival.
    reference: Option<(u64, i64)>,
    /// Of the others: what to add, and when that was found.
    skews: FxHashMap<u64, (i64, i64)>,
}

impl Clocks {
    /// When a message was mirrored, in ns. `told` is the agent's time, 0 when it tells none.
    pub fn aligned(&mut self, origin: &HepOrigin, told: i64, arrived: i64) -> i64 {
        if told <= 0 {
            return arrived;
        }
        let agent = name_of(origin);
        let delay = arrived - told;
        let Some((first, usual)) = &mut self.reference else {
            self.reference = Some((agent, delay));
            return told;
        };
        if *first == agent {
            *usual = delay;
            return told;
        }
        match self.skews.get(&agent) {
            Some((skew, at)) if arrived - at < COMPARE_NS => told + skew,
            None if self.skews.len() >= AGENTS => told,
            _ => {
                let apart = delay - *usual;
                let skew = if (CLOSE_NS..FOREIGN_NS).contains(&apart.abs()) { apart } else { 0 };
                self.skews.insert(agent, (skew, arrived));
                told + skew
            }
        }
    }
}

/// Agents often keep the number they were delivered with; the node's name tells those apart.
fn name_of(origin: &HepOrigin) -> u64 {
    let mut hasher = FxHasher::default();
    (origin.agent, &origin.node).hash(&mut hasher);
    hasher.finish()
}

/// Version 3 is told by its magic; 1 and 2 have none, so their port must be one agents use.
pub fn is_hep(data: &[u8], port: u16) -> bool {
    data.starts_with(b"HEP3")
        || (matches!(data, [1, 16, ..] | [2, 16 | 28 | 40 | 52, ..]) && (9050..=9069).contains(&port))
}

/// Length of the first HEP3 message of a stream: none while its header is not there, 0 if it is not HEP3.
pub fn stream_length(data: &[u8]) -> Option<usize> {
    let magic = &data[..data.len().min(4)];
    if !b"HEP3".starts_with(magic) {
        return Some(0);
    }
    let len = usize::from(be16(data, 4)?);
    Some(if len < 6 { 0 } else { len })
}

pub fn parse(data: &[u8]) -> Option<Message<'_>> {
    match data {
        [b'H', b'E', b'P', b'3', ..] => version3(data),
        [1 | 2, ..] => version2(data),
        _ => None,
    }
}

fn version3(data: &[u8]) -> Option<Message<'_>> {
    let total = usize::from(be16(data, 4)?);
    let mut rest = data.get(6..total.min(data.len()))?;
    let mut message = Message {
        flow: Flow::default(),
        time: 0,
        kind: 0,
        protocol: 17,
        origin: HepOrigin { agent: 0, node: String::new(), correlation: String::new() },
        payload: Cow::Borrowed(&[]),
    };
    let (mut seconds, mut micros) = (0i64, 0i64);
    while rest.len() >= 6 {
        let (vendor, kind, len) = (be16(rest, 0)?, be16(rest, 2)?, usize::from(be16(rest, 4)?));
        let value = rest.get(6..len)?;
        rest = &rest[len..];
        // Vendors' own chunks are skipped; all that matters is generic.
        if vendor != 0 {
            continue;
        }
        match kind {
            9 => seconds = i64::from(be32(value, 0)?),
            10 => micros = i64::from(be32(value, 0)?),
            _ => chunk(&mut message, kind, value)?,
        }
    }
    message.time = seconds * 1_000_000_000 + micros * 1000;
    Some(message)
}

fn chunk<'a>(message: &mut Message<'a>, kind: u16, value: &'a [u8]) -> Option<()> {
    match kind {
        2 => message.protocol = *value.first()?,
        3 | 5 => message.flow.src.ip = Ip::of(value)?,
        4 | 6 => message.flow.dst.ip = Ip::of(value)?,
        7 => message.flow.src.port = be16(value, 0)?,
        8 => message.flow.dst.port = be16(value, 0)?,
        11 => message.kind = u16::from(*value.first()?),
        12 => message.origin.agent = number(value),
        15 => message.payload = Cow::Borrowed(value),
        // Agents that save bandwidth: zlib or gzip.
        16 => message.payload = Cow::Owned(unpack(value)?),
        17 => message.origin.correlation = text(value),
        19 => message.origin.node = text(value),
        // The agent's key, VLAN, MOS and the like: nothing we use.
        _ => {}
    }
    Some(())
}

fn unpack(value: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let limit = HEP_BYTES as u64;
    let read = match value.first()? {
        0x1f => flate2::read::GzDecoder::new(value).take(limit).read_to_end(&mut out),
        _ => flate2::read::ZlibDecoder::new(value).take(limit).read_to_end(&mut out),
    };
    read.ok().map(|_| out)
}

/// The agent is a 32-bit number; OpenSIPS lets it be set as wide as one likes.
fn number(value: &[u8]) -> u32 {
    be32(value, 0).or_else(|| be16(value, 0).map(u32::from)).unwrap_or(0)
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).trim_end_matches('\0').into()
}

/// Version, length, family, protocol, ports, addresses; version 2 adds the time and the agent.
fn version2(data: &[u8]) -> Option<Message<'_>> {
    let (version, header) = (data[0], usize::from(*data.get(1)?));
    let size = match data.get(2)? {
        2 => 4,
        10 | 28 | 30 => 16,
        _ => return None,
    };
    let ips = data.get(8..8 + 2 * size)?;
    let mut at = header.max(8 + 2 * size);
    let mut message = Message {
        flow: Flow {
            src: Endpoint { ip: Ip::of(&ips[..size])?, port: be16(data, 4)? },
            dst: Endpoint { ip: Ip::of(&ips[size..])?, port: be16(data, 6)? },
        },
        time: 0,
        kind: 1,
        protocol: *data.get(3)?,
        origin: HepOrigin { agent: 0, node: String::new(), correlation: String::new() },
        payload: Cow::Borrowed(&[]),
    };
    if version == 2 {
        // Agents differ on whether the length covers the time header. It is in the sender's byte order, little in practice.
        at = 8 + 2 * size;
        let time = be64(data, at)?.to_be_bytes();
        let seconds = u32::from_le_bytes([time[0], time[1], time[2], time[3]]);
        let micros = u32::from_le_bytes([time[4], time[5], time[6], time[7]]);
        message.time = i64::from(seconds) * 1_000_000_000 + i64::from(micros) * 1000;
        message.origin.agent = u32::from(u16::from_le_bytes([*data.get(at + 8)?, *data.get(at + 9)?]));
        at += 12;
    }
    message.payload = Cow::Borrowed(data.get(at..)?);
    Some(message)
}
