//! The packets of one stream in the order of their sequence numbers, each once. They wait here for so long that what
//! was overtaken on the way still finds its place, and that the clock can be read from those that follow.

use super::{Seconds, WAIT_S};
use std::collections::VecDeque;

/// A step of the sequence number beyond this is a new beginning of the sender, not loss (RFC 3550 A.1 MAX_DROPOUT).
const MAX_DROPOUT: i64 = 3000;
/// Packets that wait: two seconds of the smallest that occur (2.5 ms) and a burst of as many.
const MAX_WAITING: usize = 2048;
/// What comes again that is no older than this is a copy; else the sender counts anew.
const COPY_S: Seconds = 60.0;
/// The clock of a sender went back by more than this against what it said before: another beginning.
const STEP_S: Seconds = 0.1;

/// One packet of audio.
pub struct Item {
    /// Counted on over wraps and new beginnings; its lower sixteen bits are those of the packet.
    sequence: i64,
    /// When it was captured.
    pub at: Seconds,
    /// Its timestamp, counted on over wraps from the first one of its stretch.
    pub media: Seconds,
    /// Grows where timestamps begin anew.
    pub stretch: u32,
    pub payload_type: u8,
    pub payload: Vec<u8>,
}

impl Item {
    /// What its capture time is ahead of its timestamp: the delay of the path and a constant.
    fn delay(&self) -> Seconds {
        self.at - self.media
    }
}

/// What the order is told of a packet.
pub struct Arrival {
    pub at: Seconds,
    pub sequence: u16,
    pub timestamp: u32,
    pub clock: u32,
    pub payload_type: u8,
    pub payload: Vec<u8>,
}

/// The newest packet, against which the next one is counted.
struct Newest {
    sequence: i64,
    timestamp: u32,
    media: Seconds,
    clock: u32,
    stretch: u32,
    /// The least delay of the stretch lately.
    delay: Seconds,
}

#[derive(Default)]
pub struct Order {
    waiting: VecDeque<Item>,
    newest: Option<Newest>,
    /// The sequence number given out last.
    given: Option<i64>,
    /// The least delay among those that wait of the first one's stretch, where it is known.
    least: Option<Seconds>,
    pub doubled: u64,
    pub late: u64,
}

impl Order {
    pub fn put(&mut self, arrival: Arrival) {
        let Some(item) = self.counted(arrival) else { return };
        let place = self.waiting.partition_point(|other| other.sequence < item.sequence);
        if self.waiting.get(place).is_some_and(|other| other.sequence == item.sequence) {
            self.doubled += 1;
            return;
        }
        if self.waiting.front().is_some_and(|front| front.stretch == item.stretch) {
            self.least = self.least.map(|least| least.min(item.delay()));
        }
        if place == 0 {
            self.least = None;
        }
        self.waiting.insert(place, item);
    }

    /// The next packet whose time has come, with the least delay of it and those that follow; all of them at the end.
    pub fn take(&mut self, now: Seconds, is_over: bool) -> Option<(Item, Seconds)> {
        let front = self.waiting.front()?;
        if !is_over && now - front.at < WAIT_S && self.waiting.len() < MAX_WAITING {
            return None;
        }
        let least = self.least.unwrap_or_else(|| self.least_of(front.stretch));
        let item = self.waiting.pop_front()?;
        let is_same = self.waiting.front().is_some_and(|next| next.stretch == item.stretch);
        self.least = (is_same && item.delay() > least).then_some(least);
        self.given = Some(item.sequence);
        Some((item, least))
    }

    fn least_of(&self, stretch: u32) -> Seconds {
        let same = self.waiting.iter().take_while(|item| item.stretch == stretch);
        same.map(Item::delay).fold(Seconds::INFINITY, Seconds::min)
    }

    /// Sequence number and timestamp without their wraps; nothing for what was given out already.
    fn counted(&mut self, arrival: Arrival) -> Option<Item> {
        let Some(last) = self.newest.take() else {
            return Some(self.begin(arrival, 0, 0));
        };
        let step = i64::from(arrival.sequence.wrapping_sub(last.sequence as u16) as i16);
        let ticks = arrival.timestamp.wrapping_sub(last.timestamp) as i32;
        let passed = Seconds::from(ticks) / Seconds::from(last.clock);
        let is_far = step.abs() > MAX_DROPOUT;
        let is_given = !is_far && self.given.is_some_and(|given| last.sequence + step <= given);
        if is_given && (-COPY_S..=0.0).contains(&passed) {
            self.late += 1;
            self.newest = Some(last);
            return None;
        }
        // Numbers that begin anew go on behind those before.
        let begins_anew = is_far || is_given;
        let sequence = if begins_anew { aligned(last.sequence + 1, arrival.sequence) } else { last.sequence + step };
        let media = last.media + passed;
        if arrival.clock != last.clock || arrival.at - media < last.delay - STEP_S {
            return Some(self.begin(arrival, sequence, last.stretch + 1));
        }
        let is_newer = sequence > last.sequence;
        let delay = last.delay.min(arrival.at - media);
        let newest = if is_newer {
            let (timestamp, clock, stretch) = (arrival.timestamp, arrival.clock, last.stretch);
            // Forgets slowly, so that a delay that grew for good is the measure after a while.
            Newest { sequence, timestamp, media, clock, stretch, delay: delay + passed.max(0.0) * 0.01 }
        } else {
            Newest { delay, ..last }
        };
        let item = Item {
            sequence,
            at: arrival.at,
            media,
            stretch: newest.stretch,
            payload_type: arrival.payload_type,
            payload: arrival.payload,
        };
        self.newest = Some(newest);
        Some(item)
    }

    /// The first packet of a stretch: its timestamp counts from its arrival.
    fn begin(&mut self, arrival: Arrival, sequence: i64, stretch: u32) -> Item {
        let sequence = aligned(sequence, arrival.sequence);
        self.newest = Some(Newest {
            sequence,
            timestamp: arrival.timestamp,
            media: arrival.at,
            clock: arrival.clock,
            stretch,
            delay: 0.0,
        });
        Item {
            sequence,
            at: arrival.at,
            media: arrival.at,
            stretch,
            payload_type: arrival.payload_type,
            payload: arrival.payload,
        }
    }
}

/// The first number from `least` on whose lower sixteen bits are these: numbers that were counted on are compared by them.
fn aligned(least: i64, bits: u16) -> i64 {
    least + i64::from(bits.wrapping_sub(least as u16))
}
