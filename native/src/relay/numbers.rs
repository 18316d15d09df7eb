//! Payload types that a peer knows by other numbers than the rest of its call.
//!
//! Browsers take none of 64 to 95 where RTCP shares the port (RFC 5761 section 4), and of codecs with a static number
//! they know no other. What they send is read, and what they are sent is written, by their numbers; everybody else on
//! the way sees those of the call.

const COUNT: usize = 128;

#[derive(Debug)]
pub struct Numbers {
    /// The peer's number and the call's, where they differ.
    pub pairs: Box<[(u8, u8)]>,
    heard: [u8; COUNT],
    sent: [u8; COUNT],
}

impl Numbers {
    /// `pairs` are the peer's number and the call's. None where there are none, and nothing changes.
    pub fn new(pairs: &[(u8, u8)]) -> Option<Numbers> {
        let same: [u8; COUNT] = std::array::from_fn(|number| number as u8);
        let mut numbers = Numbers { pairs: pairs.into(), heard: same, sent: same };
        for (theirs, ours) in pairs {
            *numbers.heard.get_mut(usize::from(*theirs))? = ours & 0x7f;
            *numbers.sent.get_mut(usize::from(*ours))? = theirs & 0x7f;
        }
        (!pairs.is_empty()).then_some(numbers)
    }

    /// The call's number of what the peer calls `number`.
    pub fn heard(&self, number: u8) -> u8 {
        self.heard[usize::from(number & 0x7f)]
    }

    /// What the peer calls the call's `number`.
    pub fn sent(&self, number: u8) -> u8 {
        self.sent[usize::from(number & 0x7f)]
    }

    /// An RTP packet came from the peer.
    pub fn hear(&self, packet: &mut [u8]) {
        exchange(&self.heard, packet);
    }

    /// An RTP packet leaves to the peer.
    pub fn send(&self, packet: &mut [u8]) {
        exchange(&self.sent, packet);
    }
}

fn exchange(numbers: &[u8; COUNT], packet: &mut [u8]) {
    if let Some(byte) = packet.get_mut(1) {
        *byte = *byte & 0x80 | numbers[usize::from(*byte & 0x7f)];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_change_on_the_way_in_and_back_on_the_way_out_and_the_marker_stays() {
        let numbers = Numbers::new(&[(96, 72), (8, 97)]).unwrap();
        let mut packet = [0x80, 0x80 | 96, 0, 1];
        numbers.hear(&mut packet);
        assert_eq!(packet, [0x80, 0x80 | 72, 0, 1]);
        numbers.send(&mut packet);
        assert_eq!(packet, [0x80, 0x80 | 96, 0, 1]);
        assert_eq!([8, 96, 72, 0].map(|number| numbers.heard(number)), [97, 72, 72, 0]);
    }

    #[test]
    fn without_pairs_or_with_numbers_that_no_packet_has_there_is_nothing() {
        assert!(Numbers::new(&[]).is_none());
        assert!(Numbers::new(&[(200, 8)]).is_none());
        assert!(Numbers::new(&[(8, 200)]).is_none());
    }
}
