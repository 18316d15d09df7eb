//! What a peer hears of ours for a while in place of the other side: an announcement, a beep.
//!
//! It is put into the stream that the peer hears already, so that nobody has to learn of another source: our packets
//! have the numbers that come next, what the other side says meanwhile is left out (but for keys, RFC 4733), and what it
//! says afterwards is moved by as many sequence numbers as are more or fewer than it knows of. Its timestamps go on as
//! they are, since our sound took as long as it took; `reports` makes RTCP fit. A peer that was sent nothing before
//! hears a stream of ours, which becomes that of the other side with its first packet.
//!
//! `pass` sees what leaves to the peer, `step` is asked for our own packets when they are due.

mod clip;
mod reports;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ahead::Ahead;
use super::packet::Media;
use super::transcode::{Line, Mid, Seed};
use super::worker::now_ns;
use crate::audio::Law;
use crate::codec::{Coding, Settings};
use crate::rtp::{self, Header};
pub use clip::{Clip, PACKET_MS, PACKET_NS};
use clip::{Rest, PAYLOAD};

/// Later than this, packets are left out rather than sent in a burst that a phone would throw away.
const LATE_NS: u64 = 5 * PACKET_NS;

/// How long both sides are waited for: the peer may be behind a NAT and be found by its first packet only, the other
/// side's first packet gives the numbers. Phones begin within 0.1 s; Opus with DTX sends a packet each 0.4 s.
const PATIENCE_NS: u64 = 500_000_000;

/// What the other side said in the last so many milliseconds of ours is left out too; further behind its clock is
/// another, and is moved.
const OVERLAP_MS: u32 = 100;

/// So many packets after ours a late one from before can come no more.
const LATEST: u16 = 1000;

/// How the peer is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voice {
    /// Payload types that we can speak, the best first; and what the peer asks of Opus.
    pub formats: Vec<(u8, Coding)>,
    pub settings: Settings,
    /// Bit n: payload type n is of keys.
    pub events: u128,
    /// The source that the peer was promised, and by what it knows our packets.
    pub ssrc: Option<u32>,
    pub mid: Option<Mid>,
}

/// What is known of the peer.
#[derive(Clone, Copy)]
pub struct Ready {
    /// There is an address, and there are keys where they are needed.
    pub is_reachable: bool,
    pub is_heard: bool,
}

/// What comes of a turn; `due_ns` is when the next one is.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    Waits {
        due_ns: u64,
    },
    Sends {
        length: usize,
        due_ns: u64,
    },
    /// The last packet; ours lasted so long.
    Ends {
        length: usize,
        played_ns: u64,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Until the peer can hear, since it can be reached; and whether a packet of the other side passed.
    Waits {
        since_ns: Option<u64>,
        is_led: bool,
    },
    Plays,
    /// Ours is over, or the peer wants to hear nothing: until the other side is heard.
    Resumes,
    Over,
}

/// What is sent to one peer, since something of ours was first put into it.
pub struct Dub {
    /// Tells this sound from one that was played before.
    pub serial: u64,
    voice: Voice,
    stage: Stage,
    rest: Option<Rest>,
    due_ns: u64,
    line: Line,
    /// Of the stream of the line: what comes after what was sent last, and when that was.
    end: u32,
    sent_ns: u64,
    shift: Shift,
}

/// By what the numbers of the other side are moved, in the stream of the line.
#[derive(Default)]
struct Shift {
    /// The stream is one of its own.
    is_known: bool,
    sequence: u16,
    timestamp: u32,
    /// Packets and bytes of ours that it did not send, less those of its own that were left out.
    packets: u32,
    octets: u32,
    /// Its first packet after ours: what was sent before that and comes later is left out.
    first: Option<u16>,
}

/// What outlives the process of a stream that something was put into: whose it is, and by what it is moved. What was
/// being played is not heard to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DubState {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    packets: u32,
    octets: u32,
    /// It was to be played, or was: packets of ours may have been sent since.
    #[serde(default)]
    is_under_way: bool,
}

impl Dub {
    /// By how much the other side's packets are moved for good; None while that may change.
    pub fn settled(&self) -> Option<u16> {
        (self.stage == Stage::Over).then_some(self.shift.sequence)
    }

    pub fn state(&self) -> DubState {
        let Shift { sequence, timestamp, packets, octets, .. } = self.shift;
        let is_under_way = self.stage != Stage::Over;
        DubState { ssrc: self.line.ssrc, sequence, timestamp, packets, octets, is_under_way }
    }

    /// What the other side says comes after all that was played.
    pub fn resumed(state: &DubState, ahead: &Ahead) -> Dub {
        let DubState { ssrc, timestamp, packets, octets, is_under_way, .. } = *state;
        let sequence = state.sequence.wrapping_add(if is_under_way { ahead.packets() } else { 0 });
        Dub {
            serial: 0,
            voice: Voice {
                formats: vec![(0, Coding::G711(Law::Mu))],
                settings: Settings::default(),
                events: 0,
                ssrc: None,
                mid: None,
            },
            stage: Stage::Over,
            rest: None,
            due_ns: 0,
            line: Line::new(ssrc, 0, 0, None),
            end: 0,
            sent_ns: 0,
            shift: Shift { is_known: true, sequence, timestamp, packets, octets, first: None },
        }
    }

    pub fn new(serial: u64, clip: Arc<Clip>, voice: Voice, seed: &Seed, now_ns: u64) -> Dub {
        let ssrc = voice.ssrc.unwrap_or(seed.ssrc);
        Dub {
            serial,
            line: Line::new(ssrc, seed.sequence, 0, voice.mid.as_ref()),
            end: seed.timestamp,
            voice,
            stage: Stage::Waits { since_ns: None, is_led: false },
            rest: Some(Rest::new(clip)),
            due_ns: now_ns,
            sent_ns: now_ns,
            shift: Shift::default(),
        }
    }

    /// Play another sound, in place of what is left of one before.
    pub fn begin(&mut self, serial: u64, clip: Arc<Clip>, voice: Voice, now_ns: u64) {
        self.serial = serial;
        self.rest = Some(Rest::new(clip));
        self.due_ns = now_ns;
        self.go_on(Some(voice));
    }

    /// The peer is spoken to otherwise from now on, or (None) wants to hear nothing for a while.
    pub fn go_on(&mut self, voice: Option<Voice>) {
        let Some(rest) = &mut self.rest else { return };
        let Some(mut voice) = voice else {
            self.stage = Stage::Resumes;
            return;
        };
        let spoken = voice.formats.iter().position(|format| *format == self.voice.formats[0]);
        match spoken {
            Some(at) if self.stage == Stage::Plays => voice.formats.swap(0, at),
            _ => {
                rest.forget_encoder();
                self.stage = Stage::Waits { since_ns: None, is_led: false };
            }
        }
        self.voice = voice;
    }

    /// A packet of the other side is to leave: make it fit. False when it does not leave.
    pub fn pass_on(&mut self, media: Media, data: &mut [u8]) -> bool {
        match media {
            Media::Rtp => self.pass(data, now_ns()),
            Media::Rtcp => {
                self.report(data);
                true
            }
        }
    }

    /// An RTP packet of the other side is to leave: make its numbers fit. False when it does not leave.
    pub fn pass(&mut self, data: &mut [u8], now_ns: u64) -> bool {
        let Some(header) = Header::parse(data) else { return true };
        let is_event = self.voice.events >> header.payload_type & 1 == 1;
        let leaves = match self.stage {
            Stage::Over if header.ssrc != self.line.ssrc => return true,
            Stage::Over => !self.is_late(&header),
            Stage::Waits { since_ns, .. } => {
                if header.ssrc != self.line.ssrc || !self.shift.is_known {
                    self.follow(&header);
                }
                self.lead(&header);
                self.stage = Stage::Waits { since_ns, is_led: true };
                true
            }
            Stage::Plays | Stage::Resumes => self.pass_beside(&header, is_event, data),
        };
        if leaves {
            self.send(&header, is_event, now_ns);
            let sequence = header.sequence.wrapping_add(self.shift.sequence);
            rtp::renumber(data, sequence, header.timestamp.wrapping_add(self.shift.timestamp));
        }
        leaves
    }

    /// While ours is heard keys pass; behind it all does.
    fn pass_beside(&mut self, header: &Header, is_event: bool, data: &mut [u8]) -> bool {
        let is_another = header.ssrc != self.line.ssrc;
        if is_another {
            self.follow(header);
        } else if !self.shift.is_known {
            self.shift.timestamp = self.end.wrapping_sub(header.timestamp);
            self.shift.is_known = true;
        }
        if is_event {
            self.shift.sequence = self.line.next().wrapping_sub(header.sequence);
            return true;
        }
        let is_behind = self.stage == Stage::Resumes && (is_another || !self.is_overlapped(header));
        if is_behind {
            self.resume(header);
            data[1] |= 0x80;
        } else {
            self.leave_out(header, header.payload(data).len() as u32);
        }
        is_behind
    }

    /// Write our next packet into `out`, if it is time for one.
    pub fn step(&mut self, out: &mut [u8], ready: Ready, now_ns: u64) -> Step {
        match self.stage {
            Stage::Plays => {}
            Stage::Waits { since_ns, is_led } if ready.is_reachable => {
                let since_ns = since_ns.unwrap_or(now_ns);
                self.stage = Stage::Waits { since_ns: Some(since_ns), is_led };
                if !(is_led && ready.is_heard) && now_ns.saturating_sub(since_ns) < PATIENCE_NS {
                    return self.wait(now_ns);
                }
                self.play(is_led, now_ns);
            }
            Stage::Waits { .. } | Stage::Resumes | Stage::Over => return self.wait(now_ns),
        }
        let length = self.write(out, now_ns);
        self.due_ns += PACKET_NS;
        let over = self.rest.take_if(|rest| rest.is_over());
        match over {
            None => Step::Sends { length, due_ns: self.due_ns },
            Some(rest) => {
                self.stage = Stage::Resumes;
                Step::Ends { length, played_ns: rest.played_ns() }
            }
        }
    }

    fn wait(&mut self, now_ns: u64) -> Step {
        self.due_ns = now_ns + PACKET_NS;
        Step::Waits { due_ns: self.due_ns }
    }

    /// Ours begins behind what was sent last. What was silence is time all the same (RFC 3550 5.1).
    fn play(&mut self, is_led: bool, now_ns: u64) {
        if !is_led {
            let silent_ms = (now_ns.saturating_sub(self.sent_ns) / 1_000_000) as u32;
            self.end = self.end.wrapping_add(silent_ms.wrapping_mul(self.clock() / 1000));
        }
        self.stage = Stage::Plays;
        self.due_ns = now_ns;
        self.line.starts = true;
    }

    /// The next packet of ours; 0 where the encoder says that it need not be sent.
    fn write(&mut self, out: &mut [u8], now_ns: u64) -> usize {
        let late_ns = now_ns.saturating_sub(self.due_ns);
        let ticks = self.clock() / 1000 * PACKET_MS;
        if late_ns > LATE_NS {
            // A pause of the whole machine: time went on, and the sound waits.
            let missed = late_ns / PACKET_NS;
            self.due_ns += missed * PACKET_NS;
            self.end = self.end.wrapping_add((missed as u32).wrapping_mul(ticks));
            self.line.starts = true;
        }
        let timestamp = self.end;
        self.end = self.end.wrapping_add(ticks);
        self.sent_ns = now_ns;
        let (payload_type, coding) = self.voice.formats[0];
        let room = self.line.room();
        let Some(rest) = &mut self.rest else { return 0 };
        let Some(length) = rest.encode(coding, &self.voice.settings, &mut out[room..room + PAYLOAD]) else {
            self.line.starts = true;
            return 0;
        };
        self.shift.packets = self.shift.packets.wrapping_add(1);
        self.shift.octets = self.shift.octets.wrapping_add(length as u32);
        let marker = std::mem::take(&mut self.line.starts);
        self.line.write(out, marker, payload_type, timestamp, length)
    }

    fn clock(&self) -> u32 {
        self.voice.formats[0].1.clock()
    }

    /// The line is the stream of this packet from here on: with its numbers, which none of ours has had.
    fn follow(&mut self, header: &Header) {
        self.line.ssrc = header.ssrc;
        self.line.begin_as(header.sequence, None);
        self.line.starts = true;
        self.end = header.timestamp;
        self.shift = Shift { is_known: true, ..Shift::default() };
    }

    /// The other side chooses among the codecs that we can speak.
    fn lead(&mut self, header: &Header) {
        let its_own = self.voice.formats.iter().position(|format| format.0 == header.payload_type);
        if let Some(at) = its_own {
            self.voice.formats.swap(0, at);
        }
    }

    /// Whether it was sent before ours and comes after.
    fn is_late(&mut self, header: &Header) -> bool {
        let Some(first) = self.shift.first else { return false };
        let behind = header.sequence.wrapping_sub(first);
        if (LATEST..u16::MAX / 2).contains(&behind) {
            self.shift.first = None;
        }
        behind > u16::MAX / 2
    }

    /// Whether ours was heard in its place until its end.
    fn is_overlapped(&self, header: &Header) -> bool {
        let ahead = header.timestamp.wrapping_add(self.shift.timestamp).wrapping_sub(self.end) as i32;
        (-((self.clock() / 1000 * OVERLAP_MS) as i32)..0).contains(&ahead)
    }

    fn leave_out(&mut self, header: &Header, octets: u32) {
        self.shift.sequence = self.line.next().wrapping_sub(header.sequence).wrapping_sub(1);
        self.shift.packets = self.shift.packets.wrapping_sub(1);
        self.shift.octets = self.shift.octets.wrapping_sub(octets);
    }

    fn resume(&mut self, header: &Header) {
        let ahead = header.timestamp.wrapping_add(self.shift.timestamp).wrapping_sub(self.end) as i32;
        if ahead < 0 {
            self.shift.timestamp = self.shift.timestamp.wrapping_sub(ahead as u32);
        }
        self.shift.sequence = self.line.next().wrapping_sub(header.sequence);
        self.stage = Stage::Over;
        self.shift.first = Some(header.sequence);
    }

    /// Remember where the stream stands.
    fn send(&mut self, header: &Header, is_event: bool, now_ns: u64) {
        let sequence = header.sequence.wrapping_add(self.shift.sequence);
        let ahead = sequence.wrapping_sub(self.line.next());
        if ahead < u16::MAX / 2 {
            self.line.begin_as(sequence.wrapping_add(1), None);
            self.sent_ns = now_ns;
            // All packets of a key have the time of its beginning.
            if !is_event {
                let ticks = self.clock() / 1000 * PACKET_MS;
                self.end = header.timestamp.wrapping_add(self.shift.timestamp).wrapping_add(ticks);
            }
        }
    }
}

#[cfg(test)]
mod tests;
