//! DTLS datagrams (RFC 6347, RFC 9147): what flight they are, and the certificate's fingerprint when in clear.

use super::bytes::{be16, be24};
use super::flow::Flow;
use super::handshake;
use super::limits::*;
use super::record::{At, Handshake, Record};
use rustc_hash::FxHashMap;

/// Records in a datagram.
const MAX_RECORDS: usize = 64;
const RECORD: usize = 13;
const MESSAGE: usize = 12;

/// Certificates arrive in fragments over several datagrams.
struct Partial {
    sequence: u16,
    body: Vec<u8>,
    have: usize,
    last: i64,
}

#[derive(Default)]
pub struct Handshakes {
    partial: FxHashMap<Flow, Partial>,
}

#[inline]
pub fn is_dtls(data: &[u8]) -> bool {
    // Content types of RFC 6347 and 9147's connection id; then 254.x, or 1.0 as old OpenSSL wrote it.
    data.len() >= RECORD
        && matches!(data[0], 20..=26)
        && (data[1] == 0xfe && matches!(data[2], 0xfc..=0xff) || data[1..3] == [1, 0])
}

impl Handshakes {
    pub fn receive(&mut self, at: At, data: &[u8], out: &mut Vec<Record>) {
        let mut seen = Handshake { at, is_datagram: true, sequence: -1, ..Handshake::default() };
        let mut rest = data;
        for _ in 0..MAX_RECORDS {
            let Some(len) = be16(rest, 11).map(usize::from) else { break };
            let body = &rest[RECORD..(RECORD + len).min(rest.len())];
            let is_encrypted = be16(rest, 3) != Some(0);
            self.record(&mut seen, rest[0], body, is_encrypted);
            rest = rest.get(RECORD + len..).unwrap_or(&[]);
        }
        out.push(Record::Handshake(Box::new(seen)));
    }

    pub fn sweep(&mut self, now: i64) {
        self.partial.retain(|_, p| now - p.last <= DTLS_S);
    }

    fn record(&mut self, seen: &mut Handshake, kind: u8, body: &[u8], is_encrypted: bool) {
        match (kind, is_encrypted) {
            (20, _) => seen.messages.push("change-cipher-spec"),
            (21, false) if body.len() >= 2 => {
                seen.messages.push("alert");
                seen.alert = Some((body[0], body[1]));
            }
            (21, _) => seen.messages.push("encrypted-alert"),
            (22, false) => self.handshake(seen, body),
            (22, true) => seen.messages.push("encrypted-handshake"),
            (23, _) => seen.messages.push("application-data"),
            _ => seen.messages.push("unknown-record"),
        }
    }

    fn handshake(&mut self, seen: &mut Handshake, mut rest: &[u8]) {
        while let (Some(total), Some(from), Some(len)) = (be24(rest, 1), be24(rest, 6), be24(rest, 9)) {
            let (kind, sequence) = (rest[0], be16(rest, 4).unwrap_or(0));
            let body = rest.get(MESSAGE..(MESSAGE + len as usize).min(rest.len())).unwrap_or(&[]);
            let is_start = from == 0;
            seen.messages.push(handshake::name(kind));
            if seen.sequence < 0 {
                seen.sequence = i32::from(sequence);
            }
            match kind {
                1 if is_start => seen.hello = handshake::client_hello(body, true).or(seen.hello.take()),
                2 if is_start => seen.hello = handshake::server_hello(body).or(seen.hello.take()),
                11 if total == len => seen.certificate = handshake::fingerprint(body),
                11 => seen.certificate = self.collect(seen.at, sequence, total as usize, from as usize, body),
                _ => {}
            }
            rest = rest.get(MESSAGE + len as usize..).unwrap_or(&[]);
            if seen.messages.len() > MAX_RECORDS {
                return;
            }
        }
    }

    /// Adds a fragment of a certificate; its fingerprint when all is there. Retransmitted fragments add nothing.
    fn collect(&mut self, at: At, sequence: u16, total: usize, from: usize, body: &[u8]) -> Option<[u8; 32]> {
        let full = self.partial.len() >= DTLS_FLOWS && !self.partial.contains_key(&at.flow);
        if total > HANDSHAKE_BYTES || full {
            return None;
        }
        let new = Partial { sequence, body: Vec::with_capacity(total), have: 0, last: at.time };
        let partial = self.partial.entry(at.flow).or_insert(new);
        if partial.sequence != sequence || from == 0 {
            partial.sequence = sequence;
            partial.body.clear();
            partial.have = 0;
        }
        partial.last = at.time;
        // Fragments come in order save on a reordering path; then the retransmission brings them again.
        if from == partial.have {
            partial.body.extend_from_slice(body);
            partial.have += body.len();
        }
        if partial.have < total {
            return None;
        }
        handshake::fingerprint(&self.partial.remove(&at.flow)?.body)
    }
}
