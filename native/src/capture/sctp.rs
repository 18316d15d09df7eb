//! SIP over SCTP (RFC 4168): user messages put together from DATA chunks (RFC 9260 section 3.3.1). Retransmitted
//! chunks are told by their number; what comes in another order than it was sent is given up.

use super::bytes::{be16, be32};
use super::flow::{Endpoint, Flow, Ip};
use super::limits::{MESSAGE_BYTES, SCTP_MESSAGES, SCTP_S};
use rustc_hash::FxHashMap;

const COMMON: usize = 12;
const DATA: u8 = 0;
const DATA_HEADER: usize = 16;
const LAST: u8 = 1;
const FIRST: u8 = 2;

/// A message of which more is to come: the number of the next chunk, what there is, and since when.
struct Partial {
    next: u32,
    bytes: Vec<u8>,
    time: i64,
}

#[derive(Default)]
pub struct Associations {
    partial: FxHashMap<(Flow, u16), Partial>,
}

impl Associations {
    /// The user messages that a packet completes. Nothing where it is no SCTP.
    pub fn receive(&mut self, src: Ip, dst: Ip, packet: &[u8], time: i64) -> Option<(Flow, Vec<Vec<u8>>)> {
        let flow = Flow {
            src: Endpoint { ip: src, port: be16(packet, 0)? },
            dst: Endpoint { ip: dst, port: be16(packet, 2)? },
        };
        let (mut messages, mut rest) = (Vec::new(), packet.get(COMMON..)?);
        while rest.len() >= 4 {
            let (kind, flags) = (rest[0], rest[1]);
            let length = usize::from(be16(rest, 2)?);
            if length < 4 {
                break;
            }
            let chunk = &rest[..length.min(rest.len())];
            if kind == DATA {
                messages.extend(self.take(flow, flags, chunk, time));
            }
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        Some((flow, messages))
    }

    /// Lets go of what was never completed.
    pub fn sweep(&mut self, now: i64) {
        self.partial.retain(|_, partial| now.saturating_sub(partial.time) < SCTP_S);
    }

    fn take(&mut self, flow: Flow, flags: u8, chunk: &[u8], time: i64) -> Option<Vec<u8>> {
        let (number, stream) = (be32(chunk, 4)?, be16(chunk, 8)?);
        let data = chunk.get(DATA_HEADER..)?;
        let key = (flow, stream);
        if flags & FIRST != 0 {
            if flags & LAST != 0 {
                return Some(data.to_vec());
            }
            if self.partial.len() < SCTP_MESSAGES {
                let bytes = data.to_vec();
                self.partial.insert(key, Partial { next: number.wrapping_add(1), bytes, time });
            }
            return None;
        }
        let partial = self.partial.get_mut(&key)?;
        let ahead = number.wrapping_sub(partial.next) as i32;
        if ahead < 0 {
            return None; // again
        }
        if ahead > 0 || partial.bytes.len() + data.len() > MESSAGE_BYTES {
            self.partial.remove(&key);
            return None;
        }
        partial.next = number.wrapping_add(1);
        partial.bytes.extend_from_slice(data);
        if flags & LAST == 0 {
            return None;
        }
        self.partial.remove(&key).map(|partial| partial.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(chunks: &[(u8, u32, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![0x13, 0xc4, 0x13, 0xc4, 0, 0, 0, 1, 0, 0, 0, 0];
        for (flags, number, data) in chunks {
            bytes.extend([DATA, *flags]);
            bytes.extend(((DATA_HEADER + data.len()) as u16).to_be_bytes());
            bytes.extend(number.to_be_bytes());
            bytes.extend([0; 8]);
            bytes.extend(*data);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        bytes
    }

    fn messages(packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let (mut table, ip) = (Associations::default(), Ip::v4([10, 0, 0, 1]));
        packets
            .iter()
            .flat_map(|packet| table.receive(ip, ip, packet, 0).map_or(vec![], |(_, found)| found))
            .collect()
    }

    #[test]
    fn whole_messages_and_pieces() {
        let found = messages(&[
            packet(&[(3, 1, b"one"), (2, 2, b"tw")]),
            packet(&[(0, 3, b"o, ")]),
            packet(&[(0, 3, b"o, ")]),
            packet(&[(1, 4, b"again"), (3, 5, b"three")]),
        ]);
        assert_eq!(found, [&b"one"[..], b"two, again", b"three"]);
    }

    #[test]
    fn a_piece_that_is_missing_gives_nothing() {
        assert!(messages(&[packet(&[(2, 1, b"a")]), packet(&[(1, 3, b"c")]), packet(&[(1, 2, b"b")])]).is_empty());
        assert!(messages(&[vec![0; 11], vec![], packet(&[(3, 1, b"x")])[..20].to_vec()]).is_empty());
    }
}
