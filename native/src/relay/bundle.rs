//! Sections that share one transport (RFC 9143): which of them a packet belongs to, and what we put into packets so
//! that the peer can tell.
//!
//! Section 9.2 decides about RTP: the MID it carries, then the SSRC as learnt or signalled, then its payload type where
//! that belongs to one section only. RTCP goes to every section whose streams it names, the peer's or ours.

use std::sync::{Arc, Weak};

use serde::{Deserialize, Serialize};

use super::numbers::Numbers;
use crate::extension;
use crate::meter::Format;
use crate::rtcp::{self, Named};
use crate::rtp::Header;
use crate::srtp::OVERHEAD;

/// Streams remembered for each direction of one transport. Simulcast of three layers with repair needs six; what a
/// peer invents beyond pushes out its own oldest.
const STREAMS: usize = 64;

/// Sections of one transport (twice `base/limits.py` MEDIA_SECTIONS): as many may be those that an offer replaces.
pub const SECTIONS: usize = 16;

/// How packets of a section are told from those of others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub mid: Box<[u8]>,
    /// The header extension that carries the MID; 0 where none was agreed.
    pub extension: u8,
    /// The peer cannot tell by anything else: our packets carry the MID.
    pub stamp: bool,
    /// SSRCs that the peer's description names.
    pub ssrcs: Vec<u32>,
}

struct Section<P> {
    id: u64,
    port: Weak<P>,
    identity: Identity,
    /// Bit n: payload type n is of this section, as its call numbers them; and what the peer calls otherwise.
    payload_types: u128,
    numbers: Option<Arc<Numbers>>,
}

impl<P> Section<P> {
    /// Whether the peer may send this payload type in it.
    fn has(&self, number: u8) -> bool {
        let number = self.numbers.as_ref().map_or(number & 0x7f, |numbers| numbers.heard(number));
        self.payload_types >> number & 1 == 1
    }
}

/// SSRC -> id of its section, the oldest first.
#[derive(Default)]
struct Streams(Vec<(u32, u64)>);

impl Streams {
    fn find(&self, ssrc: u32) -> Option<u64> {
        self.0.iter().find(|stream| stream.0 == ssrc).map(|stream| stream.1)
    }

    fn learn(&mut self, ssrc: u32, id: u64) {
        if let Some(known) = self.0.iter_mut().find(|stream| stream.0 == ssrc) {
            known.1 = id;
            return;
        }
        if self.0.len() == STREAMS {
            self.0.remove(0);
        }
        self.0.push((ssrc, id));
    }
}

/// The sections of one transport.
pub struct Bundle<P> {
    sections: Vec<Section<P>>,
    theirs: Streams,
    ours: Streams,
}

/// The sections and their streams, by the places that stand for them elsewhere; payload types and numbers are the
/// sections' own to say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleState {
    sections: Vec<(u32, Identity)>,
    theirs: Vec<(u32, u32)>,
    ours: Vec<(u32, u32)>,
}

impl BundleState {
    pub fn places(&self) -> impl Iterator<Item = u32> + Clone + '_ {
        self.sections.iter().map(|section| section.0)
    }
}

impl<P> Default for Bundle<P> {
    fn default() -> Self {
        Bundle { sections: Vec::new(), theirs: Streams::default(), ours: Streams::default() }
    }
}

impl<P> Bundle<P> {
    /// None where a section has no place.
    pub fn state(&self, place: impl Fn(u64) -> Option<u32>) -> Option<BundleState> {
        let living = self.sections.iter().filter(|section| section.port.strong_count() > 0);
        let sections = living.map(|section| Some((place(section.id)?, section.identity.clone())));
        let streams =
            |streams: &Streams| streams.0.iter().filter_map(|(ssrc, id)| Some((*ssrc, place(*id)?))).collect();
        Some(BundleState {
            sections: sections.collect::<Option<_>>()?,
            theirs: streams(&self.theirs),
            ours: streams(&self.ours),
        })
    }

    /// Sections as they were; `of` gives the one at a place with its id. Its payload types and numbers are to be told.
    pub fn resumed(state: &BundleState, of: impl Fn(u32) -> Option<(u64, Weak<P>)>) -> Option<Bundle<P>> {
        let section = |(place, identity): &(u32, Identity)| {
            let (id, port) = of(*place)?;
            Some(Section { id, port, identity: identity.clone(), payload_types: 0, numbers: None })
        };
        let sections = state.sections.iter().take(SECTIONS).map(section).collect::<Option<Vec<_>>>()?;
        let streams = |known: &[(u32, u32)]| {
            let streams = known.iter().take(STREAMS).filter_map(|(ssrc, place)| Some((*ssrc, of(*place)?.0)));
            Streams(streams.filter(|(_, id)| sections.iter().any(|section| section.id == *id)).collect())
        };
        let (theirs, ours) = (streams(&state.theirs), streams(&state.ours));
        Some(Bundle { sections, theirs, ours })
    }

    /// A section is on the transport, as it may have been before. False when there are too many.
    pub fn add(&mut self, id: u64, port: &Arc<P>) -> bool {
        self.sections.retain(|section| section.port.strong_count() > 0);
        if self.sections.iter().any(|section| section.id == id) {
            return true;
        }
        let has_room = self.sections.len() < SECTIONS;
        if has_room {
            let port = Arc::downgrade(port);
            self.sections.push(Section { id, port, identity: Identity::default(), payload_types: 0, numbers: None });
        }
        has_room
    }

    pub fn remove(&mut self, id: u64) {
        self.sections.retain(|section| section.id != id);
        self.theirs.0.retain(|stream| stream.1 != id);
        self.ours.0.retain(|stream| stream.1 != id);
    }

    pub fn identify(&mut self, id: u64, identity: Identity) {
        for ssrc in &identity.ssrcs {
            self.theirs.learn(*ssrc, id);
        }
        if let Some(section) = self.sections.iter_mut().find(|section| section.id == id) {
            section.identity = identity;
        }
    }

    pub fn expect(&mut self, id: u64, formats: &[Format]) {
        if let Some(section) = self.sections.iter_mut().find(|section| section.id == id) {
            section.payload_types = formats.iter().fold(0, |set, format| set | 1 << (format.payload_type & 0x7f));
        }
    }

    pub fn renumber(&mut self, id: u64, numbers: Option<Arc<Numbers>>) {
        if let Some(section) = self.sections.iter_mut().find(|section| section.id == id) {
            section.numbers = numbers;
        }
    }

    /// The section that a packet of the peer belongs to.
    pub fn sort_rtp(&mut self, data: &[u8]) -> Option<Arc<P>> {
        let header = Header::parse(data)?;
        let id = match self.mid_of(data) {
            // A MID of no section: the packet belongs to none (section 9.2).
            Some(mid) => self.by_mid(mid)?,
            None => self.theirs.find(header.ssrc).or_else(|| self.by_payload_type(header.payload_type))?,
        };
        self.theirs.learn(header.ssrc, id);
        self.port(id)
    }

    /// The sections that an RTCP packet of the peer is about; of one that names no known stream, the first.
    pub fn sort_rtcp(&mut self, data: &[u8]) -> Vec<Arc<P>> {
        let (mut about, mut by) = (Vec::new(), Vec::new());
        rtcp::walk(data, |named| {
            let (list, id) = match named {
                Named::Ours(ssrc) => (&mut about, self.ours.find(ssrc)),
                Named::Theirs(ssrc) => (&mut about, self.theirs.find(ssrc)),
                Named::Sender(ssrc) => (&mut by, self.theirs.find(ssrc)),
                Named::Mid(ssrc, mid) => {
                    let id = self.by_mid(mid);
                    id.into_iter().for_each(|id| self.theirs.learn(ssrc, id));
                    (&mut by, id)
                }
            };
            if let Some(id) = id.filter(|id| !list.contains(id)) {
                list.push(id);
            }
        });
        // Feedback names one of the peer's own streams as its sender, of whichever section: what it is about counts.
        let ids = if about.is_empty() { by } else { about };
        let ports: Vec<_> = ids.into_iter().filter_map(|id| self.port(id)).collect();
        if ports.is_empty() {
            self.sections.first().and_then(|first| first.port.upgrade()).into_iter().collect()
        } else {
            ports
        }
    }

    /// A packet of the section `id` leaves: remember its stream, and give it its MID where the peer needs one.
    pub fn leave(&mut self, id: u64, buffer: &mut [u8], length: usize) -> usize {
        if let Some(ssrc) = buffer.get(8..12).and_then(|word| word.first_chunk()) {
            self.ours.learn(u32::from_be_bytes(*ssrc), id);
        }
        let Some(section) = self.sections.iter().find(|section| section.id == id) else { return length };
        if let Some(numbers) = &section.numbers {
            numbers.send(buffer);
        }
        let Identity { mid, extension, stamp, .. } = &section.identity;
        if !stamp || extension::find(&buffer[..length], *extension).is_some() {
            return length;
        }
        extension::insert(buffer, length, *extension, mid, OVERHEAD).unwrap_or(length)
    }

    /// The MID that a packet carries. Sections of one transport agree on one identifier (section 15.2), yet a peer
    /// that does not is understood.
    fn mid_of<'a>(&self, data: &'a [u8]) -> Option<&'a [u8]> {
        let mut last = 0;
        self.sections.iter().map(|section| section.identity.extension).find_map(|id| {
            let is_new = id != 0 && id != last;
            last = id;
            is_new.then(|| extension::find(data, id)).flatten()
        })
    }

    fn by_mid(&self, mid: &[u8]) -> Option<u64> {
        self.sections.iter().find(|section| *section.identity.mid == *mid).map(|section| section.id)
    }

    fn by_payload_type(&self, number: u8) -> Option<u64> {
        let mut fitting = self.sections.iter().filter(|section| section.has(number));
        let first = fitting.next()?;
        fitting.next().is_none().then_some(first.id)
    }

    fn port(&self, id: u64) -> Option<Arc<P>> {
        self.sections.iter().find(|section| section.id == id)?.port.upgrade()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::relay::port::{Manner, Port, STEADY};
    use crate::relay::Engine;
    use crate::rtp::write_header;

    const AUDIO_MID: &[u8] = b"0";
    const VIDEO_MID: &[u8] = b"v1";

    /// Audio (payload types 8 and 101) and video (96 and 101) on one transport.
    struct Two {
        _engine: Engine,
        audio: Arc<Port>,
        video: Arc<Port>,
        bundle: Bundle<Port>,
    }

    fn two() -> Two {
        let engine = Engine::new(1, Manner { dscp: 0, steady: STEADY }, i32::MAX, None).unwrap();
        let audio = engine.open(IpAddr::V4(Ipv4Addr::LOCALHOST), 20000, 29999).unwrap();
        let video = engine.share(&audio).unwrap();
        let mut bundle = Bundle::default();
        for (port, mid, types) in [(&audio, AUDIO_MID, [8, 101]), (&video, VIDEO_MID, [96, 101])] {
            assert!(bundle.add(port.id, port));
            bundle.expect(port.id, &types.map(|number| Format::new(number, 8000, "")));
            let ssrcs = if mid == VIDEO_MID { vec![500] } else { vec![] };
            bundle.identify(port.id, Identity { mid: mid.into(), extension: 4, stamp: mid == VIDEO_MID, ssrcs });
        }
        Two { _engine: engine, audio, video, bundle }
    }

    fn packet(payload_type: u8, ssrc: u32, mid: Option<&[u8]>) -> Vec<u8> {
        let mut data = vec![0; 100];
        write_header(&mut data, false, payload_type, 1, 2, ssrc);
        let length = mid.map_or(12, |mid| extension::insert(&mut data, 12, 4, mid, 0).unwrap());
        data.truncate(length);
        data
    }

    impl Two {
        fn rtp(&mut self, payload_type: u8, ssrc: u32, mid: Option<&[u8]>) -> &str {
            let sorted = self.bundle.sort_rtp(&packet(payload_type, ssrc, mid));
            sorted.map_or("nobody", |port| if port.id == self.video.id { "video" } else { "audio" })
        }

        fn rtcp(&mut self, kind: u8, count: u8, words: &[u32]) -> Vec<&str> {
            let mut data = vec![0x80 | count, kind, 0, words.len() as u8];
            words.iter().for_each(|word| data.extend(word.to_be_bytes()));
            let sorted = self.bundle.sort_rtcp(&data);
            sorted.iter().map(|port| if port.id == self.video.id { "video" } else { "audio" }).collect()
        }
    }

    #[test]
    fn mid_then_ssrc_then_payload_type_tell_the_section() {
        let mut two = two();
        assert_eq!(two.rtp(8, 1, None), "audio");
        assert_eq!(two.rtp(96, 2, None), "video");
        assert_eq!(two.rtp(101, 3, None), "nobody", "both sections have it");
        assert_eq!(two.rtp(101, 500, None), "video", "the description named the stream");
        assert_eq!(two.rtp(101, 1, None), "audio", "the stream is known");
        assert_eq!(two.rtp(8, 3, Some(VIDEO_MID)), "video", "the MID goes first");
        assert_eq!(two.rtp(8, 3, None), "video", "and is remembered for its stream");
        assert_eq!(two.rtp(8, 3, Some(AUDIO_MID)), "audio");
        assert_eq!(two.rtp(8, 9, Some(b"x")), "nobody");
        assert_eq!(two.rtp(77, 9, None), "nobody");
    }

    #[test]
    fn rtcp_goes_where_its_streams_are() {
        let mut two = two();
        two.rtp(8, 1, None);
        for (port, ssrc) in [(two.audio.id, 11), (two.video.id, 22)] {
            let mut data = packet(8, ssrc, None);
            two.bundle.leave(port, &mut data, 12);
        }
        assert_eq!(two.rtcp(206, 1, &[1, 22]), ["video"], "PLI, though signed by the audio stream");
        assert_eq!(two.rtcp(201, 2, &[1, 11, 0, 0, 0, 0, 0, 22, 0, 0, 0, 0, 0]), ["audio", "video"]);
        assert_eq!(two.rtcp(200, 0, &[500, 0, 0, 0, 0, 0]), ["video"]);
        assert_eq!(two.rtcp(201, 0, &[500]), ["video"]);
        assert_eq!(two.rtcp(201, 0, &[4711]), ["audio"], "nobody's: the first section has it");
    }

    #[test]
    fn our_packets_carry_the_mid_where_the_peer_needs_it() {
        let mut two = two();
        let mut data = packet(96, 22, None);
        data.resize(100, 0);
        assert_eq!(two.bundle.leave(two.audio.id, &mut data, 12), 12);
        let length = two.bundle.leave(two.video.id, &mut data, 12);
        assert_eq!(extension::find(&data[..length], 4), Some(VIDEO_MID));
        assert_eq!(two.bundle.leave(two.video.id, &mut data, length), length, "once is enough");
    }

    #[test]
    fn invented_streams_push_out_only_one_another() {
        let mut two = two();
        for ssrc in 1000..2000 {
            assert_eq!(two.rtp(8, ssrc, None), "audio");
        }
        assert!(two.bundle.theirs.0.len() <= STREAMS);
        assert_eq!(two.rtp(96, 5, None), "video");
    }

    #[test]
    fn a_transport_has_room_for_so_many_sections() {
        let engine = Engine::new(1, Manner { dscp: 0, steady: STEADY }, i32::MAX, None).unwrap();
        let first = engine.open(IpAddr::V4(Ipv4Addr::LOCALHOST), 20000, 29999).unwrap();
        let shared: Vec<_> = (0..SECTIONS).map_while(|_| engine.share(&first)).collect();
        assert_eq!(shared.len(), SECTIONS - 1);
        engine.close(shared[0].clone()).unwrap();
        assert!(engine.share(&shared[1]).is_some());
    }
}
