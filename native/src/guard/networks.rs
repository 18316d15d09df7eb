//! Lists of networks: one look for each length of prefix that is in them.

use std::collections::HashMap;
use std::net::IpAddr;

/// Networks and until when each is in the list (seconds since the epoch).
#[derive(Default)]
pub struct Networks {
    lengths: Vec<u8>,
    known: HashMap<(u8, u128), f64>,
}

impl Networks {
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    pub fn add(&mut self, ip: IpAddr, prefix: u8, until: f64) {
        let length = length_of(ip, prefix);
        if !self.lengths.contains(&length) {
            self.lengths.push(length);
        }
        self.known.insert((length, masked(number(ip), length)), until);
    }

    pub fn remove(&mut self, ip: IpAddr, prefix: u8) -> bool {
        let length = length_of(ip, prefix);
        let was = self.known.remove(&(length, masked(number(ip), length))).is_some();
        self.lengths.retain(|one| self.known.keys().any(|(length, _)| length == one));
        was
    }

    pub fn covers(&self, ip: IpAddr, now: f64) -> bool {
        let whole = number(ip);
        self.lengths
            .iter()
            .any(|length| self.known.get(&(*length, masked(whole, *length))).is_some_and(|end| *end > now))
    }
}

/// IPv4 within IPv6, as RFC 4291 section 2.5.5.2 maps it.
fn number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(v4) => u128::from(v4.to_ipv6_mapped()),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

fn length_of(ip: IpAddr, prefix: u8) -> u8 {
    if ip.is_ipv4() {
        prefix.min(32) + 96
    } else {
        prefix.min(128)
    }
}

fn masked(number: u128, length: u8) -> u128 {
    if length == 0 {
        0
    } else {
        number & (u128::MAX << (128 - u32::from(length)))
    }
}
