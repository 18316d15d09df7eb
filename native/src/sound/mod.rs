//! The sound of a call out of a capture: chosen streams, put in order, decoded, in their places on the time line of
//! the capture. Second by second, so that a call of hours takes no more memory than one of minutes.
//! Python's view is `src/talkpath/audio/sound.py`.

mod line;
mod order;
mod place;
pub mod python;
mod voice;

use crate::capture::flow::Flow;
use crate::capture::picked::Picked;
use crate::capture::record::Packet;
use crate::capture::Unreadable;
use line::Line;
use order::{Arrival, Item, Order};
use place::{fitted, Placer};
use pyo3::PyErr;
use rustc_hash::FxHashMap;
use voice::Held;
pub use voice::Voice;

pub type Seconds = f64;

/// How long a packet waits for those before it; from those behind it the clock of its sender is read.
const WAIT_S: Seconds = 2.0;
/// What is older than this is out: packets are placed by their timestamps, which can be before the time at which they
/// came by what a network holds up.
const SETTLED_S: Seconds = 10.0;
/// Sound may begin so much before the first packet came, if that one was held up.
const BEFORE_S: Seconds = 1.0;

/// A stream that is wanted.
pub struct Wanted {
    pub flow: Flow,
    pub ssrc: u32,
    /// 0 the caller, 1 the callee.
    pub side: usize,
    /// Frames of the capture between which it belongs to this call.
    pub frames: (u64, u64),
    /// Payload type, RTP clock, and who decodes it.
    pub voices: Vec<(u8, u32, Voice)>,
}

struct Stream {
    side: usize,
    frames: (u64, u64),
    voices: Vec<(u8, u32, Voice)>,
    order: Order,
    placer: Placer,
}

/// What became of the packets.
#[derive(Default)]
pub struct Counts {
    pub packets: u64,
    /// Not in the clear, or no payload of their kind.
    pub refused: u64,
    /// Too late for their place.
    pub late: u64,
    pub doubled: u64,
}

pub enum Failure {
    Unreadable(Unreadable),
    Decoder(PyErr),
}

/// The sound of one call out of a capture.
pub struct Sound {
    packets: Picked,
    mix: Mix,
}

/// One call's streams on their time line; the packets are handed in.
pub struct Mix {
    streams: Vec<Stream>,
    keys: FxHashMap<(Flow, u32), Vec<usize>>,
    lines: [Vec<Line>; 2],
    rate: u32,
    /// The time of the capture from which seconds count, in ns.
    start: i64,
    now: Seconds,
    is_over: bool,
    /// Seconds given out; none while it is open where the first one begins.
    given: Option<u64>,
    origin: Seconds,
    /// What lasts at least so long.
    length: Seconds,
    pub counts: Counts,
}

impl Sound {
    pub fn new(paths: Vec<String>, mix: Mix) -> Sound {
        Sound { packets: Picked::new(paths, mix.keys().copied().collect()), mix }
    }

    /// Bytes of the files read so far.
    pub fn taken(&self) -> u64 {
        self.packets.taken()
    }

    /// The next second of both sides, the last one shorter; false at the end.
    pub fn second(&mut self, sides: &mut [Vec<i16>; 2]) -> Result<bool, Failure> {
        while !self.mix.is_ready() {
            match self.packets.next().map_err(Failure::Unreadable)? {
                Some(packet) => self.mix.receive(*packet)?,
                None => self.mix.end()?,
            }
        }
        Ok(self.mix.second(sides))
    }

    /// What became of the packets, now that all are read.
    pub fn totals(&self) -> Counts {
        self.mix.totals()
    }
}

/// The sound of several calls out of one reading of a capture, as it becomes known.
pub struct Sounds {
    packets: Picked,
    mixes: Vec<Mix>,
    /// Which of them hear a stream.
    hearers: FxHashMap<(Flow, u32), Vec<usize>>,
}

impl Sounds {
    pub fn new(paths: Vec<String>, mixes: Vec<Mix>) -> Sounds {
        let mut hearers: FxHashMap<_, Vec<usize>> = FxHashMap::default();
        for (index, mix) in mixes.iter().enumerate() {
            mix.keys().for_each(|key| hearers.entry(*key).or_default().push(index));
        }
        let picked = hearers.keys().copied().collect();
        Sounds { packets: Picked::new(paths, picked), mixes, hearers }
    }

    /// Reads the capture to its end; every second of every call is given with the number of the call.
    pub fn run(&mut self, mut give: impl FnMut(usize, &[Vec<i16>; 2])) -> Result<(), Failure> {
        let mut sides = Default::default();
        while let Some(packet) = self.packets.next().map_err(Failure::Unreadable)? {
            let Some(hearers) = self.hearers.get(&(packet.at.flow, packet.ssrc)) else { continue };
            for &index in hearers {
                let mix = &mut self.mixes[index];
                mix.receive((*packet).clone())?;
                while mix.is_ready() && mix.second(&mut sides) {
                    give(index, &sides);
                }
            }
        }
        for (index, mix) in self.mixes.iter_mut().enumerate() {
            mix.end()?;
            while mix.second(&mut sides) {
                give(index, &sides);
            }
        }
        Ok(())
    }
}

impl Mix {
    /// `start` in ns since the epoch; `length` in seconds from there.
    pub fn new(wanted: Vec<Wanted>, rate: u32, start: i64, length: Seconds) -> Mix {
        let mut keys: FxHashMap<_, Vec<usize>> = FxHashMap::default();
        for (index, one) in wanted.iter().enumerate() {
            keys.entry((one.flow, one.ssrc)).or_default().push(index);
        }
        let stream = |one: Wanted| Stream {
            side: one.side.min(1),
            frames: one.frames,
            voices: one.voices,
            order: Order::default(),
            placer: Placer::default(),
        };
        Mix {
            streams: wanted.into_iter().map(stream).collect(),
            keys,
            lines: [Vec::new(), Vec::new()],
            rate,
            start,
            now: 0.0,
            is_over: false,
            given: None,
            origin: 0.0,
            length,
            counts: Counts::default(),
        }
    }

    /// The streams that it hears.
    pub fn keys(&self) -> impl Iterator<Item = &(Flow, u32)> {
        self.keys.keys()
    }

    /// Whether all is known of the next second.
    pub fn is_ready(&self) -> bool {
        self.is_over || self.is_settled()
    }

    /// The next second of both sides, the last one shorter; false at the end.
    pub fn second(&mut self, sides: &mut [Vec<i16>; 2]) -> bool {
        let given = match self.given {
            Some(given) => given,
            None => self.begin(),
        };
        let count = self.count_of(given);
        for (side, lines) in sides.iter_mut().zip(&mut self.lines) {
            side.clear();
            side.resize(count, 0);
            lines.iter_mut().for_each(|line| line.take(side));
        }
        self.given = Some(given + 1);
        count > 0
    }

    /// Whether nothing more can come into the next second, or into the one after it, which filters look at.
    fn is_settled(&self) -> bool {
        let until = self.origin + self.given.unwrap_or(0) as Seconds + 2.0;
        self.now - SETTLED_S >= until
    }

    /// Nothing was given yet: the sound begins with its first sample, or where the caller of this wants it.
    fn begin(&mut self) -> u64 {
        let first = |line: &Line| line.first().unwrap_or(0.0);
        let origin = self.lines.iter().flatten().map(first).fold(0.0, Seconds::min);
        self.origin = origin.max(-BEFORE_S);
        self.lines.iter_mut().flatten().for_each(|line| line.start_at(self.origin));
        0
    }

    /// Samples of the second with this number.
    fn count_of(&self, second: u64) -> usize {
        let rate = Seconds::from(self.rate);
        let total = match self.is_over {
            false => return self.rate as usize,
            true => {
                let end = self.lines.iter().flatten().map(Line::end).fold(self.length, Seconds::max);
                ((end - self.origin) * rate).round() as u64
            }
        };
        total.saturating_sub(second * u64::from(self.rate)).min(u64::from(self.rate)) as usize
    }

    /// There are no more packets.
    pub fn end(&mut self) -> Result<(), Failure> {
        self.is_over = true;
        (0..self.streams.len()).try_for_each(|index| self.place(index))
    }

    /// The next packet of one of its streams.
    pub fn receive(&mut self, packet: Packet) -> Result<(), Failure> {
        let at = (packet.at.time - self.start) as Seconds / 1e9;
        let frame = packet.at.frame;
        let Some(indices) = self.keys.get(&(packet.at.flow, packet.ssrc)) else { return Ok(()) };
        let is_of_call = |index: &&usize| {
            let (first, last) = self.streams[**index].frames;
            (first..=last).contains(&frame)
        };
        let Some(index) = indices.iter().find(is_of_call).copied() else { return Ok(()) };
        self.now = self.now.max(at);
        self.counts.packets += 1;
        let stream = &mut self.streams[index];
        let Some((payload_type, payload)) = stream.unwrapped(packet.payload_type, &packet.payload) else {
            return Ok(());
        };
        let Some(clock) = stream.clock(payload_type) else { return Ok(()) };
        let payload = if payload.len() == packet.payload.len() { packet.payload } else { payload.to_vec() };
        let (sequence, timestamp) = (packet.sequence, packet.timestamp);
        stream.order.put(Arrival { at, sequence, timestamp, clock, payload_type, payload });
        self.place(index)
    }

    /// Decode what has waited long enough, and put it where it belongs.
    fn place(&mut self, index: usize) -> Result<(), Failure> {
        let (mut samples, mut shaped) = (Vec::new(), Vec::new());
        while let Some((item, delay)) = self.streams[index].order.take(self.now, self.is_over) {
            samples.clear();
            let stream = &mut self.streams[index];
            let (held, rate) = stream.decode(&item, &mut samples).map_err(Failure::Decoder)?;
            if held != Held::Sound {
                self.counts.refused += u64::from(held == Held::Nothing);
                continue;
            }
            let place = stream.placer.place(item.stretch, item.media, delay, samples.len(), rate);
            let side = stream.side;
            let samples = &samples[place.skip..];
            let samples = if samples.len() == place.length {
                samples
            } else {
                shaped.clear();
                fitted(samples, place.length, &mut shaped);
                &shaped
            };
            let out = self.rate;
            let lines = &mut self.lines[side];
            let known = lines.iter().position(|line| line.rate == rate).unwrap_or_else(|| {
                let mut line = Line::new(rate, out);
                line.start_at(if self.given.is_some() {
                    self.origin + self.given.unwrap_or(0) as Seconds
                } else {
                    -BEFORE_S
                });
                lines.push(line);
                lines.len() - 1
            });
            self.counts.late += u64::from(lines[known].put(place.begin, samples) > 0);
        }
        Ok(())
    }

    /// What became of the packets, now that all are read.
    pub fn totals(&self) -> Counts {
        let sum = |of: fn(&Order) -> u64| self.streams.iter().map(|stream| of(&stream.order)).sum::<u64>();
        Counts {
            late: self.counts.late + sum(|order| order.late),
            doubled: sum(|order| order.doubled),
            ..self.counts
        }
    }
}

impl Stream {
    fn clock(&self, payload_type: u8) -> Option<u32> {
        let voice = self.voices.iter().find(|(number, _, _)| *number == payload_type);
        voice.map(|(_, clock, _)| *clock).filter(|clock| *clock > 0)
    }

    fn is_redundant(&self, payload_type: u8) -> bool {
        let is_it =
            |(number, _, voice): &(u8, u32, Voice)| *number == payload_type && matches!(voice, Voice::Redundant);
        self.voices.iter().any(is_it)
    }

    /// The packet itself where it came wrapped with copies of others (RFC 2198).
    fn unwrapped<'a>(&self, payload_type: u8, payload: &'a [u8]) -> Option<(u8, &'a [u8])> {
        if self.is_redundant(payload_type) {
            return voice::newest(payload).filter(|(inner, _)| !self.is_redundant(*inner));
        }
        Some((payload_type, payload))
    }

    /// What a packet holds, and the rate of its samples.
    fn decode(&mut self, item: &Item, samples: &mut Vec<i16>) -> Result<(Held, u32), PyErr> {
        let Some((_, _, voice)) = self.voices.iter_mut().find(|(number, _, _)| *number == item.payload_type) else {
            return Ok((Held::Nothing, 0));
        };
        Ok((voice.decode(&item.payload, samples)?, voice.rate()))
    }
}
