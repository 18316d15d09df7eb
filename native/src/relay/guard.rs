//! What stands between a peer and us: nothing, SRTP, or SRTP whose keys are still awaited.

use super::port::Media;
use crate::srtp::{Context, Refusal, Suite};

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
    /// Seals what we send.
    ours: Context,
}

impl Guard {
    /// None where key or salt have not the suite's lengths.
    pub fn srtp(suite: Suite, ours: &Master, theirs: &Master) -> Option<Guard> {
        let theirs = Context::new(suite, theirs.key, theirs.salt)?;
        let ours = Context::new(suite, ours.key, ours.salt)?;
        Some(Guard::Srtp(Box::new(Pair { theirs, ours })))
    }

    /// These very keys are in use: to set them again would forget the rollover counters.
    pub fn has(&self, suite: Suite, ours: &Master, theirs: &Master) -> bool {
        match self {
            Guard::Srtp(pair) => {
                pair.ours.has_keys(suite, ours.key, ours.salt) && pair.theirs.has_keys(suite, theirs.key, theirs.salt)
            }
            Guard::Clear | Guard::Shut => false,
        }
    }

    pub fn is_clear(&self) -> bool {
        matches!(self, Guard::Clear)
    }

    /// Opens a packet of the peer in place; its new length.
    pub fn open(&mut self, media: Media, data: &mut [u8]) -> Result<usize, Refusal> {
        match (self, media) {
            (Guard::Clear, _) => Ok(data.len()),
            (Guard::Shut, _) => Err(Refusal::Unauthentic),
            (Guard::Srtp(pair), Media::Rtp) => pair.theirs.open_rtp(data),
            (Guard::Srtp(pair), Media::Rtcp) => pair.theirs.open_rtcp(data),
        }
    }

    /// Seals the packet in `buffer[..length]` for the peer; its new length.
    pub fn seal(&mut self, media: Media, buffer: &mut [u8], length: usize) -> Result<usize, Refusal> {
        match (self, media) {
            (Guard::Clear, _) => Ok(length),
            (Guard::Shut, _) => Err(Refusal::Unauthentic),
            (Guard::Srtp(pair), Media::Rtp) => pair.ours.seal_rtp(buffer, length),
            (Guard::Srtp(pair), Media::Rtcp) => pair.ours.seal_rtcp(buffer, length),
        }
    }
}
