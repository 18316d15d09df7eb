//! Which streams an RTCP packet is about (RFC 3550 section 6, RFC 4585, RFC 5104). Knows no sections and no addresses.

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;
/// Feedback formats whose entries begin with the SSRC each is for: TMMBR and TMMBN, and FIR (RFC 5104 section 4).
const TMMBR: [u8; 2] = [3, 4];
const FIR: u8 = 4;
/// Congestion control feedback (RFC 8888 section 3.1): for each stream its SSRC, and what came of it since when.
const CCFB: u8 = 11;
/// REMB is feedback of the application layer (RFC 4585 section 6.4) that lists SSRCs behind eight bytes.
const APPLICATION: u8 = 15;
const MID_ITEM: u8 = 15;

/// One thing that an RTCP packet says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named<'a> {
    /// A stream that its writer sends, and that this packet is about.
    Theirs(u32),
    /// A stream of its writer that only signs what is about others.
    Sender(u32),
    /// A stream that its writer receives: this packet is for who sends it.
    Ours(u32),
    /// The section of a stream that its writer sends (RFC 9143 section 15.1).
    Mid(u32, &'a [u8]),
}

/// Walk over a compound packet. What does not hold together ends the walk.
pub fn walk<'a>(data: &'a [u8], mut tell: impl FnMut(Named<'a>)) {
    each(data, |count, kind, packet| name(count, kind, packet, &mut tell));
}

/// The packets of a compound packet, each with its count and type.
fn each<'a>(data: &'a [u8], mut tell: impl FnMut(u8, u8, &'a [u8])) {
    let mut rest = data;
    while let [first, kind, l0, l1, ..] = rest {
        let length = 4 * (usize::from(u16::from_be_bytes([*l0, *l1])) + 1);
        if first >> 6 != 2 || length > rest.len() {
            return;
        }
        let (packet, tail) = rest.split_at(length);
        tell(first & 0x1f, *kind, packet);
        rest = tail;
    }
}

/// As `each`, of packets that may be changed.
pub fn each_mut(data: &mut [u8], mut tell: impl FnMut(u8, u8, &mut [u8])) {
    let mut rest = data;
    while let [first, kind, l0, l1, ..] = rest {
        let (count, kind) = (*first & 0x1f, *kind);
        let length = 4 * (usize::from(u16::from_be_bytes([*l0, *l1])) + 1);
        if *first >> 6 != 2 || length > rest.len() {
            return;
        }
        let (packet, tail) = rest.split_at_mut(length);
        tell(count, kind, packet);
        rest = tail;
    }
}

/// Tell the report blocks of a compound packet: which stream each is about, and the highest sequence number that came of
/// it. Gives whether there was a report at all.
pub fn blocks(data: &[u8], mut tell: impl FnMut(u32, u32)) -> bool {
    let mut is_report = false;
    each(data, |count, kind, packet| {
        let first = match kind {
            SENDER_REPORT => 28,
            RECEIVER_REPORT => 8,
            _ => return,
        };
        is_report = true;
        for at in (0..usize::from(count)).map(|n| first + 24 * n) {
            if let (Some(ssrc), Some(highest)) = (word(packet, at), word(packet, at + 8)) {
                tell(ssrc, highest);
            }
        }
    });
    is_report
}

fn name<'a>(count: u8, kind: u8, packet: &'a [u8], tell: &mut impl FnMut(Named<'a>)) {
    let each = usize::from(count);
    match kind {
        SENDER_REPORT | RECEIVER_REPORT => {
            let blocks = if kind == SENDER_REPORT { 28 } else { 8 };
            let own = if kind == SENDER_REPORT { Named::Theirs } else { Named::Sender };
            word(packet, 4).map(|ssrc| tell(own(ssrc)));
            (0..each).map_while(|at| word(packet, blocks + 24 * at)).for_each(|ssrc| tell(Named::Ours(ssrc)));
        }
        SOURCE_DESCRIPTION => describe(&packet[4..], each, tell),
        GOODBYE => (0..each).map_while(|at| word(packet, 4 + 4 * at)).for_each(|ssrc| tell(Named::Theirs(ssrc))),
        TRANSPORT_FEEDBACK if count == CCFB => {
            word(packet, 4).map(|ssrc| tell(Named::Sender(ssrc)));
            congestion(packet, tell);
        }
        TRANSPORT_FEEDBACK | PAYLOAD_FEEDBACK => {
            word(packet, 4).map(|ssrc| tell(Named::Sender(ssrc)));
            word(packet, 8).filter(|ssrc| *ssrc != 0).map(|ssrc| tell(Named::Ours(ssrc)));
            let is_listed =
                kind == TRANSPORT_FEEDBACK && TMMBR.contains(&count) || kind == PAYLOAD_FEEDBACK && count == FIR;
            let (from, step) = match (is_listed, packet.get(12..16)) {
                (true, _) => (12, 8),
                (false, Some(b"REMB")) if kind == PAYLOAD_FEEDBACK && count == APPLICATION => (20, 4),
                _ => return,
            };
            (from..packet.len())
                .step_by(step)
                .map_while(|at| word(packet, at))
                .for_each(|ssrc| tell(Named::Ours(ssrc)));
        }
        _ => drop(word(packet, 4).map(|ssrc| tell(Named::Sender(ssrc)))),
    }
}

/// The streams of a congestion control feedback packet: two bytes for each packet that is reported on, filled up to a
/// word, and a time at the very end (RFC 8888 section 3.1).
fn congestion<'a>(packet: &'a [u8], tell: &mut impl FnMut(Named<'a>)) {
    let end = packet.len() - 4;
    let mut at = 8;
    while let (true, Some(ssrc), Some(reports)) = (at + 8 <= end, word(packet, at), word(packet, at + 4)) {
        tell(Named::Ours(ssrc));
        at += 8 + (2 * (reports as usize & 0xffff)).next_multiple_of(4);
    }
}

/// The chunks of a source description (RFC 3550 section 6.5).
fn describe<'a>(mut rest: &'a [u8], chunks: usize, tell: &mut impl FnMut(Named<'a>)) {
    for _ in 0..chunks {
        let Some(ssrc) = word(rest, 0) else { return };
        tell(Named::Sender(ssrc));
        let mut at = 4;
        while let Some([kind, length]) =
            rest.get(at..at + 2).and_then(|two| two.first_chunk::<2>()).filter(|two| two[0] != 0)
        {
            let Some(value) = rest.get(at + 2..at + 2 + usize::from(*length)) else { return };
            if *kind == MID_ITEM {
                tell(Named::Mid(ssrc, value));
            }
            at += 2 + value.len();
        }
        // At least one zero ends a chunk, and it is filled up to a word.
        let Some(next) = rest.get((at + 1).next_multiple_of(4)..) else { return };
        rest = next;
    }
}

fn word(data: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*data.get(at..at + 4)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Named::{Mid, Ours, Sender, Theirs};

    fn packet(count: u8, kind: u8, words: &[u32]) -> Vec<u8> {
        let mut data = vec![0x80 | count, kind, 0, words.len() as u8];
        words.iter().for_each(|word| data.extend(word.to_be_bytes()));
        data
    }

    fn named(data: &[u8]) -> Vec<Named<'_>> {
        let mut told = Vec::new();
        walk(data, |one| told.push(one));
        told
    }

    #[test]
    fn reports_name_their_sender_and_whom_they_report_on() {
        let sender = packet(1, 200, &[7, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0]);
        let receiver = packet(2, 201, &[9, 8, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0]);
        assert_eq!(named(&sender), [Theirs(7), Ours(8)]);
        assert_eq!(named(&[sender, receiver].concat()), [Theirs(7), Ours(8), Sender(9), Ours(8), Ours(6)]);
    }

    #[test]
    fn feedback_is_for_the_sender_of_the_stream_it_names() {
        assert_eq!(named(&packet(1, 206, &[7, 8])), [Sender(7), Ours(8)], "PLI");
        assert_eq!(named(&packet(1, 205, &[7, 8, 0x1234_0001])), [Sender(7), Ours(8)], "NACK");
        assert_eq!(named(&packet(15, 205, &[7, 8, 1, 2, 3])), [Sender(7), Ours(8)], "transport-wide");
        assert_eq!(named(&packet(4, 206, &[7, 0, 8, 1, 9, 1])), [Sender(7), Ours(8), Ours(9)], "FIR");
        assert_eq!(named(&packet(3, 205, &[7, 0, 8, 1])), [Sender(7), Ours(8)], "TMMBR");
        let three = &[8, 0x0001_0003, 0x8001_8001, 0x8001_0000];
        let one = &[9, 0x0007_0001, 0x8001_0000];
        let ccfb = [&[7][..], three, one, &[0x1234_5678]].concat();
        assert_eq!(named(&packet(11, 205, &ccfb)), [Sender(7), Ours(8), Ours(9)], "RFC 8888");
        assert_eq!(named(&packet(11, 205, &[7, 0x1234_5678])), [Sender(7)], "RFC 8888, of nothing");
        assert_eq!(named(&packet(11, 205, &[7, 8, 0x0001_ffff, 9])), [Sender(7), Ours(8)], "RFC 8888, cut off");
        assert_eq!(named(&packet(11, 205, &[])), []);
        let remb = u32::from_be_bytes(*b"REMB");
        assert_eq!(named(&packet(15, 206, &[7, 0, remb, 0x0200_0000, 8, 9])), [Sender(7), Ours(8), Ours(9)]);
    }

    #[test]
    fn descriptions_may_name_the_section() {
        let data = [
            &[0x82, 202, 0, 7][..],
            &7u32.to_be_bytes(),
            &[1, 1, b'c', 15, 1, b'1', 0, 0],
            &9u32.to_be_bytes(),
            &[1, 1, b'c', 0],
            &[0; 8],
        ];
        assert_eq!(named(&data.concat()), [Sender(7), Mid(7, b"1"), Sender(9)]);
    }

    #[test]
    fn what_does_not_hold_together_ends_the_walk() {
        assert_eq!(named(&[0x81, 206, 0, 9, 0, 0, 0, 1]), []);
        assert_eq!(named(&[&packet(0, 203, &[])[..], &[0x40, 200, 0, 0]].concat()), []);
        assert_eq!(named(&packet(31, 201, &[1, 2])), [Sender(1), Ours(2)]);
        assert_eq!(named(&[0x9f, 202, 0, 1, 0, 0, 0, 1]), [Sender(1)]);
    }
}
