//! What one stream of RTP was like, second by second: loss, order, jitter, gaps, and the level of its audio: of G.711 and
//! G.722, and of what says its level itself (RFC 6464). Takes parsed headers and the time; a few nanoseconds a packet,
//! apart from the audio.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::audio::{Audio, Law};
use crate::codec::g722::LowBand;
use crate::extension;
use crate::rtp::Header;

/// Finished seconds kept for who asks seldom. Python asks once a second, and may be late by a few.
const SECONDS_KEPT: usize = 4;

/// A jump of the sequence beyond this is a new start, not loss (RFC 3550 A.1, MAX_DROPOUT).
const MAX_DROPOUT: u16 = 3000;

/// Packets back from the newest for which we know whether they came (bits of `window`).
const WINDOW: u16 = 64;

/// A timestamp this far off the clock is a new start of the sender's clock, not jitter.
const MAX_JITTER_S: f64 = 10.0;

pub const NANOS: u64 = 1_000_000_000;

/// What a payload type means to a meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encoding {
    G711(Law),
    G722,
    /// RFC 4733 events keep one timestamp while they last: no jitter can be told from them.
    Event,
    Other,
}

/// A negotiated payload type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Format {
    pub payload_type: u8,
    pub clock_rate: u32,
    pub encoding: Encoding,
}

impl Format {
    pub fn new(payload_type: u8, clock_rate: u32, name: &str) -> Format {
        let encoding = match name.to_ascii_uppercase().as_str() {
            "PCMU" => Encoding::G711(Law::Mu),
            "PCMA" => Encoding::G711(Law::A),
            "G722" => Encoding::G722,
            "TELEPHONE-EVENT" => Encoding::Event,
            _ => Encoding::Other,
        };
        Format { payload_type, clock_rate, encoding }
    }
}

/// What was counted in one second, or over the life of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Second {
    /// Which second: whole seconds on the clock that the packets were stamped with.
    pub index: u64,
    pub ssrc: u32,
    pub payload_type: u8,
    pub packets: u32,
    pub bytes: u64,
    pub lost: i32,
    pub reordered: u32,
    pub duplicates: u32,
    pub restarts: u32,
    pub max_gap_ns: u64,
    /// Interarrival jitter at its end, where a clock rate is known.
    pub jitter_ms: Option<f32>,
    pub audio: Audio,
}

/// Loss and order over the whole life of the meter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    pub lost: i64,
    pub reordered: u64,
    pub duplicates: u64,
}

/// What a sequence number says of its packet.
enum Order {
    /// It is the newest, and so many before it are missing.
    Next(u16),
    /// It came after a newer one; false when it precedes the stream as we know it, so nobody missed it.
    Late {
        missed: bool,
    },
    Duplicate,
    /// Far off: believed when the next one follows it (RFC 3550 A.1). Else it came very late, or twice.
    Stray,
    Restart,
}

/// The newest packet of the stream, against which the next is held.
struct Stream {
    ssrc: u32,
    newest: u16,
    /// Bit n: the packet n before the newest came.
    window: u64,
    /// What would follow the last packet that was far off.
    stray: Option<u16>,
    /// Sequence numbers from the first to the newest packet, as far as the window reaches.
    known: u16,
    heard_ns: u64,
    clock: Option<Clock>,
}

/// RFC 3550 6.4.1: arrival against timestamp.
struct Clock {
    rate: u32,
    heard_ns: u64,
    timestamp: u32,
    jitter: f32,
}

/// The meter of one direction of one stream.
#[derive(Default)]
pub struct Meter {
    stream: Option<Stream>,
    current: Second,
    finished: VecDeque<Second>,
    sums: Sums,
    /// What G.722 has said so far, where that is heard.
    low_band: Option<Box<LowBand>>,
}

impl Meter {
    /// Count a packet of `data` that came at `now_ns`. `format` is what was negotiated for its payload type, `levels`
    /// the identifier of the header extension that says how loud a packet is (RFC 6464), 0 without one.
    pub fn packet(&mut self, header: &Header, data: &[u8], format: Option<&Format>, levels: u8, now_ns: u64) {
        self.roll(now_ns);
        let is_of_stream = self.count_order(header, now_ns);
        let second = &mut self.current;
        second.packets += 1;
        second.bytes += data.len() as u64;
        second.ssrc = header.ssrc;
        second.payload_type = header.payload_type;
        match format.map(|format| format.encoding) {
            Some(Encoding::G711(law)) => second.audio.measure(law, header.payload(data)),
            Some(Encoding::G722) => {
                let payload = header.payload(data);
                let power = self.low_band.get_or_insert_default().power(payload);
                second.audio.add(payload.len() as u32, power, false);
            }
            Some(Encoding::Other) if levels != 0 => {
                if let Some([said, ..]) = extension::find(data, levels) {
                    second.audio.told(said & 0x7f);
                }
            }
            _ => {}
        }
        if let (Some(stream), Some(format), true) = (&mut self.stream, format, is_of_stream) {
            stream.heard_ns = now_ns;
            stream.clock(header, format, now_ns);
            second.jitter_ms = stream.clock.as_ref().map(Clock::jitter_ms);
        }
    }

    /// A meter of a stream that another has counted so far. What it has not counted is none that was lost.
    pub fn resumed(sums: Sums) -> Meter {
        Meter { sums, ..Meter::default() }
    }

    /// Take the seconds that are over at `now_ns`.
    pub fn take(&mut self, now_ns: u64) -> impl Iterator<Item = Second> + '_ {
        self.roll(now_ns);
        self.finished.drain(..)
    }

    /// Take the second that is still running as well, so far as it has come.
    pub fn take_all(&mut self, now_ns: u64) -> impl Iterator<Item = Second> + '_ {
        self.roll(now_ns);
        let running = std::mem::replace(&mut self.current, Second { index: now_ns / NANOS, ..Second::default() });
        self.finished.drain(..).chain((running.packets > 0).then_some(running))
    }

    pub fn sums(&self) -> Sums {
        self.sums
    }

    fn roll(&mut self, now_ns: u64) {
        let index = now_ns / NANOS;
        if index == self.current.index {
            return;
        }
        if self.current.packets > 0 {
            if self.finished.len() == SECONDS_KEPT {
                self.finished.pop_front();
            }
            self.finished.push_back(self.current);
        }
        self.current = Second { index, ..Second::default() };
    }

    /// Whether the packet is one of the stream as we know it.
    fn count_order(&mut self, header: &Header, now_ns: u64) -> bool {
        let Some(stream) = &mut self.stream else {
            self.stream = Some(Stream::starting(header, now_ns));
            return true;
        };
        let second = &mut self.current;
        second.max_gap_ns = second.max_gap_ns.max(now_ns.saturating_sub(stream.heard_ns));
        match stream.order(header) {
            Order::Next(missing) => {
                second.lost = second.lost.saturating_add(missing.into());
                self.sums.lost += i64::from(missing);
            }
            Order::Late { missed } => {
                second.lost -= i32::from(missed);
                second.reordered += 1;
                self.sums.lost -= i64::from(missed);
                self.sums.reordered += 1;
            }
            Order::Duplicate => {
                second.duplicates += 1;
                self.sums.duplicates += 1;
            }
            Order::Stray => return false,
            Order::Restart => {
                self.low_band = None;
                second.restarts += 1;
                *stream = Stream::starting(header, now_ns);
            }
        }
        stream.heard_ns = now_ns;
        true
    }
}

impl Stream {
    fn starting(header: &Header, now_ns: u64) -> Stream {
        let Header { ssrc, sequence: newest, .. } = *header;
        Stream { ssrc, newest, window: 1, known: 1, stray: None, heard_ns: now_ns, clock: None }
    }

    fn order(&mut self, header: &Header) -> Order {
        let ahead = header.sequence.wrapping_sub(self.newest);
        let behind = ahead.wrapping_neg();
        if header.ssrc != self.ssrc {
            Order::Restart
        } else if behind < WINDOW {
            let bit = 1 << behind;
            let came = self.window & bit != 0;
            self.window |= bit;
            if came {
                Order::Duplicate
            } else {
                Order::Late { missed: behind < self.known }
            }
        } else if ahead < MAX_DROPOUT {
            self.window = self.window.checked_shl(ahead.into()).unwrap_or(0) | 1;
            self.known = (self.known + ahead).min(WINDOW);
            self.newest = header.sequence;
            self.stray = None;
            Order::Next(ahead - 1)
        } else if self.stray == Some(header.sequence) {
            Order::Restart
        } else {
            self.stray = Some(header.sequence.wrapping_add(1));
            Order::Stray
        }
    }

    fn clock(&mut self, header: &Header, format: &Format, now_ns: u64) {
        if format.encoding == Encoding::Event || format.clock_rate == 0 {
            return;
        }
        match &mut self.clock {
            Some(clock) if clock.rate == format.clock_rate => clock.update(header.timestamp, now_ns),
            clock => {
                *clock = Some(Clock {
                    rate: format.clock_rate,
                    heard_ns: now_ns,
                    timestamp: header.timestamp,
                    jitter: 0.0,
                });
            }
        }
    }
}

impl Clock {
    fn update(&mut self, timestamp: u32, now_ns: u64) {
        let arrived = (now_ns as f64 - self.heard_ns as f64) * f64::from(self.rate) / NANOS as f64;
        let sampled = f64::from(timestamp.wrapping_sub(self.timestamp) as i32);
        let difference = (arrived - sampled).abs();
        if difference < MAX_JITTER_S * f64::from(self.rate) {
            self.jitter += (difference as f32 - self.jitter) / 16.0;
        }
        self.heard_ns = now_ns;
        self.timestamp = timestamp;
    }

    fn jitter_ms(&self) -> f32 {
        self.jitter * 1000.0 / self.rate as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::write_header;

    const PCMA: Format = Format { payload_type: 8, clock_rate: 8000, encoding: Encoding::G711(Law::A) };
    const MS: u64 = 1_000_000;

    fn hear(meter: &mut Meter, sequence: u16, timestamp: u32, ssrc: u32, now_ms: u64) {
        let mut data = [0xd5; 172];
        write_header(&mut data, false, 8, sequence, timestamp, ssrc);
        meter.packet(&Header::parse(&data).unwrap(), &data, Some(&PCMA), 0, now_ms * MS);
    }

    fn second(sequences: &[u16]) -> Second {
        let mut meter = Meter::default();
        for (n, sequence) in sequences.iter().enumerate() {
            hear(&mut meter, *sequence, u32::from(*sequence) * 160, 1, n as u64 * 20);
        }
        let seconds: Vec<_> = meter.take(NANOS).collect();
        seconds[0]
    }

    #[test]
    fn a_steady_stream_has_no_loss_and_no_jitter() {
        let heard = second(&[65534, 65535, 0, 1, 2]);
        assert_eq!((heard.packets, heard.bytes, heard.lost, heard.reordered), (5, 5 * 172, 0, 0));
        assert_eq!((heard.max_gap_ns, heard.audio.samples, heard.audio.digital_silence), (20 * MS, 800, 800));
        assert_eq!(second(&[1, 2, 3]).jitter_ms, Some(0.0));
    }

    #[test]
    fn loss_order_and_duplicates_are_told_apart() {
        assert_eq!(second(&[1, 2, 5]).lost, 2);
        let late = second(&[1, 3, 2, 4]);
        assert_eq!((late.lost, late.reordered, late.duplicates), (0, 1, 0));
        let twice = second(&[1, 2, 2, 1, 3]);
        assert_eq!((twice.lost, twice.reordered, twice.duplicates), (0, 0, 2));
        let before_the_first = second(&[7, 6, 8]);
        assert_eq!((before_the_first.lost, before_the_first.reordered), (0, 1));
    }

    #[test]
    fn nothing_is_lost_where_packets_change_places_or_come_twice_over_the_wrap() {
        let counts = |heard: Second| (heard.lost, heard.reordered, heard.duplicates, heard.restarts);
        assert_eq!(counts(second(&[65534, 0, 65535, 1])), (0, 1, 0, 0));
        assert_eq!(counts(second(&[0, 65535, 1])), (0, 1, 0, 0), "the first two of a stream");
        assert_eq!(counts(second(&[65534, 65534, 65535, 65535, 0, 0, 1, 1])), (0, 0, 4, 0));
        assert_eq!(counts(second(&[65534, 0, 0, 65535, 65535, 1, 65534, 1])), (0, 1, 4, 0));
    }

    #[test]
    fn what_comes_twice_long_after_is_no_new_start() {
        let mut meter = Meter::default();
        for n in 0..400u16 {
            hear(&mut meter, n, u32::from(n) * 160, 1, u64::from(n) * 20);
            if let Some(before) = n.checked_sub(150) {
                hear(&mut meter, before, u32::from(before) * 160, 1, u64::from(n) * 20 + 1);
            }
        }
        assert_eq!(meter.sums(), Sums::default());
        let seconds: Vec<_> = meter.take(9 * NANOS).map(|second| (second.restarts, second.jitter_ms)).collect();
        assert!(seconds.iter().all(|second| *second == (0, Some(0.0))), "{seconds:?}");
    }

    #[test]
    fn a_far_jump_is_a_new_start() {
        let heard = second(&[1, 2, 20000, 20001]);
        assert_eq!((heard.lost, heard.restarts), (0, 1));
        assert_eq!(second(&[1, 2901]).lost, 2899);
    }

    #[test]
    fn a_packet_later_than_its_second_gives_its_loss_back() {
        let mut meter = Meter::default();
        hear(&mut meter, 1, 160, 1, 960);
        hear(&mut meter, 3, 480, 1, 999);
        hear(&mut meter, 2, 320, 1, 1001);
        let lost: Vec<_> = meter.take(2 * NANOS).map(|second| (second.index, second.lost)).collect();
        assert_eq!(lost, [(0, 1), (1, -1)]);
        assert_eq!(meter.sums(), Sums { lost: 0, reordered: 1, duplicates: 0 });
    }

    #[test]
    fn another_source_starts_afresh() {
        let mut meter = Meter::default();
        hear(&mut meter, 100, 0, 1, 0);
        hear(&mut meter, 9, 5_000_000, 2, 20);
        let heard = meter.take(NANOS).next().unwrap();
        assert_eq!((heard.lost, heard.restarts, heard.ssrc), (0, 1, 2));
        assert_eq!(heard.jitter_ms, Some(0.0));
    }

    #[test]
    fn jitter_follows_rfc_3550() {
        let mut meter = Meter::default();
        hear(&mut meter, 1, 0, 1, 0);
        hear(&mut meter, 2, 160, 1, 36);
        let heard = meter.take(NANOS).next().unwrap();
        assert_eq!(heard.jitter_ms, Some(1.0), "16 ms late, a sixteenth of it");
    }

    #[test]
    fn the_running_second_is_taken_once() {
        let mut meter = Meter::default();
        hear(&mut meter, 1, 160, 1, 900);
        hear(&mut meter, 2, 320, 1, 1100);
        let packets: Vec<_> = meter.take_all(1200 * MS).map(|second| (second.index, second.packets)).collect();
        assert_eq!(packets, [(0, 1), (1, 1)]);
        hear(&mut meter, 4, 640, 1, 1300);
        let rest = meter.take_all(1400 * MS).next().unwrap();
        assert_eq!((rest.index, rest.packets, rest.lost), (1, 1, 1));
    }

    #[test]
    fn only_the_last_seconds_are_kept() {
        let mut meter = Meter::default();
        for second in 0..10 {
            hear(&mut meter, second as u16, 0, 1, second * 1000);
        }
        let kept: Vec<_> = meter.take(10 * NANOS).map(|second| second.index).collect();
        assert_eq!(kept, [6, 7, 8, 9]);
        assert_eq!(meter.take(20 * NANOS).count(), 0);
    }
}
