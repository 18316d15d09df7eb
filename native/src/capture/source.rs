//! The bytes of a capture file, buffered: plain or compressed (`unpack.rs`), from a path or a descriptor. Large reads instead of a
//! memory map, so that a file that grows, shrinks or is a pipe reads the same and memory does not grow with it.

use super::unpack;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::FromRawFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

/// One read(2). Large enough that the system call costs nothing beside its bytes, small enough to leave room in the L2
/// cache for what is known of the streams.
const CHUNK: usize = 128 * 1024;

/// Counts the bytes taken from the file itself (before decompression): what progress is shown by.
struct Counted {
    file: File,
    count: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buf)?;
        self.count.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

pub struct Source {
    reader: Box<dyn Read + Send + Sync>,
    buf: Vec<u8>,
    start: usize,
    end: usize,
    ended: bool,
    /// Offset in the (decompressed) capture of the next byte that `peek` shows.
    pub offset: u64,
    raw: Arc<AtomicU64>,
    /// How it is compressed, as `kind_of` would call it.
    pub packed: Option<&'static str>,
    /// Size of the file, 0 for a pipe.
    pub size: u64,
}

impl Source {
    pub fn open(path: &str) -> io::Result<Source> {
        Source::of(File::open(path)?)
    }

    /// Takes the descriptor over (it is closed with the source).
    pub fn from_fd(fd: i32) -> io::Result<Source> {
        if fd < 0 {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        }
        // SAFETY: the caller hands a descriptor it owns and no longer uses.
        Source::of(unsafe { File::from_raw_fd(fd) })
    }

    fn of(file: File) -> io::Result<Source> {
        let size = file.metadata().map(|m| if m.is_file() { m.len() } else { 0 }).unwrap_or(0);
        let raw = Arc::new(AtomicU64::new(0));
        let counted = Counted { file, count: raw.clone() };
        Source::reading(Box::new(counted), raw, size)
    }

    /// Bytes in memory in the place of a file.
    #[cfg(any(test, feature = "fuzz"))]
    pub fn of_bytes(data: Vec<u8>) -> io::Result<Source> {
        let size = data.len() as u64;
        Source::reading(Box::new(io::Cursor::new(data)), Arc::default(), size)
    }

    fn reading(reader: Box<dyn Read + Send + Sync>, raw: Arc<AtomicU64>, size: u64) -> io::Result<Source> {
        let mut source = Source {
            reader,
            buf: vec![0; CHUNK],
            start: 0,
            end: 0,
            ended: false,
            offset: 0,
            raw,
            packed: None,
            size,
        };
        if let Some((kind, unpack)) = unpack::of(source.peek(unpack::MAGIC)?) {
            source.packed = Some(kind);
            source.decompress(unpack);
        }
        Ok(source)
    }

    /// Puts a decoder between the file and us; what was read already goes through it first.
    fn decompress(&mut self, unpack: fn(unpack::Reader) -> unpack::Reader) {
        let head = io::Cursor::new(self.buf[self.start..self.end].to_vec());
        let file = std::mem::replace(&mut self.reader, Box::new(io::empty()));
        self.reader = unpack(Box::new(head.chain(file)));
        self.start = 0;
        self.end = 0;
        self.ended = false;
    }

    /// Bytes of the file taken so far.
    pub fn taken(&self) -> u64 {
        self.raw.load(Ordering::Relaxed)
    }

    /// The next `n` bytes without taking them; fewer only at the end.
    #[inline]
    pub fn peek(&mut self, n: usize) -> io::Result<&[u8]> {
        if self.end - self.start < n && !self.ended {
            self.fill(n)?;
        }
        let end = self.end.min(self.start + n);
        Ok(&self.buf[self.start..end])
    }

    /// Bytes that are buffered now, at least one unless the source ended.
    #[inline]
    pub fn buffered(&self) -> &[u8] {
        &self.buf[self.start..self.end]
    }

    #[inline]
    pub fn skip(&mut self, n: usize) {
        let n = n.min(self.end - self.start);
        self.start += n;
        self.offset += n as u64;
    }

    /// The file may have grown.
    pub fn look_again(&mut self) {
        self.ended = false;
    }

    fn fill(&mut self, n: usize) -> io::Result<()> {
        self.buf.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.buf.len() < n {
            self.buf.resize(n.next_multiple_of(CHUNK), 0);
        }
        while self.end < n && !self.ended {
            match self.reader.read(&mut self.buf[self.end..]) {
                Ok(0) => self.ended = true,
                Ok(got) => self.end += got,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                // A damaged or cut compressed stream: what came out of it so far is still a capture.
                Err(e) if is_cut(&e) => self.ended = true,
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}

fn is_cut(e: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
    matches!(e.kind(), UnexpectedEof | InvalidInput | InvalidData | Other)
}

/// What a file that is no capture is, by its first bytes; said to people, so `words.py` has a sentence for each.
pub fn kind_of(head: &[u8]) -> &'static str {
    const MAGIC: &[(&[u8], &str)] = &[
        (b"\x89PNG", "png"),
        (b"\xff\xd8\xff", "jpeg"),
        (b"GIF8", "gif"),
        (b"%PDF", "pdf"),
        (b"PK\x03\x04", "zip"),
        (b"7z\xbc\xaf", "7z"),
        (b"Rar!", "rar"),
        (b"RIFF", "wav"),
        (b"#!AMR", "amr"),
        (b"OggS", "ogg"),
        (b"ID3", "mp3"),
        (b"\x7fELF", "elf"),
        (b"MZ", "exe"),
        (b"SQLite format 3", "sqlite"),
        (b"\x7fNettl", "nettl"),
        (b"TR\x00\x64", "nettl"),
        (b"TRSNIFF data", "sniffer"),
        (b"XCP\0", "sniffer"),
        (b"\x05VNF", "visual"),
        (b"ObserverPktBuffer", "observer"),
        (b"\xaa\xaa\xaa\xaa", "5views"),
        (b"\x7fver", "etherpeek"),
        (b"#!rtpplay1.0", "rtpdump"),
        (b"<?xml", "xml"),
        (b"<!DOCTYPE", "html"),
        (b"<html", "html"),
        (b"CLIENT_RANDOM", "keylog"),
    ];
    if head.is_empty() {
        return "empty";
    }
    if let Some((_, name)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
        return name;
    }
    if head.iter().all(|&b| b == 0) {
        return "zeros";
    }
    if std::str::from_utf8(&head[..head.len().min(256) & !3]).is_ok_and(|t| !t.contains('\0')) {
        return if matches!(head[0], b'{' | b'[') { "json" } else { "text" };
    }
    "unknown"
}
