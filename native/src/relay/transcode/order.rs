//! Packets of one stream in the order of their sequence numbers. Nothing waits while none is missing; behind a gap
//! packets wait for the missing one until so many are held, and no longer. How many that is follows the network: one,
//! until packets come later than that.

use std::collections::VecDeque;

use crate::rtp::Header;

/// Behind a gap, at most: 80 ms of packets of 20 ms, which is what phones buffer themselves.
const DEEPEST: usize = 4;
/// After so many packets in order, a place less is enough: ten seconds.
const CALM: u32 = 500;
/// Further ahead than this is a new start of the sender, as is further behind (RFC 3550 A.1 has 3000 and 100).
const FARTHEST: i16 = 100;
/// Larger than any audio packet; what is larger is not kept.
const PAYLOAD: usize = 4096;
/// Payload buffers kept for the next packets.
const SPARE: usize = 8;

#[derive(Default)]
pub struct Packet {
    pub marker: bool,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    pub arrived_ns: u64,
    /// So many before it will not come any more.
    pub lost: u16,
    pub payload: Vec<u8>,
}

#[derive(Default)]
pub struct Order {
    /// The sequence number that is next, once the stream has begun.
    next: Option<u16>,
    ssrc: u32,
    /// Behind a gap, in order.
    held: VecDeque<Packet>,
    ready: VecDeque<Packet>,
    spare: Vec<Vec<u8>>,
    /// Bit n: the packet n before the newest of those passed came.
    came: u64,
    /// Places for `held` beside the first.
    patience: usize,
    calm: u32,
}

impl Order {
    /// Take a packet as it came.
    pub fn put(&mut self, header: &Header, payload: &[u8], now_ns: u64) {
        if payload.len() > PAYLOAD {
            return;
        }
        let next = match self.next {
            Some(next) if self.ssrc == header.ssrc => next,
            _ => self.restart(header),
        };
        let ahead = header.sequence.wrapping_sub(next) as i16;
        if !(-FARTHEST..=FARTHEST).contains(&ahead) {
            self.restart(header);
        } else if ahead < 0 {
            self.came_late(ahead.unsigned_abs() - 1);
            return;
        }
        let packet = self.packet(header, payload, now_ns);
        if self.next == Some(packet.sequence) {
            self.pass(packet);
            self.calm += 1;
            if self.calm == CALM {
                self.calm = 0;
                self.patience = self.patience.saturating_sub(1);
            }
        } else {
            self.hold(packet);
        }
        self.release();
    }

    /// Whether this packet of the stream is missing, and would still be in time.
    pub fn misses(&self, ssrc: u32, sequence: u16) -> bool {
        let ahead = self.next.map_or(-1, |next| sequence.wrapping_sub(next) as i16);
        self.ssrc == ssrc && (0..=FARTHEST).contains(&ahead) && self.held.iter().all(|held| held.sequence != sequence)
    }

    pub fn take(&mut self) -> Option<Packet> {
        self.ready.pop_front()
    }

    /// A packet that was taken is done with.
    pub fn recycle(&mut self, mut packet: Packet) {
        if self.spare.len() < SPARE {
            packet.payload.clear();
            self.spare.push(packet.payload);
        }
    }

    fn packet(&mut self, header: &Header, payload: &[u8], now_ns: u64) -> Packet {
        let mut kept = self.spare.pop().unwrap_or_default();
        kept.extend_from_slice(payload);
        let Header { marker, payload_type, sequence, timestamp, ssrc, .. } = *header;
        Packet { marker, payload_type, sequence, timestamp, ssrc, arrived_ns: now_ns, lost: 0, payload: kept }
    }

    /// The stream begins, or begins anew: what is held belongs to the one before.
    fn restart(&mut self, header: &Header) -> u16 {
        while let Some(packet) = self.held.pop_front() {
            self.pass(packet);
        }
        self.next = Some(header.sequence);
        self.ssrc = header.ssrc;
        self.came = 0;
        header.sequence
    }

    /// One was given up too early, unless it came twice.
    fn came_late(&mut self, behind: u16) {
        let bit = 1u64.checked_shl(behind.into()).unwrap_or(0);
        if self.came & bit == 0 {
            self.came |= bit;
            self.patience = (self.patience + 1).min(DEEPEST - 1);
            self.calm = 0;
        }
    }

    fn hold(&mut self, packet: Packet) {
        let Some(next) = self.next else { return };
        let distance = |one: &Packet| one.sequence.wrapping_sub(next);
        let at = self.held.partition_point(|one| distance(one) < distance(&packet));
        if self.held.get(at).is_none_or(|one| one.sequence != packet.sequence) {
            self.held.insert(at, packet);
        }
    }

    fn pass(&mut self, mut packet: Packet) {
        packet.lost = self.next.map_or(0, |next| packet.sequence.wrapping_sub(next));
        self.next = Some(packet.sequence.wrapping_add(1));
        self.came = self.came.checked_shl(u32::from(packet.lost) + 1).unwrap_or(0) | 1;
        self.ready.push_back(packet);
    }

    /// What follows without a gap, and what was waited for long enough.
    fn release(&mut self) {
        while let Some(first) = self.held.front() {
            if self.next != Some(first.sequence) && self.held.len() <= 1 + self.patience {
                return;
            }
            let Some(packet) = self.held.pop_front() else { return };
            self.pass(packet);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::write_header;

    fn put(order: &mut Order, sequence: u16, ssrc: u32) -> Vec<(u16, u16)> {
        let mut data = [0; 12];
        write_header(&mut data, false, 8, sequence, 0, ssrc);
        order.put(&Header::parse(&data).unwrap(), &[], 0);
        std::iter::from_fn(|| order.take()).map(|packet| (packet.sequence, packet.lost)).collect()
    }

    #[test]
    fn what_comes_in_order_never_waits() {
        let mut order = Order::default();
        for sequence in [65_534, 65_535, 0, 1] {
            assert_eq!(put(&mut order, sequence, 1), [(sequence, 0)]);
        }
    }

    #[test]
    fn two_that_changed_places_are_put_right() {
        let mut order = Order::default();
        put(&mut order, 1, 1);
        assert_eq!(put(&mut order, 3, 1), []);
        assert_eq!(put(&mut order, 2, 1), [(2, 0), (3, 0)]);
        assert_eq!(put(&mut order, 3, 1), [], "a duplicate");
    }

    #[test]
    fn a_lost_one_is_waited_for_once() {
        let mut order = Order::default();
        put(&mut order, 1, 1);
        assert_eq!(put(&mut order, 3, 1), []);
        assert_eq!(put(&mut order, 4, 1), [(3, 1), (4, 0)]);
    }

    #[test]
    fn patience_grows_with_late_ones_and_shrinks_in_calm() {
        let mut order = Order::default();
        put(&mut order, 1, 1);
        put(&mut order, 3, 1);
        put(&mut order, 4, 1);
        assert_eq!(put(&mut order, 2, 1), [], "too late");
        assert_eq!(put(&mut order, 6, 1), []);
        assert_eq!(put(&mut order, 7, 1), []);
        assert_eq!(put(&mut order, 5, 1), [(5, 0), (6, 0), (7, 0)]);
        for sequence in 8..600 {
            put(&mut order, sequence, 1);
        }
        put(&mut order, 601, 1);
        assert_eq!(put(&mut order, 602, 1), [(601, 1), (602, 0)]);
    }

    #[test]
    fn packets_sent_twice_are_no_late_ones() {
        let mut order = Order::default();
        for sequence in 1..50 {
            assert_eq!(put(&mut order, sequence, 1).len(), 1);
            assert_eq!(put(&mut order, sequence, 1), []);
        }
        put(&mut order, 51, 1);
        assert_eq!(put(&mut order, 52, 1), [(51, 1), (52, 0)]);
    }

    #[test]
    fn another_source_or_a_far_jump_starts_anew() {
        let mut order = Order::default();
        put(&mut order, 1, 1);
        put(&mut order, 3, 1);
        assert_eq!(put(&mut order, 9000, 1), [(3, 1), (9000, 0)]);
        assert_eq!(put(&mut order, 5, 2), [(5, 0)]);
    }
}
