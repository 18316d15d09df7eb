//! RFC 2198: a packet that holds an audio packet and copies of those before it. The copies take the place of what was
//! lost; what the hearer gets has none of this.

use super::order::Order;
use crate::rtp::Header;

/// Blocks of one packet that are looked at. Chromium sends two.
const BLOCKS: usize = 8;
/// The head of a block before the last, and of the last.
const COPY: usize = 4;
const LAST: usize = 1;

/// One block: payload type, how long ago its timestamp was, and its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Block<'a> {
    payload_type: u8,
    ago: u32,
    data: &'a [u8],
}

/// Put what this packet holds into the order: copies of what is missing, then the packet itself. One that does not hold
/// together is as good as lost.
pub fn unwrap(order: &mut Order, header: &Header, payload: &[u8], now_ns: u64) {
    let Some((blocks, count)) = read(payload) else { return };
    // What is wrapped in itself has no end.
    let is_plain = |block: &&Block| block.payload_type != header.payload_type;
    for (at, block) in blocks[..count].iter().enumerate().filter(|(_, block)| is_plain(block)) {
        // Copies are of the packets right before this one, the oldest first; else they come too late or say nothing new.
        let sequence = header.sequence.wrapping_sub((count - 1 - at) as u16);
        let is_last = at + 1 == count;
        if is_last || !block.data.is_empty() && order.misses(header.ssrc, sequence) {
            let mut inner = *header;
            inner.marker &= is_last;
            (inner.payload_type, inner.sequence) = (block.payload_type, sequence);
            inner.timestamp = header.timestamp.wrapping_sub(block.ago);
            order.put(&inner, block.data, now_ns);
        }
    }
}

/// The blocks of a payload, in their order, and how many (section 3).
fn read(payload: &[u8]) -> Option<([Block<'_>; BLOCKS], usize)> {
    let mut blocks = [Block { payload_type: 0, ago: 0, data: &[] }; BLOCKS];
    let mut lengths = [0; BLOCKS];
    let (mut head, mut count) = (payload, 0);
    while *head.first()? & 0x80 != 0 {
        let word = u32::from_be_bytes(*head.first_chunk()?);
        let block = blocks.get_mut(count)?;
        block.payload_type = (word >> 24 & 0x7f) as u8;
        block.ago = word >> 10 & 0x3fff;
        lengths[count] = (word & 0x3ff) as usize;
        count += 1;
        head = &head[COPY..];
    }
    blocks.get_mut(count)?.payload_type = head[0];
    let mut data = &head[LAST..];
    for (block, length) in blocks.iter_mut().zip(lengths).take(count) {
        (block.data, data) = data.split_at_checked(length)?;
    }
    blocks[count].data = data;
    Some((blocks, count + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::write_header;

    const RED: u8 = 63;

    fn wrapped(blocks: &[(u8, u32, &[u8])], last: (u8, &[u8])) -> Vec<u8> {
        let mut payload = Vec::new();
        for (payload_type, ago, data) in blocks {
            let word = 1 << 31 | u32::from(*payload_type) << 24 | ago << 10 | data.len() as u32;
            payload.extend(word.to_be_bytes());
        }
        payload.push(last.0);
        blocks.iter().for_each(|(.., data)| payload.extend_from_slice(data));
        payload.extend_from_slice(last.1);
        payload
    }

    fn hear(order: &mut Order, sequence: u16, payload: &[u8]) -> Vec<(u8, u16, u32, Vec<u8>)> {
        let mut data = [0; 12];
        write_header(&mut data, true, RED, sequence, 960 * u32::from(sequence), 7);
        unwrap(order, &Header::parse(&data).unwrap(), payload, 0);
        std::iter::from_fn(|| order.take())
            .map(|one| (one.payload_type, one.sequence, one.timestamp, one.payload))
            .collect()
    }

    #[test]
    fn what_was_lost_comes_from_the_copy_and_nothing_comes_twice() {
        let mut order = Order::default();
        assert_eq!(hear(&mut order, 1, &wrapped(&[], (111, b"one"))), [(111, 1, 960, b"one".to_vec())]);
        let second = wrapped(&[(111, 960, b"one")], (111, b"two"));
        assert_eq!(hear(&mut order, 2, &second), [(111, 2, 1920, b"two".to_vec())]);
        let fifth = wrapped(&[(111, 1920, b"three"), (111, 960, b"four")], (111, b"five"));
        let heard = hear(&mut order, 5, &fifth);
        assert_eq!(heard.iter().map(|one| (one.1, one.2)).collect::<Vec<_>>(), [(3, 2880), (4, 3840), (5, 4800)]);
        assert_eq!(heard[1].3, b"four");
    }

    #[test]
    fn the_first_packet_begins_the_stream_whatever_was_before() {
        let mut order = Order::default();
        let first = wrapped(&[(111, 960, b"before")], (111, b"now"));
        assert_eq!(hear(&mut order, 9, &first), [(111, 9, 8640, b"now".to_vec())]);
    }

    #[test]
    fn what_does_not_hold_together_says_nothing() {
        let mut order = Order::default();
        let whole = wrapped(&[(111, 960, b"one")], (111, b"two"));
        for length in 0..8 {
            assert_eq!(hear(&mut order, 1, &whole[..length]), []);
        }
        assert_eq!(hear(&mut order, 1, &wrapped(&[(111, 0, &b""[..]); BLOCKS], (111, b"x"))), []);
        assert_eq!(hear(&mut order, 1, &wrapped(&[], (RED, b"x"))), []);
    }
}
