//! TLS over TCP (RFC 8446, RFC 5246): what is in clear, and what a key log opens.

pub use super::keys::KeyLog;

use super::bytes::{be16, be24};
use super::handshake;
use super::keys::{Label, Opener, Suite};
use super::limits::HANDSHAKE_BYTES;
use super::record::{At, Handshake, Record};
use super::stream::Bytes;

const RECORD: usize = 5;
/// RFC 8446 section 5.2 allows 2^14 + 256; older versions 2^14 + 2048.
const MAX_RECORD: usize = 16_384 + 2048;

/// A TLS record begins here, as far as one can see.
pub fn is_tls(data: &[u8]) -> bool {
    matches!(data, [20..=23, 3, 0..=4, high, low, ..] if usize::from(*high) << 8 | usize::from(*low) <= MAX_RECORD)
}

#[derive(Default)]
struct Direction {
    stream: Bytes,
    /// Handshake messages not yet complete.
    handshake: Vec<u8>,
    /// Keys in the order in which they come into use (TLS 1.3: handshake, application).
    openers: Vec<Opener>,
    /// The secret of the last opener, for key updates.
    secret: Vec<u8>,
    /// Records are encrypted from here on (TLS 1.2: after ChangeCipherSpec).
    is_encrypted: bool,
    is_lost: bool,
}

#[derive(Default)]
pub struct Connection {
    directions: [Direction; 2],
    client: Option<usize>,
    client_random: [u8; 32],
    server_random: [u8; 32],
    suite: Option<Suite>,
    mac_last: bool,
}

/// Plain text of application data and the frame that completed it.
pub type Plain = Vec<Vec<u8>>;

impl Connection {
    pub fn gap(&mut self, direction: usize) {
        let d = &mut self.directions[direction];
        d.stream.clear();
        d.handshake.clear();
        // The record count is part of the nonce; CBC has its own, but the record's start is unknown too.
        d.is_lost = true;
    }

    pub fn push(
        &mut self,
        direction: usize,
        at: At,
        connection: u64,
        data: &[u8],
        keys: &KeyLog,
        out: &mut Vec<Record>,
    ) -> Plain {
        let mut seen = Handshake { at, connection, sequence: -1, ..Handshake::default() };
        let mut plain = Vec::new();
        if !self.resume(direction, data) {
            return plain;
        }
        self.directions[direction].stream.push(data, at.frame);
        while let Some((kind, record)) = self.record(direction) {
            self.take(direction, kind, record, keys, &mut seen, &mut plain);
        }
        if !seen.messages.is_empty() {
            out.push(Record::Handshake(Box::new(seen)));
        }
        plain
    }

    /// After a gap only the start of a record can be continued with; encrypted TLS 1.3 and AEAD records stay closed.
    fn resume(&mut self, direction: usize, data: &[u8]) -> bool {
        let d = &mut self.directions[direction];
        if d.is_lost && is_tls(data) {
            d.is_lost = false;
        }
        !d.is_lost
    }

    fn record(&mut self, direction: usize) -> Option<(u8, Vec<u8>)> {
        let d = &mut self.directions[direction];
        let data = d.stream.bytes();
        if data.len() >= RECORD && !is_tls(data) {
            d.stream.clear();
            d.is_lost = true;
            return None;
        }
        let (kind, len) = (*data.first()?, usize::from(be16(data, 3)?));
        if data.len() < RECORD + len {
            return None;
        }
        let (mut record, _) = d.stream.take(RECORD + len);
        record.drain(..RECORD);
        Some((kind, record))
    }

    fn take(
        &mut self,
        direction: usize,
        kind: u8,
        record: Vec<u8>,
        keys: &KeyLog,
        seen: &mut Handshake,
        plain: &mut Plain,
    ) {
        let d = &mut self.directions[direction];
        let is_13 = self.suite.is_some_and(|s| s.is_13);
        if kind == 20 {
            seen.messages.push("change-cipher-spec");
            d.is_encrypted |= !is_13;
            return;
        }
        // TLS 1.3 disguises everything encrypted as application data.
        let is_encrypted = if is_13 { kind == 23 } else { d.is_encrypted || kind == 23 };
        if !is_encrypted {
            return self.clear(direction, kind, &record, keys, seen);
        }
        match self.open(direction, kind, &record) {
            Some((22, text)) => self.clear(direction, 22, &text, keys, seen),
            Some((21, text)) => self.clear(direction, 21, &text, keys, seen),
            Some((23, text)) => plain.push(text),
            Some(_) => {}
            None if kind == 21 => seen.messages.push("encrypted-alert"),
            None if kind == 22 => seen.messages.push("encrypted-handshake"),
            None => {}
        }
    }

    /// Opens with the keys in use, or with the next ones, which then are in use.
    fn open(&mut self, direction: usize, kind: u8, record: &[u8]) -> Option<(u8, Vec<u8>)> {
        let openers = &mut self.directions[direction].openers;
        let found = openers.iter_mut().enumerate().find_map(|(i, o)| o.open(kind, record).map(|text| (i, text)));
        let (used, text) = found?;
        openers.drain(..used);
        Some(text)
    }

    /// A handshake record or an alert in clear.
    fn clear(&mut self, direction: usize, kind: u8, text: &[u8], keys: &KeyLog, seen: &mut Handshake) {
        match (kind, text) {
            (21, &[level, code]) => {
                seen.messages.push("alert");
                seen.alert = Some((level, code));
            }
            (22, _) => {
                let pending = &mut self.directions[direction].handshake;
                pending.extend_from_slice(text);
                while let Some((kind, body)) = next_message(&mut self.directions[direction].handshake) {
                    self.message(direction, kind, &body, keys, seen);
                }
            }
            _ => {}
        }
    }

    fn message(&mut self, direction: usize, kind: u8, body: &[u8], keys: &KeyLog, seen: &mut Handshake) {
        seen.messages.push(handshake::name(kind));
        let random = body.get(2..34).and_then(|r| <[u8; 32]>::try_from(r).ok());
        match (kind, random) {
            (1, Some(random)) => {
                seen.hello = handshake::client_hello(body, false);
                self.client = Some(direction);
                self.client_random = random;
            }
            (2, Some(random)) => {
                seen.hello = handshake::server_hello(body);
                self.client.get_or_insert(1 - direction);
                self.server_random = random;
                self.mac_last = handshake::has_extension(body, 22);
                self.suite = seen.hello.as_ref().and_then(|h| Suite::of(*h.ciphers.first()?));
                self.derive(keys);
            }
            (11, _) if self.suite.is_some_and(|s| s.is_13) => seen.certificate = handshake::fingerprint13(body),
            (11, _) if self.client != Some(direction) => seen.certificate = handshake::fingerprint(body),
            (24, _) => self.update(direction),
            _ => {}
        }
    }

    fn derive(&mut self, keys: &KeyLog) {
        let (Some(suite), Some(client)) = (self.suite, self.client) else { return };
        let random = &self.client_random;
        if !suite.is_13 {
            if let Some(master) = keys.secret(Label::Master, random) {
                let [of_client, of_server] = suite.keys12(master, random, &self.server_random, self.mac_last);
                self.directions[client].openers = vec![of_client];
                self.directions[1 - client].openers = vec![of_server];
            }
            return;
        }
        let labels = [[Label::ClientHandshake, Label::ClientTraffic], [Label::ServerHandshake, Label::ServerTraffic]];
        for (direction, labels) in [client, 1 - client].into_iter().zip(labels) {
            let secrets: Vec<_> = labels.iter().filter_map(|&label| keys.secret(label, random)).collect();
            let d = &mut self.directions[direction];
            d.openers = secrets.iter().map(|secret| suite.keys13(secret)).collect();
            d.secret = secrets.last().map_or_else(Vec::new, |s| (*s).clone());
        }
    }

    /// RFC 8446 section 4.6.3: from the next record on, the next keys.
    fn update(&mut self, direction: usize) {
        let Some(suite) = self.suite.filter(|s| s.is_13) else { return };
        let d = &mut self.directions[direction];
        if !d.secret.is_empty() {
            d.secret = suite.next_secret(&d.secret);
            d.openers = vec![suite.keys13(&d.secret)];
        }
    }
}

fn next_message(pending: &mut Vec<u8>) -> Option<(u8, Vec<u8>)> {
    let len = be24(pending, 1)? as usize;
    if len > HANDSHAKE_BYTES {
        pending.clear();
        return None;
    }
    let body = pending.get(4..4 + len)?.to_vec();
    let kind = pending[0];
    pending.drain(..4 + len);
    Some((kind, body))
}
