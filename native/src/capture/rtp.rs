//! One RTP stream, summarised (RFC 3550): counted per second, never handed on packet by packet.

use super::codec::{Codec, Kind};
use super::flow::Flow;
use super::level::{self, FULL_SCALE};
use super::limits::*;
use super::marks::Marks;
use super::row::{Row, NO_LEVEL};
use super::sequence::{Arrival, Runs, Sequence};
use super::timing::Timing;
use crate::srtp::{self, Suite};
use std::borrow::Cow;

/// Half a second without a packet is a gap worth telling.
const GAP_NS: i64 = 500_000_000;
/// Numbers that were there before are a sender that begins anew after so long a silence, and no copies.
const ANEW_NS: i64 = 2 * SECOND;
/// Packets in a row (same SSRC, payload type, small steps) that make an unannounced stream believable.
const CONFIRMED_BY: u32 = 4;
/// Packets on which announced keys are tried, and how far from the beginning.
const KEY_TRIES: u8 = 8;
const KEY_PACKETS: u64 = 200;
/// A key opened one: no more is tried.
const OPENED: u8 = u8::MAX;
/// Payload types of a stream that are told apart.
const MAX_USES: usize = 32;

#[derive(Clone, Copy)]
pub struct Header<'a> {
    pub payload_type: u8,
    pub marker: bool,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    pub extension: &'a [u8],
    pub payload: &'a [u8],
    /// Bytes of the payload on the wire, though the snap length may have cut some.
    pub size: usize,
}

impl<'a> Header<'a> {
    /// RFC 3550 section 5.1. `cut`: bytes missing at the end.
    #[inline]
    pub fn parse(data: &'a [u8], cut: usize) -> Option<Header<'a>> {
        let fixed = data.first_chunk::<12>()?;
        if fixed[0] >> 6 != 2 {
            return None;
        }
        let mut at = 12 + usize::from(fixed[0] & 0xf) * 4;
        let mut extension: &[u8] = &[];
        if fixed[0] & 0x10 != 0 {
            let words = usize::from(super::bytes::be16(data, at + 2)?);
            extension = data.get(at..at + 4 + words * 4)?;
            at += 4 + words * 4;
        }
        let mut payload = data.get(at..)?;
        if fixed[0] & 0x20 != 0 && cut == 0 {
            let padding = usize::from(*payload.last()?);
            // Encrypted padding counts are noise; then the payload stays as it is.
            payload = &payload[..payload.len().checked_sub(padding).filter(|_| padding > 0).unwrap_or(payload.len())];
        }
        Some(Header {
            payload_type: fixed[1] & 0x7f,
            marker: fixed[1] & 0x80 != 0,
            sequence: u16::from_be_bytes([fixed[2], fixed[3]]),
            timestamp: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
            ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
            extension,
            payload,
            size: payload.len() + cut,
        })
    }

    /// RFC 6464's level in the header extension of that number, one-byte or two-byte (RFC 8285).
    fn audio_level(&self, number: u8) -> Option<u8> {
        let profile = super::bytes::be16(self.extension, 0)?;
        let mut rest = self.extension.get(4..)?;
        while let [head, tail @ ..] = rest {
            let (id, length, data) = match profile {
                0xbede => (head >> 4, usize::from(head & 0xf) + 1, tail),
                0x1000..=0x100f => (*head, usize::from(*tail.first().unwrap_or(&0)), tail.get(1..).unwrap_or(&[])),
                _ => return None,
            };
            match id {
                0 => rest = tail,
                id if id == number => return data.first().copied().filter(|_| length > 0),
                _ => rest = data.get(length..)?,
            }
        }
        None
    }
}

/// A packet with when it came.
#[derive(Clone, Copy)]
pub struct Moment {
    pub frame: u64,
    pub time: i64,
}

#[derive(Clone, Debug)]
pub struct Use {
    pub number: u8,
    pub codec: Codec,
    pub packets: u64,
    pub first_frame: u64,
    pub start: i64,
    pub end: i64,
}

/// The payload type in use: what every packet asks and counts, close together. Its `Use` is brought up to date when another
/// follows and at the end.
struct Current {
    at: usize,
    number: u8,
    kind: Kind,
    packets: u64,
    end: i64,
}

impl Current {
    fn of(at: usize, used: &Use) -> Current {
        Current { at, number: used.number, kind: used.codec.kind, packets: used.packets, end: used.end }
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Gap {
    pub start: i64,
    pub end: i64,
    pub frame: u64,
    pub lost: u32,
}

#[derive(Clone, Copy, Debug)]
pub struct Digit {
    pub frame: u64,
    pub time: i64,
    pub event: u8,
    pub duration_ms: u32,
    pub volume: u8,
    timestamp: u32,
}

/// Everything a stream leaves behind (records.py `RtpStream`).
pub struct Stream {
    pub ssrc: u32,
    /// Packets that none of the sender's own keys opened; `KEY_TRIES` and more when one did.
    unopened: u8,
    pub first: Moment,
    pub last: Moment,
    pub packets: u64,
    bytes: u64,
    lost: i64,
    late: u64,
    reordered: u64,
    pub duplicates: u64,
    restarts: u64,
    markers: u64,
    gaps: Vec<Gap>,
    gap_max: i64,
    uses: Vec<Use>,
    current: Current,
    digits: Vec<Digit>,
    sequence: Sequence,
    timing: Timing,
    energy: f64,
    samples: u64,
    flat: u64,
    clipped: u64,
    /// G.711 payloads of a size that no packetisation gives: an SRTP tag is on them.
    odd_sized: u64,
    dscp: u8,
    in_row: u32,
    pub is_confirmed: bool,
    pub continues: bool,
    row: Row,
    rows: Vec<u8>,
    /// Which of its packets came, where other places are read beside this one.
    pub marks: Option<Box<Marks>>,
}

/// What the flow knows that the packet does not say.
#[derive(Clone, Copy, Default)]
pub struct Context {
    pub is_secure: bool,
    pub level_extension: u8,
}

impl Stream {
    pub fn new(header: &Header<'_>, codec: Codec, at: Moment, dscp: u8) -> Stream {
        let timing = Timing::new(at.time, header.timestamp, codec.clock);
        let first = Use {
            number: header.payload_type,
            codec,
            packets: 0,
            first_frame: at.frame,
            start: at.time,
            end: at.time,
        };
        Stream {
            ssrc: header.ssrc,
            first: at,
            last: at,
            packets: 0,
            bytes: 0,
            lost: 0,
            late: 0,
            reordered: 0,
            duplicates: 0,
            restarts: 0,
            markers: 0,
            unopened: 0,
            gaps: Vec::new(),
            gap_max: 0,
            current: Current::of(0, &first),
            uses: vec![first],
            digits: Vec::new(),
            // The first packet is received as the one after this.
            sequence: Sequence::new(header.sequence.wrapping_sub(1)),
            timing,
            energy: 0.0,
            samples: 0,
            flat: 0,
            clipped: 0,
            odd_sized: 0,
            dscp,
            in_row: 0,
            is_confirmed: false,
            continues: false,
            row: Row { second: at.time.div_euclid(SECOND), ..Row::default() },
            rows: Vec::new(),
            marks: None,
        }
    }

    /// Whether the payload type of the packet is the one in use (then no codec needs to be looked up).
    #[inline]
    pub fn knows(&self, number: u8) -> bool {
        self.current.number == number
    }

    pub fn payload_type(&self) -> u8 {
        self.current.number
    }

    pub fn codec(&self) -> Option<&Codec> {
        self.uses.get(self.current.at).map(|u| &u.codec)
    }

    /// Makes `number` the payload type in use.
    pub fn switch(&mut self, number: u8, codec: impl FnOnce() -> Codec, at: Moment) {
        let known = self.uses.iter().position(|u| u.number == number);
        if known.is_none() && self.uses.len() >= MAX_USES {
            return;
        }
        let place = known.unwrap_or(self.uses.len());
        if known.is_none() {
            let (first_frame, start, end) = (at.frame, at.time, at.time);
            self.uses.push(Use { number, codec: codec(), packets: 0, first_frame, start, end });
        }
        self.settle();
        self.current = Current::of(place, &self.uses[place]);
    }

    /// Brings the payload type in use up to date.
    fn settle(&mut self) {
        let used = &mut self.uses[self.current.at];
        (used.packets, used.end) = (self.current.packets, self.current.end);
    }

    /// An SDP came (later than the first packets) that says what the payload type in use is.
    pub fn rename(&mut self, codec: Codec) {
        if codec.clock != 0 && matches!(codec.kind, Kind::Other | Kind::G711(_)) {
            self.timing.set_clock(codec.clock);
        }
        self.current.kind = codec.kind;
        self.uses[self.current.at].codec = codec;
    }

    /// Whether it is worth trying keys on the next packet: at the beginning, where the rollover counter is known to be
    /// 0 (RFC 3711 section 3.3.1).
    #[inline]
    pub fn wants_keys(&self) -> bool {
        self.unopened < KEY_TRIES && self.packets < KEY_PACKETS
    }

    #[cold]
    pub fn try_keys(&mut self, keys: &[(Suite, Vec<u8>)], packet: &[u8]) {
        if keys.is_empty() {
            return;
        }
        let is_opened = keys.iter().any(|(suite, key)| {
            let (master, salt) = key.split_at(suite.key_len());
            let context = srtp::Context::new(*suite, master, salt);
            context.is_some_and(|mut context| context.open_rtp(&mut packet.to_vec()).is_ok())
        });
        self.unopened = if is_opened { OPENED } else { self.unopened + 1 };
    }

    #[inline]
    pub fn receive(&mut self, header: &Header<'_>, at: Moment, context: &Context, jitter_buffer: i64) {
        let gap = at.time - self.last.time;
        let mut arrival = self.sequence.receive(header.sequence);
        if arrival == Arrival::Duplicate {
            if gap < ANEW_NS {
                // A mirror of both ways, or several interfaces: it says nothing new.
                self.duplicates += 1;
                return;
            }
            arrival = self.sequence.restart(header.sequence);
        }
        if at.time >= (self.row.second + 1) * SECOND || at.time < self.row.second * SECOND {
            self.close_row(at.time.div_euclid(SECOND));
        }
        self.count(header, at);
        let mut lost_here = 0;
        match arrival {
            Arrival::Next { lost } => {
                lost_here = lost;
                if lost > 0 {
                    self.lost += i64::from(lost);
                    self.row.lost = self.row.lost.saturating_add(lost.min(0xffff) as u16);
                }
                self.in_row = if lost < 3 { self.in_row + 1 } else { 0 };
                self.is_confirmed |= self.in_row >= CONFIRMED_BY;
            }
            Arrival::Reordered => {
                self.reordered += 1;
                self.lost -= 1;
                self.row.lost = self.row.lost.saturating_sub(1);
            }
            Arrival::Restarted => {
                self.restarts += 1;
                self.timing.restart(at.time, header.timestamp);
            }
            Arrival::Stray | Arrival::Duplicate => return,
        }
        if let Some(marks) = &mut self.marks {
            marks.receive(header.sequence);
        }
        self.row.packets = self.row.packets.saturating_add(1);
        self.row.bytes = self.row.bytes.saturating_add(header.size as u32);
        self.note_gap(gap, at, lost_here);
        self.listen(header, at, arrival, context, jitter_buffer);
    }

    /// Counts that every packet makes, stray ones too.
    #[inline]
    fn count(&mut self, header: &Header<'_>, at: Moment) {
        self.last = Moment { frame: at.frame, time: at.time.max(self.last.time) };
        self.packets += 1;
        self.bytes += header.size as u64;
        self.markers += u64::from(header.marker);
        self.current.packets += 1;
        self.current.end = at.time;
    }

    #[inline]
    fn note_gap(&mut self, gap: i64, at: Moment, lost: u32) {
        if gap <= 0 {
            return;
        }
        self.gap_max = self.gap_max.max(gap);
        self.row.gap_ms = self.row.gap_ms.max((gap / 1_000_000).min(i64::from(u32::MAX)) as u32);
        if gap >= GAP_NS && self.gaps.len() < STREAM_LIST {
            self.gaps.push(Gap { start: at.time - gap, end: at.time, frame: at.frame, lost });
        }
    }

    /// Delay, jitter and loudness, by what the payload type is.
    #[inline]
    fn listen(&mut self, header: &Header<'_>, at: Moment, arrival: Arrival, context: &Context, jitter_buffer: i64) {
        match self.current.kind {
            Kind::Event => return self.event(header, at),
            Kind::Noise => {
                self.row.noise += 1;
                return;
            }
            Kind::G711(law) if !context.is_secure => self.loudness(header.payload, law),
            _ if context.level_extension != 0 => {
                if let Some(level) = header.audio_level(context.level_extension) {
                    self.row.energy += level::energy_of(level);
                    self.row.samples += 1;
                }
            }
            _ => {}
        }
        let in_order = matches!(arrival, Arrival::Next { lost: 0 });
        let delay = self.timing.receive(at.time, header.timestamp, header.sequence, in_order);
        if let Some((late, since)) = self.timing.held_back() {
            self.late += u64::from(late);
            self.row.late = self.row.late.saturating_add(late);
            (0..late).for_each(|at| self.sequence.too_late(header.sequence.wrapping_sub(since - at)));
        }
        if delay > jitter_buffer {
            self.late += 1;
            self.row.late = self.row.late.saturating_add(1);
            self.sequence.too_late(header.sequence);
            self.timing.fall_behind();
        } else {
            self.timing.keep_up();
        }
    }

    #[inline]
    fn loudness(&mut self, payload: &[u8], law: level::Law) {
        let loud = level::measure(payload, law);
        self.row.energy += loud.energy;
        self.row.samples += loud.samples;
        self.row.flat += u16::from(loud.is_flat && loud.samples > 0);
        self.row.clipped = self.row.clipped.saturating_add(loud.clipped as u16);
        self.odd_sized += u64::from(!loud.samples.is_multiple_of(8));
    }

    /// RFC 4733 section 2.3. An event repeats until its end and is told once.
    fn event(&mut self, header: &Header<'_>, at: Moment) {
        self.row.events += 1;
        let &[event, flags, high, low, ..] = header.payload else { return };
        let clock = self.uses[self.current.at].codec.clock.max(1000);
        let duration_ms = u32::from(u16::from_be_bytes([high, low])) * 1000 / clock;
        let same = |d: &&mut Digit| d.timestamp == header.timestamp && d.event == event;
        if let Some(digit) = self.digits.last_mut().filter(same) {
            digit.duration_ms = digit.duration_ms.max(duration_ms);
            return;
        }
        if self.digits.len() < STREAM_LIST {
            self.digits.push(Digit {
                frame: at.frame,
                time: at.time,
                event,
                duration_ms,
                volume: flags & 0x3f,
                timestamp: header.timestamp,
            });
        }
    }

    fn close_row(&mut self, next: i64) {
        let row = std::mem::replace(&mut self.row, Row { second: next, ..Row::default() });
        self.energy += row.energy as f64;
        self.samples += u64::from(row.samples);
        self.flat += u64::from(row.flat);
        self.clipped += u64::from(row.clipped);
        let jitter = self.timing.close_second();
        if row.packets == 0 {
            return;
        }
        let level = match row.samples {
            0 => NO_LEVEL,
            n => (level::dbov(row.energy as f64, f64::from(n)) * 10.0).round() as i16,
        };
        let row = Row { jitter, ..row };
        self.rows.extend_from_slice(&row.packed(level));
    }

    /// Closes the books and tells them.
    pub fn finish(
        mut self,
        flow: Flow,
        media: Cow<'static, str>,
        is_announced: bool,
        is_secure: bool,
        jitter_buffer: i64,
    ) -> Summary {
        self.close_row(0);
        self.settle();
        self.sequence.finish();
        let looks_secure = self.odd_sized * 2 > self.packets;
        Summary { flow, media, is_announced, is_secure: is_secure || looks_secure, jitter_buffer, stream: self }
    }
}

/// A stream that is over, with what its flow knew.
pub struct Summary {
    pub flow: Flow,
    pub media: Cow<'static, str>,
    pub is_announced: bool,
    pub is_secure: bool,
    pub jitter_buffer: i64,
    stream: Stream,
}

impl std::fmt::Debug for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "stream {:#x} {:?}", self.stream.ssrc, self.flow)
    }
}

/// The numbers of a summary under the names of `records.py`.
pub struct Figures<'a> {
    pub ssrc: u32,
    pub first: Moment,
    pub last: Moment,
    pub packets: u64,
    pub bytes: u64,
    pub lost: i64,
    pub late: u64,
    pub reordered: u64,
    pub duplicates: u64,
    pub restarts: u64,
    pub markers: u64,
    /// Nothing of it opens with the keys that its sender announced.
    pub has_wrong_key: bool,
    pub gap_max_ms: f64,
    pub level_dbov: f64,
    pub flat: u64,
    pub clipped: u64,
    pub dscp: u8,
    pub continues: bool,
    pub uses: &'a [Use],
    pub gaps: &'a [Gap],
    pub digits: &'a [Digit],
    pub lost_runs: &'a Runs,
    pub effective_runs: &'a Runs,
    pub timing: &'a Timing,
    pub rows: &'a [u8],
    pub marks: Vec<u8>,
}

impl Summary {
    pub fn figures(&self) -> Figures<'_> {
        let s = &self.stream;
        let heard = s.samples > 0 && s.energy <= FULL_SCALE * s.samples as f64 && s.odd_sized * 2 <= s.packets;
        Figures {
            ssrc: s.ssrc,
            first: s.first,
            last: s.last,
            packets: s.packets,
            bytes: s.bytes,
            lost: s.lost.max(0),
            late: s.late,
            reordered: s.reordered,
            duplicates: s.duplicates,
            restarts: s.restarts,
            markers: s.markers,
            has_wrong_key: s.unopened == KEY_TRIES,
            gap_max_ms: s.gap_max as f64 / 1e6,
            level_dbov: if heard { level::dbov(s.energy, s.samples as f64) } else { f64::NAN },
            flat: s.flat,
            clipped: s.clipped,
            dscp: s.dscp,
            continues: s.continues,
            uses: &s.uses,
            gaps: &s.gaps,
            digits: &s.digits,
            lost_runs: &s.sequence.lost_runs,
            effective_runs: &s.sequence.effective_runs,
            timing: &s.timing,
            rows: &s.rows,
            marks: s.marks.as_ref().map_or_else(Vec::new, |marks| marks.packed()),
        }
    }
}
