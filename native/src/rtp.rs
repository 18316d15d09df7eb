//! Words of an RTP packet (RFC 3550 5.1), what a datagram on a media port is (RFC 7983), and RTP apart from RTCP
//! on one port (RFC 5761). Knows no addresses and keeps no state.

/// What the first bytes of a datagram say it is (RFC 7983 section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Stun,
    Dtls,
    Rtp,
    Rtcp,
    Unknown,
}

impl Kind {
    pub fn of(data: &[u8]) -> Kind {
        match data {
            [0..=3, ..] if is_stun(data) => Kind::Stun,
            [20..=63, ..] => Kind::Dtls,
            // RFC 5761 section 4: payload types 64 to 95 belong to RTCP, whose second byte is 192 to 223.
            [128..=191, 192..=223, ..] => Kind::Rtcp,
            [128..=191, ..] => Kind::Rtp,
            _ => Kind::Unknown,
        }
    }
}

const STUN_MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

/// RFC 8489 section 5: the cookie in its place and a length that is a multiple of four and fits.
fn is_stun(data: &[u8]) -> bool {
    data.len() >= 20
        && data[4..8] == STUN_MAGIC_COOKIE
        && usize::from(u16::from_be_bytes([data[2], data[3]])) + 20 == data.len()
        && data.len() % 4 == 0
}

/// The fixed header of an RTP packet and where its payload lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub marker: bool,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    start: usize,
    end: usize,
}

const FIXED: usize = 12;

impl Header {
    /// None when the packet is not version 2, or its contributors, extension or padding do not fit in it.
    pub fn parse(data: &[u8]) -> Option<Header> {
        if data.len() < FIXED || data[0] >> 6 != 2 {
            return None;
        }
        let mut start = FIXED + 4 * usize::from(data[0] & 0x0f);
        if data[0] & 0x10 != 0 {
            let extension = data.get(start..start + 4)?;
            start += 4 + 4 * usize::from(u16::from_be_bytes([extension[2], extension[3]]));
        }
        let padding = if data[0] & 0x20 != 0 { usize::from(data[data.len() - 1]).max(1) } else { 0 };
        let end = data.len().checked_sub(padding).filter(|end| start <= *end)?;
        Some(Header {
            marker: data[1] & 0x80 != 0,
            payload_type: data[1] & 0x7f,
            sequence: u16::from_be_bytes([data[2], data[3]]),
            timestamp: u32::from_be_bytes([data[4], data[5], data[6], data[7]]),
            ssrc: u32::from_be_bytes([data[8], data[9], data[10], data[11]]),
            start,
            end,
        })
    }

    /// The payload of the packet that was parsed.
    pub fn payload<'a>(&self, data: &'a [u8]) -> &'a [u8] {
        &data[self.start..self.end]
    }
}

/// Write the fixed header of a packet of our own at the start of `out`.
pub fn write_header(out: &mut [u8], marker: bool, payload_type: u8, sequence: u16, timestamp: u32, ssrc: u32) {
    out[0] = 2 << 6;
    out[1] = u8::from(marker) << 7 | payload_type & 0x7f;
    out[2..4].copy_from_slice(&sequence.to_be_bytes());
    out[4..8].copy_from_slice(&timestamp.to_be_bytes());
    out[8..12].copy_from_slice(&ssrc.to_be_bytes());
}

/// Give the packet another synchronisation source.
pub fn set_ssrc(data: &mut [u8], ssrc: u32) {
    if let Some(word) = data.get_mut(8..12) {
        word.copy_from_slice(&ssrc.to_be_bytes());
    }
}

/// Give an RTP packet other numbers.
pub fn renumber(data: &mut [u8], sequence: u16, timestamp: u32) {
    if let Some(numbers) = data.get_mut(2..8) {
        numbers[..2].copy_from_slice(&sequence.to_be_bytes());
        numbers[2..].copy_from_slice(&timestamp.to_be_bytes());
    }
}

/// The sender of an RTCP packet, or None when its first chunk is no RTCP (RFC 3550 6.4 and appendix A.2).
///
/// Only what holds for SRTCP as well is asked: version, a type of RTCP, a first length that fits.
pub fn rtcp_sender(data: &[u8]) -> Option<u32> {
    if data.len() < 8 || data[0] >> 6 != 2 || !(192..=223).contains(&data[1]) {
        return None;
    }
    let words = usize::from(u16::from_be_bytes([data[2], data[3]])) + 1;
    (4 * words <= data.len()).then(|| u32::from_be_bytes([data[4], data[5], data[6], data[7]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(first: u8, rest: &[u8]) -> Vec<u8> {
        let mut data = vec![first, 0x80 | 8, 1, 2, 0, 0, 0, 9, 0xde, 0xad, 0xbe, 0xef];
        data.extend_from_slice(rest);
        data
    }

    #[test]
    fn first_bytes_tell_what_a_datagram_is() {
        let stun = [&[0, 1, 0, 0][..], &STUN_MAGIC_COOKIE, &[7; 12]].concat();
        assert_eq!(Kind::of(&stun), Kind::Stun);
        assert_eq!(Kind::of(&stun[..19]), Kind::Unknown);
        assert_eq!(Kind::of(&[22, 254, 253]), Kind::Dtls);
        assert_eq!(Kind::of(&[0x80, 0]), Kind::Rtp);
        assert_eq!(Kind::of(&[0x80, 200]), Kind::Rtcp);
        assert_eq!(Kind::of(&[0x80, 223]), Kind::Rtcp);
        assert_eq!(Kind::of(&[0x80, 224]), Kind::Rtp);
        assert_eq!(Kind::of(&[0x80]), Kind::Rtp);
        assert_eq!(Kind::of(&[200]), Kind::Unknown);
        assert_eq!(Kind::of(&[]), Kind::Unknown);
    }

    #[test]
    fn header_words_are_read_in_network_order() {
        let data = packet(0x80, &[1, 2, 3]);
        let header = Header::parse(&data).unwrap();
        assert_eq!((header.marker, header.payload_type, header.sequence), (true, 8, 0x0102));
        assert_eq!((header.timestamp, header.ssrc), (9, 0xdead_beef));
        assert_eq!(header.payload(&data), [1, 2, 3]);
    }

    #[test]
    fn contributors_extension_and_padding_are_no_payload() {
        let data = packet(0x80 | 0x20 | 0x10 | 1, &[0, 0, 0, 1, 0xbe, 0xde, 0, 1, 5, 5, 5, 5, 42, 0, 2]);
        assert_eq!(Header::parse(&data).unwrap().payload(&data), [42]);
    }

    #[test]
    fn what_does_not_fit_is_no_rtp() {
        for length in 0..12 {
            assert_eq!(Header::parse(&packet(0x80, &[])[..length]), None);
        }
        assert_eq!(Header::parse(&packet(0x40, &[])), None);
        assert_eq!(Header::parse(&packet(0x81, &[0, 0, 0])), None);
        assert_eq!(Header::parse(&packet(0x90, &[0xbe, 0xde, 0, 1])), None);
        assert_eq!(Header::parse(&packet(0xa0, &[9])), None);
    }

    #[test]
    fn a_header_written_is_read_back() {
        let mut data = [0u8; 16];
        write_header(&mut data, true, 0, 65535, 160, 7);
        let header = Header::parse(&data).unwrap();
        assert_eq!((header.marker, header.payload_type, header.sequence), (true, 0, 65535));
        assert_eq!((header.timestamp, header.ssrc), (160, 7));
    }

    #[test]
    fn rtcp_must_fit_its_own_length() {
        let report = [0x80, 201, 0, 1, 0, 0, 0, 5];
        assert_eq!(rtcp_sender(&report), Some(5));
        assert_eq!(rtcp_sender(&[0x80, 201, 0, 2, 0, 0, 0, 5]), None);
        assert_eq!(rtcp_sender(&report[..7]), None);
        assert_eq!(rtcp_sender(&[0x80, 8, 0, 1, 0, 0, 0, 5]), None);
    }
}
