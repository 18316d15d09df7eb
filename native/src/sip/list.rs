//! Comma-separated values (RFC 3261 section 7.3.1).

use super::text::{text, with_bytes};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};

/// The items of a value: commas in quotes and in <> do not split. A quote or a bracket that is never closed hides the
/// rest, and nothing between two commas is no item.
pub fn items(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        while let Some(left) = rest {
            let end = end_of_item(left);
            rest = left.get(end + 1..);
            let item = left[..end].trim_ascii();
            if !item.is_empty() {
                return Some(item);
            }
        }
        None
    })
}

/// Where the comma after the first item stands, or the value ends.
fn end_of_item(value: &[u8]) -> usize {
    let mut at = 0;
    while let Some(next) = value[at..].iter().position(|byte| matches!(byte, b',' | b'"' | b'<')) {
        at += next;
        at = match value[at] {
            b',' => return at,
            b'<' => memchr::memchr(b'>', &value[at..]).map_or(value.len(), |close| at + close + 1),
            _ => end_of_quote(value, at + 1),
        };
    }
    value.len()
}

/// Behind the quote that closes what was opened just before `at`.
fn end_of_quote(value: &[u8], mut at: usize) -> usize {
    while let Some(next) = memchr::memchr2(b'"', b'\\', &value[at.min(value.len())..]) {
        at += next + 1;
        if value[at - 1] == b'"' {
            return at;
        }
        at += 1;
    }
    value.len()
}

/// The first item of a list whose items are all there and without quotes; None for what only the grammar can tell.
pub fn plain_first(value: &[u8]) -> Option<&[u8]> {
    let is_plain = memchr::memchr(b'"', value).is_none() && value.split(|&byte| byte == b',').all(is_there);
    is_plain.then(|| value.split(|&byte| byte == b',').next().unwrap_or(value).trim_ascii_end())
}

fn is_there(item: &[u8]) -> bool {
    !item.trim_ascii().is_empty()
}

/// The items of a comma-separated value.
#[pyfunction]
pub fn list_items<'py>(py: Python<'py>, value: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    with_bytes(value, |value| items(value).try_for_each(|item| list.append(text(py, item)?)))??;
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(value: &str) -> Vec<&str> {
        items(value.as_bytes()).map(|item| std::str::from_utf8(item).unwrap()).collect()
    }

    #[test]
    fn commas_that_split_and_commas_that_do_not() {
        assert_eq!(told("a, b ,c"), ["a", "b", "c"]);
        assert_eq!(told("\"a, b\" <sip:x,y@z>;q=1, <sip:c>"), ["\"a, b\" <sip:x,y@z>;q=1", "<sip:c>"]);
        assert_eq!(told("\"a\\\", b\", c"), ["\"a\\\", b\"", "c"]);
        assert_eq!(told(", ,a,, b,"), ["a", "b"]);
        assert_eq!(told(""), [""; 0]);
    }

    #[test]
    fn what_is_never_closed_hides_the_rest() {
        assert_eq!(told("<sip:a@b>, \"c <sip:d@e>, <sip:f@g>"), ["<sip:a@b>", "\"c <sip:d@e>, <sip:f@g>"]);
        assert_eq!(told("<sip:a@b, <sip:c@d>, e"), ["<sip:a@b, <sip:c@d>", "e"]);
        assert_eq!(told("a, <b, c"), ["a", "<b, c"]);
        assert_eq!(told("a, \"b\\"), ["a", "\"b\\"]);
        assert_eq!(told("a, \"b\\\""), ["a", "\"b\\\""]);
    }

    #[test]
    fn first_of_a_list() {
        let first =
            |value: &'static str| plain_first(value.as_bytes()).map(|item| std::str::from_utf8(item).unwrap());
        assert_eq!(first("a;b=1, c"), Some("a;b=1"));
        assert_eq!(first("a ,b"), Some("a"));
        for odd in ["a,", "a,,b", " ,a", "a, \"b\"", ""] {
            assert_eq!(first(odd), None, "{odd}");
        }
    }
}
