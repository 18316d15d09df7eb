//! What strangers' bytes reach, one function for each kind of bytes. `native/fuzz` looks for inputs on which one of them
//! panics, overflows or does not end; the test below feeds the inputs that are kept there, and neighbours of theirs.

use crate::calls;
use crate::capture;
use crate::relay;
use crate::sip;
use crate::srtp::{Context, Suite};
use crate::{extension, rtcp, rtp, stun};

/// A target: takes any bytes, and says nothing of them.
pub type Target = fn(&[u8]);

/// By the name of the corpus.
pub const TARGETS: [(&str, Target); 11] = [
    ("capture_file", capture_file),
    ("capture_packet", capture_packet),
    ("dtls", dtls),
    ("hep", hep),
    ("ports", ports),
    ("rtcp", rtcp_packet),
    ("rtp", rtp_packet),
    ("sdp", sdp),
    ("sip_message", sip_message),
    ("sip_stream", sip_stream),
    ("stun", stun_message),
];

/// A datagram of SIP: its index, and what the ledger reads of it.
pub fn sip_message(data: &[u8]) {
    sip::fuzz::message(data);
    calls::fuzz::message(data);
}

/// A stream of SIP, message after message, as the edge and as the capture reader cut it.
pub fn sip_stream(data: &[u8]) {
    let mut rest = data;
    while let Ok(Some(length)) = sip::stream_message_length(rest, 65_535) {
        assert!(length > 0 && length <= rest.len());
        sip_message(&rest[..length]);
        rest = &rest[length..];
    }
    capture::fuzz::sip_stream(data);
}

/// A session description, as the ledger and as the capture reader read it.
pub fn sdp(data: &[u8]) {
    calls::fuzz::description(&String::from_utf8_lossy(data));
    capture::fuzz::description(data);
}

/// A STUN message, as ICE and as the capture reader read it.
pub fn stun_message(data: &[u8]) {
    stun::is_authentic(data, b"password");
    capture::fuzz::stun(data);
}

/// An RTP packet: sorted, its extensions found and replaced, opened with every suite.
pub fn rtp_packet(data: &[u8]) {
    let _ = rtp::Kind::of(data);
    if let Some(header) = rtp::Header::parse(data) {
        let _ = header.payload(data);
    }
    for id in 0..=15 {
        let _ = extension::find(data, id);
        let mut buffer = data.to_vec();
        buffer.resize(data.len() + 64, 0);
        let _ = extension::insert(&mut buffer, data.len(), id, b"mid", 64);
    }
    opened(data, |context, buffer| context.open_rtp(buffer).is_ok());
    capture::fuzz::rtp(data);
}

/// An RTCP packet, as the relay, SRTCP and the capture reader read it.
pub fn rtcp_packet(data: &[u8]) {
    let _ = rtp::rtcp_sender(data);
    rtcp::walk(data, |_| ());
    opened(data, |context, buffer| context.open_rtcp(buffer).is_ok());
    capture::fuzz::rtcp(data);
}

const SUITES: [&str; 3] = ["AES_CM_128_HMAC_SHA1_32", "AEAD_AES_128_GCM", "AEAD_AES_256_GCM"];

fn opened(data: &[u8], open: impl Fn(&mut Context, &mut [u8]) -> bool) {
    for suite in SUITES.iter().filter_map(|name| Suite::by_name(name)) {
        let (key, salt) = (vec![1; suite.key_len()], vec![2; suite.salt_len()]);
        if let Some(mut context) = Context::new(suite, &key, &salt) {
            let _ = open(&mut context, &mut data.to_vec());
        }
    }
}

/// Ports that another process has saved.
pub fn ports(data: &[u8]) {
    relay::fuzz::ports(data);
}

/// DTLS records, and the handshake messages in them.
pub fn dtls(data: &[u8]) {
    capture::fuzz::dtls(data);
}

/// A frame from a wire, on each link layer.
pub fn capture_packet(data: &[u8]) {
    capture::fuzz::packet(data);
}

/// A HEP message.
pub fn hep(data: &[u8]) {
    capture::fuzz::hep(data);
}

/// A capture file: pcap, pcapng, packed or not.
pub fn capture_file(data: &[u8]) {
    capture::fuzz::file(data);
}

#[cfg(test)]
mod tests {
    use super::{Target, TARGETS};
    use std::fs;
    use std::path::{Path, PathBuf};

    /// Neighbours of each input that are tried: enough to notice a bound that went missing, in some seconds.
    const NEIGHBOURS: u64 = 200;

    /// Cuts, flips, doubles and splices an input, always in the same way for the same number.
    fn neighbour(input: &[u8], other: &[u8], number: u64) -> Vec<u8> {
        let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = move |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as usize % below.max(1)
        };
        let mut data = input.to_vec();
        for _ in 0..=next(4) {
            let at = next(data.len());
            match next(7) {
                0 => data.truncate(at),
                1 if !data.is_empty() => data[at] ^= 1 << next(8),
                2 if !data.is_empty() => data[at] = [0, 1, 0x7f, 0x80, 0xff, b'\n', b' '][next(7)],
                3 => drop(data.splice(at..at, input[next(input.len())..].iter().copied().take(64)).count()),
                4 => drop(data.splice(at.., other[next(other.len())..].iter().copied()).count()),
                5 if data.len() > at + 2 => data[at..at + 2].fill([0, 0xff][next(2)]),
                _ => drop(data.drain(at..(at + next(16)).min(data.len()))),
            }
        }
        data
    }

    /// What is kept for a target, and what is kept elsewhere and fits it (`fuzz/run` says the same).
    fn corpus(name: &str) -> Vec<Vec<u8>> {
        let more = match name {
            "sip_message" | "sip_stream" => Some("../tests/torture/rfc4475"),
            "sdp" => Some("../tests/sdp/corpus"),
            _ => None,
        };
        let own = format!("fuzz/corpus/{name}");
        let mut paths: Vec<_> = [Some(own.as_str()), more].into_iter().flatten().flat_map(files).collect();
        paths.sort();
        paths.iter().filter_map(|path| fs::read(path).ok()).collect()
    }

    fn files(folder: &str) -> Vec<PathBuf> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect()
    }

    fn bears(name: &str, target: Target) {
        let inputs = corpus(name);
        assert!(inputs.len() >= 3, "{name} has a corpus");
        target(b"");
        for (place, input) in inputs.iter().enumerate() {
            target(input);
            let other = &inputs[(place + 1) % inputs.len()];
            for number in 0..NEIGHBOURS {
                target(&neighbour(input, other, number + place as u64 * NEIGHBOURS));
            }
        }
    }

    #[test]
    fn whatever_bytes_come_nobody_falls_over_them() {
        for (name, target) in TARGETS {
            bears(name, target);
        }
    }
}
