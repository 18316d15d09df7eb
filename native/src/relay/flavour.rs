//! What signalling says of a port's media, apart from who is heard.

use serde::{Deserialize, Serialize};

use crate::meter::Format;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Flavour {
    pub formats: Vec<Format>,
    /// The header extension that says how loud a packet is (RFC 6464), 0 without one.
    pub levels: u8,
    /// Media that is not RTP: only addresses are checked.
    pub raw: bool,
    /// STUN and DTLS of who is heard climb to Python.
    pub climb: bool,
    /// It is, or may be, encrypted from end to end: it passes, and is never decoded.
    pub opaque: bool,
}
