//! Which STUN climbs to Python under ICE: checks that name our ufrag, and not more of them than a rate.
//!
//! Only Python can say whether a message is authentic, and its time is dear. A flood of a stranger who does not know
//! our ufrag ends here; one who does (he saw the signalling) is held to the rate.

use crate::meter::NANOS;

/// STUN messages a second and port. A browser's checks of all its pairs come at some 20 a second.
const PER_SECOND: u32 = 200;

/// Two are valid while a restart is under way.
const UFRAGS: usize = 2;

const HEADER: usize = 20;
const USERNAME: u16 = 0x0006;

#[derive(Default)]
pub struct Checks {
    ufrags: Vec<Box<str>>,
    second: u64,
    climbed: u32,
}

impl Checks {
    /// The ufrags that checks must name; none lets every name pass.
    pub fn expect(&mut self, mut ufrags: Vec<String>) {
        ufrags.truncate(UFRAGS);
        self.ufrags = ufrags.into_iter().map(String::into_boxed_str).collect();
    }

    pub fn admit(&mut self, data: &[u8], now_ns: u64) -> bool {
        if is_request(data) && !self.is_for_us(data) {
            return false;
        }
        let second = now_ns / NANOS;
        if second != self.second {
            (self.second, self.climbed) = (second, 0);
        }
        self.climbed = self.climbed.saturating_add(1);
        self.climbed <= PER_SECOND
    }

    fn is_for_us(&self, data: &[u8]) -> bool {
        if self.ufrags.is_empty() {
            return true;
        }
        let Some(name) = username(data) else { return false };
        let first = name.split(|byte| *byte == b':').next().unwrap_or(name);
        self.ufrags.iter().any(|ufrag| ufrag.as_bytes() == first)
    }
}

/// RFC 8489 section 5: the two class bits are clear.
fn is_request(data: &[u8]) -> bool {
    data.len() >= HEADER && data[0] & 0x01 == 0 && data[1] & 0x10 == 0
}

fn username(data: &[u8]) -> Option<&[u8]> {
    let mut rest = data.get(HEADER..)?;
    while let [k0, k1, l0, l1, value @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*l0, *l1]));
        if u16::from_be_bytes([*k0, *k1]) == USERNAME {
            return value.get(..length);
        }
        rest = value.get(length.next_multiple_of(4)..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: u8, name: &str) -> Vec<u8> {
        let mut data = vec![kind, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        data.extend([0; 12]);
        data.extend([0x80, 0x22, 0, 1, b'x', 0, 0, 0, 0, 6, 0, name.len() as u8]);
        data.extend(name.as_bytes());
        data
    }

    #[test]
    fn only_checks_that_name_us_climb() {
        let mut checks = Checks::default();
        checks.expect(vec!["ours".into()]);
        assert!(checks.admit(&check(0, "ours:them"), 0));
        assert!(!checks.admit(&check(0, "our:them"), 0));
        assert!(!checks.admit(&check(0, "them:ours"), 0));
        assert!(!checks.admit(&check(0, "x")[..24], 0));
        assert!(checks.admit(&check(1, ""), 0), "answers bear no name");
    }

    #[test]
    fn a_flood_is_held_to_a_rate() {
        let mut checks = Checks::default();
        let data = check(0, "ours:them");
        let admitted = (0..10_000).filter(|_| checks.admit(&data, 5)).count();
        assert_eq!(admitted, PER_SECOND as usize);
        assert!(checks.admit(&data, NANOS));
    }
}
