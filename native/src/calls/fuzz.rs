//! What strangers' bytes reach in the story of a call; see `crate::fuzz`.

use super::described;
use super::head::Head;

/// What the ledger reads of a message.
pub fn message(data: &[u8]) {
    let Some(head) = Head::of(data) else { return };
    let parts = [head.method(data), head.reason(data), head.call_id(data), head.branch(data), head.agent(data)];
    assert!(parts.iter().all(|part| part.len() <= data.len() + 1));
    let _ = (head.sender_tag(data), head.receiver_tag(data), head.branches(data));
    let _ = head.whole_body(data);
    description(&String::from_utf8_lossy(head.description(data)));
}

/// What the ledger reads of a description.
pub fn description(text: &str) {
    let _ = described::sections(text);
    let _ = described::ways(text);
}
