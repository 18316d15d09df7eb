//! The answer to who is not heard, where the operator wants one (RFC 3261 section 8.2.6): nothing of it is longer than
//! what came, so that nobody who writes another's address on his datagrams makes more of them than he sends.

use crate::sip::{unfolded, Index, MAX_HEADERS};

/// How long somebody waits who is not banned, only one of too many.
pub const A_WHILE_S: u32 = 10;

/// Whether it begins as a request that may be answered.
pub fn is_answerable(data: &[u8]) -> bool {
    data.first().is_some_and(u8::is_ascii_uppercase) && !data.starts_with(b"SIP/") && !data.starts_with(b"ACK ")
}

/// The bytes of the answer; None where the request cannot be read, or is shorter.
pub fn written(data: &[u8], status: u16, seconds_left: u32) -> Option<Vec<u8>> {
    let index = Index::of(data, MAX_HEADERS).ok()?;
    let mut out = Vec::with_capacity(data.len());
    let (reason, wait_s) = if status == 503 { ("Service Unavailable", seconds_left) } else { ("Forbidden", 0) };
    out.extend_from_slice(format!("SIP/2.0 {status} {reason}\r\n").as_bytes());
    let mut at = 0;
    while let Some(via) = index.find(data, "Via", at) {
        put(&mut out, "Via", &unfolded(index.fields[via].value.of(data)), "");
        at = via + 1;
    }
    if at == 0 {
        return None;
    }
    for name in ["From", "To", "Call-ID", "CSeq"] {
        let value = unfolded(index.fields[index.find(data, name, 0)?].value.of(data));
        // A tag of ours in To makes it a final answer of a dialog of its own (section 8.2.6.2).
        let tag = if name == "To" && !has_tag(&value) { ";tag=0" } else { "" };
        put(&mut out, name, &value, tag);
    }
    if status == 503 {
        put(&mut out, "Retry-After", wait_s.max(A_WHILE_S).to_string().as_bytes(), "");
    }
    put(&mut out, "Content-Length", b"0", "\r\n");
    (out.len() <= data.len()).then_some(out)
}

fn has_tag(value: &[u8]) -> bool {
    value.to_ascii_lowercase().windows(5).any(|part| part == b";tag=")
}

fn put(out: &mut Vec<u8>, name: &str, value: &[u8], end: &str) {
    for part in [name.as_bytes(), b": ", value, end.as_bytes(), b"\r\n"] {
        out.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &[u8] = b"INVITE sip:1@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nv: SIP/2.0/UDP i;branch=z9hG4bK2\r\n\
        Max-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:1@h>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nContact: <sip:a@h>\r\n\
        User-Agent: somebody\r\nContent-Length: 0\r\n\r\n";

    #[test]
    fn it_has_what_an_answer_needs_and_is_no_longer_than_what_came() {
        let answer = String::from_utf8(written(INVITE, 503, 42).unwrap()).unwrap();
        assert!(answer.starts_with(
            "SIP/2.0 503 Service Unavailable\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nVia: SIP/2.0/UDP i"
        ));
        assert!(answer.contains("\r\nTo: <sip:1@h>;tag=0\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nRetry-After: 42\r\n"));
        assert!(answer.ends_with("\r\nContent-Length: 0\r\n\r\n"));
        assert!(answer.len() <= INVITE.len());
        assert!(!String::from_utf8(written(INVITE, 403, 42).unwrap()).unwrap().contains("Retry-After"));
    }

    #[test]
    fn what_would_be_longer_or_cannot_be_read_gets_none() {
        let short = b"OPTIONS sip:h SIP/2.0\r\nv:SIP/2.0/UDP h\r\nf:<sip:a@b>;tag=1\r\nt:<sip:h>\r\ni:c\r\nCSeq:1 OPTIONS\r\n\r\n";
        assert!(written(short, 403, 0).is_none());
        assert!(written(b"INVITE sip:1@h SIP/2.0\r\n\r\n", 403, 0).is_none());
        for data in [&b"ACK sip:1@h SIP/2.0"[..], b"SIP/2.0 200 OK", b"\r\n", b""] {
            assert!(!is_answerable(data));
        }
    }
}
