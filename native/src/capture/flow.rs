//! Addresses and flows in a form that hashes and compares quickly.

use std::net::{Ipv4Addr, Ipv6Addr};

/// An IP address; IPv4 as IPv4-mapped, which never appears on a wire otherwise (RFC 4291 section 2.5.5.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Ip {
    high: u64,
    low: u64,
}

impl Ip {
    #[inline]
    pub fn v4(bytes: [u8; 4]) -> Ip {
        Ip { high: 0, low: 0xffff_0000_0000 | u64::from(u32::from_be_bytes(bytes)) }
    }

    #[inline]
    pub fn v6(bytes: [u8; 16]) -> Ip {
        let n = u128::from_be_bytes(bytes);
        Ip { high: (n >> 64) as u64, low: n as u64 }
    }

    /// From 4 or 16 bytes in network order.
    pub fn of(bytes: &[u8]) -> Option<Ip> {
        match bytes.len() {
            4 => Some(Ip::v4(bytes.try_into().ok()?)),
            16 => Some(Ip::v6(bytes.try_into().ok()?)),
            _ => None,
        }
    }

    /// From text as in an SDP, a candidate, or HEP by the operator.
    pub fn parse(text: &str) -> Option<Ip> {
        match text.parse().ok()? {
            std::net::IpAddr::V4(ip) => Some(Ip::v4(ip.octets())),
            std::net::IpAddr::V6(ip) => Some(Ip::v6(ip.octets())),
        }
    }

    pub fn is_unspecified(self) -> bool {
        self.high == 0 && (self.low == 0 || self.low == 0xffff_0000_0000)
    }

    pub fn is_v4(self) -> bool {
        self.high == 0 && self.low >> 32 == 0xffff
    }

    pub fn number(self) -> u128 {
        u128::from(self.high) << 64 | u128::from(self.low)
    }
}

impl std::fmt::Display for Ip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_v4() {
            Ipv4Addr::from(self.low as u32).fmt(f)
        } else {
            Ipv6Addr::from(self.number()).fmt(f)
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Endpoint {
    pub ip: Ip,
    pub port: u16,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Flow {
    pub src: Endpoint,
    pub dst: Endpoint,
}

impl Flow {
    pub fn reversed(self) -> Flow {
        Flow { src: self.dst, dst: self.src }
    }
}

/// Why a packet, or a part of it, was not understood: what it is, and its number where it has one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Reason(pub &'static str, pub u16);

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Reason(what, 0) => f.write_str(what),
            Reason("ethertype", n) => write!(f, "ethertype 0x{n:04x}"),
            Reason(what, n) => write!(f, "{what} {n}"),
        }
    }
}
