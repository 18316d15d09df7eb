//! The packets of chosen streams, one after another through several files: what a second pass over a capture is for.

use super::engine::Engine;
use super::flow::Flow;
use super::reader::{Open, Unreadable};
use super::record::{Packet, Record};
use super::source::Source;
use super::tls::KeyLog;
use rustc_hash::FxHashSet;
use std::collections::VecDeque;

pub struct Picked {
    engine: Engine,
    paths: std::vec::IntoIter<String>,
    open: Option<Open>,
    /// One frame can hold several packets (HEP over TCP).
    ready: VecDeque<Box<Packet>>,
    /// Of the files that are read: their bytes.
    taken: u64,
}

impl Picked {
    pub fn new(paths: Vec<String>, streams: FxHashSet<(Flow, u32)>) -> Picked {
        Picked {
            engine: Engine::new(0, streams, KeyLog::default()),
            paths: paths.into_iter(),
            open: None,
            ready: VecDeque::new(),
            taken: 0,
        }
    }

    /// The next packet; nothing at the end of the last file. A file that is cut ends where it is cut.
    pub fn next(&mut self) -> Result<Option<Box<Packet>>, Unreadable> {
        loop {
            if let Some(packet) = self.ready.pop_front() {
                return Ok(Some(packet));
            }
            if self.open.is_none() {
                let Some(path) = self.paths.next() else { return Ok(None) };
                self.open = Some(Open::new(Source::open(&path)?)?);
            }
            let Some(open) = self.open.as_mut() else { return Ok(None) };
            if open.frame(&mut self.engine)? {
                let packets = self.engine.out.drain(..).filter_map(|record| match record {
                    Record::Packet(packet) => Some(packet),
                    _ => None,
                });
                self.ready.extend(packets);
            } else {
                self.taken += open.position().0;
                self.open = None;
            }
        }
    }

    /// Bytes read so far, of all files.
    pub fn taken(&self) -> u64 {
        self.taken + self.open.as_ref().map_or(0, |open| open.position().0)
    }
}
