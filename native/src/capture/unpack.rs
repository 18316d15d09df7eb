//! Compressed captures, unpacked while they are read: gzip, zstd, xz, bzip2 and lz4, by their first bytes. What a
//! stranger's file may make us allocate is bounded by the decoders; what comes out of it is read on and never kept.

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::io::{self, Read};

pub type Reader = Box<dyn Read + Send + Sync>;

/// Bytes in which every kind shows itself.
pub const MAGIC: usize = 6;
/// What an xz file may ask for (its highest preset needs 65 MiB).
const XZ_KIB: u32 = 128 * 1024;
/// A piece of a zstd frame that is unpacked at once.
const PIECE: usize = 128 * 1024;

/// The name of how a stream that begins like this is compressed, and what unpacks it; nothing where it is plain.
pub fn of(head: &[u8]) -> Option<(&'static str, fn(Reader) -> Reader)> {
    match head {
        [0x1f, 0x8b, 8, ..] => Some(("gzip", |packed| Box::new(flate2::read::MultiGzDecoder::new(packed)))),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(("zstd", |packed| Box::new(Zstd::new(packed)))),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => {
            Some(("xz", |packed| Box::new(lzma_rust2::XzReader::new_mem_limit(packed, true, XZ_KIB))))
        }
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => {
            Some(("bzip2", |packed| Box::new(bzip2::read::MultiBzDecoder::new(packed))))
        }
        [0x04, 0x22, 0x4d, 0x18, ..] => Some(("lz4", |packed| Box::new(lz4_flex::frame::FrameDecoder::new(packed)))),
        _ => None,
    }
}

/// RFC 8878: frames one after another, some of which are to be skipped.
struct Zstd {
    packed: Reader,
    frame: FrameDecoder,
    is_open: bool,
}

impl Zstd {
    fn new(packed: Reader) -> Zstd {
        Zstd { packed, frame: FrameDecoder::new(), is_open: false }
    }

    /// Whether there is another frame.
    fn next_frame(&mut self) -> io::Result<bool> {
        match self.frame.init(&mut self.packed) {
            Ok(()) => self.is_open = true,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                io::copy(&mut (&mut self.packed).take(u64::from(length)), &mut io::sink())?;
            }
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::MagicNumberReadError(_))) => {
                return Ok(false)
            }
            Err(e) => return Err(io::Error::new(io::ErrorKind::InvalidData, e.to_string())),
        }
        Ok(true)
    }
}

impl Read for Zstd {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.is_open && self.frame.can_collect() > 0 {
                return self.frame.read(buf);
            }
            if !self.is_open || self.frame.is_finished() {
                self.is_open = false;
                if !self.next_frame()? {
                    return Ok(0);
                }
                continue;
            }
            let piece = BlockDecodingStrategy::UptoBytes(PIECE);
            if let Err(e) = self.frame.decode_blocks(&mut self.packed, piece) {
                return Err(io::Error::new(io::ErrorKind::InvalidData, e.to_string()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(packed: &[u8]) -> Vec<u8> {
        let mut reader = (of(packed).expect("a kind that is known").1)(Box::new(io::Cursor::new(packed.to_vec())));
        let mut out = Vec::new();
        let _ = reader.read_to_end(&mut out);
        out
    }

    /// A frame of one raw block.
    fn zstd(data: &[u8]) -> Vec<u8> {
        let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x20, data.len() as u8];
        frame.extend_from_slice(&((data.len() as u32) << 3 | 1).to_le_bytes()[..3]);
        [&frame[..], data].concat()
    }

    #[test]
    fn zstd_frames_follow_each_other_and_some_are_skipped() {
        let skipped = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"xyz"].concat();
        let file = [&zstd(b"first")[..], &skipped, &zstd(b"second")].concat();
        assert_eq!(unpacked(&file), b"firstsecond");
    }

    #[test]
    fn a_frame_of_lz4() {
        let mut file = vec![0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82];
        file.extend_from_slice(&(5u32 | 1 << 31).to_le_bytes());
        file.extend_from_slice(b"hello\0\0\0\0");
        assert_eq!(unpacked(&file), b"hello");
    }

    #[test]
    fn what_is_cut_or_damaged_ends() {
        let whole = zstd(b"some bytes of a capture");
        for length in 4..whole.len() {
            let _ = unpacked(&whole[..length]);
        }
        for magic in [&b"\xfd7zXZ\0"[..], b"BZh9", b"\x04\x22\x4d\x18", b"\x28\xb5\x2f\xfd", b"\x1f\x8b\x08"] {
            assert_eq!(unpacked(&[magic, &[0xa5; 64]].concat()), b"");
        }
    }

    #[test]
    fn plain_captures_are_left_alone() {
        assert!(of(&[0xd4, 0xc3, 0xb2, 0xa1, 2, 0]).is_none());
        assert!(of(b"BZhx").is_none());
        assert!(of(b"").is_none());
    }
}
