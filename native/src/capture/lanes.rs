//! Captures of several places, read as one in the order of time: each place has its files, its clock, and numbers of its own
//! for the frames.

use super::engine::Engine;
use super::pcap::{Span, Step};
use super::reader::{Open, Unreadable};
use super::source::Source;

/// A file of a place, and the number that its first packet has.
pub type Numbered = (String, u64);

struct Lane {
    files: std::vec::IntoIter<Numbered>,
    open: Option<Open>,
    /// What comes next; it lies in the buffer of `open`.
    next: Option<Span>,
    /// The number of the packet that comes next.
    frame: u64,
    /// How much its clock is ahead of the first place's, in ns.
    ahead: i64,
    /// Of the files that are read: their bytes, and their sizes.
    taken: u64,
}

pub struct Lanes {
    lanes: Vec<Lane>,
    size: u64,
}

impl Lanes {
    /// The files of every place in their order, and how much its clock is ahead.
    pub fn new(places: Vec<(Vec<Numbered>, i64)>) -> Lanes {
        let size = places.iter().flat_map(|(files, _)| files).map(|(path, _)| size_of(path)).sum();
        let lane = |(files, ahead): (Vec<Numbered>, i64)| {
            let files = files.into_iter();
            Lane { files, open: None, next: None, frame: 0, ahead, taken: 0 }
        };
        Lanes { lanes: places.into_iter().map(lane).collect(), size }
    }

    /// Reads on until so many records wait or so many bytes of packets were read; false at the end.
    pub fn run(&mut self, engine: &mut Engine, max_records: usize, max_bytes: u64) -> Result<bool, Unreadable> {
        let mut read = 0;
        while engine.out.len() < max_records && read < max_bytes {
            for (place, lane) in self.lanes.iter_mut().enumerate() {
                if lane.next.is_none() {
                    lane.fetch(place, engine)?;
                }
            }
            let due = |lane: &Lane| lane.next.map(|span| span.time.saturating_sub(lane.ahead));
            let first = self.lanes.iter().enumerate().filter_map(|(place, lane)| Some((due(lane)?, place))).min();
            let Some((time, place)) = first else { return Ok(false) };
            read += self.lanes[place].hand_over(place, time, engine);
        }
        Ok(true)
    }

    /// (bytes taken of the files, their sizes).
    pub fn position(&self) -> (u64, u64) {
        let open = |lane: &Lane| lane.open.as_ref().map_or(0, |open| open.position().0);
        (self.lanes.iter().map(|lane| lane.taken + open(lane)).sum(), self.size)
    }
}

impl Lane {
    /// Reads on to the next packet; what stands between goes to the engine as notes.
    fn fetch(&mut self, place: usize, engine: &mut Engine) -> Result<(), Unreadable> {
        loop {
            if self.open.is_none() {
                let Some((path, frame)) = self.files.next() else { return Ok(()) };
                self.open = Some(Open::new(Source::open(&path)?)?);
                self.frame = frame;
            }
            let Some(open) = self.open.as_mut() else { return Ok(()) };
            match open.step(engine)? {
                Step::Packet(span) => {
                    self.next = Some(span);
                    return Ok(());
                }
                Step::End | Step::Cut => {
                    engine.at_place(place, self.frame.max(1));
                    self.taken += open.position().0;
                    self.open = None;
                }
                _ => {}
            }
        }
    }

    fn hand_over(&mut self, place: usize, time: i64, engine: &mut Engine) -> u64 {
        let (Some(span), Some(open)) = (self.next.take(), self.open.as_mut()) else { return 0 };
        engine.at_place(place, self.frame);
        open.hand_over(&Span { time: time.max(0), ..span }, engine);
        self.frame += 1;
        span.total as u64
    }
}

fn size_of(path: &str) -> u64 {
    std::fs::metadata(path).map_or(0, |m| m.len())
}

/// The times of the first and the last packet of a file, and how many there are: read without a look into them.
pub fn span_of(path: &str) -> Result<(u64, i64, i64), Unreadable> {
    let mut open = Open::new(Source::open(path)?)?;
    let (mut packets, mut first, mut last) = (0, i64::MAX, 0);
    while let Some(time) = open.skip_packet()? {
        packets += 1;
        (first, last) = (first.min(time), last.max(time));
    }
    Ok((packets, if packets > 0 { first } else { 0 }, last))
}
