//! Challenges and credentials (RFC 7235 section 2.1).

use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::borrow::Cow;

/// A challenge or credentials taken apart (RFC 7235 section 2.1): (scheme in lower case, parameters without quotes; of a
/// name that comes twice the first).
#[pyfunction]
pub fn auth_params<'py>(py: Python<'py>, value: &str) -> PyResult<(String, Bound<'py, PyDict>)> {
    let (scheme, mut rest) = value.trim().split_once(char::is_whitespace).unwrap_or((value.trim(), ""));
    let found = PyDict::new(py);
    while let Some(start) = rest.find(is_auth_name) {
        rest = &rest[start..];
        let end = rest.find(|character| !is_auth_name(character)).unwrap_or(rest.len());
        let name = &rest[..end];
        rest = rest[end..].trim_start();
        let Some(after) = rest.strip_prefix('=') else { continue };
        let (text, left) = auth_value(after.trim_start());
        rest = left;
        let name = name.to_ascii_lowercase();
        if !found.contains(&name)? {
            found.set_item(name, text)?;
        }
    }
    Ok((scheme.to_lowercase(), found))
}

fn is_auth_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-')
}

/// (a token or a quoted string without its quotes and escapes, what follows it).
fn auth_value(text: &str) -> (Cow<'_, str>, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(|character: char| character == ',' || character.is_whitespace()).unwrap_or(text.len());
        return (Cow::Borrowed(&text[..end]), &text[end..]);
    };
    match quoted.find(['"', '\\']) {
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
