//! ZRTP (RFC 6189 section 5), recognised and named.

pub fn is_zrtp(data: &[u8]) -> bool {
    data.len() >= 24 && data[0] == 0x10 && data[4..8] == *b"ZRTP" && data[12..14] == [0x50, 0x5a]
}

/// The message type block without its padding: "Hello", "Commit", "DHPart1".
pub fn name(data: &[u8]) -> String {
    let block = data.get(16..24).unwrap_or(&[]);
    String::from_utf8_lossy(block).trim_end().into()
}
