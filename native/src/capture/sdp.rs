//! Just enough of an SDP (RFC 8866) to know which addresses will carry what; the grammar is Python's (`talkpath.sdp`).

use super::codec::{word, Codec, Plan};
use super::flow::{Endpoint, Ip};
use crate::srtp::Suite;
use rustc_hash::FxHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Lines and media sections looked at: a large WebRTC offer has some hundreds of lines.
const MAX_LINES: usize = 4096;
const MAX_PLANS: usize = 64;

struct Section {
    plan: Plan,
    ip: Option<Ip>,
    port: u16,
    candidates: Vec<Endpoint>,
    mid: String,
    /// It may be sealed with keys that cannot be tried: of DTLS, or of a suite that is not known here.
    has_other_keys: bool,
}

/// (address, what it carries) for everything the SDP in a SIP message announces.
pub fn announced(message: &[u8]) -> Vec<(Endpoint, Arc<Plan>)> {
    let Some(start) = body_start(message) else { return Vec::new() };
    let mut session_ip = None;
    let mut session_secure = false;
    let mut session_level = 0;
    let mut bundle: Vec<&str> = Vec::new();
    let mut sections: Vec<Section> = Vec::new();
    for line in message[start..].split(|&b| b == b'\n').take(MAX_LINES) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Ok(line) = std::str::from_utf8(line) else { continue };
        let Some((kind, value)) = line.split_once('=') else { continue };
        if kind == "m" && sections.len() < MAX_PLANS {
            sections.extend(media_line(value, session_ip, session_secure, session_level));
            continue;
        }
        match (kind, sections.last_mut()) {
            ("c", None) => session_ip = connection(value),
            ("c", Some(section)) => section.ip = connection(value).or(section.ip),
            ("a", Some(section)) => attribute(section, value),
            ("a", None) => {
                session_secure |= value.starts_with("fingerprint:");
                session_level = level_extension(value).unwrap_or(session_level);
                bundle.extend(value.strip_prefix("group:BUNDLE").into_iter().flat_map(str::split_ascii_whitespace));
            }
            _ => {}
        }
    }
    share_flow(&mut sections, &bundle);
    sections.into_iter().flat_map(endpoints).collect()
}

/// What tells the call of a message from others: its Call-ID in few bytes.
pub fn call_of(message: &[u8]) -> u64 {
    for line in message.split(|&byte| byte == b'\n').take(MAX_LINES).take_while(|line| line.len() > 1) {
        let Some(colon) = memchr::memchr(b':', line) else { continue };
        let name = line[..colon].trim_ascii_end();
        if name.eq_ignore_ascii_case(b"call-id") || name.eq_ignore_ascii_case(b"i") {
            let mut hasher = FxHasher::default();
            line[colon + 1..].trim_ascii().hash(&mut hasher);
            return hasher.finish();
        }
    }
    0
}

/// Where the SDP begins: in a multipart body at its `v=0`.
fn body_start(message: &[u8]) -> Option<usize> {
    let body = memchr::memmem::find(message, b"\r\n\r\n")
        .map(|i| i + 4)
        .or_else(|| memchr::memmem::find(message, b"\n\n").map(|i| i + 2))?;
    if message[body..].starts_with(b"v=") {
        return Some(body);
    }
    memchr::memmem::find(&message[body..], b"\nv=0").map(|i| body + i + 1)
}

/// "audio 49170/2 RTP/AVP 0 8 101"
fn media_line(value: &str, ip: Option<Ip>, session_secure: bool, session_level: u8) -> Option<Section> {
    let mut words = value.split_ascii_whitespace();
    let media = words.next()?;
    let port = words.next()?.split('/').next()?.parse().ok()?;
    let profile = words.next()?;
    let codecs = words
        .filter_map(|w| w.parse::<u8>().ok())
        .map(|n| (n, Codec::of_static(n)))
        .filter(|(_, codec)| !codec.name.is_empty())
        .collect();
    let plan = Plan {
        media: word(media),
        is_secure: profile.contains("SAVP"),
        offers_keys: session_secure,
        keys: Vec::new(),
        is_udptl: profile.eq_ignore_ascii_case("udptl"),
        codecs,
        bundled: Vec::new(),
        level_extension: session_level,
    };
    Some(Section { plan, ip, port, candidates: Vec::new(), mid: String::new(), has_other_keys: session_secure })
}

/// "IN IP4 192.0.2.1/127"
fn connection(value: &str) -> Option<Ip> {
    let address = value.split_ascii_whitespace().nth(2)?;
    Ip::parse(address.split('/').next()?)
}

fn attribute(section: &mut Section, value: &str) {
    let (name, rest) = value.split_once(':').unwrap_or((value, ""));
    section.plan.level_extension = level_extension(value).unwrap_or(section.plan.level_extension);
    match name {
        "mid" => section.mid = rest.trim().to_string(),
        "rtpmap" => drop(rtpmap(section, rest)),
        "crypto" => {
            section.plan.offers_keys = true;
            match sdes_key(rest) {
                Some(key) => section.plan.keys.push(key),
                None => section.has_other_keys = true,
            }
        }
        "fingerprint" => {
            section.plan.offers_keys = true;
            section.has_other_keys = true;
        }
        "candidate" => drop(candidate(section, rest)),
        _ => {}
    }
}

/// The number in "extmap:1/sendonly urn:ietf:params:rtp-hdrext:ssrc-audio-level" (RFC 6464 section 4). One that is
/// itself encrypted names RFC 6904's URN first.
fn level_extension(attribute: &str) -> Option<u8> {
    let (number, name) = attribute.strip_prefix("extmap:")?.split_once(' ')?;
    if name.split_ascii_whitespace().next()? != "urn:ietf:params:rtp-hdrext:ssrc-audio-level" {
        return None;
    }
    number.split('/').next()?.parse().ok()
}

/// The sections of a BUNDLE group (RFC 9143) may send on each other's flow.
fn share_flow(sections: &mut [Section], bundle: &[&str]) {
    let is_member = |section: &Section| bundle.contains(&section.mid.as_str());
    let shared: Vec<_> = sections.iter().filter(|s| is_member(s)).map(|s| (s.mid.clone(), s.plan.clone())).collect();
    for section in sections.iter_mut().filter(|section| is_member(section)) {
        let plan = &mut section.plan;
        for (_, other) in shared.iter().filter(|(mid, _)| *mid != section.mid) {
            let is_new = |(number, _): &&(u8, Codec)| plan.codecs.iter().all(|(known, _)| known != number);
            let codecs: Vec<_> = other.codecs.iter().filter(is_new).cloned().collect();
            plan.bundled.push((other.media.clone(), codecs.iter().map(|(number, _)| *number).collect()));
            plan.codecs.extend(codecs);
            plan.level_extension =
                if plan.level_extension == 0 { other.level_extension } else { plan.level_extension };
        }
    }
}

/// "1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^20" (RFC 4568 section 9.1), where nothing
/// else changes how packets are sealed: no MKI, no session parameters.
fn sdes_key(value: &str) -> Option<(Suite, Vec<u8>)> {
    let mut words = value.split_ascii_whitespace().skip(1);
    let suite = Suite::by_name(words.next()?)?;
    let mut parts = words.next()?.strip_prefix("inline:")?.split('|');
    let key = from_base64(parts.next()?)?;
    let is_plain = words.next().is_none() && parts.all(|part| !part.contains(':'));
    (is_plain && key.len() == suite.key_len() + suite.salt_len()).then_some((suite, key))
}

/// RFC 4648 section 4, with or without padding.
fn from_base64(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    Some(bytes)
}

/// "101 telephone-event/8000"
fn rtpmap(section: &mut Section, value: &str) -> Option<()> {
    let (number, encoding) = value.split_once(' ')?;
    let number = number.parse().ok()?;
    let mut parts = encoding.trim().split('/');
    let codec = Codec::new(parts.next()?, parts.next()?.trim().parse().ok()?);
    section.plan.codecs.retain(|(n, _)| *n != number);
    section.plan.codecs.push((number, codec));
    Some(())
}

/// RFC 8839 section 5.1: "foundation component transport priority address port typ ..."
fn candidate(section: &mut Section, value: &str) -> Option<()> {
    let mut words = value.split_ascii_whitespace().skip(4);
    let ip = Ip::parse(words.next()?)?;
    let port = words.next()?.parse().ok()?;
    if section.candidates.len() < MAX_PLANS {
        section.candidates.push(Endpoint { ip, port });
    }
    Some(())
}

fn endpoints(mut section: Section) -> Vec<(Endpoint, Arc<Plan>)> {
    if section.has_other_keys {
        section.plan.keys.clear();
    }
    let plan = Arc::new(section.plan);
    let own = section.ip.filter(|ip| !ip.is_unspecified() && section.port != 0);
    let own = own.map(|ip| Endpoint { ip, port: section.port });
    let all = own.into_iter().chain(section.candidates);
    all.filter(|e| e.port > 9).map(|e| (e, plan.clone())).collect()
}
