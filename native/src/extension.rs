//! RTP header extensions (RFC 8285): read one element, or add one. Knows no meanings.

use std::ops::Range;

const FIXED: usize = 12;
const ONE_BYTE: u16 = 0xbede;
/// The low four bits are free for applications.
const TWO_BYTE: u16 = 0x1000;
/// The largest identifier and value that the one-byte form holds.
const ONE_BYTE_ID: u8 = 14;
const ONE_BYTE_VALUE: usize = 16;

/// The value of the element `id` of an RTP packet; None where there is none, or the packet does not hold together.
pub fn find(data: &[u8], id: u8) -> Option<&[u8]> {
    let (profile, range) = locate(data)?;
    let mut rest = data.get(range)?;
    while let [first, tail @ ..] = rest {
        if *first == 0 {
            rest = tail; // padding
            continue;
        }
        let (element, length, tail) = match (is_two_byte(profile), tail) {
            (false, _) if first >> 4 == 15 => return None,
            (false, _) => (first >> 4, usize::from(first & 0x0f) + 1, tail),
            (true, [length, tail @ ..]) => (*first, usize::from(*length), tail),
            (true, []) => return None,
        };
        let value = tail.get(..length)?;
        if element == id {
            return Some(value);
        }
        rest = &tail[length..];
    }
    None
}

/// Add the element `id` to the RTP packet in `buffer[..length]`; its new length. None, and nothing has changed, where
/// the element does not fit: no room for it and `spare` bytes after it, or extensions in a form that is not RFC 8285's.
pub fn insert(buffer: &mut [u8], length: usize, id: u8, value: &[u8], spare: usize) -> Option<usize> {
    let fixed = buffer.get(..length).filter(|_| length >= FIXED)?[0];
    let start = FIXED + 4 * usize::from(fixed & 0x0f);
    let is_short = id <= ONE_BYTE_ID && value.len() <= ONE_BYTE_VALUE;
    let mut added = Added::default();
    let (at, bytes) = match locate(&buffer[..length]) {
        Some((profile, range)) => {
            added.element(id, value, is_two_byte(profile), is_short)?;
            (range.end, range.len() + added.length)
        }
        None if fixed & 0x10 == 0 => {
            added.push(&if is_short { ONE_BYTE } else { TWO_BYTE }.to_be_bytes());
            added.push(&[0, 0]);
            added.element(id, value, !is_short, is_short)?;
            (start, added.length - 4)
        }
        None => return None,
    };
    let words = u16::try_from(bytes / 4).ok()?;
    if at > length || length + added.length + spare > buffer.len() {
        return None;
    }
    buffer.copy_within(at..length, at + added.length);
    buffer[at..at + added.length].copy_from_slice(&added.bytes[..added.length]);
    buffer[0] |= 0x10;
    buffer[start + 2..start + 4].copy_from_slice(&words.to_be_bytes());
    Some(length + added.length)
}

/// What is put into a packet: perhaps the head of the extensions, and one element.
struct Added {
    bytes: [u8; 4 + 2 + 255 + 3],
    length: usize,
}

impl Default for Added {
    fn default() -> Added {
        Added { bytes: [0; 264], length: 0 }
    }
}

impl Added {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.length..self.length + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }

    /// The element, filled up to a word; None where the form cannot hold it.
    fn element(&mut self, id: u8, value: &[u8], two_byte: bool, is_short: bool) -> Option<()> {
        let size = u8::try_from(value.len()).ok().filter(|size| *size > 0 && id > 0)?;
        if two_byte {
            self.push(&[id, size]);
        } else if is_short {
            self.push(&[id << 4 | (size - 1)]);
        } else {
            return None;
        }
        self.push(value);
        self.length = self.length.next_multiple_of(4);
        Some(())
    }
}

/// The profile and the bytes of the elements of a packet with extensions in one of RFC 8285's forms.
fn locate(data: &[u8]) -> Option<(u16, Range<usize>)> {
    if data.len() < FIXED || data[0] & 0x10 == 0 {
        return None;
    }
    let start = FIXED + 4 * usize::from(data[0] & 0x0f);
    let [p0, p1, l0, l1] = *data.get(start..start + 4)?.first_chunk()?;
    let profile = u16::from_be_bytes([p0, p1]);
    let end = start + 4 + 4 * usize::from(u16::from_be_bytes([l0, l1]));
    (end <= data.len() && (profile == ONE_BYTE || is_two_byte(profile))).then_some((profile, start + 4..end))
}

fn is_two_byte(profile: u16) -> bool {
    profile & 0xfff0 == TWO_BYTE
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: [u8; 14] = [0x80, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xaa, 0xbb];

    fn inserted(packet: &[u8], id: u8, value: &[u8]) -> Option<Vec<u8>> {
        let mut buffer = packet.to_vec();
        buffer.resize(packet.len() + 400, 0);
        let length = insert(&mut buffer, packet.len(), id, value, 16)?;
        buffer.truncate(length);
        Some(buffer)
    }

    #[test]
    fn what_was_inserted_is_found_and_the_payload_stays() {
        for (id, value) in
            [(4, &b"0"[..]), (14, b"sixteen-bytes-ab"), (15, b"x"), (1, b"seventeen-bytes-ab"), (200, b"v")]
        {
            let packet = inserted(&PLAIN, id, value).unwrap();
            assert_eq!(find(&packet, id), Some(value));
            assert_eq!(packet.len() % 4, PLAIN.len() % 4);
            assert_eq!(crate::rtp::Header::parse(&packet).unwrap().payload(&packet), [0xaa, 0xbb]);
            assert_eq!(find(&packet, id - 1), None);
        }
    }

    #[test]
    fn elements_that_are_there_stay() {
        for first in [3, 20] {
            let once = inserted(&PLAIN, first, b"level").unwrap();
            let twice = inserted(&once, 4, b"mid-1").unwrap();
            assert_eq!((find(&twice, first), find(&twice, 4)), (Some(&b"level"[..]), Some(&b"mid-1"[..])));
            assert_eq!(crate::rtp::Header::parse(&twice).unwrap().payload(&twice), [0xaa, 0xbb]);
        }
        let short = inserted(&PLAIN, 3, b"l").unwrap();
        assert_eq!(inserted(&short, 20, b"m"), None, "the one-byte form has no identifier 20");
    }

    #[test]
    fn contributors_come_before_extensions() {
        let packet = [&[0x81, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3][..], &[9; 4], &[7]].concat();
        let longer = inserted(&packet, 4, b"a").unwrap();
        assert_eq!(longer[12..16], [9; 4]);
        assert_eq!(find(&longer, 4), Some(&b"a"[..]));
    }

    #[test]
    fn what_does_not_hold_together_is_left_alone() {
        assert_eq!(find(&[0x90, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0, 9, 0x41, b'a'], 4), None);
        assert_eq!(find(&[0x90, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0, 1, 0x4f, b'a', 0, 0], 4), None);
        let other = [&[0x90, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0x12, 0x34, 0, 0][..], &[1]].concat();
        assert_eq!(inserted(&other, 4, b"a"), None);
        let mut full = PLAIN;
        assert_eq!(insert(&mut full, 14, 4, b"a", 0), None);
        assert_eq!(full, PLAIN);
        assert_eq!(inserted(&PLAIN[..11], 4, b"a"), None);
    }
}
