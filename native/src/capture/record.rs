//! What the reader tells, before it becomes Python's records (`src/talkpath/capture/records.py` explains each field).

use super::flow::{Endpoint, Flow, Ip};
use super::rtp::Summary;
use std::sync::Arc;

/// Where and when.
#[derive(Clone, Copy, Debug, Default)]
pub struct At {
    pub frame: u64,
    /// Nanoseconds since the epoch.
    pub time: i64,
    pub flow: Flow,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HepOrigin {
    pub agent: u32,
    pub node: String,
    pub correlation: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Udp,
    Tcp,
    Tls,
    Ws,
    Wss,
}

#[derive(Debug)]
pub struct Sip {
    pub at: At,
    pub transport: Transport,
    pub raw: Arc<[u8]>,
    /// All that carry a piece of it; empty where it is the one.
    pub frames: Vec<u64>,
    pub fragments: usize,
    pub connection: u64,
    pub is_copy: bool,
    pub is_retransmission: bool,
    pub is_truncated: bool,
    pub wire_bytes: usize,
    pub hep: Option<HepOrigin>,
}

#[derive(Debug)]
pub struct Fragments {
    pub frames: Vec<u64>,
    pub time: i64,
    pub last_time: i64,
    pub flow: Flow,
    pub protocol: u8,
    pub received: usize,
    pub missing: Vec<(usize, i64)>,
    pub has_first: bool,
    pub head: Vec<u8>,
}

#[derive(Debug)]
pub struct Icmp {
    pub frame: u64,
    pub time: i64,
    pub src: Ip,
    pub dst: Ip,
    pub kind: &'static str,
    pub icmp_type: u8,
    pub icmp_code: u8,
    pub mtu: u32,
    pub flow: Flow,
    pub protocol: u8,
    pub quoted: Vec<u8>,
}

#[derive(Debug)]
pub struct Tcp {
    pub at: At,
    pub connection: u64,
    pub kind: &'static str,
    pub count: u64,
}

#[derive(Debug)]
pub struct WebSocket {
    pub at: At,
    pub connection: u64,
    pub kind: &'static str,
    pub code: u16,
    pub text: String,
    pub head: Vec<u8>,
}

#[derive(Debug, Default)]
pub struct Stun {
    pub at: At,
    pub method: u16,
    pub class: u8,
    pub transaction: Vec<u8>,
    pub username: String,
    pub mapped: Option<Endpoint>,
    pub error_code: u16,
    pub error_reason: String,
    pub role: &'static str,
    pub use_candidate: bool,
    pub priority: u32,
    pub has_integrity: bool,
    pub software: String,
}

#[derive(Debug, Default, Clone)]
pub struct Hello {
    pub is_client: bool,
    pub versions: Vec<&'static str>,
    pub ciphers: Vec<u16>,
    pub srtp_profiles: Vec<u16>,
    pub server_name: String,
    pub protocols: Vec<String>,
}

/// Level and description.
pub type Alert = (u8, u8);

/// A DTLS datagram or a TLS flight's part: what both have.
#[derive(Debug, Default)]
pub struct Handshake {
    pub at: At,
    /// TLS: the connection. DTLS: 0.
    pub connection: u64,
    pub is_datagram: bool,
    pub messages: Vec<&'static str>,
    pub sequence: i32,
    pub hello: Option<Hello>,
    pub certificate: Option<[u8; 32]>,
    pub alert: Option<Alert>,
}

#[derive(Debug, Default)]
pub struct Rtcp {
    pub at: At,
    pub ssrc: u32,
    pub kinds: Vec<&'static str>,
    pub sent_packets: u32,
    pub sent_octets: u32,
    pub ntp: u64,
    pub reports: Vec<Report>,
    pub cname: String,
    pub is_encrypted: bool,
    pub hep: Option<HepOrigin>,
}

#[derive(Debug, Clone, Copy)]
pub struct Report {
    pub ssrc: u32,
    pub fraction_lost: u8,
    pub lost: i32,
    pub highest: u32,
    pub jitter: u32,
    pub last_sr: u32,
    pub delay: u32,
}

#[derive(Debug)]
pub struct Counted {
    pub flow: Flow,
    pub kind: &'static str,
    pub first_frame: u64,
    pub last_frame: u64,
    pub start: i64,
    pub end: i64,
    pub packets: u64,
    pub bytes: u64,
}

#[derive(Debug, Clone)]
pub struct Packet {
    pub at: At,
    pub ssrc: u32,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub marker: bool,
    pub payload: Vec<u8>,
}

#[derive(Debug)]
pub enum Record {
    Sip(Box<Sip>),
    Fragments(Box<Fragments>),
    Icmp(Box<Icmp>),
    Tcp(Box<Tcp>),
    WebSocket(Box<WebSocket>),
    Stun(Box<Stun>),
    Handshake(Box<Handshake>),
    Zrtp(At, String),
    Rtcp(Box<Rtcp>),
    Hep { at: At, kind: u16, payload: Vec<u8>, hep: HepOrigin },
    Stream(Box<Summary>),
    Counted(Box<Counted>),
    Packet(Box<Packet>),
    Note { frame: u64, time: i64, kind: &'static str, count: u64, offset: u64 },
}
