//! Handshake messages that TLS and DTLS share (RFC 8446 section 4, RFC 5246 section 7.4).

use super::bytes::{be16, be24};
use super::record::Hello;
use sha2::{Digest, Sha256};

/// Entries kept of a list a peer fills.
const MAX_LIST: usize = 256;

pub fn name(kind: u8) -> &'static str {
    match kind {
        0 => "hello-request",
        1 => "client-hello",
        2 => "server-hello",
        3 => "hello-verify-request",
        4 => "new-session-ticket",
        5 => "end-of-early-data",
        8 => "encrypted-extensions",
        11 => "certificate",
        12 => "server-key-exchange",
        13 => "certificate-request",
        14 => "server-hello-done",
        15 => "certificate-verify",
        16 => "client-key-exchange",
        20 => "finished",
        22 => "certificate-status",
        24 => "key-update",
        _ => "unknown-handshake",
    }
}

pub fn version(number: u16) -> &'static str {
    match number {
        0x0300 => "SSL3",
        0x0301 => "1.0",
        0x0302 | 0xfeff | 0x0100 => "1.1",
        0x0303 | 0xfefd => "1.2",
        0x0304 | 0xfefc => "1.3",
        _ => "",
    }
}

/// Splits a vector with a length of `width` bytes off.
fn vector<'a>(data: &mut &'a [u8], width: usize) -> Option<&'a [u8]> {
    let len = match width {
        1 => usize::from(*data.first()?),
        2 => usize::from(be16(data, 0)?),
        _ => be24(data, 0)? as usize,
    };
    let value = data.get(width..width + len)?;
    *data = &data[width + len..];
    Some(value)
}

fn numbers(data: &[u8]) -> Vec<u16> {
    data.chunks_exact(2).take(MAX_LIST).map(|c| u16::from_be_bytes([c[0], c[1]])).collect()
}

pub fn client_hello(body: &[u8], is_datagram: bool) -> Option<Hello> {
    let mut hello = Hello { is_client: true, ..Hello::default() };
    let legacy = be16(body, 0)?;
    let mut rest = body.get(34..)?;
    vector(&mut rest, 1)?;
    if is_datagram {
        vector(&mut rest, 1)?;
    }
    hello.ciphers = numbers(vector(&mut rest, 2)?);
    vector(&mut rest, 1)?;
    extensions(&mut hello, rest);
    if hello.versions.is_empty() {
        hello.versions.push(version(legacy));
    }
    Some(hello)
}

pub fn server_hello(body: &[u8]) -> Option<Hello> {
    let mut hello = Hello::default();
    let legacy = be16(body, 0)?;
    let mut rest = body.get(34..)?;
    vector(&mut rest, 1)?;
    hello.ciphers.push(be16(rest, 0)?);
    extensions(&mut hello, rest.get(3..)?);
    if hello.versions.is_empty() {
        hello.versions.push(version(legacy));
    }
    Some(hello)
}

fn extensions(hello: &mut Hello, mut rest: &[u8]) {
    let Some(mut list) = vector(&mut rest, 2) else { return };
    while let Some(kind) = be16(list, 0) {
        list = &list[2..];
        let Some(value) = vector(&mut list, 2) else { return };
        let _ = extension(hello, kind, value);
    }
}

fn extension(hello: &mut Hello, kind: u16, mut value: &[u8]) -> Option<()> {
    match kind {
        // server_name (RFC 6066 section 3)
        0 if hello.is_client => {
            let mut list = vector(&mut value, 2)?;
            list = list.get(1..)?;
            hello.server_name = String::from_utf8_lossy(vector(&mut list, 2)?).into();
        }
        // use_srtp (RFC 5764 section 4.1.1)
        14 => hello.srtp_profiles = numbers(vector(&mut value, 2)?),
        // ALPN (RFC 7301)
        16 => {
            let mut list = vector(&mut value, 2)?;
            while let Some(name) = vector(&mut list, 1).filter(|_| hello.protocols.len() < MAX_LIST) {
                hello.protocols.push(String::from_utf8_lossy(name).into());
            }
        }
        // supported_versions (RFC 8446 section 4.2.1); GREASE values have no name.
        43 => {
            let list = if hello.is_client { vector(&mut value, 1)? } else { value };
            hello.versions = numbers(list).into_iter().map(version).filter(|v| !v.is_empty()).collect();
        }
        _ => {}
    }
    Some(())
}

/// Whether a ServerHello has the extension of that number.
pub fn has_extension(body: &[u8], number: u16) -> bool {
    fn find(body: &[u8], number: u16) -> Option<bool> {
        let mut rest = body.get(34..)?;
        vector(&mut rest, 1)?;
        rest = rest.get(3..)?;
        let mut list = vector(&mut rest, 2)?;
        while be16(list, 0)? != number {
            list = &list[2..];
            vector(&mut list, 2)?;
        }
        Some(true)
    }
    find(body, number).unwrap_or(false)
}

/// SHA-256 of the first certificate of a Certificate message in clear (up to TLS 1.2).
pub fn fingerprint(body: &[u8]) -> Option<[u8; 32]> {
    let mut rest = body;
    let mut list = vector(&mut rest, 3)?;
    let first = vector(&mut list, 3)?;
    Some(Sha256::digest(first).into())
}

/// The same of a TLS 1.3 Certificate message, once decrypted: a context comes first.
pub fn fingerprint13(body: &[u8]) -> Option<[u8; 32]> {
    let mut rest = body;
    vector(&mut rest, 1)?;
    fingerprint(rest)
}
