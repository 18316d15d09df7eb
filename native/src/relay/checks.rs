//! Which STUN climbs to Python under ICE: checks that are authentic, answers to checks of ours, and little else.
//!
//! Python's time is dear, so a flood ends here, and it may not take the place of the peer's own checks: what proves
//! nothing is counted apart. A little of it climbs all the same, so that a peer who has the wrong password is told of.

use std::collections::VecDeque;

use crate::meter::NANOS;
use crate::rtp::Kind;
use crate::stun::{is_authentic, Transaction, HEADER};

/// STUN messages a second and port: authentic ones, and answers to ours. A browser's checks of all its pairs come at
/// some 20 a second.
const PER_SECOND: u32 = 200;
/// Checks a second and port that name our ufrag and have not our password.
const UNAUTHENTIC_PER_SECOND: u32 = 10;
/// Two are valid while a restart is under way.
const NAMES: usize = 2;
/// Checks of ours whose answer is still awaited: more than there are pairs (`ICE_PAIRS`).
const AWAITED: usize = 128;
const USERNAME: u16 = 0x0006;

/// Our ufrag and password in one description.
pub type Name = (String, String);

#[derive(Default)]
pub struct Checks {
    names: Vec<Name>,
    awaited: VecDeque<Transaction>,
    passed: Rate,
    unauthentic: Rate,
}

#[derive(Default)]
struct Rate {
    second: u64,
    count: u32,
}

impl Checks {
    /// What checks must name and know; without any, none climbs.
    pub fn expect(&mut self, mut names: Vec<Name>) {
        names.truncate(NAMES);
        self.names = names;
    }

    pub fn names(&self) -> &[Name] {
        &self.names
    }

    /// We send this; the answer to a check of ours may climb.
    pub fn sent(&mut self, data: &[u8]) {
        let Some(transaction) = transaction(data) else { return };
        if Kind::of(data) != Kind::Stun || class(data) != Class::Request || self.awaited.contains(&transaction) {
            return;
        }
        if self.awaited.len() == AWAITED {
            self.awaited.pop_front();
        }
        self.awaited.push_back(transaction);
    }

    pub fn admit(&mut self, data: &[u8], now_ns: u64) -> bool {
        let Some(transaction) = transaction(data) else { return false };
        match class(data) {
            // A keepalive (RFC 8445 section 11) needs no answer and proves nothing.
            Class::Indication => false,
            Class::Answer => self.awaited.contains(&transaction) && self.passed.admit(PER_SECOND, now_ns),
            Class::Request => match self.password_for(data) {
                None => false,
                Some(password) if is_authentic(data, password.as_bytes()) => self.passed.admit(PER_SECOND, now_ns),
                Some(_) => self.unauthentic.admit(UNAUTHENTIC_PER_SECOND, now_ns),
            },
        }
    }

    fn password_for(&self, data: &[u8]) -> Option<&str> {
        let username = username(data)?;
        let ufrag = username.split(|byte| *byte == b':').next()?;
        self.names.iter().find(|(ours, _)| ours.as_bytes() == ufrag).map(|(_, password)| password.as_str())
    }
}

impl Rate {
    fn admit(&mut self, per_second: u32, now_ns: u64) -> bool {
        let second = now_ns / NANOS;
        if second != self.second {
            *self = Rate { second, count: 0 };
        }
        self.count = self.count.saturating_add(1);
        self.count <= per_second
    }
}

/// RFC 8489 section 5: the two class bits.
#[derive(Debug, PartialEq, Eq)]
enum Class {
    Request,
    Indication,
    Answer,
}

fn class(data: &[u8]) -> Class {
    match (data[0] & 0x01 != 0, data[1] & 0x10 != 0) {
        (true, _) => Class::Answer,
        (false, true) => Class::Indication,
        (false, false) => Class::Request,
    }
}

fn transaction(data: &[u8]) -> Option<Transaction> {
    data.get(8..HEADER)?.try_into().ok()
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
    use crate::stun::written;

    const PASSWORD: &str = "a password of ours";

    fn message(kind: u16, name: &str, password: &str) -> Vec<u8> {
        let attributes = [(0x8022, b"x".as_slice()), (USERNAME, name.as_bytes())];
        written(kind, &[7; 12], &attributes, Some(password.as_bytes()), true)
    }

    fn expecting() -> Checks {
        let mut checks = Checks::default();
        checks.expect(vec![("ours".into(), PASSWORD.into())]);
        checks
    }

    #[test]
    fn only_checks_that_name_us_climb() {
        let mut checks = expecting();
        assert!(checks.admit(&message(1, "ours:them", PASSWORD), 0));
        for name in ["our:them", "them:ours", "ours2", ""] {
            assert!(!checks.admit(&message(1, name, PASSWORD), 0), "{name}");
        }
        for length in 0..40 {
            assert!(!checks.admit(&message(1, "ours:them", PASSWORD)[..length], 0), "{length}");
        }
    }

    #[test]
    fn a_flood_without_our_password_does_not_push_out_the_peer() {
        let mut checks = expecting();
        let guessed = message(1, "ours:x", "guessed");
        let climbed = (0..10_000).filter(|_| checks.admit(&guessed, 5)).count();
        assert_eq!(climbed, UNAUTHENTIC_PER_SECOND as usize);
        assert!(checks.admit(&message(1, "ours:them", PASSWORD), 5));
    }

    #[test]
    fn answers_that_we_asked_for_climb_and_no_others() {
        let mut checks = expecting();
        let answer = message(0x0101, "", "theirs");
        assert!((0..1000).all(|_| !checks.admit(&answer, 0)));
        checks.sent(&message(1, "them:ours", "theirs"));
        assert!(checks.admit(&answer, 0));
        assert!(checks.admit(&message(0x0111, "", "theirs"), 0), "an error is an answer");
        assert!(!checks.admit(&message(0x0011, "ours:them", PASSWORD), 0), "an indication is none");
    }

    #[test]
    fn even_authentic_checks_are_held_to_a_rate() {
        let mut checks = expecting();
        let data = message(1, "ours:them", PASSWORD);
        let admitted = (0..10_000).filter(|_| checks.admit(&data, 5)).count();
        assert_eq!(admitted, PER_SECOND as usize);
        assert!(checks.admit(&data, NANOS));
    }

    #[test]
    fn the_oldest_of_very_many_checks_is_forgotten() {
        let mut checks = expecting();
        for number in 0..=AWAITED {
            let mut check = message(1, "them:ours", "theirs");
            check[8..10].copy_from_slice(&(number as u16).to_be_bytes());
            checks.sent(&check);
            checks.sent(&check);
        }
        assert_eq!((checks.awaited.len(), checks.awaited[0][..2].to_vec()), (AWAITED, vec![0, 1]));
    }
}
