//! What strangers' bytes reach in captures; see `crate::fuzz`.

use super::dtls::{self, Handshakes};
use super::engine::Engine;
use super::reader::Open;
use super::record::{At, Record};
use super::source::Source;
use super::stream::Bytes;
use super::{
    handshake, hep as mirror, message, rtcp as reports, rtp as packets, sdp, stun as checks, tls, websocket,
};

/// Link types of the tcpdump registry that `link.rs` knows.
const LINKS: [u16; 22] =
    [1, 0, 108, 12, 101, 228, 229, 113, 276, 9, 50, 51, 104, 219, 105, 107, 119, 127, 192, 197, 239, 258];
const FRAME_NS: i64 = 20_000_000;

fn engine() -> Engine {
    Engine::new(60, Default::default(), Default::default())
}

/// A stream that may be SIP, over TCP or a WebSocket.
pub fn sip_stream(data: &[u8]) {
    let _ = (message::is_sip(data), message::is_keepalive(data));
    let _ = message::cut(data);
    if let Some(end) = message::head_end(data) {
        let _ = message::content_length(&data[..end]);
        let _ = websocket::field(&data[..end], "Sec-WebSocket-Protocol");
    }
    let _ = (websocket::status(data), websocket::looks_like_sip(data));
    let (mut incoming, mut bytes) = (websocket::Incoming::default(), Bytes::default());
    bytes.push(data, 1);
    for _ in 0..data.len() {
        match incoming.next(&mut bytes) {
            None | Some(websocket::Event::Broken) => break,
            Some(_) => {}
        }
    }
}

/// The description in a message, and its call.
pub fn description(data: &[u8]) {
    let _ = sdp::call_of(data);
    let _ = sdp::announced(data);
    let _ = sdp::announced(&[b"\r\n\r\n", data].concat());
}

pub fn stun(data: &[u8]) {
    if checks::is_stun(data) {
        let _ = checks::parse(At::default(), data);
    }
    let _ = (checks::channel_data(data), checks::relayed(data));
}

pub fn rtp(data: &[u8]) {
    let _ = packets::Header::parse(data, 0);
    let _ = packets::Header::parse(data, 100);
}

pub fn rtcp(data: &[u8]) {
    if reports::is_rtcp(data) {
        for secure in [false, true] {
            let _ = reports::parse(At::default(), data, secure, None);
        }
    }
}

/// Two datagrams of one side, so that fragments meet.
pub fn dtls(data: &[u8]) {
    let (mut handshakes, mut out): (_, Vec<Record>) = (Handshakes::default(), Vec::new());
    let half = data.len() / 2;
    for part in [data, &data[..half], &data[half..]] {
        if dtls::is_dtls(part) {
            handshakes.receive(At::default(), part, &mut out);
        }
    }
    handshakes.sweep(i64::MAX);
    let _ =
        (handshake::client_hello(data, true), handshake::client_hello(data, false), handshake::server_hello(data));
    let _ = (handshake::fingerprint(data), handshake::fingerprint13(data), handshake::has_extension(data, 14));
    let _ = tls::is_tls(data);
}

/// Frames on one link, each led by its length: the first byte says which link.
pub fn packet(data: &[u8]) {
    let Some((link, mut rest)) = data.split_first() else { return };
    let mut engine = engine();
    let mut time = 0;
    while let [high, low, tail @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(tail.len());
        engine.packet(LINKS[usize::from(*link) % LINKS.len()], time, &tail[..length], length);
        rest = &tail[length..];
        time += FRAME_NS;
    }
    engine.finish();
    let _ = engine.take_undecoded(0);
}

pub fn hep(data: &[u8]) {
    let _ = (mirror::is_hep(data, 9060), mirror::stream_length(data));
    let _ = mirror::parse(data);
    let mut engine = engine();
    engine.mirrored(data, 0);
    engine.finish();
}

pub fn file(data: &[u8]) {
    let Ok(source) = Source::of_bytes(data.to_vec()) else { return };
    let Ok(mut open) = Open::new(source) else { return };
    let mut engine = engine();
    while let Ok(true) = open.run(&mut engine, 100, 10_000) {
        engine.out.clear();
    }
    engine.finish();
    let _ = open.position();
}
