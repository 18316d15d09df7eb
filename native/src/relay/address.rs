//! Socket addresses as the kernel writes them.

use std::mem::{size_of, zeroed};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// Room for the name of an IPv4 or IPv6 socket.
#[repr(C)]
#[derive(Clone, Copy)]
pub union SocketAddress {
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

impl SocketAddress {
    pub const ROOM: libc::socklen_t = size_of::<SocketAddress>() as libc::socklen_t;

    pub fn empty() -> SocketAddress {
        // SAFETY: all zeroes is a valid (unspecified) name.
        unsafe { zeroed() }
    }

    pub fn as_ptr(&self) -> *const libc::sockaddr {
        (self as *const SocketAddress).cast()
    }

    pub fn as_mut_ptr(&mut self) -> *mut libc::sockaddr {
        (self as *mut SocketAddress).cast()
    }

    fn family(&self) -> i32 {
        // SAFETY: the family lies at the same place in both.
        i32::from(unsafe { self.v4.sin_family })
    }

    pub fn length(&self) -> libc::socklen_t {
        if self.family() == libc::AF_INET6 {
            size_of::<libc::sockaddr_in6>() as libc::socklen_t
        } else {
            size_of::<libc::sockaddr_in>() as libc::socklen_t
        }
    }

    /// The address, without flow label; None when the kernel wrote none.
    pub fn read(&self) -> Option<SocketAddr> {
        match self.family() {
            libc::AF_INET => {
                // SAFETY: the family says which of the two it is.
                let name = unsafe { self.v4 };
                let host = Ipv4Addr::from(u32::from_be(name.sin_addr.s_addr));
                Some(SocketAddr::new(host.into(), u16::from_be(name.sin_port)))
            }
            libc::AF_INET6 => {
                // SAFETY: as above.
                let name = unsafe { self.v6 };
                let host = Ipv6Addr::from(name.sin6_addr.s6_addr);
                Some(SocketAddr::V6(SocketAddrV6::new(host, u16::from_be(name.sin6_port), 0, 0)))
            }
            _ => None,
        }
    }
}

impl From<SocketAddr> for SocketAddress {
    fn from(address: SocketAddr) -> SocketAddress {
        let mut name = SocketAddress::empty();
        match address {
            SocketAddr::V4(v4) => {
                name.v4.sin_family = libc::AF_INET as libc::sa_family_t;
                name.v4.sin_port = v4.port().to_be();
                name.v4.sin_addr.s_addr = u32::from(*v4.ip()).to_be();
            }
            SocketAddr::V6(v6) => {
                name.v6.sin6_family = libc::AF_INET6 as libc::sa_family_t;
                name.v6.sin6_port = v6.port().to_be();
                name.v6.sin6_addr.s6_addr = v6.ip().octets();
            }
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_were_written() {
        for text in ["127.0.0.1:4000", "[2001:db8::7]:65535"] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(SocketAddress::from(address).read(), Some(address));
        }
        assert_eq!(SocketAddress::empty().read(), None);
    }
}
