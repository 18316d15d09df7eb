//! Keys that are told as events (RFC 4733), for a side that takes none: the pair of tones that each stands for (Q.23).
//!
//! Every packet of an event says how long the key is held by now, so what is lost is made good by the next, and what
//! is said again adds nothing. The voice of that time is not heard (section 2.5.1.1).

use super::line::TICKS;
use super::order::Packet;
use crate::audio::amplitude;
use crate::meter::NANOS;

/// The rows and columns of Q.23, in Hz.
const ROWS: [u32; 4] = [697, 770, 852, 941];
const COLUMNS: [u32; 4] = [1209, 1336, 1477, 1633];
/// Row and column of the events 0 to 15: the digits, star, hash and A to D (RFC 4733 section 3.2).
const KEYS: [(usize, usize); 16] = [
    (3, 1),
    (0, 0),
    (0, 1),
    (0, 2),
    (1, 0),
    (1, 1),
    (1, 2),
    (2, 0),
    (2, 1),
    (2, 2),
    (3, 0),
    (3, 2),
    (0, 3),
    (1, 3),
    (2, 3),
    (3, 3),
];
/// What the receivers of every network take (Q.24 table A-1); the column is louder, because lines damp it more.
const ROW_DBM0: f64 = -10.0;
const COLUMN_DBM0: f64 = -8.0;
/// Receivers must take a key of 40 ms (Q.24); a packet of slack for those that begin in the middle of a block.
const SHORTEST: i64 = TICKS * 50 / 1000;
/// A key is not believed to be held for longer than the time since its first packet and this: what came late or was
/// lost before it.
const BEFORE: i64 = TICKS * 200 / 1000;
/// A timestamp this little before the end of a key is behind it.
const INACCURATE: i64 = TICKS / 200;

struct Key {
    ssrc: u32,
    timestamp: u32,
    arrived_ns: u64,
    begins: i64,
    /// How far it is played.
    until: i64,
    /// Radians a sample, and samples played.
    steps: [f64; 2],
    played: u32,
}

#[derive(Default)]
pub struct Keys {
    /// The last one, also when it is over.
    key: Option<Key>,
}

impl Keys {
    /// Whether this packet is of the key that was heard last.
    pub fn is_held(&self, packet: &Packet) -> bool {
        self.key.as_ref().is_some_and(|key| (key.ssrc, key.timestamp) == (packet.ssrc, packet.timestamp))
    }

    /// Another key begins at this position. False for an event that is no key.
    pub fn press(&mut self, packet: &Packet, begins: i64, rate: u32) -> bool {
        let Some((row, column)) = packet.payload.first().and_then(|event| KEYS.get(usize::from(*event))) else {
            return false;
        };
        let step = |hertz: u32| std::f64::consts::TAU * f64::from(hertz) / f64::from(rate);
        let steps = [step(ROWS[*row]), step(COLUMNS[*column])];
        let Packet { ssrc, timestamp, arrived_ns, .. } = *packet;
        self.key = Some(Key { ssrc, timestamp, arrived_ns, begins, until: begins, steps, played: 0 });
        true
    }

    /// Append what this packet tells of the key beyond what is played.
    pub fn hold(&mut self, packet: &Packet, clock: u32, rate: u32, samples: &mut Vec<i16>) {
        let (Some(key), [_, flags, high, low, ..]) = (&mut self.key, &packet.payload[..]) else { return };
        let told = i64::from(u16::from_be_bytes([*high, *low])) * TICKS / i64::from(clock.max(1));
        let passed_ns = packet.arrived_ns.saturating_sub(key.arrived_ns);
        let passed = (i128::from(passed_ns) * i128::from(TICKS) / i128::from(NANOS)) as i64;
        let is_over = *flags & 0x80 != 0;
        let shortest = if is_over { SHORTEST } else { 0 };
        key.play(told.min(passed + BEFORE).max(shortest), rate, samples);
    }

    /// Something else came: a key that was hardly told of is as long as a receiver needs it.
    pub fn release(&mut self, rate: u32, samples: &mut Vec<i16>) {
        if let Some(key) = &mut self.key {
            key.play(SHORTEST, rate, samples);
        }
    }

    /// Whether the voice of this position is not heard for the key.
    pub fn covers(&self, position: i64) -> bool {
        self.key.as_ref().is_some_and(|key| (key.begins..key.until - INACCURATE).contains(&position))
    }

    /// Where the last key ends, as far as it is known.
    pub fn until(&self) -> i64 {
        self.key.as_ref().map_or(0, |key| key.until)
    }
}

impl Key {
    /// Append samples until the key is this long, in ticks.
    fn play(&mut self, length: i64, rate: u32, samples: &mut Vec<i16>) {
        let count = (length * i64::from(rate) / TICKS) as u32;
        let levels = [amplitude(ROW_DBM0), amplitude(COLUMN_DBM0)];
        for n in self.played..count {
            let tones = self.steps.iter().zip(levels).map(|(step, level)| level * (step * f64::from(n)).sin());
            samples.push(tones.sum::<f64>().round() as i16);
        }
        self.played = self.played.max(count);
        self.until = self.until.max(self.begins + length);
    }
}
