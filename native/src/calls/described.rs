//! What a session description announces: the little that a call's story needs of it (RFC 8866, RFC 3264). The object
//! that can be edited is `src/talkpath/sdp/`; `tests/calls` holds this against it.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyString, PyTuple, PyType};
use std::net::IpAddr;

/// Lines of one description (`base/limits.py` SDP_LINES).
const MAX_LINES: usize = 2000;

/// RFC 3551 section 6, tables 4 and 5.
const STATIC: [(u32, &str); 24] = [
    (0, "PCMU"),
    (3, "GSM"),
    (4, "G723"),
    (5, "DVI4"),
    (6, "DVI4"),
    (7, "LPC"),
    (8, "PCMA"),
    (9, "G722"),
    (10, "L16"),
    (11, "L16"),
    (12, "QCELP"),
    (13, "CN"),
    (14, "MPA"),
    (15, "G728"),
    (16, "DVI4"),
    (17, "DVI4"),
    (18, "G729"),
    (25, "CelB"),
    (26, "JPEG"),
    (28, "nv"),
    (31, "H261"),
    (32, "MPV"),
    (33, "MP2T"),
    (34, "H263"),
];

/// One m= section with an address and a port.
pub struct Section<'a> {
    kind: &'a str,
    host: IpAddr,
    port: u32,
    /// None where the media is no RTP.
    rtcp: Option<u32>,
    profile: &'a str,
    codecs: Vec<(u32, &'a str)>,
    direction: &'static str,
    ptime_ms: Option<f64>,
}

/// Python's named tuples `Medium` and `Address`.
pub struct Shapes<'a, 'py> {
    pub medium: &'a Bound<'py, PyType>,
    pub address: &'a Bound<'py, PyType>,
}

impl<'py> Shapes<'_, 'py> {
    pub fn medium(&self, time: f64, from_caller: bool, section: &Section<'_>) -> PyResult<Bound<'py, PyAny>> {
        let py = self.medium.py();
        let host = PyString::new(py, &section.host.to_string());
        let address = |port: u32| made(self.address, (&host, port));
        let codec = |&(number, name): &(u32, &str)| (number, PyString::intern(py, name)).into_pyobject(py);
        let codecs: Vec<_> = section.codecs.iter().map(codec).collect::<PyResult<_>>()?;
        let fields = (
            time,
            from_caller,
            PyString::intern(py, section.kind),
            address(section.port)?,
            section.rtcp.map(address).transpose()?,
            PyString::intern(py, section.profile),
            PyTuple::new(py, codecs)?,
            PyString::intern(py, section.direction),
            section.ptime_ms,
        );
        made(self.medium, fields)
    }
}

/// A named tuple of these fields: `tuple.__new__`, as its own `__new__` does in Python.
fn made<'py>(class: &Bound<'py, PyType>, fields: impl IntoPyObject<'py>) -> PyResult<Bound<'py, PyAny>> {
    static NEW: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = class.py();
    let new = NEW.get_or_try_init(py, || Ok::<_, PyErr>(py.get_type::<PyTuple>().getattr("__new__")?.unbind()))?;
    new.bind(py).call1((class, fields))
}

/// Lines that make no sense are passed over.
pub fn sections(description: &str) -> Vec<Section<'_>> {
    if !description.starts_with("v=") {
        return Vec::new();
    }
    let lines = lines_of(description).filter(|line| !line.is_empty()).take(MAX_LINES);
    // "--" begins what follows the description in a body of several parts (RFC 2046 section 5.1.1).
    let mut lines = lines.take_while(|line| !line.starts_with("--")).peekable();
    let (mut host, mut direction) = ("", "sendrecv");
    while let Some(line) = lines.next_if(|line| !line.starts_with("m=")) {
        if line.starts_with("c=") {
            host = connection(line);
        } else if let Some(named) = line.strip_prefix("a=").and_then(|name| direction_of(name.trim_end())) {
            direction = named;
        }
    }
    let mut found = Vec::new();
    while let Some(media) = lines.next() {
        let mut attributes = Vec::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with("m=")) {
            attributes.push(line);
        }
        found.extend(section(media, &attributes, host, direction));
    }
    found
}

/// How a side can be reached by ICE (RFC 8839): what it calls itself in checks, and its candidates over UDP.
#[derive(Default)]
pub struct Ways<'a> {
    pub ufrags: Vec<&'a str>,
    pub candidates: Vec<(IpAddr, u32)>,
}

/// In all parts of a body, candidates that come after their description included (RFC 8840). Names (mDNS) are no
/// addresses.
pub fn ways(body: &str) -> Ways<'_> {
    let mut found = Ways::default();
    for line in lines_of(body).take(MAX_LINES) {
        if let Some(ufrag) = line.strip_prefix("a=ice-ufrag:") {
            found.ufrags.push(ufrag.trim());
        } else if let Some(candidate) = line.strip_prefix("a=candidate:") {
            found.candidates.extend(candidate_address(candidate));
        }
    }
    found
}

/// Foundation, component, transport, priority, address, port (RFC 8839 section 5.1).
fn candidate_address(candidate: &str) -> Option<(IpAddr, u32)> {
    let mut words = candidate.split_whitespace().skip(2);
    let is_udp = words.next()?.eq_ignore_ascii_case("udp");
    let (host, port) = (words.nth(1)?, words.next()?);
    is_udp.then_some((ip_of(host)?, decimal(port)?))
}

/// Lines end with CR, LF or both.
fn lines_of(text: &str) -> impl Iterator<Item = &str> {
    let mut begin = 0;
    memchr::memchr2_iter(b'\r', b'\n', text.as_bytes()).chain([text.len()]).map(move |end| {
        let line = &text[begin..end];
        begin = (end + 1).min(text.len());
        line
    })
}

fn section<'a>(media: &'a str, lines: &[&'a str], host: &str, direction: &'static str) -> Option<Section<'a>> {
    let mut words = media[2..].split_whitespace();
    let (kind, port, profile) = (words.next()?, words.next()?.split('/').next()?, words.next()?);
    let port = decimal(port)?;
    let (mut own, mut direction, mut rtcp) = ("", direction, port + 1);
    let (mut ptime, mut is_bundled, mut rtpmaps) = (None, false, Vec::new());
    for line in lines {
        if line.starts_with("c=") && own.is_empty() {
            own = connection(line);
        }
        let Some(attribute) = line.strip_prefix("a=") else { continue };
        let attribute = attribute.trim_end();
        let (name, value) = attribute.split_once(':').unwrap_or((attribute, ""));
        match name {
            "rtpmap" => rtpmaps.push(rtpmap(value)),
            "ptime" => ptime = ptime.or_else(|| value.trim().parse().ok()),
            "rtcp-mux" => rtcp = port,
            "rtcp" if rtcp == port + 1 => rtcp = control_port(value).unwrap_or(rtcp),
            "bundle-only" => is_bundled = true,
            _ => direction = direction_of(name).unwrap_or(direction),
        }
    }
    let host = ip_of(if own.is_empty() { host } else { own })?;
    if port == 0 && !is_bundled {
        return None;
    }
    let is_rtp = profile.as_bytes().windows(4).any(|part| part.eq_ignore_ascii_case(b"RTP/"));
    let codecs = if is_rtp { words.filter_map(|number| codec(number, &rtpmaps)).collect() } else { Vec::new() };
    Some(Section { kind, host, port, rtcp: is_rtp.then_some(rtcp), profile, codecs, direction, ptime_ms: ptime })
}

fn direction_of(name: &str) -> Option<&'static str> {
    ["sendrecv", "sendonly", "recvonly", "inactive"].into_iter().find(|direction| *direction == name)
}

/// The address of a c= line without its TTL: "IN IP4 192.0.2.1/127".
fn connection(line: &str) -> &str {
    line.split_whitespace().nth(2).and_then(|address| address.split('/').next()).unwrap_or("")
}

/// IPv4 mapped into IPv6 is IPv4.
fn ip_of(host: &str) -> Option<IpAddr> {
    Some(host.parse::<IpAddr>().ok()?.to_canonical())
}

/// A number of at most nine digits.
fn decimal(text: &str) -> Option<u32> {
    let is_number = (1..=9).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

/// RFC 3605: the port, before an address that may follow.
fn control_port(value: &str) -> Option<u32> {
    value.split(' ').next().filter(|port| port.len() < 6).and_then(decimal)
}

/// Payload type and encoding of "101 telephone-event/8000".
fn rtpmap(value: &str) -> (&str, Option<&str>) {
    let (number, encoding) = value.trim().split_once(' ').unwrap_or((value.trim(), ""));
    let mut parts = encoding.trim().splitn(3, '/').map(str::trim);
    let (name, clock, channels) =
        (parts.next().unwrap_or(""), parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let is_known =
        !name.is_empty() && decimal(clock).is_some() && (channels.is_empty() || decimal(channels).is_some());
    (number, is_known.then_some(name))
}

/// A format of the m= line with what its first rtpmap says, else RFC 3551, else nothing known.
fn codec<'a>(number: &str, rtpmaps: &[(&str, Option<&'a str>)]) -> Option<(u32, &'a str)> {
    let payload_type = decimal(number)?;
    let mapped = rtpmaps.iter().find(|(of, _)| *of == number).and_then(|(_, name)| *name);
    let known = || STATIC.iter().find(|(of, _)| *of == payload_type).map(|&(_, name)| name);
    Some((payload_type, mapped.or_else(known).unwrap_or("")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_with_either_character_or_both() {
        for text in ["", "v=0", "v=0\r\ns=-\r\n", "a\nb\rc\r\n\r\nd", "\r\r\n\n", "é\r\n中\n"] {
            assert!(lines_of(text).eq(text.split(['\r', '\n'])), "{text:?}");
        }
    }
}
