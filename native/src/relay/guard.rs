//! What stands between a peer and us: nothing, SRTP, or SRTP whose keys are still awaited.

use serde::{Deserialize, Serialize};

use super::ahead::Ahead;
use super::packet::Media;
use crate::srtp::{Context, ContextState, Refusal, Suite};

/// The key of one direction.
pub struct Master<'a> {
    pub key: &'a [u8],
    pub salt: &'a [u8],
}

#[derive(Default)]
pub enum Guard {
    #[default]
    Clear,
    /// Nothing passes, in either direction.
    Shut,
    Srtp(Box<Pair>),
}

pub struct Pair {
    /// Opens what the peer seals.
    theirs: Context,
    /// What the peer puts before the tag, or behind everything where the tag is part of the cipher (RFC 3711 3.1,
    /// RFC 7714 8.2). Usually nothing.
    mki: Box<[u8]>,
    /// Seals what we send.
    ours: Context,
}

impl Guard {
    /// None where key or salt have not the suite's lengths.
    fn srtp(suite: Suite, ours: &Master, theirs: &Master, mki: &[u8]) -> Option<Guard> {
        let theirs = Context::new(suite, theirs.key, theirs.salt)?;
        let ours = Context::new(suite, ours.key, ours.salt)?;
        Some(Guard::Srtp(Box::new(Pair { theirs, mki: mki.into(), ours })))
    }

    fn has(&self, suite: Suite, ours: &Master, theirs: &Master) -> bool {
        match self {
            Guard::Srtp(pair) => pair.has(suite, ours, theirs),
            Guard::Clear | Guard::Shut => false,
        }
    }

    fn is_clear(&self) -> bool {
        matches!(self, Guard::Clear)
    }

    fn state(&self) -> GuardState {
        match self {
            Guard::Clear => GuardState::Clear,
            Guard::Shut => GuardState::Shut,
            Guard::Srtp(pair) => GuardState::Srtp(pair.state()),
        }
    }

    fn resumed(state: &GuardState, ahead: &Ahead) -> Option<Guard> {
        Some(match state {
            GuardState::Clear => Guard::Clear,
            GuardState::Shut => Guard::Shut,
            GuardState::Srtp(pair) => Guard::Srtp(Box::new(Pair::resumed(pair, ahead)?)),
        })
    }

    fn streams(&self) -> usize {
        match self {
            Guard::Clear | Guard::Shut => 0,
            Guard::Srtp(pair) => pair.ours.streams().len() + pair.theirs.streams().len(),
        }
    }

    fn open(&mut self, media: Media, data: &mut [u8]) -> Result<usize, Refusal> {
        match (self, media) {
            (Guard::Clear, _) => Ok(data.len()),
            (Guard::Shut, _) => Err(Refusal::Unauthentic),
            (Guard::Srtp(pair), _) => pair.open(media, data),
        }
    }

    fn seal(&mut self, media: Media, buffer: &mut [u8], length: usize) -> Result<usize, Refusal> {
        match (self, media) {
            (Guard::Clear, _) => Ok(length),
            (Guard::Shut, _) => Err(Refusal::Unauthentic),
            (Guard::Srtp(pair), Media::Rtp) => pair.ours.seal_rtp(buffer, length),
            (Guard::Srtp(pair), Media::Rtcp) => pair.ours.seal_rtcp(buffer, length),
        }
    }
}

/// Keys that a port had before and may have again: of the dialogs that share it, those that are not heard.
const KEPT: usize = 8;

/// What stands before a port. RTCP on a port of its own has keys of its own under DTLS (RFC 5764 section 4.1); else it
/// goes with RTP.
#[derive(Default)]
pub struct Guards {
    rtp: Guard,
    rtcp: Option<Guard>,
    /// With their counters: under keys that come back no index may be sealed twice (RFC 3711 section 9.1).
    kept: Vec<Box<Pair>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardsState {
    rtp: GuardState,
    rtcp: Option<GuardState>,
    kept: Vec<PairState>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum GuardState {
    #[default]
    Clear,
    Shut,
    Srtp(PairState),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct PairState {
    theirs: ContextState,
    mki: Box<[u8]>,
    ours: ContextState,
}

impl GuardsState {
    /// Whether some stream was sealed under keys that may be used again.
    pub fn seals(&self) -> bool {
        let pairs = [Some(&self.rtp), self.rtcp.as_ref()].into_iter().flatten().filter_map(|guard| match guard {
            GuardState::Srtp(pair) => Some(pair),
            GuardState::Clear | GuardState::Shut => None,
        });
        pairs.chain(&self.kept).any(|pair| pair.ours.has_streams())
    }
}

impl Guards {
    pub fn state(&self) -> GuardsState {
        let kept = self.kept.iter().map(|pair| pair.state()).collect();
        GuardsState { rtp: self.rtp.state(), rtcp: self.rtcp.as_ref().map(Guard::state), kept }
    }

    /// None where keys are none.
    pub fn resumed(state: &GuardsState, ahead: &Ahead) -> Option<Guards> {
        let kept = state.kept.iter().take(KEPT).map(|pair| Pair::resumed(pair, ahead).map(Box::new));
        let rtcp = match &state.rtcp {
            Some(own) => Some(Guard::resumed(own, ahead)?),
            None => None,
        };
        Some(Guards { rtp: Guard::resumed(&state.rtp, ahead)?, rtcp, kept: kept.collect::<Option<_>>()? })
    }

    /// Streams that are known, in either direction.
    pub fn streams(&self) -> usize {
        self.rtp.streams() + self.rtcp.as_ref().map_or(0, Guard::streams)
    }

    /// The same, or nothing, for everything from now on.
    pub fn set(&mut self, guard: Guard) {
        let rtp = std::mem::replace(&mut self.rtp, guard);
        self.keep(rtp);
        self.share();
    }

    fn keep(&mut self, guard: Guard) {
        if let Guard::Srtp(pair) = guard {
            if self.kept.len() == KEPT {
                self.kept.remove(0);
            }
            self.kept.push(pair);
        }
    }

    /// These keys for everything but RTCP that has its own, or for RTCP alone. Those in use already stay: to set them
    /// again would forget the rollover counters. False where key or salt have not the suite's lengths.
    pub fn secure(&mut self, rtcp_alone: bool, suite: Suite, ours: &Master, theirs: &Master, mki: &[u8]) -> bool {
        let guard = if rtcp_alone { self.rtcp.get_or_insert_with(|| Guard::Shut) } else { &mut self.rtp };
        if guard.has(suite, ours, theirs) {
            return true;
        }
        let known = self.kept.iter().position(|pair| pair.has(suite, ours, theirs));
        let made = match known {
            Some(at) => Some(Guard::Srtp(self.kept.remove(at))),
            None => Guard::srtp(suite, ours, theirs, mki),
        };
        let Some(made) = made else { return false };
        let before = std::mem::replace(guard, made);
        self.keep(before);
        true
    }

    /// RTCP goes with RTP from now on, and under its keys.
    pub fn share(&mut self) {
        if let Some(rtcp) = self.rtcp.take() {
            self.keep(rtcp);
        }
    }

    pub fn is_clear(&self) -> bool {
        self.rtp.is_clear()
    }

    /// Whether nothing passes yet.
    pub fn is_shut(&self) -> bool {
        matches!(self.rtp, Guard::Shut)
    }

    /// Opens a packet of the peer in place; its new length.
    pub fn open(&mut self, media: Media, data: &mut [u8]) -> Result<usize, Refusal> {
        self.of(media).open(media, data)
    }

    /// Seals the packet in `buffer[..length]` for the peer; its new length.
    pub fn seal(&mut self, media: Media, buffer: &mut [u8], length: usize) -> Result<usize, Refusal> {
        self.of(media).seal(media, buffer, length)
    }

    fn of(&mut self, media: Media) -> &mut Guard {
        match (media, &mut self.rtcp) {
            (Media::Rtcp, Some(own)) => own,
            _ => &mut self.rtp,
        }
    }
}

impl Pair {
    fn state(&self) -> PairState {
        PairState { theirs: self.theirs.state(), mki: self.mki.clone(), ours: self.ours.state() }
    }

    fn resumed(state: &PairState, ahead: &Ahead) -> Option<Pair> {
        let theirs = Context::resumed(&state.theirs, 0)?;
        let ours = Context::resumed(&state.ours, ahead.reports())?;
        Some(Pair { theirs, mki: state.mki.clone(), ours })
    }

    fn has(&self, suite: Suite, ours: &Master, theirs: &Master) -> bool {
        self.ours.has_keys(suite, ours.key, ours.salt) && self.theirs.has_keys(suite, theirs.key, theirs.salt)
    }

    fn open(&mut self, media: Media, data: &mut [u8]) -> Result<usize, Refusal> {
        let suite = self.theirs.suite();
        let tag = match media {
            _ if suite.is_gcm() => 0,
            Media::Rtp => suite.rtp_tag(),
            Media::Rtcp => suite.rtcp_tag(),
        };
        let length = without_mki(data, &self.mki, tag).ok_or(Refusal::Unauthentic)?;
        match media {
            Media::Rtp => self.theirs.open_rtp(&mut data[..length]),
            Media::Rtcp => self.theirs.open_rtcp(&mut data[..length]),
        }
    }
}

/// Take the MKI out from before the last `tag` bytes; what is left. None where it is not the one agreed.
fn without_mki(data: &mut [u8], mki: &[u8], tag: usize) -> Option<usize> {
    let at = data.len().checked_sub(tag + mki.len())?;
    if data[at..at + mki.len()] != *mki {
        return None;
    }
    data.copy_within(at + mki.len().., at);
    Some(at + tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rtcp_on_the_rtp_port_is_under_its_keys() {
        let keys = |byte| ([byte; 16], [byte; 14]);
        let mut guards = Guards::default();
        let secure = |guards: &mut Guards, rtcp_alone, byte| {
            let (key, salt) = keys(byte);
            let master = Master { key: &key, salt: &salt };
            assert!(guards.secure(rtcp_alone, Suite::AesCm128HmacSha1_80, &master, &master, &[]));
        };
        secure(&mut guards, false, 1);
        secure(&mut guards, true, 2);
        let report = [0x81, 200, 0, 1, 0, 0, 0, 9];
        let sealed = |guards: &mut Guards| {
            let mut buffer = [0; 64];
            buffer[..8].copy_from_slice(&report);
            let length = guards.seal(Media::Rtcp, &mut buffer, 8).unwrap();
            buffer[..length].to_vec()
        };
        let apart = sealed(&mut guards);
        guards.share();
        let shared = sealed(&mut guards);
        assert_ne!(apart, shared);
        let mut opener = Guards::default();
        secure(&mut opener, false, 1);
        assert_eq!(opener.open(Media::Rtcp, &mut shared.clone()).unwrap(), 8);
        assert!(opener.open(Media::Rtcp, &mut apart.clone()).is_err());
    }

    #[test]
    fn keys_that_come_back_count_on() {
        let mut guards = Guards::default();
        let secure = |guards: &mut Guards, byte| {
            let master = Master { key: &[byte; 16], salt: &[byte; 12] };
            assert!(guards.secure(false, Suite::AeadAes128Gcm, &master, &master, &[]));
        };
        let sealed = |guards: &mut Guards| {
            let mut buffer = [0; 64];
            buffer[..8].copy_from_slice(&[0x81, 200, 0, 1, 0, 0, 0, 9]);
            let length = guards.seal(Media::Rtcp, &mut buffer, 8).unwrap();
            buffer[..length].to_vec()
        };
        secure(&mut guards, 1);
        let before = sealed(&mut guards);
        for other in 2..7 {
            guards.set(Guard::Shut);
            secure(&mut guards, other);
        }
        guards.set(Guard::Shut);
        secure(&mut guards, 1);
        let after = sealed(&mut guards);
        assert_ne!(before, after, "the same index twice");
        let mut opener = Guards::default();
        secure(&mut opener, 1);
        assert_eq!(opener.open(Media::Rtcp, &mut before.clone()).unwrap(), 8);
        assert_eq!(opener.open(Media::Rtcp, &mut after.clone()).unwrap(), 8);
    }

    #[test]
    fn the_mki_is_taken_out_where_it_lies() {
        let mut data = *b"payloadMKtag";
        assert_eq!(without_mki(&mut data, b"MK", 3), Some(10));
        assert_eq!(&data[..10], b"payloadtag");
        assert_eq!(without_mki(&mut b"payloadtagMK".to_owned(), b"MK", 0), Some(10));
        assert_eq!(without_mki(&mut b"payloadXXtag".to_owned(), b"MK", 3), None);
        assert_eq!(without_mki(&mut b"abc".to_owned(), b"MK", 3), None);
        assert_eq!(without_mki(&mut b"abc".to_owned(), b"", 2), Some(3));
    }
}
