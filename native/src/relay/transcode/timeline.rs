//! When the packets of a stream are: positions in ticks of 48 kHz that go on whatever happens to its timestamps.

use super::line::TICKS;
use super::order::Packet;
use super::CONCEALED_TICKS;
use crate::meter::NANOS;

/// A timestamp further off the time that really passed is a new start of the sender's clock.
const OFF_CLOCK_TICKS: i64 = 2 * TICKS;

/// A silence of less than this that nothing explains is an inaccurate sender: the voice goes on.
const INACCURATE_TICKS: i64 = TICKS / 200;

/// Where a packet begins, and how far that is behind the end of the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub position: i64,
    pub gap: i64,
    timestamp: u32,
    clock: u32,
    ssrc: u32,
    arrived_ns: u64,
}

impl Step {
    fn of(packet: &Packet, clock: u32, position: i64, gap: i64) -> Step {
        let Packet { timestamp, ssrc, arrived_ns, .. } = *packet;
        Step { position, gap, timestamp, clock, ssrc, arrived_ns }
    }

    /// The sender was silent, or more was lost than can be made up.
    pub fn is_jump(&self) -> bool {
        self.gap > 0
    }

    /// Packets are missing, and few enough to be made up.
    pub fn conceals(&self, lost: u16) -> bool {
        lost > 0 && (1..=CONCEALED_TICKS).contains(&self.gap)
    }
}

/// The last packet, against which the next is held.
#[derive(Clone, Copy)]
struct Anchor {
    step: Step,
    /// Where it ends.
    next: i64,
}

impl Anchor {
    /// The ticks between their arrivals.
    fn passed(&self, packet: &Packet) -> i64 {
        let passed_ns = packet.arrived_ns.saturating_sub(self.step.arrived_ns);
        (i128::from(passed_ns) * i128::from(TICKS) / i128::from(NANOS)) as i64
    }

    fn position(&self, ssrc: u32, timestamp: u32) -> Option<i64> {
        let moved = timestamp.wrapping_sub(self.step.timestamp) as i32;
        let ticks = i64::from(moved) * TICKS / i64::from(self.step.clock.max(1));
        (self.step.ssrc == ssrc).then_some(self.step.position + ticks)
    }
}

#[derive(Default)]
pub struct Timeline {
    anchor: Option<Anchor>,
    /// The last event: all its packets are where its first was.
    event: Option<Step>,
}

impl Timeline {
    /// Where this packet is. Moves nothing.
    pub fn step(&self, packet: &Packet, clock: u32) -> Step {
        let Some(anchor) = &self.anchor else { return Step::of(packet, clock, 0, 0) };
        let pause = pause(anchor.passed(packet));
        let anew = Step::of(packet, clock, anchor.next + pause, pause);
        let Some(position) = anchor.position(packet.ssrc, packet.timestamp).filter(|_| anchor.step.clock == clock)
        else {
            return anew;
        };
        let gap = position - anchor.next;
        if gap < -OFF_CLOCK_TICKS || gap > anchor.passed(packet) + OFF_CLOCK_TICKS {
            return anew;
        }
        if gap < INACCURATE_TICKS {
            return Step::of(packet, clock, anchor.next, 0);
        }
        Step::of(packet, clock, position, gap)
    }

    /// Where this packet of an event is: at its beginning, which may be past (RFC 4733 section 2.2.2).
    pub fn event(&mut self, packet: &Packet, clock: u32) -> Step {
        let is_same = |step: &&Step| step.ssrc == packet.ssrc && step.timestamp == packet.timestamp;
        if let Some(step) = self.event.as_ref().filter(is_same) {
            return *step;
        }
        let position = self.anchor.map_or(0, |anchor| {
            let by_arrival = anchor.step.position + anchor.passed(packet);
            let known = anchor.position(packet.ssrc, packet.timestamp).filter(|_| anchor.step.clock == clock);
            known.filter(|position| (position - by_arrival).abs() <= OFF_CLOCK_TICKS).unwrap_or(by_arrival)
        });
        *self.event.insert(Step::of(packet, clock, position, 0))
    }

    /// A packet of the voice was taken, and lasts for so many ticks.
    pub fn heard(&mut self, step: Step, ticks: i64) {
        self.anchor = Some(Anchor { step, next: step.position + ticks });
    }

    /// Something else than voice comes first.
    pub fn begin(&mut self, step: Step) {
        self.anchor.get_or_insert(Anchor { step, next: step.position });
    }

    /// What comes next is behind this position.
    pub fn fill(&mut self, until: i64) {
        if let Some(anchor) = &mut self.anchor {
            anchor.next = anchor.next.max(until);
        }
    }

    /// Where the last packet ends.
    pub fn end(&self) -> i64 {
        self.anchor.map_or(0, |anchor| anchor.next)
    }

    /// The position of a timestamp of that source, by the packets around it.
    pub fn position(&self, ssrc: u32, timestamp: u32) -> Option<i64> {
        self.anchor?.position(ssrc, timestamp)
    }
}

/// What of the time since the last packet was silence: nothing, if it was one that a packet fills.
fn pause(passed: i64) -> i64 {
    if passed > 2 * CONCEALED_TICKS {
        passed
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(timestamp: u32, ssrc: u32, now_ms: u64) -> Packet {
        Packet { timestamp, ssrc, arrived_ns: now_ms * 1_000_000, ..Packet::default() }
    }

    fn hear(timeline: &mut Timeline, timestamp: u32, ssrc: u32, now_ms: u64) -> (i64, i64) {
        let step = timeline.step(&packet(timestamp, ssrc, now_ms), 8000);
        timeline.heard(step, 960);
        (step.position, step.gap)
    }

    #[test]
    fn timestamps_wrap_and_positions_do_not() {
        let mut timeline = Timeline::default();
        assert_eq!(hear(&mut timeline, u32::MAX - 159, 1, 0), (0, 0));
        assert_eq!(hear(&mut timeline, 0, 1, 20), (960, 0));
        assert_eq!(hear(&mut timeline, 480, 1, 80), (3840, 1920), "two packets are missing");
    }

    #[test]
    fn a_silence_is_as_long_as_its_timestamps_say() {
        let mut timeline = Timeline::default();
        hear(&mut timeline, 0, 1, 0);
        assert_eq!(hear(&mut timeline, 80_000, 1, 10_000), (480_000, 479_040));
    }

    #[test]
    fn a_clock_that_jumps_is_not_followed() {
        let mut timeline = Timeline::default();
        hear(&mut timeline, 0, 1, 0);
        assert_eq!(hear(&mut timeline, 3_000_000_000, 1, 20), (960, 0));
        assert_eq!(hear(&mut timeline, 3_000_000_160, 1, 40), (1920, 0));
        assert_eq!(hear(&mut timeline, 5, 1, 1040), (2880 + 48_000, 48_000), "a second passed all the same");
        assert_eq!(hear(&mut timeline, 9, 2, 1060), (51_840, 0), "another source");
    }

    #[test]
    fn an_event_stays_where_it_began() {
        let mut timeline = Timeline::default();
        hear(&mut timeline, 0, 1, 0);
        let event =
            |timeline: &mut Timeline, timestamp, now_ms| timeline.event(&packet(timestamp, 1, now_ms), 8000).position;
        assert_eq!(event(&mut timeline, 80, 20), 480);
        assert_eq!(event(&mut timeline, 80, 300), 480);
        let other = timeline.event(&packet(7777, 1, 400), 48_000).position;
        assert_eq!(other, 19_200, "of another clock: by its arrival");
    }

    #[test]
    fn an_inaccurate_sender_is_smoothed() {
        let mut timeline = Timeline::default();
        hear(&mut timeline, 0, 1, 0);
        assert_eq!(hear(&mut timeline, 150, 1, 20), (960, 0));
        assert_eq!(hear(&mut timeline, 330, 1, 40), (1920, 0));
    }
}
