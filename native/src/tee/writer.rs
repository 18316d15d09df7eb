//! The thread that writes. A turn: open what is new, empty every buffer into its file, have the disk keep what was
//! written, and finish what was closed. A file is written by place, so that what a full disk took only in part is
//! written over, and a file ends with a whole packet.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::{pcap, Outcome, Recording, Shared, What};

/// How often buffers are written and the disk is to keep what was. A turn costs some 20 us a file, so with many files turns
/// are as rare as "the last second is lost at most" allows.
const TURN: Duration = Duration::from_millis(500);
const TURN_OF_MANY: Duration = Duration::from_millis(900);
/// How long a file that could not be made is left alone.
const RETRY: Duration = Duration::from_secs(1);
/// From so many files on that were written to, the whole file system is synced: that takes one transaction of its
/// journal, and these would take one each.
const MANY: usize = 8;
/// Buffers that once held more give their memory back.
const LARGE: usize = 65_536;

/// A recording with its file.
struct Tape {
    recording: Arc<Recording>,
    file: Option<File>,
    hash: Sha256,
    /// Whole packets in the file end here.
    length: u64,
    packets: u64,
    /// Packets that the disk refused; those that found no room, when last looked.
    lost: u64,
    dropped: u64,
    /// Why packets are being lost.
    trouble: Option<i32>,
    /// Why the disk did not keep something: it may be lost, whatever a later sync says (fsync(2)).
    unkept: Option<i32>,
    tried_at: Option<Instant>,
    is_dirty: bool,
    /// The folder may not know of the file yet.
    is_new: bool,
}

pub struct Writer {
    shared: Arc<Shared>,
    tapes: BTreeMap<u64, Tape>,
    /// What a buffer is exchanged for.
    spare: Vec<u8>,
}

impl Writer {
    pub fn new(shared: Arc<Shared>) -> Writer {
        Writer { shared, tapes: BTreeMap::new(), spare: Vec::new() }
    }

    pub fn run(mut self) {
        let mut next = Instant::now() + TURN;
        loop {
            let is_ending = self.wait(next);
            let (begun, is_due) = (Instant::now(), is_ending || Instant::now() >= next);
            // A panic is a defect of ours. It may cost a recording, never the writing of the others.
            let done = catch_unwind(AssertUnwindSafe(|| self.turn(is_due, is_ending)));
            if done.is_err() {
                self.shared.failures.fetch_add(1, Ordering::Relaxed);
            }
            if is_ending {
                break;
            }
            if is_due {
                // From its beginning: a slow disk does not stretch what a loss of power may cost.
                next = begun + if self.tapes.len() > MANY { TURN_OF_MANY } else { TURN };
            }
        }
        self.shared.desk().has_ended = true;
        self.shared.called.notify_all();
    }

    /// Until it is time, or somebody calls; whether this is the end.
    fn wait(&mut self, until: Instant) -> bool {
        let shared = self.shared.clone();
        let mut desk = shared.desk();
        while !desk.is_called && !desk.is_ending {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() && !self.tapes.is_empty() {
                break;
            }
            // Without recordings there is nothing to do in time.
            let left = if self.tapes.is_empty() { Duration::from_secs(3600) } else { left };
            desk = shared.called.wait_timeout(desk, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        desk.is_called = false;
        for recording in desk.opened.drain(..) {
            self.tapes.insert(recording.id, Tape::new(recording));
        }
        desk.is_ending
    }

    /// `is_due`: have the disk keep it.
    fn turn(&mut self, is_due: bool, is_ending: bool) {
        let mut closed = Vec::new();
        for (id, tape) in &mut self.tapes {
            if is_ending {
                tape.recording.buffer().is_closed = true;
            }
            if tape.flush(&mut self.spare, &self.shared) {
                closed.push(*id);
            }
        }
        self.sync(|tape| is_due || closed.contains(&tape.recording.id));
        for id in closed {
            if let Some(tape) = self.tapes.remove(&id) {
                let outcome = tape.finish();
                self.shared.tell(id, What::Closed(outcome));
            }
        }
    }

    /// Have the disk keep what was written of these.
    fn sync(&mut self, is_wanted: impl Fn(&Tape) -> bool) {
        let mut dirty: Vec<_> = self.tapes.values_mut().filter(|tape| tape.is_dirty && is_wanted(tape)).collect();
        let all = dirty.first().and_then(|tape| tape.file.as_ref()).filter(|_| dirty.len() > MANY).map(sync_all);
        // Where the file system as a whole was not, each file says whether it was.
        let is_whole = matches!(all, Some(Ok(())));
        let named = if is_whole { Ok(()) } else { sync_folders(&dirty) };
        for tape in &mut dirty {
            if let Some(Err(error)) = tape.file.as_ref().filter(|_| !is_whole).map(File::sync_data) {
                tape.unkept = tape.unkept.or(Some(errno_of(&error)));
                tape.fail(errno_of(&error), &self.shared);
                continue;
            }
            match &named {
                Ok(()) => (tape.is_dirty, tape.is_new) = (false, false),
                Err(error) => tape.fail(errno_of(error), &self.shared),
            }
        }
    }
}

fn errno_of(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}

/// The names of new files: of each folder once.
fn sync_folders(tapes: &[&mut Tape]) -> io::Result<()> {
    let new = tapes.iter().filter(|tape| tape.is_new);
    let folders: BTreeSet<_> = new.filter_map(|tape| tape.recording.path.parent()).collect();
    folders.into_iter().try_for_each(|folder| File::open(folder)?.sync_all())
}

/// Everything of the file system that this file is on.
fn sync_all(file: &File) -> io::Result<()> {
    // SAFETY: the descriptor is open.
    if unsafe { libc::syncfs(file.as_raw_fd()) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

impl Tape {
    fn new(recording: Arc<Recording>) -> Tape {
        Tape {
            recording,
            file: None,
            hash: Sha256::new(),
            length: 0,
            packets: 0,
            lost: 0,
            dropped: 0,
            trouble: None,
            unkept: None,
            tried_at: None,
            is_dirty: false,
            is_new: true,
        }
    }

    /// Write what waits; whether the recording is closed and nothing of it waits any more.
    fn flush(&mut self, spare: &mut Vec<u8>, shared: &Shared) -> bool {
        let is_closed = self.recording.buffer().is_closed;
        if !self.has_head(shared, is_closed) && !is_closed {
            return false;
        }
        let recording = self.recording.clone();
        let mut buffer = recording.buffer();
        let (is_closed, dropped) = (buffer.is_closed, buffer.dropped);
        std::mem::swap(&mut buffer.bytes, spare);
        drop(buffer);
        let taken = spare.len() as u64;
        self.write(spare, shared);
        shared.queued.fetch_sub(taken, Ordering::Relaxed);
        spare.clear();
        spare.shrink_to(LARGE);
        if dropped > self.dropped && self.trouble.is_none() {
            self.fail(0, shared);
        } else if dropped == self.dropped && self.trouble == Some(0) {
            self.recover(shared);
        }
        self.dropped = dropped;
        is_closed
    }

    /// Make the file, with its head. What cannot be made is tried again; at the end without delay.
    fn has_head(&mut self, shared: &Shared, is_closed: bool) -> bool {
        if self.length > 0 {
            return true;
        }
        let now = Instant::now();
        if !is_closed && self.tried_at.is_some_and(|at| now < at + RETRY) {
            return false;
        }
        self.tried_at = Some(now);
        if self.file.is_none() {
            match made(&self.recording.path, shared.ceiling) {
                Ok(file) => self.file = Some(file),
                Err(error) => self.fail(errno_of(&error), shared),
            }
        }
        self.append(&self.recording.link.file_head(), shared) > 0
    }

    /// Append whole packets, or as many as the disk takes.
    fn write(&mut self, data: &[u8], shared: &Shared) {
        if data.is_empty() {
            return;
        }
        let written = if self.length > 0 { self.append(data, shared) } else { 0 };
        let (_, all) = pcap::whole(data, data.len());
        let (_, packets) = pcap::whole(data, written);
        self.packets += packets;
        self.lost += all - packets;
        shared.dropped.fetch_add(all - packets, Ordering::Relaxed);
    }

    /// Write behind what is there. What was written only in part is cut off again; how many bytes stay.
    fn append(&mut self, data: &[u8], shared: &Shared) -> usize {
        let Some(file) = &self.file else { return 0 };
        let mut done = 0;
        let mut refused = None;
        while done < data.len() && refused.is_none() {
            match file.write_at(&data[done..], self.length + done as u64) {
                Ok(0) => refused = Some(libc::ENOSPC),
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => refused = Some(errno_of(&error)),
            }
        }
        let kept = match refused {
            None => data.len(),
            Some(_) if self.length == 0 => 0,
            Some(_) => pcap::whole(data, done).0,
        };
        if kept < done {
            let _ = file.set_len(self.length + kept as u64);
        }
        self.hash.update(&data[..kept]);
        self.length += kept as u64;
        self.is_dirty |= kept > 0;
        shared.written.fetch_add(kept as u64, Ordering::Relaxed);
        match refused {
            Some(errno) => self.fail(errno, shared),
            None if self.trouble.is_some_and(|errno| errno != 0) => self.recover(shared),
            None => {}
        }
        kept
    }

    fn fail(&mut self, errno: i32, shared: &Shared) {
        shared.failures.fetch_add(1, Ordering::Relaxed);
        if self.trouble.replace(errno) != Some(errno) {
            shared.tell(self.recording.id, What::Failing { errno });
        }
    }

    /// Packets are written again. What the disk did not keep stays lost.
    fn recover(&mut self, shared: &Shared) {
        if self.unkept.is_none() {
            self.trouble = None;
            shared.tell(self.recording.id, What::Recovered);
        }
    }

    fn finish(self) -> Outcome {
        let is_written = self.length > 0 && !self.is_dirty;
        let refused = self.trouble.filter(|errno| *errno != 0).unwrap_or(libc::EIO);
        Outcome {
            packets: self.packets,
            length: self.length,
            dropped: self.dropped + self.lost,
            sha256: self.hash.finalize().into(),
            errno: self.unkept.unwrap_or(if is_written { 0 } else { refused }),
        }
    }
}

/// A new file, never one that is there; its descriptor leaves the last ones to others.
fn made(path: &Path, ceiling: i32) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o640).open(path)?;
    if file.as_raw_fd() >= ceiling {
        std::fs::remove_file(path)?;
        return Err(io::Error::from_raw_os_error(libc::EMFILE));
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::super::{Link, Recorder};
    use super::*;
    use std::os::fd::FromRawFd;

    /// One end of a pipe, which no disk keeps: `fdatasync` gives EINVAL.
    fn pipe() -> File {
        let mut ends = [0; 2];
        // SAFETY: there is room for two descriptors, and they are ours.
        unsafe {
            assert_eq!(libc::pipe(ends.as_mut_ptr()), 0);
            libc::close(ends[0]);
            File::from_raw_fd(ends[1])
        }
    }

    #[test]
    fn what_the_disk_once_did_not_keep_is_not_called_whole_by_a_later_sync() {
        let folder = std::env::temp_dir().join(format!("talkpath-tee-unkept-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let recorder = Recorder::new(0, i32::MAX).unwrap();
        // The recorder's own thread is told of it only when it is opened there.
        let recording = recorder.recording(folder.join("a.pcap"), Link::Raw);
        let mut writer = Writer::new(recorder.shared.clone());
        writer.tapes.insert(recording.id, Tape::new(recording.clone()));
        let at = |port| std::net::SocketAddr::from(([127, 0, 0, 1], port));
        recording.take(1, at(2), at(4), &[1, 2], 2);
        let tape = writer.tapes.get_mut(&recording.id).unwrap();
        tape.flush(&mut Vec::new(), &recorder.shared);
        let file = tape.file.replace(pipe());
        writer.sync(|_| true);
        writer.tapes.get_mut(&recording.id).unwrap().file = file;
        recording.take(2, at(2), at(4), &[3, 4], 2);
        writer.turn(true, true);
        let told: Vec<_> = recorder.take_told().into_iter().map(|(_, what)| what).collect();
        let [What::Failing { errno: libc::EINVAL }, What::Closed(end)] = &told[..] else { panic!("{told:?}") };
        assert_eq!((end.packets, end.errno), (2, libc::EINVAL));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
