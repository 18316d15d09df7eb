//! One direction of a section whose sides share no codec: packets of the one in, packets for the other out.
//!
//! `order` puts packets in their order, `timeline` says when each is; what they hold is decoded, brought to the rate
//! of the encoder and gathered in a buffer until a packet of the other side's length is full (`line` counts those).
//! Packets whose format the other side understands as well pass as they are. Sequence numbers, timestamps and source
//! are ours all the same, so that the receiver sees one stream; `reports` makes RTCP fit it.
//!
//! `hear` takes a packet, then `speak` is asked until it has nothing more to send. Pure: no clock, no I/O.

mod keys;
mod line;
mod order;
mod reception;
mod redundancy;
mod reports;
mod timeline;

use serde::{Deserialize, Serialize};

use super::ahead::Ahead;
use crate::codec::{Coding, Decoder, Encoder, Resampler, Settings, MAX_MS};
use crate::rtp::Header;
use keys::Keys;
pub use line::{Line, Mid};
use line::{LineState, TICKS};
use order::{Order, Packet};
use reception::Reception;
pub use reports::REPORT;
use timeline::{Step, Timeline};

/// A gap longer than this is not made up: the voice has faded by then.
const CONCEALED_TICKS: i64 = TICKS * 60 / 1000;

/// What happens to the packets of a payload type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Way {
    /// The other side understands it, under this payload type and on this clock.
    Pass {
        payload_type: u8,
        clock: u32,
    },
    Convert(Coding),
    /// Comfort noise (RFC 3389) that the other side does not know: it is played.
    Noise,
    /// Keys (RFC 4733) that the other side does not know: their tones are played.
    Tones,
    /// Packets in packets (RFC 2198): each of them goes the way of its own payload type.
    Unwrap,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    pub payload_type: u8,
    pub clock: u32,
    /// The codec, of those we know, whether converted or not.
    pub coding: Option<Coding>,
    pub is_event: bool,
    pub way: Way,
}

/// What is spoken to the other side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spoken {
    pub payload_type: u8,
    pub coding: Coding,
    pub packet_ms: u32,
    pub settings: Settings,
}

/// What is to be done, and all that it needs to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub heard: Vec<Heard>,
    pub spoken: Spoken,
    /// The source that the other side was promised (RFC 5576): that of the speaker. Without one it is ours.
    pub ssrc: Option<u32>,
    /// What the other side agreed to know our packets by.
    pub mid: Option<Mid>,
}

/// Payload types are seven bits (RFC 3550 5.1), so no description has more.
pub const FORMATS: usize = 128;

impl Plan {
    /// Whether packets can be made by it.
    pub fn is_possible(&self) -> bool {
        let Spoken { payload_type, coding, packet_ms, .. } = self.spoken;
        let is_length = match coding {
            Coding::Opus => matches!(packet_ms, 10 | 20 | 40 | 60),
            Coding::G711(_) | Coding::G722 => (10..=60).contains(&packet_ms) && packet_ms.is_multiple_of(10),
        };
        is_length && usize::from(payload_type) < FORMATS && self.heard.len() <= FORMATS
    }

    /// The rate of the encoder: what the best of the codecs that are converted has to give.
    fn rate(&self) -> u32 {
        let best = self.heard.iter().filter_map(|heard| match heard.way {
            Way::Convert(Coding::Opus) => Some(self.spoken.coding.rate()),
            Way::Convert(coding) => Some(coding.rate()),
            Way::Pass { .. } | Way::Noise | Way::Tones | Way::Unwrap => None,
        });
        match self.spoken.coding {
            Coding::Opus => best.max().unwrap_or(8000),
            coding => coding.rate(),
        }
    }
}

/// Random words for a stream of ours.
pub struct Seed {
    pub ssrc: u32,
    pub sequence: u16,
    pub timestamp: u32,
}

/// A converter so that another goes on with its stream. What was under way in it is lost with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TranscoderState {
    plan: Plan,
    line: LineState,
    has_begun: bool,
}

pub struct Transcoder {
    plan: Plan,
    rate: u32,
    order: Order,
    timeline: Timeline,
    reception: Reception,
    decoder: Option<Decoder>,
    resampler: Option<Resampler>,
    encoder: Encoder,
    line: Line,
    keys: Keys,
    /// A packet that waits until what is before it has been sent.
    waiting: Option<Packet>,
    decoded: Vec<i16>,
    /// At the encoder's rate; the first of them is at `position`.
    gathered: Vec<i16>,
    position: i64,
    /// What is gathered goes out though the packet is not full.
    flushes: bool,
    noise: u32,
    /// What another may have sent of a stream that had not begun as we know it.
    ahead: u16,
}

impl Transcoder {
    /// None when there is no memory for the codec.
    pub fn new(plan: Plan, seed: &Seed) -> Option<Transcoder> {
        let rate = plan.rate();
        Some(Transcoder {
            rate,
            order: Order::default(),
            timeline: Timeline::default(),
            reception: Reception::default(),
            decoder: None,
            resampler: None,
            encoder: Encoder::new(plan.spoken.coding, rate, &plan.spoken.settings)?,
            line: Line::new(plan.ssrc.unwrap_or(seed.ssrc), seed.sequence, seed.timestamp, plan.mid.as_ref()),
            keys: Keys::default(),
            waiting: None,
            decoded: Vec::new(),
            gathered: Vec::new(),
            position: 0,
            flushes: false,
            noise: seed.timestamp | 1,
            ahead: 0,
            plan,
        })
    }

    pub fn state(&self) -> TranscoderState {
        let position = self.position.max(self.timeline.end());
        let line = self.line.state(position, self.plan.spoken.coding.clock());
        TranscoderState { plan: self.plan.clone(), line, has_begun: !self.reception.is_new() }
    }

    /// None when there is no memory for the codec, or no packets can be made by such a plan.
    pub fn resumed(state: TranscoderState, ahead: &Ahead) -> Option<Transcoder> {
        let TranscoderState { plan, mut line, has_begun } = state;
        if !plan.is_possible() {
            return None;
        }
        line.sequence = line.sequence.wrapping_add(ahead.packets());
        line.timestamp = line.timestamp.wrapping_add(ahead.ticks(plan.spoken.coding.clock()));
        let seed = Seed { ssrc: line.ssrc, sequence: line.sequence, timestamp: line.timestamp };
        let mut fresh = Transcoder::new(plan, &seed)?;
        fresh.line = Line::resumed(&line, fresh.plan.mid.as_ref());
        fresh.ahead = ahead.packets();
        if has_begun {
            fresh.reception = Reception::resumed();
        }
        Some(fresh)
    }

    pub fn has(&self, plan: &Plan) -> bool {
        self.plan == *plan
    }

    /// This plan, with the source of before where it promises none: who holds promises nothing, and comes back to it.
    pub fn keeping_source(&self, plan: Plan) -> Plan {
        Plan { ssrc: plan.ssrc.or(self.plan.ssrc), ..plan }
    }

    /// Go on by another plan. A clock belongs to a source for life (RFC 7160 section 4.1), so another needs a new one,
    /// unless one was promised.
    pub fn change(&mut self, plan: Plan, seed: &Seed) -> Option<()> {
        let mut fresh = Transcoder::new(plan, seed)?;
        let is_same_clock = fresh.plan.spoken.coding.clock() == self.plan.spoken.coding.clock();
        if is_same_clock && fresh.plan.ssrc == self.plan.ssrc {
            fresh.line.go_on(&self.line);
        }
        std::mem::swap(&mut fresh.order, &mut self.order);
        std::mem::swap(&mut fresh.timeline, &mut self.timeline);
        std::mem::swap(&mut fresh.reception, &mut self.reception);
        if fresh.rate == self.rate {
            std::mem::swap(&mut fresh.keys, &mut self.keys);
        }
        (fresh.position, fresh.ahead) = (self.position, self.ahead);
        *self = fresh;
        Some(())
    }

    /// Packets went past in the meantime: none of them is waited for.
    pub fn resume(&mut self) {
        self.order = Order::default();
        self.gathered.clear();
        self.waiting = None;
        self.line.starts = true;
    }

    /// Take a packet of the peer.
    pub fn hear(&mut self, header: &Header, payload: &[u8], now_ns: u64) {
        let heard = self.heard(header.payload_type).copied();
        let clock = heard.map_or(0, |heard| if heard.is_event { 0 } else { heard.clock });
        if self.plan.ssrc == Some(header.ssrc) && self.reception.is_new() {
            // As a translator does (RFC 3550 7.2): who heard the stream as it was hears it go on.
            let has_same_clock = clock == self.plan.spoken.coding.clock();
            self.line.begin_as(header.sequence.wrapping_add(self.ahead), has_same_clock.then_some(header.timestamp));
        }
        self.reception.hear(header.ssrc, header.sequence, header.timestamp, clock, now_ns);
        match heard {
            Some(Heard { way: Way::Unwrap, .. }) => redundancy::unwrap(&mut self.order, header, payload, now_ns),
            _ => self.order.put(header, payload, now_ns),
        }
    }

    /// Write the next packet for the other side; its length, or None when there is none yet.
    pub fn speak(&mut self, out: &mut [u8]) -> Option<usize> {
        loop {
            if self.has_packet() {
                if let Some(length) = self.encode(out) {
                    return Some(length);
                }
                continue;
            }
            let packet = self.waiting.take().or_else(|| self.order.take())?;
            let Some(heard) = self.heard(packet.payload_type).copied() else {
                self.order.recycle(packet);
                continue;
            };
            if !heard.is_event && self.is_under_key(&packet) {
                self.order.recycle(packet);
                continue;
            }
            let step = if heard.is_event {
                self.timeline.event(&packet, heard.clock)
            } else {
                self.timeline.step(&packet, heard.clock)
            };
            if !self.gathered.is_empty() && self.ends_what_is_gathered(&packet, &heard, &step) {
                self.flushes = true;
                self.waiting = Some(packet);
                continue;
            }
            let length = self.pass_on(&packet, &heard, step, out);
            self.order.recycle(packet);
            if length.is_some() {
                return length;
            }
        }
    }

    fn heard(&self, payload_type: u8) -> Option<&Heard> {
        self.plan.heard.iter().find(|heard| heard.payload_type == payload_type)
    }

    /// Whether what waits to fill a packet has to go first, because this does not follow it.
    fn ends_what_is_gathered(&self, packet: &Packet, heard: &Heard, step: &Step) -> bool {
        match heard.way {
            Way::Tones => !self.keys.is_held(packet) && step.position > self.gathered_end() + CONCEALED_TICKS,
            _ if heard.is_event => false,
            Way::Pass { .. } => true,
            Way::Unwrap => false,
            Way::Convert(_) | Way::Noise => step.is_jump() && !step.conceals(packet.lost),
        }
    }

    /// Whether a packet of the voice is of the time of a key, which is heard instead.
    fn is_under_key(&mut self, packet: &Packet) -> bool {
        self.keys.release(self.rate, &mut self.gathered);
        self.timeline.fill(self.keys.until());
        let position = self.timeline.position(packet.ssrc, packet.timestamp);
        position.is_some_and(|position| self.keys.covers(position))
    }

    /// Where what is gathered ends.
    fn gathered_end(&self) -> i64 {
        self.position + self.gathered.len() as i64 * TICKS / i64::from(self.rate)
    }

    /// Of the encoder, in samples.
    fn packet_samples(&self) -> usize {
        (self.rate * self.plan.spoken.packet_ms / 1000) as usize
    }

    fn has_packet(&self) -> bool {
        let count = self.gathered.len();
        count >= self.packet_samples() || self.flushes && count > 0
    }

    /// One packet of what is gathered. None when the encoder says that it need not be sent.
    fn encode(&mut self, out: &mut [u8]) -> Option<usize> {
        let count = self.packet_samples();
        if self.gathered.len() < count {
            self.gathered.resize(count, 0);
        }
        let payload = self.encoder.encode(&self.gathered[..count], &mut out[self.line.room()..]);
        let Spoken { payload_type, coding, .. } = self.plan.spoken;
        let timestamp = self.line.timestamp(self.position, coding.clock());
        self.gathered.drain(..count);
        self.flushes &= !self.gathered.is_empty();
        self.position += count as i64 * TICKS / i64::from(self.rate);
        let Some(length) = payload else {
            self.line.starts = true;
            return None;
        };
        let marker = std::mem::take(&mut self.line.starts);
        Some(self.line.write(out, marker, payload_type, timestamp, length))
    }

    /// Do with a packet what its payload type is for.
    fn pass_on(&mut self, packet: &Packet, heard: &Heard, step: Step, out: &mut [u8]) -> Option<usize> {
        match heard.way {
            Way::Pass { payload_type, clock } => self.pass(packet, heard, step, payload_type, clock, out),
            Way::Convert(coding) => {
                self.convert(packet, coding, step);
                None
            }
            Way::Noise => {
                self.play_noise(packet, step);
                None
            }
            Way::Tones => {
                self.play_key(packet, heard.clock, step);
                None
            }
            // What was wrapped in it came in its place (`hear`).
            Way::Unwrap => None,
        }
    }

    /// As it is. What is missing before it stays missing.
    fn pass(
        &mut self,
        packet: &Packet,
        heard: &Heard,
        step: Step,
        payload_type: u8,
        clock: u32,
        out: &mut [u8],
    ) -> Option<usize> {
        let begins = self.line.room();
        let payload = out.get_mut(begins..begins + packet.payload.len())?;
        payload.copy_from_slice(&packet.payload);
        if heard.is_event {
            rescale_event(payload, heard.clock, clock);
        } else {
            let ticks = heard.coding.and_then(|coding| coding.duration(&packet.payload)).unwrap_or(0);
            let lasts = i64::from(ticks) * TICKS / i64::from(heard.clock.max(1));
            // What was lost and leaves no gap was of an event.
            let missing = step.gap.checked_div(lasts).unwrap_or(packet.lost.into());
            self.line.skip(missing.min(packet.lost.into()) as u16);
            self.timeline.heard(step, lasts);
        }
        let starts = heard.coding.is_some() && std::mem::take(&mut self.line.starts);
        let timestamp = self.line.timestamp(step.position, clock);
        Some(self.line.write(out, packet.marker || starts, payload_type, timestamp, packet.payload.len()))
    }

    /// Decode, and gather what it gives; what is missing before it is made up, unless the sender was silent.
    fn convert(&mut self, packet: &Packet, coding: Coding, step: Step) {
        if self.decoder.as_ref().is_none_or(|decoder| decoder.coding != coding) {
            self.decoder = Decoder::new(coding, self.rate);
            self.resampler = self.decoder.as_ref().and_then(|decoder| Resampler::new(decoder.rate, self.rate));
        }
        let Some(decoder) = &mut self.decoder else { return };
        let rate = i64::from(decoder.rate);
        self.decoded.clear();
        let mut begins = step.position;
        if step.conceals(packet.lost) {
            decoder.conceal((step.gap * rate / TICKS) as usize, &packet.payload, &mut self.decoded);
            begins -= step.gap;
        } else if step.is_jump() {
            self.line.starts = true;
        }
        let before = self.decoded.len();
        if !decoder.decode(&packet.payload, &mut self.decoded) {
            return;
        }
        let ticks = (self.decoded.len() - before) as i64 * TICKS / rate;
        self.gather(begins);
        self.timeline.heard(step, ticks);
        self.line.starts |= packet.marker && self.gathered.len() <= self.packet_samples();
    }

    /// Append what was decoded, at this position.
    fn gather(&mut self, begins: i64) {
        self.begin(begins);
        match &mut self.resampler {
            Some(resampler) => resampler.convert(&self.decoded, &mut self.gathered),
            None => self.gathered.append(&mut self.decoded),
        }
        self.keep_short();
    }

    /// Nobody speaks in packets so long that more than one of ours and two of theirs are under way.
    fn keep_short(&mut self) {
        self.gathered.truncate(4 * MAX_MS * self.rate as usize / 1000);
    }

    /// What is gathered next begins here, or where the packet ends that a silence had filled up.
    fn begin(&mut self, position: i64) {
        if self.gathered.is_empty() {
            self.position = self.position.max(position);
        }
    }

    /// The tones of a key, as far as it is told to be held. It begins behind what was heard before.
    fn play_key(&mut self, packet: &Packet, clock: u32, step: Step) {
        if !self.keys.is_held(packet) {
            self.keys.release(self.rate, &mut self.gathered);
            self.begin(step.position.max(self.timeline.end()));
            if !self.keys.press(packet, self.gathered_end(), self.rate) {
                return;
            }
        }
        self.keys.hold(packet, clock, self.rate, &mut self.gathered);
        self.keep_short();
        self.timeline.begin(step);
        self.timeline.fill(self.keys.until());
    }

    /// A packet of noise at the level that was asked for: the receiver goes on with it by itself, or has silence.
    fn play_noise(&mut self, packet: &Packet, step: Step) {
        let Some(level) = packet.payload.first() else { return };
        // RFC 3389 section 3.1: minus dBov, of a range of 127.
        let amplitude = 32_768.0 * 10f32.powf(-f32::from(level & 0x7f) / 20.0);
        self.begin(step.position);
        for _ in 0..self.packet_samples() {
            // Three shifts give numbers that repeat after 2^32 only.
            self.noise ^= self.noise << 13;
            self.noise ^= self.noise >> 17;
            self.noise ^= self.noise << 5;
            // Uniform, of which the effective value is the peak over the root of three.
            let sample = amplitude * 1.732 * (self.noise as i32 as f32 / 2_147_483_648.0);
            self.gathered.push(sample.clamp(-32_768.0, 32_767.0) as i16);
        }
        self.timeline.heard(step, i64::from(self.plan.spoken.packet_ms) * TICKS / 1000);
    }
}

/// The duration in an event is in ticks of its clock (RFC 4733 section 2.3.5).
fn rescale_event(payload: &mut [u8], from: u32, to: u32) {
    if let Some(field) = payload.get_mut(2..4).filter(|_| from != to) {
        let duration = u64::from(u16::from_be_bytes([field[0], field[1]]));
        let scaled = duration * u64::from(to) / u64::from(from.max(1));
        field.copy_from_slice(&(scaled.min(0xffff) as u16).to_be_bytes());
    }
}

#[cfg(test)]
mod tests;
