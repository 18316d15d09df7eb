//! What payload types mean: RFC 3551's static table and what SDP says.

use super::level::Law;
use crate::srtp::Suite;
use std::borrow::Cow;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    G711(Law),
    Event,
    Noise,
    Other,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Codec {
    pub name: Cow<'static, str>,
    /// RTP clock in Hz, 0 when unknown.
    pub clock: u32,
    pub kind: Kind,
}

impl Codec {
    pub fn new(name: &str, clock: u32) -> Codec {
        let kind = match () {
            () if name.eq_ignore_ascii_case("PCMU") => Kind::G711(Law::Mu),
            () if name.eq_ignore_ascii_case("PCMA") => Kind::G711(Law::A),
            () if name.eq_ignore_ascii_case("telephone-event") => Kind::Event,
            () if name.eq_ignore_ascii_case("CN") => Kind::Noise,
            () => Kind::Other,
        };
        Codec { name: word(name), clock, kind }
    }

    /// RFC 3551 tables 4 and 5; an unknown type has no name and no clock.
    pub fn of_static(number: u8) -> Codec {
        let (name, clock) = match number {
            0 => ("PCMU", 8000),
            3 => ("GSM", 8000),
            4 => ("G723", 8000),
            5 => ("DVI4", 8000),
            6 => ("DVI4", 16000),
            7 => ("LPC", 8000),
            8 => ("PCMA", 8000),
            9 => ("G722", 8000),
            10 | 11 => ("L16", 44100),
            12 => ("QCELP", 8000),
            13 | 19 => ("CN", 8000),
            14 => ("MPA", 90000),
            15 => ("G728", 8000),
            16 => ("DVI4", 11025),
            17 => ("DVI4", 22050),
            18 => ("G729", 8000),
            25 => ("CelB", 90000),
            26 => ("JPEG", 90000),
            28 => ("nv", 90000),
            31 => ("H261", 90000),
            32 => ("MPV", 90000),
            33 => ("MP2T", 90000),
            34 => ("H263", 90000),
            _ => ("", 0),
        };
        Codec::new(name, clock)
    }
}

/// Words that nearly every SDP has are not copied.
pub fn word(text: &str) -> Cow<'static, str> {
    const USUAL: [&str; 16] = [
        "PCMU",
        "PCMA",
        "telephone-event",
        "opus",
        "G729",
        "G722",
        "CN",
        "GSM",
        "iLBC",
        "speex",
        "VP8",
        "H264",
        "rtx",
        "audio",
        "video",
        "image",
    ];
    match USUAL.iter().find(|&&usual| usual == text) {
        Some(&usual) => Cow::Borrowed(usual),
        None => Cow::Owned(text.to_string()),
    }
}

/// What an SDP announced for one address.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Plan {
    /// "audio", "video", "image", ...
    pub media: Cow<'static, str>,
    /// The profile is a secure one, or (RTP/AVP) keys are offered.
    pub is_secure: bool,
    pub offers_keys: bool,
    /// The master keys and salts that its owner sends with (RFC 4568); none where DTLS may agree on others.
    pub keys: Vec<(Suite, Vec<u8>)>,
    pub is_udptl: bool,
    pub codecs: Vec<(u8, Codec)>,
    /// What other sections send on the same flow (RFC 9143): their media and payload types.
    pub bundled: Vec<(Cow<'static, str>, Vec<u8>)>,
    /// Header extension number of RFC 6464's level, 0 if none.
    pub level_extension: u8,
}

impl Plan {
    /// The media that a payload type belongs to.
    pub fn media_of(&self, number: u8) -> Cow<'static, str> {
        let other = self.bundled.iter().find(|(_, numbers)| numbers.contains(&number));
        other.map_or(&self.media, |(media, _)| media).clone()
    }

    pub fn codec(&self, number: u8) -> Option<&Codec> {
        self.codecs.iter().find(|(n, _)| *n == number).map(|(_, codec)| codec)
    }
}
