//! Framing of messages on a stream (RFC 3261 section 18.3).

use super::index::{line_end, names_match, number, Refusal};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// How long the message at the head of a stream is: None while its end has not arrived.
///
/// Content-Length tells (RFC 3261 section 18.3). Raises ValueError(code) when the stream can not be framed any more:
/// no Content-Length, an unreadable one, or more than `limit` bytes.
#[pyfunction]
pub fn stream_message_length(data: &[u8], limit: usize) -> PyResult<Option<usize>> {
    let Some(header_end) = end_of_headers(data) else {
        return if data.len() > limit { Err(PyValueError::new_err("too-large")) } else { Ok(None) };
    };
    let length = content_length(&data[..header_end]).map_err(PyValueError::new_err)?;
    let total = header_end.saturating_add(length);
    if total > limit {
        return Err(PyValueError::new_err("too-large"));
    }
    Ok((data.len() >= total).then_some(total))
}

fn end_of_headers(data: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let (text_end, next) = line_end(data, at)?;
        if text_end == at {
            return Some(next);
        }
        at = next;
    }
}

/// What the header fields say, the empty line after them included.
pub fn content_length(headers: &[u8]) -> Result<usize, Refusal> {
    let mut found = None;
    let mut at = 0;
    while let Some((mut text_end, mut next)) = line_end(headers, at) {
        // A folded line continues the value above it (RFC 3261 section 7.3.1) and names no field of its own.
        while let Some(b' ' | b'\t') = headers.get(next) {
            let Some(folded) = line_end(headers, next) else { break };
            (text_end, next) = folded;
        }
        let line = &headers[at..text_end];
        at = next;
        let Some(colon) = memchr::memchr(b':', line) else { continue };
        let name = line[..colon].trim_ascii();
        if names_match(name, "content-length", Some(b'l')) {
            let length = number(line[colon + 1..].trim_ascii()).ok_or("content-length")?;
            if found.is_some_and(|earlier| earlier != length) {
                return Err("content-length");
            }
            found = Some(length);
        }
    }
    found.ok_or("no-content-length")
}
