//! WebSocket frames (RFC 6455 section 5) and the HTTP upgrade before them, as far as SIP (RFC 7118) needs it.

use super::limits::WEBSOCKET_BYTES;
use super::stream::Bytes;
use flate2::{Decompress, FlushDecompress, Status};

/// One direction.
#[derive(Default)]
pub struct Incoming {
    message: Vec<u8>,
    frames: Vec<u64>,
    is_compressed: bool,
    inflate: Option<Inflate>,
}

struct Inflate(Decompress);

pub enum Event {
    Message {
        data: Vec<u8>,
        frames: Vec<u64>,
    },
    Close {
        code: u16,
        reason: String,
    },
    /// Not WebSocket after all, or larger than we follow.
    Broken,
}

struct Head {
    fin: bool,
    compressed: bool,
    opcode: u8,
    mask: Option<[u8; 4]>,
    header: usize,
    len: usize,
}

impl Head {
    fn parse(data: &[u8]) -> Option<Head> {
        let (&first, &second) = (data.first()?, data.get(1)?);
        let (len, mut header) = match second & 0x7f {
            126 => (usize::from(super::bytes::be16(data, 2)?), 4),
            127 => (usize::try_from(super::bytes::be64(data, 2)?).unwrap_or(usize::MAX), 10),
            n => (usize::from(n), 2),
        };
        let mut mask = None;
        if second & 0x80 != 0 {
            mask = Some(data.get(header..header + 4)?.try_into().ok()?);
            header += 4;
        }
        Some(Head { fin: first & 0x80 != 0, compressed: first & 0x40 != 0, opcode: first & 0xf, mask, header, len })
    }

    fn is_sound(&self, first: u8) -> bool {
        let control = self.opcode >= 8;
        first & 0x30 == 0 && matches!(self.opcode, 0..=2 | 8..=10) && !(control && (self.len > 125 || !self.fin))
    }
}

impl Incoming {
    /// The next event of the stream, if it is all there.
    pub fn next(&mut self, stream: &mut Bytes) -> Option<Event> {
        loop {
            let head = Head::parse(stream.bytes())?;
            if !head.is_sound(stream.bytes()[0]) || head.len.saturating_add(self.message.len()) > WEBSOCKET_BYTES {
                return Some(Event::Broken);
            }
            if stream.len() < head.header + head.len {
                return None;
            }
            let (mut payload, frames) = stream.take(head.header + head.len);
            payload.drain(..head.header);
            unmask(&mut payload, head.mask);
            match head.opcode {
                8 => return Some(close(&payload)),
                9 | 10 => continue,
                // A new message begins; 0 goes on with the one before.
                1 | 2 => {
                    self.message.clear();
                    self.frames.clear();
                    self.is_compressed = head.compressed;
                }
                _ => {}
            }
            self.message.extend_from_slice(&payload);
            self.frames.extend(frames);
            if head.fin {
                return Some(self.finish());
            }
        }
    }

    fn finish(&mut self) -> Event {
        let data = std::mem::take(&mut self.message);
        let mut frames = std::mem::take(&mut self.frames);
        frames.dedup();
        if !self.is_compressed {
            return Event::Message { data, frames };
        }
        match self.inflate.get_or_insert_with(|| Inflate(Decompress::new(false))).message(data) {
            Some(data) => Event::Message { data, frames },
            None => Event::Broken,
        }
    }
}

impl Inflate {
    /// RFC 7692 section 7.2.2; the window is kept from message to message, as peers do unless told otherwise.
    fn message(&mut self, mut data: Vec<u8>) -> Option<Vec<u8>> {
        data.extend_from_slice(&[0, 0, 0xff, 0xff]);
        let mut out = Vec::with_capacity(data.len() * 4);
        let start = self.0.total_in();
        loop {
            let used = (self.0.total_in() - start) as usize;
            let status = self.0.decompress_vec(data.get(used..)?, &mut out, FlushDecompress::Sync).ok()?;
            let done = (self.0.total_in() - start) as usize >= data.len() && out.len() < out.capacity();
            if done || status == Status::StreamEnd {
                return Some(out);
            }
            if out.len() >= WEBSOCKET_BYTES {
                return None;
            }
            out.reserve(out.len().max(1024));
        }
    }
}

fn unmask(payload: &mut [u8], mask: Option<[u8; 4]>) {
    if let Some(mask) = mask {
        payload.iter_mut().enumerate().for_each(|(i, b)| *b ^= mask[i & 3]);
    }
}

fn close(payload: &[u8]) -> Event {
    let code = super::bytes::be16(payload, 0).unwrap_or(1005);
    let reason = String::from_utf8_lossy(payload.get(2..).unwrap_or(&[])).into();
    Event::Close { code, reason }
}

/// Whether a capture that began after the upgrade shows a frame with SIP in it here.
pub fn looks_like_sip(data: &[u8]) -> bool {
    if !matches!(data.first(), Some(0x81 | 0x82 | 0x01 | 0x02)) {
        return false;
    }
    let Some(head) = Head::parse(data).filter(|h| (16..=WEBSOCKET_BYTES).contains(&h.len)) else { return false };
    let rest = &data[head.header..];
    let mut start = rest[..rest.len().min(head.len).min(512)].to_vec();
    unmask(&mut start, head.mask);
    super::message::is_sip(&start)
}

/// The value of a field in an HTTP head.
pub fn field<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    head.split(|&b| b == b'\n').skip(1).find_map(|line| {
        let (field, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
        field.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// The status of an HTTP response head.
pub fn status(head: &[u8]) -> Option<u16> {
    std::str::from_utf8(head.get(9..12)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{Bytes, Event, Incoming};

    /// A length of 2^64-1 behind the beginning of a message, whose sum with it would be small again.
    #[test]
    fn a_length_beyond_all_bounds_breaks_the_stream() {
        let (mut incoming, mut stream) = (Incoming::default(), Bytes::default());
        stream.push(&[0x01, 1, b'x'], 1);
        stream.push(&[0x00, 0xff, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0, b'y'], 2);
        assert!(matches!(incoming.next(&mut stream), Some(Event::Broken)));
    }
}
