//! SRTP and SRTCP (RFC 3711, RFC 7714): seal and open, in place on the caller's buffer, without allocating.
//!
//! A `Context` is one direction under one master key. It keeps its state per SSRC: the highest packet index (the
//! rollover counter above the sequence number) and a replay window, both for RTP and for RTCP. State of a new SSRC
//! appears only after a packet authenticated, so nobody without the key can fill the table.

use aes_gcm::aead::{inout::InOutBuf, AeadInOut, KeyInit as _};
use hmac::{Hmac, Mac};
use sha1::Sha1;

mod keys;
mod python;
mod state;
mod window;

pub use keys::Suite;
use keys::{derive, CounterAes, Label};
pub use python::register;
pub use state::ContextState;
use window::Window;

/// SSRCs in one direction of one context. Two are usual, a conference forwards some dozens.
pub const STREAMS: usize = 128;
/// What sealing may add at most: a 16-byte tag and, on RTCP, the word of E flag and index.
pub const OVERHEAD: usize = 20;
/// The SRTCP word behind the payload: E flag (one bit) and index (31 bits).
const INDEX_WORD: usize = 4;
const ENCRYPTED: u32 = 1 << 31;
/// How many rollovers of the sequence may have passed unseen since a stream's state was taken: over an hour of audio.
const ROLLOVERS_UNSEEN: u64 = 3;
const RTP_HEADER: usize = 12;
/// Of RTCP the first eight bytes stay clear (RFC 3711 3.4).
const RTCP_HEADER: usize = 8;

/// Why a packet was refused. It has no effect on the context then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Not RTP (or RTCP) of version 2, or shorter than its own header and tag.
    Malformed,
    /// This index was seen before, or is older than the window.
    Replayed,
    /// The tag is wrong: another key, or a forgery.
    Unauthentic,
    /// More SSRCs than `STREAMS`.
    TooManyStreams,
    /// The key's lifetime is over (RFC 3711 9.2): 2^48 RTP or 2^31 RTCP packets.
    Exhausted,
    /// The caller's buffer has no room for the tag.
    NoRoom,
}

impl Refusal {
    pub fn name(self) -> &'static str {
        match self {
            Refusal::Malformed => "malformed",
            Refusal::Replayed => "replayed",
            Refusal::Unauthentic => "unauthentic",
            Refusal::TooManyStreams => "too-many-streams",
            Refusal::Exhausted => "exhausted",
            Refusal::NoRoom => "no-room",
        }
    }
}

/// Where one SSRC stands.
#[derive(Clone, Copy, Default)]
struct Stream {
    ssrc: u32,
    rtp: Window,
    rtcp: Window,
    /// As sealer: what is added to the sender's sequence numbers, and the last of them that lay behind the window.
    shift: u16,
    stray: Option<u16>,
    /// Goes on from where another context stood, and nothing newer was authentic yet.
    is_resumed: bool,
}

impl Stream {
    /// How many rollovers later than the nearest this sequence number may be: the first packet that we see may be the
    /// first after a wrap whose predecessors were lost.
    fn rollovers_unseen(&self, sequence: u16) -> u64 {
        if self.is_resumed {
            ROLLOVERS_UNSEEN
        } else {
            u64::from(self.rtp.is_fresh() && sequence < 1 << 15)
        }
    }

    /// The index under which a packet is sealed. Two packets in a row from behind the window are a sender who began
    /// anew under its old SSRC (phones do, when they change the media of a call): for the receiver the numbers go on.
    fn sealing_index(&mut self, sequence: u16) -> Result<u64, Refusal> {
        let index = self.rtp.guess(sequence.wrapping_add(self.shift));
        if !self.rtp.is_behind(index) {
            self.stray = None;
            return Ok(index);
        }
        let restarts = self.stray == Some(sequence.wrapping_sub(1));
        self.stray = Some(sequence);
        if !restarts {
            return Err(Refusal::Replayed);
        }
        let next = self.rtp.next();
        self.shift = (next as u16).wrapping_sub(sequence);
        Ok(next)
    }
}

/// The keys of RTP, or of RTCP.
enum Keys {
    Counter { aes: CounterAes, salt: [u8; 14], mac: Box<Hmac<Sha1>> },
    Gcm128 { aead: Box<aes_gcm::Aes128Gcm>, salt: [u8; 12] },
    Gcm256 { aead: Box<aes_gcm::Aes256Gcm>, salt: [u8; 12] },
}

/// One direction under one master key.
pub struct Context {
    suite: Suite,
    master: Vec<u8>,
    rtp: Keys,
    rtcp: Keys,
    streams: Vec<Stream>,
    /// Where the last packet's SSRC was found; nearly always it is the next one's too.
    last: usize,
    /// No SRTCP is sealed under an index below.
    least_report: u64,
}

impl Context {
    /// `None` where key or salt have not the lengths of the suite.
    pub fn new(suite: Suite, key: &[u8], salt: &[u8]) -> Option<Context> {
        if key.len() != suite.key_len() || salt.len() != suite.salt_len() {
            return None;
        }
        Some(Context {
            suite,
            master: [key, salt].concat(),
            rtp: Keys::derive(suite, key, salt, Label::RTP)?,
            rtcp: Keys::derive(suite, key, salt, Label::RTCP)?,
            streams: Vec::with_capacity(STREAMS),
            last: 0,
            least_report: 0,
        })
    }

    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// The same suite, key and salt: a re-INVITE that repeats its keys must not reset the rollover counters.
    pub fn has_keys(&self, suite: Suite, key: &[u8], salt: &[u8]) -> bool {
        self.suite == suite && self.master.len() == key.len() + salt.len() && self.master == [key, salt].concat()
    }

    /// A context under the same keys that has seen nothing: the other end of this one.
    pub fn twin(&self) -> Option<Context> {
        let (key, salt) = self.master.split_at(self.suite.key_len());
        Context::new(self.suite, key, salt)
    }

    /// Seals the RTP packet in `buffer[..length]`; gives its new length. The same index is never sealed twice:
    /// two payloads under one keystream would give both away (RFC 3711 9.1, RFC 7714 8.1).
    pub fn seal_rtp(&mut self, buffer: &mut [u8], length: usize) -> Result<usize, Refusal> {
        let header = rtp_header(buffer.get(..length).ok_or(Refusal::Malformed)?)?;
        let (slot, mut stream) = self.find(rtp_ssrc(buffer))?;
        let index = match stream.sealing_index(rtp_sequence(buffer)) {
            Ok(index) => index,
            Err(refusal) => {
                self.keep(slot, stream);
                return Err(refusal);
            }
        };
        stream.rtp.admit(index)?;
        let tag = self.suite.rtp_tag();
        let sealed = buffer.get_mut(..length + tag).ok_or(Refusal::NoRoom)?;
        sealed[2..4].copy_from_slice(&(index as u16).to_be_bytes());
        self.rtp.seal_rtp(sealed, header, tag, stream.ssrc, index)?;
        self.keep(slot, stream);
        Ok(length + tag)
    }

    /// Opens the SRTP packet that fills `buffer`; gives the length of the RTP packet at its beginning.
    pub fn open_rtp(&mut self, buffer: &mut [u8]) -> Result<usize, Refusal> {
        let tag = self.suite.rtp_tag();
        let length = buffer.len().checked_sub(tag).ok_or(Refusal::Malformed)?;
        let header = rtp_header(&buffer[..length])?;
        let (slot, mut stream) = self.find(rtp_ssrc(buffer))?;
        let sequence = rtp_sequence(buffer);
        let index = self.open_nearest(buffer, header, &stream, sequence)?;
        stream.is_resumed &= index <= stream.rtp.top();
        stream.rtp.admit(index)?;
        self.keep(slot, stream);
        Ok(length)
    }

    /// Opens by the index nearest to the highest, or by one that is some rollovers later; gives that index.
    fn open_nearest(&self, buffer: &mut [u8], header: usize, stream: &Stream, sequence: u16) -> Result<u64, Refusal> {
        let nearest = stream.rtp.guess(sequence);
        let refusal = match self.open_at(buffer, header, stream, nearest) {
            Ok(()) => return Ok(nearest),
            Err(refusal) => refusal,
        };
        for rollovers in 1..=stream.rollovers_unseen(sequence) {
            let later = nearest + (rollovers << 16);
            if self.open_at(buffer, header, stream, later).is_ok() {
                return Ok(later);
            }
        }
        Err(refusal)
    }

    fn open_at(&self, buffer: &mut [u8], header: usize, stream: &Stream, index: u64) -> Result<(), Refusal> {
        stream.rtp.check(index)?;
        self.rtp.open_rtp(buffer, header, self.suite.rtp_tag(), stream.ssrc, index)
    }

    /// Seals the RTCP compound in `buffer[..length]`; gives its new length.
    pub fn seal_rtcp(&mut self, buffer: &mut [u8], length: usize) -> Result<usize, Refusal> {
        is_rtcp(buffer.get(..length).ok_or(Refusal::Malformed)?)?;
        let (slot, mut stream) = self.find(rtcp_ssrc(buffer))?;
        let index = stream.rtcp.next().max(self.least_report);
        if index >= u64::from(ENCRYPTED) {
            return Err(Refusal::Exhausted);
        }
        stream.rtcp.admit(index)?;
        let end = length + self.suite.rtcp_tag() + INDEX_WORD;
        let sealed = buffer.get_mut(..end).ok_or(Refusal::NoRoom)?;
        let word = (index as u32 | ENCRYPTED).to_be_bytes();
        self.rtcp.seal_rtcp(sealed, length, self.suite.rtcp_tag(), stream.ssrc, word)?;
        self.keep(slot, stream);
        Ok(end)
    }

    /// Opens the SRTCP packet that fills `buffer`; gives the length of the RTCP compound at its beginning.
    pub fn open_rtcp(&mut self, buffer: &mut [u8]) -> Result<usize, Refusal> {
        let tag = self.suite.rtcp_tag();
        let length = buffer.len().checked_sub(tag + INDEX_WORD).ok_or(Refusal::Malformed)?;
        is_rtcp(&buffer[..length])?;
        let (slot, mut stream) = self.find(rtcp_ssrc(buffer))?;
        let word = self.rtcp.index_word(buffer, length);
        let index = u64::from(u32::from_be_bytes(word) & !ENCRYPTED);
        stream.rtcp.check(index)?;
        self.rtcp.open_rtcp(buffer, length, tag, stream.ssrc, word)?;
        stream.rtcp.admit(index)?;
        self.keep(slot, stream);
        Ok(length)
    }

    /// (SSRC, highest RTP index, highest RTCP index) of each stream.
    pub fn streams(&self) -> impl ExactSizeIterator<Item = (u32, u64, u64)> + '_ {
        self.streams.iter().map(|s| (s.ssrc, s.rtp.top(), s.rtcp.top()))
    }

    fn find(&mut self, ssrc: u32) -> Result<(usize, Stream), Refusal> {
        if let Some(stream) = self.streams.get(self.last).filter(|s| s.ssrc == ssrc) {
            return Ok((self.last, *stream));
        }
        match self.streams.iter().position(|s| s.ssrc == ssrc) {
            Some(slot) => Ok((slot, self.streams[slot])),
            None if self.streams.len() < STREAMS => Ok((self.streams.len(), Stream { ssrc, ..Stream::default() })),
            None => Err(Refusal::TooManyStreams),
        }
    }

    fn keep(&mut self, slot: usize, stream: Stream) {
        self.last = slot;
        match self.streams.get_mut(slot) {
            Some(kept) => *kept = stream,
            None => self.streams.push(stream),
        }
    }
}

impl Keys {
    fn derive(suite: Suite, key: &[u8], salt: &[u8], label: Label) -> Option<Keys> {
        let mut session = [0u8; 32];
        let session = &mut session[..suite.key_len()];
        derive(key, salt, label.key, session)?;
        let mut session_salt = [0u8; 14];
        derive(key, salt, label.salt, &mut session_salt[..suite.salt_len()])?;
        let short: [u8; 12] = session_salt[..12].try_into().ok()?;
        Some(match suite {
            Suite::AeadAes128Gcm => {
                Keys::Gcm128 { aead: Box::new(aes_gcm::Aes128Gcm::new_from_slice(session).ok()?), salt: short }
            }
            Suite::AeadAes256Gcm => {
                Keys::Gcm256 { aead: Box::new(aes_gcm::Aes256Gcm::new_from_slice(session).ok()?), salt: short }
            }
            Suite::AesCm128HmacSha1_80
            | Suite::AesCm128HmacSha1_32
            | Suite::AesCm192HmacSha1_80
            | Suite::AesCm192HmacSha1_32
            | Suite::AesCm256HmacSha1_80
            | Suite::AesCm256HmacSha1_32 => {
                let mut auth = [0u8; 20];
                derive(key, salt, label.auth, &mut auth)?;
                Keys::Counter {
                    aes: CounterAes::new(session)?,
                    salt: session_salt,
                    mac: Box::new(Hmac::<Sha1>::new_from_slice(&auth).ok()?),
                }
            }
        })
    }

    /// `packet` is header, payload and room for the tag.
    fn seal_rtp(&self, packet: &mut [u8], header: usize, tag: usize, ssrc: u32, index: u64) -> Result<(), Refusal> {
        let (plain, room) = packet.split_at_mut(packet.len() - tag);
        match self {
            Keys::Counter { aes, salt, mac } => {
                keystream(aes, salt, ssrc, index, &mut plain[header..]);
                // RFC 3711 4.2: the rollover counter is authenticated, and not sent.
                let rollover = ((index >> 16) as u32).to_be_bytes();
                room.copy_from_slice(&authenticate(mac, &[plain, &rollover])[..tag]);
                Ok(())
            }
            Keys::Gcm128 { .. } | Keys::Gcm256 { .. } => {
                let (aad, payload) = plain.split_at_mut(header);
                self.encrypt(rtp_nonce(ssrc, index), aad, payload, room)
            }
        }
    }

    fn open_rtp(&self, packet: &mut [u8], header: usize, tag: usize, ssrc: u32, index: u64) -> Result<(), Refusal> {
        let (sealed, received) = packet.split_at_mut(packet.len() - tag);
        match self {
            Keys::Counter { aes, salt, mac } => {
                let rollover = ((index >> 16) as u32).to_be_bytes();
                verify(mac, &[sealed, &rollover], received)?;
                keystream(aes, salt, ssrc, index, &mut sealed[header..]);
                Ok(())
            }
            Keys::Gcm128 { .. } | Keys::Gcm256 { .. } => {
                let (aad, payload) = sealed.split_at_mut(header);
                self.decrypt(rtp_nonce(ssrc, index), aad, payload, received)
            }
        }
    }

    /// `packet[length..]` is room: for index word and tag (counter mode) or for tag and index word (GCM, RFC 7714 9.2).
    fn seal_rtcp(
        &self,
        packet: &mut [u8],
        length: usize,
        tag: usize,
        ssrc: u32,
        word: [u8; 4],
    ) -> Result<(), Refusal> {
        let index = u64::from(u32::from_be_bytes(word) & !ENCRYPTED);
        match self {
            Keys::Counter { aes, salt, mac } => {
                keystream(aes, salt, ssrc, index, &mut packet[RTCP_HEADER..length]);
                packet[length..length + INDEX_WORD].copy_from_slice(&word);
                let (covered, room) = packet.split_at_mut(length + INDEX_WORD);
                room.copy_from_slice(&authenticate(mac, &[covered])[..tag]);
                Ok(())
            }
            Keys::Gcm128 { .. } | Keys::Gcm256 { .. } => {
                let (plain, room) = packet.split_at_mut(length);
                let aad = rtcp_aad(plain, word);
                self.encrypt(rtcp_nonce(ssrc, index), &aad, &mut plain[RTCP_HEADER..], &mut room[..tag])?;
                room[tag..].copy_from_slice(&word);
                Ok(())
            }
        }
    }

    fn open_rtcp(
        &self,
        packet: &mut [u8],
        length: usize,
        tag: usize,
        ssrc: u32,
        word: [u8; 4],
    ) -> Result<(), Refusal> {
        let index = u64::from(u32::from_be_bytes(word) & !ENCRYPTED);
        let is_encrypted = u32::from_be_bytes(word) & ENCRYPTED != 0;
        match self {
            Keys::Counter { aes, salt, mac } => {
                let (covered, received) = packet.split_at_mut(length + INDEX_WORD);
                verify(mac, &[covered], received)?;
                if is_encrypted {
                    keystream(aes, salt, ssrc, index, &mut covered[RTCP_HEADER..length]);
                }
                Ok(())
            }
            Keys::Gcm128 { .. } | Keys::Gcm256 { .. } if is_encrypted => {
                let (sealed, received) = packet.split_at_mut(length);
                let aad = rtcp_aad(sealed, word);
                self.decrypt(rtcp_nonce(ssrc, index), &aad, &mut sealed[RTCP_HEADER..], &received[..tag])
            }
            Keys::Gcm128 { .. } | Keys::Gcm256 { .. } => {
                // RFC 7714 9.3: all of it is associated data, the index word included, which lies behind the tag.
                let mut received = [0u8; 16];
                received.copy_from_slice(&packet[length..length + tag]);
                packet[length..length + INDEX_WORD].copy_from_slice(&word);
                self.decrypt(rtcp_nonce(ssrc, index), &packet[..length + INDEX_WORD], &mut [], &received)
            }
        }
    }

    /// Where the E flag and index stand: before the tag in counter mode, at the end with GCM.
    fn index_word(&self, packet: &[u8], length: usize) -> [u8; 4] {
        let at = match self {
            Keys::Counter { .. } => length,
            Keys::Gcm128 { .. } | Keys::Gcm256 { .. } => packet.len() - INDEX_WORD,
        };
        [packet[at], packet[at + 1], packet[at + 2], packet[at + 3]]
    }

    fn encrypt(&self, nonce: [u8; 12], aad: &[u8], text: &mut [u8], tag: &mut [u8]) -> Result<(), Refusal> {
        let text = InOutBuf::from(text);
        let sealed = match self {
            Keys::Gcm128 { aead, salt } => aead.encrypt_inout_detached(&salted(nonce, salt).into(), aad, text),
            Keys::Gcm256 { aead, salt } => aead.encrypt_inout_detached(&salted(nonce, salt).into(), aad, text),
            Keys::Counter { .. } => return Err(Refusal::Malformed),
        };
        tag.copy_from_slice(&sealed.map_err(|_| Refusal::Malformed)?);
        Ok(())
    }

    fn decrypt(&self, nonce: [u8; 12], aad: &[u8], text: &mut [u8], tag: &[u8]) -> Result<(), Refusal> {
        let tag: [u8; 16] = tag.try_into().map_err(|_| Refusal::Malformed)?;
        let (text, tag) = (InOutBuf::from(text), tag.into());
        match self {
            Keys::Gcm128 { aead, salt } => aead.decrypt_inout_detached(&salted(nonce, salt).into(), aad, text, &tag),
            Keys::Gcm256 { aead, salt } => aead.decrypt_inout_detached(&salted(nonce, salt).into(), aad, text, &tag),
            Keys::Counter { .. } => return Err(Refusal::Malformed),
        }
        .map_err(|_| Refusal::Unauthentic)
    }
}

/// AES in counter mode over `text` (RFC 3711 4.1.1); RTP's 48-bit and RTCP's 31-bit index stand in the same place.
fn keystream(aes: &CounterAes, salt: &[u8; 14], ssrc: u32, index: u64, text: &mut [u8]) {
    let mut iv = [0u8; 16];
    iv[..14].copy_from_slice(salt);
    let mixed = (u128::from(ssrc) << 64) ^ (u128::from(index) << 16) ^ u128::from_be_bytes(iv);
    aes.apply(mixed.to_be_bytes(), text);
}

fn authenticate(mac: &Hmac<Sha1>, parts: &[&[u8]]) -> [u8; 20] {
    let mut mac = mac.clone();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

fn verify(mac: &Hmac<Sha1>, parts: &[&[u8]], received: &[u8]) -> Result<(), Refusal> {
    let mut mac = mac.clone();
    parts.iter().for_each(|part| mac.update(part));
    mac.verify_truncated_left(received).map_err(|_| Refusal::Unauthentic)
}

/// RFC 7714 8.1: two zero bytes, SSRC, 48-bit index.
fn rtp_nonce(ssrc: u32, index: u64) -> [u8; 12] {
    nonce((u128::from(ssrc) << 48) | u128::from(index & 0xFFFF_FFFF_FFFF))
}

/// RFC 7714 9.1: two zero bytes, SSRC, two zero bytes, 31-bit index.
fn rtcp_nonce(ssrc: u32, index: u64) -> [u8; 12] {
    nonce((u128::from(ssrc) << 48) | u128::from(index))
}

fn nonce(value: u128) -> [u8; 12] {
    let mut nonce = [0u8; 12];
    nonce.copy_from_slice(&value.to_be_bytes()[4..]);
    nonce
}

fn salted(mut nonce: [u8; 12], salt: &[u8; 12]) -> [u8; 12] {
    nonce.iter_mut().zip(salt).for_each(|(byte, mask)| *byte ^= mask);
    nonce
}

/// RFC 7714 9.2: the clear first words and the index word, as if they stood together.
fn rtcp_aad(packet: &[u8], word: [u8; 4]) -> [u8; 12] {
    let mut aad = [0u8; 12];
    aad[..RTCP_HEADER].copy_from_slice(&packet[..RTCP_HEADER]);
    aad[RTCP_HEADER..].copy_from_slice(&word);
    aad
}

/// The length of an RTP header with its CSRCs and extension (RFC 3550 5.1, 5.3.1).
fn rtp_header(packet: &[u8]) -> Result<usize, Refusal> {
    if packet.len() < RTP_HEADER || packet[0] >> 6 != 2 {
        return Err(Refusal::Malformed);
    }
    let mut header = RTP_HEADER + 4 * usize::from(packet[0] & 0x0F);
    if packet[0] & 0x10 != 0 {
        let words = packet.get(header + 2..header + 4).ok_or(Refusal::Malformed)?;
        header += 4 + 4 * usize::from(u16::from_be_bytes([words[0], words[1]]));
    }
    if header > packet.len() {
        return Err(Refusal::Malformed);
    }
    Ok(header)
}

fn is_rtcp(packet: &[u8]) -> Result<(), Refusal> {
    if packet.len() < RTCP_HEADER || packet[0] >> 6 != 2 {
        return Err(Refusal::Malformed);
    }
    Ok(())
}

fn rtp_sequence(packet: &[u8]) -> u16 {
    u16::from_be_bytes([packet[2], packet[3]])
}

fn rtp_ssrc(packet: &[u8]) -> u32 {
    u32::from_be_bytes([packet[8], packet[9], packet[10], packet[11]])
}

fn rtcp_ssrc(packet: &[u8]) -> u32 {
    u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]])
}
