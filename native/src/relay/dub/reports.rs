//! RTCP about a stream into which something of ours was put (RFC 3550 6.4): both sides read of it in their own numbers.

use super::Dub;
use crate::rtcp;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const TRANSPORT_FEEDBACK: u8 = 205;
/// A generic NACK names lost packets by their sequence numbers (RFC 4585 section 6.2.1).
const NACK: u8 = 1;

impl Dub {
    /// The other side reports what it sent: in the numbers of what the peer hears.
    pub fn report(&self, data: &mut [u8]) {
        rtcp::each_mut(data, |_, kind, packet| {
            if kind == SENDER_REPORT && self.is_about(packet, 4) {
                add(packet, 16, self.shift.timestamp);
                add(packet, 20, self.shift.packets);
                add(packet, 24, self.shift.octets);
            }
        });
    }

    /// The peer reports what it heard: in the numbers of who said it.
    pub fn hear_report(&self, data: &mut [u8]) {
        let moved = self.shift.sequence;
        // Of ours more or fewer, which is never near half of all numbers.
        let back = (i32::from(moved as i16)).wrapping_neg() as u32;
        rtcp::each_mut(data, |count, kind, packet| match kind {
            SENDER_REPORT | RECEIVER_REPORT => {
                let first = if kind == SENDER_REPORT { 28 } else { 8 };
                for at in (0..usize::from(count)).map(|n| first + 24 * n) {
                    if self.is_about(packet, at) {
                        add(packet, at + 8, back);
                    }
                }
            }
            TRANSPORT_FEEDBACK if count == NACK && self.is_about(packet, 8) => {
                for lost in packet[12..].chunks_exact_mut(4) {
                    let sequence = u16::from_be_bytes([lost[0], lost[1]]).wrapping_sub(moved);
                    lost[..2].copy_from_slice(&sequence.to_be_bytes());
                }
            }
            _ => {}
        });
    }

    fn is_about(&self, packet: &[u8], at: usize) -> bool {
        self.shift.is_known && packet.get(at..at + 4) == Some(&self.line.ssrc.to_be_bytes())
    }
}

fn add(packet: &mut [u8], at: usize, more: u32) {
    if let Some(word) = packet.get_mut(at..at + 4).and_then(|word| word.first_chunk_mut::<4>()) {
        *word = u32::from_be_bytes(*word).wrapping_add(more).to_be_bytes();
    }
}
