//! Records as Python's (`src/talkpath/capture/records.py`): the classes are handed in, each is called with its fields
//! in order.

use super::flow::Endpoint;
use super::record::{self, At, Handshake, HepOrigin, Record, Transport};
use super::rtp::Summary;
use crate::calls::{Catch, Place, SipSeen, Wire};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};
use pyo3::IntoPyObjectExt;
use rustc_hash::FxHashMap;
use std::collections::hash_map::Entry;

/// Addresses kept as Python objects; a trunk has dozens, a scan many that come once.
const MAX_ADDRESSES: usize = 65_536;

macro_rules! fields {
    ($py:expr; $($value:expr),* $(,)?) => {
        &[$($value.into_py_any($py)?),*]
    };
}

pub struct Shapes {
    records: Py<PyAny>,
    classes: FxHashMap<&'static str, Py<PyAny>>,
    words: FxHashMap<(&'static str, &'static str), Py<PyAny>>,
    addresses: FxHashMap<Endpoint, Py<PyAny>>,
}

impl Shapes {
    pub fn new(records: Py<PyAny>) -> Shapes {
        let (classes, words, addresses) = Default::default();
        Shapes { records, classes, words, addresses }
    }

    /// A new object of a class of `records.py`.
    fn build(&mut self, py: Python<'_>, name: &'static str, fields: &[Py<PyAny>]) -> PyResult<Py<PyAny>> {
        let class = match self.classes.entry(name) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(self.records.bind(py).getattr(name)?.unbind()),
        };
        class.call1(py, PyTuple::new(py, fields)?)
    }

    /// A member of one of the enumerations, by its value.
    fn word(&mut self, py: Python<'_>, of: &'static str, value: &'static str) -> PyResult<Py<PyAny>> {
        if let Some(word) = self.words.get(&(of, value)) {
            return Ok(word.clone_ref(py));
        }
        let word = self.build(py, of, fields![py; value])?;
        self.words.insert((of, value), word.clone_ref(py));
        Ok(word)
    }

    fn address(&mut self, py: Python<'_>, endpoint: Endpoint) -> PyResult<Py<PyAny>> {
        if let Some(address) = self.addresses.get(&endpoint) {
            return Ok(address.clone_ref(py));
        }
        let address = self.build(py, "Address", fields![py; endpoint.ip.to_string(), endpoint.port])?;
        if self.addresses.len() >= MAX_ADDRESSES {
            self.addresses.clear();
        }
        self.addresses.insert(endpoint, address.clone_ref(py));
        Ok(address)
    }

    fn hep(&mut self, py: Python<'_>, origin: &Option<HepOrigin>) -> PyResult<Py<PyAny>> {
        match origin {
            None => Ok(py.None()),
            Some(o) => self.build(py, "HepOrigin", fields![py; o.agent, &o.node, &o.correlation]),
        }
    }

    pub fn record(&mut self, py: Python<'_>, record: Record) -> PyResult<Py<PyAny>> {
        match record {
            Record::Sip(sip) => self.sip(py, *sip),
            Record::Fragments(lost) => self.fragments(py, &lost),
            Record::Icmp(error) => self.icmp(py, &error),
            Record::Tcp(tcp) => {
                let (frame, time, src, dst) = self.at(py, &tcp.at)?;
                let kind = self.word(py, "TcpKind", tcp.kind)?;
                self.build(py, "TcpEvent", fields![py; frame, time, src, dst, tcp.connection, kind, tcp.count])
            }
            Record::WebSocket(ws) => {
                let (frame, time, src, dst) = self.at(py, &ws.at)?;
                let kind = self.word(py, "WebSocketKind", ws.kind)?;
                let head = PyBytes::new(py, &ws.head);
                let fields = fields![py; frame, time, src, dst, ws.connection, kind, ws.code, &ws.text, head];
                self.build(py, "WebSocketEvent", fields)
            }
            Record::Stun(stun) => self.stun(py, &stun),
            Record::Handshake(handshake) => self.handshake(py, &handshake),
            Record::Zrtp(at, name) => {
                let (frame, time, src, dst) = self.at(py, &at)?;
                self.build(py, "ZrtpSeen", fields![py; frame, time, src, dst, name])
            }
            Record::Rtcp(rtcp) => self.rtcp(py, &rtcp),
            Record::Hep { at, kind, payload, hep } => {
                let (frame, time, src, dst) = self.at(py, &at)?;
                let origin = self.build(py, "HepOrigin", fields![py; hep.agent, &hep.node, &hep.correlation])?;
                let payload = PyBytes::new(py, &payload);
                self.build(py, "HepSeen", fields![py; frame, time, src, dst, kind, payload, origin])
            }
            Record::Stream(summary) => self.stream(py, &summary),
            Record::Counted(c) => {
                let (src, dst) = (self.address(py, c.flow.src)?, self.address(py, c.flow.dst)?);
                let (start, end) = (seconds(c.start), seconds(c.end));
                let fields =
                    fields![py; src, dst, c.kind, c.first_frame, c.last_frame, start, end, c.packets, c.bytes];
                self.build(py, "DatagramStream", fields)
            }
            Record::Packet(p) => {
                let (frame, time, src, dst) = self.at(py, &p.at)?;
                let payload = PyBytes::new(py, &p.payload);
                let fields = fields![py; frame, time, src, dst, p.ssrc, p.payload_type, p.sequence, p.timestamp,
                    p.marker, payload];
                self.build(py, "RtpPacket", fields)
            }
            Record::Note { frame, time, kind, count, offset } => {
                let kind = self.word(py, "NoteKind", kind)?;
                self.build(py, "CaptureNote", fields![py; frame, seconds(time), kind, count, offset])
            }
        }
    }

    fn at(&mut self, py: Python<'_>, at: &At) -> PyResult<(u64, f64, Py<PyAny>, Py<PyAny>)> {
        Ok((at.frame, seconds(at.time), self.address(py, at.flow.src)?, self.address(py, at.flow.dst)?))
    }

    fn sip(&mut self, py: Python<'_>, sip: record::Sip) -> PyResult<Py<PyAny>> {
        let At { frame, time, flow } = sip.at;
        let catch = Catch {
            frame,
            time: seconds(time),
            frames: (!sip.frames.is_empty() && sip.frames != [frame]).then(|| sip.frames.into()),
            fragments: sip.fragments,
            connection: sip.connection,
            is_udp: sip.transport == Transport::Udp,
            is_copy: sip.is_copy,
            is_retransmission: sip.is_retransmission,
            is_truncated: sip.is_truncated,
            wire_bytes: sip.wire_bytes,
        };
        let wire = Wire {
            src: (Place::new(flow.src.ip, flow.src.port), self.address(py, flow.src)?),
            dst: (Place::new(flow.dst.ip, flow.dst.port), self.address(py, flow.dst)?),
            transport: self.word(py, "Transport", transport_name(sip.transport))?,
            raw: sip.raw,
            hep: self.hep(py, &sip.hep)?,
        };
        Ok(Py::new(py, SipSeen::new(catch, wire))?.into_any())
    }

    fn fragments(&mut self, py: Python<'_>, lost: &record::Fragments) -> PyResult<Py<PyAny>> {
        let (src, dst) = (self.address(py, lost.flow.src)?, self.address(py, lost.flow.dst)?);
        let fields = fields![py;
            PyTuple::new(py, &lost.frames)?, seconds(lost.time), seconds(lost.last_time), src, dst, lost.protocol,
            lost.received, PyTuple::new(py, lost.missing.iter().copied())?, lost.has_first,
            PyBytes::new(py, &lost.head)];
        self.build(py, "FragmentsIncomplete", fields)
    }

    fn icmp(&mut self, py: Python<'_>, e: &record::Icmp) -> PyResult<Py<PyAny>> {
        let kind = self.word(py, "IcmpKind", e.kind)?;
        let (src, dst) = (self.address(py, e.flow.src)?, self.address(py, e.flow.dst)?);
        let fields = fields![py;
            e.frame, seconds(e.time), e.src.to_string(), e.dst.to_string(), kind, e.icmp_type, e.icmp_code, e.mtu,
            src, dst, e.protocol, PyBytes::new(py, &e.quoted)];
        self.build(py, "IcmpError", fields)
    }

    fn stun(&mut self, py: Python<'_>, s: &record::Stun) -> PyResult<Py<PyAny>> {
        let (frame, time, src, dst) = self.at(py, &s.at)?;
        let mapped = s.mapped.map(|e| self.address(py, e)).transpose()?;
        let kind = ["request", "indication", "success", "error"][usize::from(s.class & 3)];
        let fields = fields![py;
            frame, time, src, dst, stun_method(s.method), kind, PyBytes::new(py, &s.transaction), &s.username, mapped,
            s.error_code, &s.error_reason, s.role, s.use_candidate, s.priority, s.has_integrity, &s.software];
        self.build(py, "StunSeen", fields)
    }

    fn handshake(&mut self, py: Python<'_>, h: &Handshake) -> PyResult<Py<PyAny>> {
        let (frame, time, src, dst) = self.at(py, &h.at)?;
        let hello = match &h.hello {
            None => py.None(),
            Some(o) => {
                let fields = fields![py;
                    o.is_client, PyTuple::new(py, &o.versions)?, PyTuple::new(py, &o.ciphers)?,
                    PyTuple::new(py, &o.srtp_profiles)?, &o.server_name, PyTuple::new(py, &o.protocols)?];
                self.build(py, "TlsHello", fields)?
            }
        };
        let alert = match h.alert {
            None => py.None(),
            Some((level, code)) => {
                let level = if level == 1 { "warning" } else { "fatal" };
                self.build(py, "TlsAlert", fields![py; level, code, alert_name(code)])?
            }
        };
        let certificate = h.certificate.map(fingerprint_text).unwrap_or_default();
        let messages = PyTuple::new(py, &h.messages)?;
        if h.is_datagram {
            let fields = fields![py; frame, time, src, dst, messages, h.sequence, hello, certificate, alert];
            return self.build(py, "DtlsSeen", fields);
        }
        let fields = fields![py; frame, time, src, dst, h.connection, messages, hello, certificate, alert];
        self.build(py, "TlsSeen", fields)
    }

    fn rtcp(&mut self, py: Python<'_>, r: &record::Rtcp) -> PyResult<Py<PyAny>> {
        let (frame, time, src, dst) = self.at(py, &r.at)?;
        let mut reports = Vec::with_capacity(r.reports.len());
        for b in &r.reports {
            let fields = fields![py; b.ssrc, b.fraction_lost, b.lost, b.highest, b.jitter, b.last_sr, b.delay];
            reports.push(self.build(py, "RtcpReport", fields)?);
        }
        let hep = self.hep(py, &r.hep)?;
        let fields = fields![py;
            frame, time, src, dst, r.ssrc, PyTuple::new(py, &r.kinds)?, r.sent_packets, r.sent_octets, ntp(r.ntp),
            PyTuple::new(py, reports)?, &r.cname, r.is_encrypted, hep];
        self.build(py, "RtcpSeen", fields)
    }

    fn stream(&mut self, py: Python<'_>, summary: &Summary) -> PyResult<Py<PyAny>> {
        let f = summary.figures();
        let (src, dst) = (self.address(py, summary.flow.src)?, self.address(py, summary.flow.dst)?);
        let (jitter, jitter_max) = f.timing.jitter_ms();
        let lists = self.lists(py, &f)?;
        let fields = fields![py;
            src, dst, f.ssrc, PyString::intern(py, &summary.media), f.first.frame, f.last.frame,
            seconds(f.first.time), seconds(f.last.time), f.packets, f.bytes, f.lost, f.late, f.reordered,
            f.duplicates, f.restarts, f.markers, f.timing.paused, f.timing.ptime_ms(), f.timing.clock,
            f.timing.rate_hz(), f.timing.drift_ppm(), jitter, jitter_max, f.gap_max_ms, summary.jitter_buffer,
            f.level_dbov, f.flat, f.clipped, f.dscp, summary.is_announced, summary.is_secure, f.continues,
            lists.0, lists.1, lists.2, PyTuple::new(py, f.lost_runs.iter().copied())?,
            PyTuple::new(py, f.effective_runs.iter().copied())?, PyTuple::new(py, f.timing.bins)?,
            PyBytes::new(py, f.rows), f.has_wrong_key, PyBytes::new(py, &f.marks)];
        self.build(py, "RtpStream", fields)
    }

    /// Payload types, gaps and digits.
    fn lists<'py>(
        &mut self,
        py: Python<'py>,
        f: &super::rtp::Figures<'_>,
    ) -> PyResult<(Bound<'py, PyTuple>, Bound<'py, PyTuple>, Bound<'py, PyTuple>)> {
        let (mut uses, mut gaps, mut digits) = (Vec::new(), Vec::new(), Vec::new());
        for u in f.uses {
            let name = PyString::intern(py, &u.codec.name);
            let (start, end) = (seconds(u.start), seconds(u.end));
            let fields = fields![py; u.number, name, u.codec.clock, u.packets, u.first_frame, start, end];
            uses.push(self.build(py, "PayloadUse", fields)?);
        }
        for g in f.gaps {
            gaps.push(self.build(py, "MediaGap", fields![py; seconds(g.start), seconds(g.end), g.frame, g.lost])?);
        }
        for d in f.digits {
            let fields = fields![py; d.frame, seconds(d.time), digit_name(d.event), d.duration_ms, d.volume];
            digits.push(self.build(py, "Digit", fields)?);
        }
        Ok((PyTuple::new(py, uses)?, PyTuple::new(py, gaps)?, PyTuple::new(py, digits)?))
    }
}

pub fn seconds(nanos: i64) -> f64 {
    nanos as f64 / 1e9
}

/// NTP's 32.32 fixed point counts from 1900 (RFC 5905).
fn ntp(time: u64) -> f64 {
    if time == 0 {
        0.0
    } else {
        time as f64 / 4_294_967_296.0 - 2_208_988_800.0
    }
}

fn transport_name(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "UDP",
        Transport::Tcp => "TCP",
        Transport::Tls => "TLS",
        Transport::Ws => "WS",
        Transport::Wss => "WSS",
    }
}

fn stun_method(method: u16) -> String {
    let name = match method {
        1 => "binding",
        3 => "allocate",
        4 => "refresh",
        6 => "send",
        7 => "data",
        8 => "create-permission",
        9 => "channel-bind",
        10 => "connect",
        11 => "connection-bind",
        12 => "connection-attempt",
        other => return other.to_string(),
    };
    name.into()
}

/// RFC 4733 section 3.2.
fn digit_name(event: u8) -> String {
    match event {
        0..=9 => char::from(b'0' + event).into(),
        10 => "*".into(),
        11 => "#".into(),
        12..=15 => char::from(b'A' + event - 12).into(),
        other => other.to_string(),
    }
}

fn fingerprint_text(digest: [u8; 32]) -> String {
    digest.map(|b| format!("{b:02X}")).join(":")
}

/// RFC 8446 section 6 and RFC 5246 section 7.2.
fn alert_name(code: u8) -> &'static str {
    match code {
        0 => "close_notify",
        10 => "unexpected_message",
        20 => "bad_record_mac",
        22 => "record_overflow",
        40 => "handshake_failure",
        42 => "bad_certificate",
        43 => "unsupported_certificate",
        44 => "certificate_revoked",
        45 => "certificate_expired",
        46 => "certificate_unknown",
        47 => "illegal_parameter",
        48 => "unknown_ca",
        49 => "access_denied",
        50 => "decode_error",
        51 => "decrypt_error",
        70 => "protocol_version",
        71 => "insufficient_security",
        80 => "internal_error",
        86 => "inappropriate_fallback",
        90 => "user_canceled",
        100 => "no_renegotiation",
        109 => "missing_extension",
        110 => "unsupported_extension",
        112 => "unrecognized_name",
        113 => "bad_certificate_status_response",
        115 => "unknown_psk_identity",
        116 => "certificate_required",
        120 => "no_application_protocol",
        _ => "unknown",
    }
}
