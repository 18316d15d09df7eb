//! What strangers' bytes reach in SIP messages; see `crate::fuzz`.

use super::index::{Index, StartLine};
use super::legible::is_legible;
use super::list::items;
use super::text::unfolded;
use super::MAX_HEADERS;

/// The index of a message; every span of it lies within the bytes, and in order.
pub fn message(data: &[u8]) {
    let Ok(index) = Index::of(data, MAX_HEADERS) else { return };
    let _ = index.is_plain(data);
    match index.start {
        StartLine::Request { method, uri } => assert!(!method.of(data).is_empty() && !uri.of(data).is_empty()),
        StartLine::Status { code, reason } => {
            assert!((100..700).contains(&code) && reason.of(data).len() <= data.len())
        }
    }
    let mut end = index.start_line.start() + index.start_line.len();
    for field in &index.fields {
        assert_eq!(field.line.start(), end);
        end = field.line.start() + field.line.len();
        let value = unfolded(field.value.of(data));
        // Who bears no URIs but two reads nothing that others do not read.
        assert!(is_legible(&value, false) || !is_legible(&value, true));
        assert!(!value.contains(&b'\n'));
        assert!(
            items(&value).all(|item| !item.is_empty())
                && items(&value).map(<[u8]>::len).sum::<usize>() <= value.len()
        );
        assert!(field.name.start() >= field.line.start() && field.value.start() + field.value.len() <= end);
    }
    assert!(index.body.start() >= end && index.body.start() + index.body.len() == data.len());
    let _ = (index.find(data, "Via", 0), index.find(data, "Content-Length", 1));
}
