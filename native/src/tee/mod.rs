//! Recording: packets on their way are copied into files, and never wait for one.
//!
//! `Recording::take` is called where a packet has been opened and judged: it appends the packet, as it will stand in the
//! file (`pcap`), to the recording's own buffer. One thread (`writer`) empties the buffers into the files within
//! the second, hashes what it writes, and has the disk keep it (docs/decisions/recordings.md). Where the disk does not keep up the
//! buffers fill, and the recording gives way: what finds no room is counted.

mod pcap;
mod python;
mod writer;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::bell::Bell;
pub use pcap::Link;
pub use python::{register, PyRecording};
use writer::Writer;

/// Bytes of all recordings that wait for the disk (`base/limits.py` RECORDING_QUEUE_BYTES). A packet takes 56 at least, so
/// this bounds the packets too.
const QUEUE_BYTES: u64 = 67_108_864;

/// Bytes of one recording that wait for the disk (`base/limits.py` RECORDING_BUFFER_BYTES).
const BUFFER_BYTES: usize = 4_194_304;

/// From so much on the writer does not wait for its next turn: a quarter of the queue.
const PRESSING_BYTES: u64 = QUEUE_BYTES / 4;

/// How long `shutdown` waits for the disk.
const PARTING: Duration = Duration::from_secs(5);

/// Packets as they will stand in the file.
#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    /// Packets taken since the recording began, and those that found no room.
    packets: u64,
    dropped: u64,
    is_closed: bool,
}

/// One file that is being written, as those see it who have packets for it.
pub struct Recording {
    pub id: u64,
    path: PathBuf,
    link: Link,
    shared: Arc<Shared>,
    is_paused: AtomicBool,
    buffer: Mutex<Buffer>,
}

impl Recording {
    /// Copy a packet that came from `source` to our socket `local`; an RTP packet as its peer wrote its second byte.
    pub fn take(&self, now_ns: u64, source: SocketAddr, local: SocketAddr, data: &[u8], second: u8) {
        if self.is_paused.load(Ordering::Relaxed) {
            return;
        }
        let room = pcap::room(self.link, source, local, data.len());
        let mut buffer = self.buffer();
        if buffer.is_closed {
            return;
        }
        let waiting = self.shared.queued.fetch_add(room as u64, Ordering::Relaxed) + room as u64;
        if waiting > QUEUE_BYTES || buffer.bytes.len() + room > BUFFER_BYTES {
            buffer.dropped += 1;
            drop(buffer);
            self.shared.queued.fetch_sub(room as u64, Ordering::Relaxed);
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let at_us = (self.shared.epoch_ns + now_ns) / 1000;
        pcap::append(&mut buffer.bytes, self.link, at_us, (source, local), data, second);
        buffer.packets += 1;
        drop(buffer);
        if waiting > PRESSING_BYTES && waiting - room as u64 <= PRESSING_BYTES {
            self.shared.wake();
        }
    }

    pub fn pause(&self, is_paused: bool) {
        self.is_paused.store(is_paused, Ordering::Relaxed);
    }

    /// Nothing is taken from now on; the writer tells when all is in the file.
    pub fn close(&self) {
        self.buffer().is_closed = true;
        self.shared.wake();
    }

    /// Packets taken so far, and those that found no room.
    pub fn counts(&self) -> (u64, u64) {
        let buffer = self.buffer();
        (buffer.packets, buffer.dropped)
    }

    fn buffer(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What became of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Packets are lost from now on: errno, or 0 where the disk only is too slow.
    Failing {
        errno: i32,
    },
    /// They are kept again.
    Recovered,
    Closed(Outcome),
}

/// A file that is finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub packets: u64,
    pub length: u64,
    /// Packets that found no room, or that the disk refused.
    pub dropped: u64,
    pub sha256: [u8; 32],
    /// The file does not exist, or what is in it may not outlive a loss of power: 0, or errno.
    pub errno: i32,
}

/// What `Recorder`, its recordings and its writer share.
struct Shared {
    /// The clock of captures less that of packets.
    epoch_ns: u64,
    /// Descriptors of files lie below.
    ceiling: RawFd,
    queued: AtomicU64,
    dropped: AtomicU64,
    written: AtomicU64,
    failures: AtomicU64,
    /// New recordings, for the writer; and whether there is something to do before its next turn.
    desk: Mutex<Desk>,
    called: Condvar,
    told: Mutex<VecDeque<(u64, What)>>,
    readable: Bell,
}

#[derive(Default)]
struct Desk {
    opened: Vec<Arc<Recording>>,
    is_called: bool,
    is_ending: bool,
    has_ended: bool,
}

impl Shared {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        self.desk().is_called = true;
        self.called.notify_all();
    }

    fn tell(&self, id: u64, what: What) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.push_back((id, what));
        if told.len() == 1 {
            self.readable.ring();
        }
    }
}

/// The recordings of one engine, and the thread that writes them.
pub struct Recorder {
    shared: Arc<Shared>,
    opened: AtomicU64,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Recorder {
    pub fn new(epoch_ns: u64, ceiling: RawFd) -> io::Result<Recorder> {
        let shared = Arc::new(Shared {
            epoch_ns,
            ceiling,
            queued: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            written: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            desk: Mutex::default(),
            called: Condvar::new(),
            told: Mutex::default(),
            readable: Bell::new()?,
        });
        let writer = Writer::new(shared.clone());
        let thread = std::thread::Builder::new().name("recorder".into()).spawn(move || writer.run())?;
        Ok(Recorder { shared, opened: AtomicU64::new(0), thread: Mutex::new(Some(thread)) })
    }

    /// Write to a new file at `path` from now on. That it cannot be made is told later, and tried again.
    pub fn open(&self, path: PathBuf, link: Link) -> Arc<Recording> {
        let recording = self.recording(path, link);
        self.shared.desk().opened.push(recording.clone());
        self.shared.wake();
        recording
    }

    fn recording(&self, path: PathBuf, link: Link) -> Arc<Recording> {
        let id = self.opened.fetch_add(1, Ordering::Relaxed) + 1;
        let (shared, buffer) = (self.shared.clone(), Mutex::default());
        Arc::new(Recording { id, path, link, shared, is_paused: AtomicBool::new(false), buffer })
    }

    pub fn take_told(&self) -> VecDeque<(u64, What)> {
        let mut told = self.shared.told.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.readable.still();
        std::mem::take(&mut *told)
    }

    pub fn descriptor(&self) -> RawFd {
        self.shared.readable.descriptor()
    }

    /// Recordings ever opened; bytes written, bytes that wait, packets dropped, and writes that failed.
    pub fn counts(&self) -> [u64; 5] {
        let shared = &self.shared;
        let counted = [&self.opened, &shared.written, &shared.queued, &shared.dropped, &shared.failures];
        counted.map(|count| count.load(Ordering::Relaxed))
    }

    /// Close every recording and end the thread, unless the disk hangs.
    pub fn shutdown(&self) {
        let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let mut desk = self.shared.desk();
        desk.is_ending = true;
        self.shared.called.notify_all();
        while !desk.has_ended {
            let (next, waited) =
                self.shared.called.wait_timeout(desk, PARTING).unwrap_or_else(PoisonError::into_inner);
            desk = next;
            if waited.timed_out() {
                return;
            }
        }
        drop(desk);
        let _ = thread.join();
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.shutdown();
    }
}

#[cfg(test)]
mod tests;
