//! Challenges and credentials (RFC 7235 section 2.1).

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use std::borrow::Cow;

/// A challenge or credentials taken apart (RFC 7235 section 2.1): (scheme in lower case, parameters without quotes; of a
/// name that comes twice the first).
#[pyfunction]
pub fn auth_params<'py>(py: Python<'py>, value: &str) -> PyResult<(String, Bound<'py, PyDict>)> {
    let (scheme, mut rest) = value.trim().split_once(char::is_whitespace).unwrap_or((value.trim(), ""));
    let found = PyDict::new(py);
    // Names are of ASCII, so that what stands before and behind one is whole characters.
    while let Some(start) = rest.bytes().position(is_auth_name) {
        rest = &rest[start..];
        let end = rest.bytes().position(|byte| !is_auth_name(byte)).unwrap_or(rest.len());
        let name = &rest[..end];
        rest = rest[end..].trim_start();
        let Some(after) = rest.strip_prefix('=') else { continue };
        let (text, left) = auth_value(after.trim_start());
        rest = left;
        let name = known_name(py, name).unwrap_or_else(|| PyString::new(py, &name.to_ascii_lowercase()));
        if !found.contains(&name)? {
            found.set_item(name, text)?;
        }
    }
    Ok((scheme.to_lowercase(), found))
}

fn is_auth_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// Names that nearly all have are made once, with their hashes.
fn known_name<'py>(py: Python<'py>, name: &str) -> Option<Bound<'py, PyString>> {
    let known = match name {
        "username" => intern!(py, "username"),
        "realm" => intern!(py, "realm"),
        "nonce" => intern!(py, "nonce"),
        "uri" => intern!(py, "uri"),
        "response" => intern!(py, "response"),
        "algorithm" => intern!(py, "algorithm"),
        "cnonce" => intern!(py, "cnonce"),
        "nc" => intern!(py, "nc"),
        "qop" => intern!(py, "qop"),
        "opaque" => intern!(py, "opaque"),
        _ => return None,
    };
    Some(known.clone())
}

/// (a token or a quoted string without its quotes and escapes, what follows it).
fn auth_value(text: &str) -> (Cow<'_, str>, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let is_over = |character: char| character == ',' || character.is_whitespace();
        // Nearly all are of ASCII, and read by their bytes.
        let end = if text.is_ascii() {
            text.bytes().position(|byte| is_over(byte.into()))
        } else {
            text.find(is_over)
        };
        let end = end.unwrap_or(text.len());
        return (Cow::Borrowed(&text[..end]), &text[end..]);
    };
    match memchr::memchr2(b'"', b'\\', quoted.as_bytes()) {
        Some(end) if quoted.as_bytes()[end] == b'"' => (Cow::Borrowed(&quoted[..end]), &quoted[end + 1..]),
        _ => unescaped(quoted),
    }
}

fn unescaped(quoted: &str) -> (Cow<'_, str>, &str) {
    let mut plain = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (Cow::Owned(plain), &quoted[at + 1..]),
            '\\' => plain.extend(characters.next().map(|(_, escaped)| escaped)),
            _ => plain.push(character),
        }
    }
    (Cow::Owned(plain), "")
}
