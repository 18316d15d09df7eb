//! Recognising SIP by its content and cutting messages out of a stream (RFC 3261 sections 7 and 18.3).

use super::limits::MESSAGE_BYTES;
use memchr::memmem;

/// A method is a token; the longest in use (SUBSCRIBE) has nine letters, private ones a few more.
const MAX_METHOD: usize = 24;
/// A Request-URI with its parameters.
const MAX_START_LINE: usize = 4096;

/// Whether these bytes begin with a SIP start line. Cut captures count: the line must be there as far as it goes.
#[inline]
pub fn is_sip(data: &[u8]) -> bool {
    match data.first() {
        Some(b'A'..=b'Z' | b'a'..=b'z') => data.starts_with(b"SIP/2.0 ") || is_request(data),
        _ => false,
    }
}

/// METHOD SP URI SP SIP/2.0
fn is_request(data: &[u8]) -> bool {
    let Some(space) = data.iter().take(MAX_METHOD).position(|&b| b == b' ') else { return false };
    if !data[..space].iter().all(|b| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(b)) {
        return false;
    }
    let rest = &data[space + 1..];
    let line =
        &rest[..rest.iter().take(MAX_START_LINE).position(|&b| b == b'\n').unwrap_or(rest.len().min(MAX_START_LINE))];
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.ends_with(b" SIP/2.0") {
        return true;
    }
    let scheme = |name: &[u8]| line.len() > name.len() && line[..name.len()].eq_ignore_ascii_case(name);
    // The line is cut or its version damaged: the scheme tells.
    (scheme(b"sip:") || scheme(b"sips:")) && data[..space].iter().all(|b| b.is_ascii_uppercase())
}

/// CRLFs and NULs that keep a flow open (RFC 5626 section 3.5.1, and phones' habits).
pub fn is_keepalive(data: &[u8]) -> bool {
    data.iter().all(|&b| matches!(b, b'\r' | b'\n' | 0)) || (data.len() <= 4 && data == b"jaK\0")
}

#[derive(PartialEq, Eq, Debug)]
pub enum Cut {
    /// A message of so many bytes, after so many bytes of keep-alive.
    Message { skip: usize, len: usize },
    /// Nothing yet; so many bytes are keep-alives.
    Wait { skip: usize },
    /// Not SIP here; a start line may follow behind so many bytes.
    Lost { skip: usize },
}

/// The first message of a stream's bytes.
pub fn cut(data: &[u8]) -> Cut {
    let skip = data.iter().take_while(|b| matches!(b, b'\r' | b'\n' | 0)).count();
    let rest = &data[skip..];
    if rest.is_empty() {
        return Cut::Wait { skip };
    }
    if !is_sip(rest) {
        // Perhaps the start line is not there entirely.
        let line_open = !rest.contains(&b'\n') && rest.len() < MAX_START_LINE && rest[0].is_ascii_alphabetic();
        return if line_open { Cut::Wait { skip } } else { Cut::Lost { skip: skip + next_start(rest) } };
    }
    match head_end(rest) {
        Some(end) => {
            let len = end + content_length(&rest[..end]).unwrap_or(0);
            if len > MESSAGE_BYTES {
                return Cut::Lost { skip: skip + end };
            }
            if rest.len() < len {
                Cut::Wait { skip }
            } else {
                Cut::Message { skip, len }
            }
        }
        None if rest.len() > MESSAGE_BYTES => Cut::Lost { skip: skip + rest.len() },
        None => Cut::Wait { skip },
    }
}

/// Offset of the next line that is a start line, or all of the bytes but a possible beginning of one.
fn next_start(data: &[u8]) -> usize {
    let starts = memchr::memchr_iter(b'\n', data).map(|i| i + 1);
    let mut last = 0;
    for at in starts {
        if is_sip(&data[at..]) {
            return at;
        }
        last = at;
    }
    if data.len() - last > MAX_START_LINE {
        data.len()
    } else {
        last.max(1)
    }
}

pub fn head_end(data: &[u8]) -> Option<usize> {
    memmem::find(data, b"\r\n\r\n").map(|i| i + 4)
}

/// Content-Length or its compact form `l`; None where it is missing, or two of them differ.
pub fn content_length(head: &[u8]) -> Option<usize> {
    crate::sip::content_length(head).ok()
}
