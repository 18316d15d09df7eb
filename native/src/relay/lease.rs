//! Leasing of local ports: an even one for RTP and the odd one above it for RTCP (RFC 3550 section 11).

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use super::address::SocketAddress;

/// Two bound sockets and their ports.
pub struct Lease {
    pub rtp: OwnedFd,
    pub rtcp: OwnedFd,
    pub port: u16,
    /// Descriptors from this number on are not ours to take, not even for a steady stream.
    pub ceiling: RawFd,
}

/// Which pairs are out, for each local address; a pair is named by half its even port.
pub struct Pool {
    hosts: HashMap<IpAddr, Host>,
    ceiling: RawFd,
}

struct Host {
    leased: Box<[u64; PAIRS / 64]>,
    next: usize,
}

const PAIRS: usize = 1 << 15;

impl Pool {
    /// Sockets get descriptors below `ceiling` only. The kernel gives the lowest number that is free, so a higher one
    /// says that fewer are left than are to be kept for others.
    pub fn new(ceiling: RawFd) -> Pool {
        Pool { hosts: HashMap::new(), ceiling }
    }

    /// Lease the next free pair within [low, high], going round, so that a pair just released rests longest.
    pub fn lease(&mut self, address: IpAddr, low: u16, high: u16, dscp: u8) -> io::Result<Lease> {
        let host = self.hosts.entry(address).or_insert_with(Host::new);
        let first = usize::from(low).div_ceil(2);
        let end = usize::from(high) / 2 + usize::from(high) % 2;
        for _ in first..end {
            let Some(pair) = host.next_free(first, end) else { break };
            match bind_pair(address, pair as u16 * 2, dscp, self.ceiling) {
                Ok(lease) => {
                    host.mark(pair, true);
                    return Ok(lease);
                }
                // Somebody else's: try the next.
                Err(error) if error.raw_os_error() == Some(libc::EADDRINUSE) => {}
                Err(error) => return Err(error),
            }
        }
        let reason = format!("no free pair of ports in {low}-{high} on {address}: widen the range");
        Err(io::Error::new(io::ErrorKind::AddrInUse, reason))
    }

    /// Lease the pair of this even port, as somebody had it before.
    pub fn take(&mut self, address: IpAddr, port: u16, dscp: u8) -> io::Result<Lease> {
        let (pair, ceiling) = (usize::from(port) / 2, self.ceiling);
        let host = self.hosts.entry(address).or_insert_with(Host::new);
        if host.leased[pair / 64] >> (pair % 64) & 1 == 1 {
            return Err(io::Error::from_raw_os_error(libc::EADDRINUSE));
        }
        let lease = bind_pair(address, port, dscp, ceiling)?;
        host.mark(pair, true);
        Ok(lease)
    }

    pub fn release(&mut self, address: IpAddr, port: u16) {
        if let Some(host) = self.hosts.get_mut(&address) {
            host.mark(usize::from(port) / 2, false);
        }
    }
}

impl Host {
    fn new() -> Host {
        Host { leased: Box::new([0; PAIRS / 64]), next: 0 }
    }

    /// The first free pair from where we were last, and put the place behind it.
    fn next_free(&mut self, first: usize, end: usize) -> Option<usize> {
        let start = if (first..end).contains(&self.next) { self.next } else { first };
        let pair = self.search(start, end).or_else(|| self.search(first, start))?;
        self.next = pair + 1;
        Some(pair)
    }

    fn search(&self, from: usize, to: usize) -> Option<usize> {
        let mut pair = from;
        while pair < to {
            let free = !self.leased[pair / 64] >> (pair % 64);
            if free != 0 {
                return Some(pair + free.trailing_zeros() as usize).filter(|pair| *pair < to);
            }
            pair = (pair / 64 + 1) * 64;
        }
        None
    }

    fn mark(&mut self, pair: usize, leased: bool) {
        let bit = 1 << (pair % 64);
        if leased {
            self.leased[pair / 64] |= bit;
        } else {
            self.leased[pair / 64] &= !bit;
        }
    }
}

fn bind_pair(address: IpAddr, port: u16, dscp: u8, ceiling: RawFd) -> io::Result<Lease> {
    let rtp = bound(SocketAddr::new(address, port), dscp)?;
    let rtcp = bound(SocketAddr::new(address, port + 1), dscp)?;
    if rtp.as_raw_fd().max(rtcp.as_raw_fd()) >= ceiling {
        return Err(io::Error::from_raw_os_error(libc::EMFILE));
    }
    Ok(Lease { rtp, rtcp, port, ceiling })
}

fn bound(local: SocketAddr, dscp: u8) -> io::Result<OwnedFd> {
    let socket = datagram_socket(local, dscp)?;
    named(&socket, local, libc::bind)?;
    Ok(socket)
}

/// A second socket on the port of `first`, connected to `peer`. Sharing is allowed for this moment only, so that
/// nobody else can ever bind our port.
pub fn connected(first: &OwnedFd, local: SocketAddr, peer: SocketAddr, dscp: u8) -> io::Result<OwnedFd> {
    let second = datagram_socket(local, dscp)?;
    set_option(&second, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
    set_option(first, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
    let bound = named(&second, local, libc::bind);
    set_option(first, libc::SOL_SOCKET, libc::SO_REUSEADDR, 0)?;
    set_option(&second, libc::SOL_SOCKET, libc::SO_REUSEADDR, 0)?;
    bound?;
    named(&second, peer, libc::connect)?;
    Ok(second)
}

fn datagram_socket(local: SocketAddr, dscp: u8) -> io::Result<OwnedFd> {
    let family = if local.is_ipv6() { libc::AF_INET6 } else { libc::AF_INET };
    let kind = libc::SOCK_DGRAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: plain system calls; the descriptor is owned as soon as it is known to be one.
    let socket = unsafe { OwnedFd::from_raw_fd(checked(libc::socket(family, kind, 0))?) };
    let class = i32::from(dscp) << 2;
    if local.is_ipv6() {
        set_option(&socket, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 1)?;
        set_option(&socket, libc::IPPROTO_IPV6, libc::IPV6_TCLASS, class)?;
    } else {
        set_option(&socket, libc::IPPROTO_IP, libc::IP_TOS, class)?;
    }
    Ok(socket)
}

type Naming = unsafe extern "C" fn(i32, *const libc::sockaddr, libc::socklen_t) -> i32;

/// bind or connect.
fn named(socket: &OwnedFd, address: SocketAddr, naming: Naming) -> io::Result<()> {
    let name = SocketAddress::from(address);
    // SAFETY: the name outlives the call and its length is its own.
    checked(unsafe { naming(socket.as_raw_fd(), name.as_ptr(), name.length()) })?;
    Ok(())
}

fn set_option(socket: &OwnedFd, level: i32, option: i32, value: i32) -> io::Result<()> {
    let size = std::mem::size_of_val(&value) as libc::socklen_t;
    // SAFETY: the option's value is the i32 whose address and size are given.
    checked(unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const value).cast(), size) })?;
    Ok(())
}

/// A system call's answer, or errno.
pub fn checked(answer: i32) -> io::Result<i32> {
    if answer < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 3, 2, 1));

    #[test]
    fn leases_go_round_and_rest() {
        let mut pool = Pool::new(RawFd::MAX);
        let take = |pool: &mut Pool| pool.lease(HOST, 41001, 41008, 46).map(|lease| lease.port);
        assert_eq!(take(&mut pool).unwrap(), 41002);
        pool.release(HOST, 41002);
        assert_eq!(take(&mut pool).unwrap(), 41004);
        assert_eq!(take(&mut pool).unwrap(), 41006);
        assert_eq!(take(&mut pool).unwrap(), 41002);
        assert_eq!(take(&mut pool).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn a_port_of_somebody_else_is_passed_over() {
        let taken = bound(SocketAddr::new(HOST, 42001), 0).unwrap();
        let mut pool = Pool::new(RawFd::MAX);
        assert_eq!(pool.lease(HOST, 42000, 42003, 0).unwrap().port, 42002);
        assert!(pool.lease(HOST, 42000, 42003, 0).is_err());
        drop(taken);
        assert_eq!(pool.lease(HOST, 42000, 42003, 0).unwrap().port, 42000);
    }

    #[test]
    fn a_connected_socket_shares_the_port_and_nobody_else_does() {
        let local = SocketAddr::new(HOST, 43000);
        let (first, peer) = (bound(local, 46).unwrap(), bound(SocketAddr::new(HOST, 43002), 0).unwrap());
        let second = connected(&first, local, SocketAddr::new(HOST, 43002), 46).unwrap();
        let intruder = datagram_socket(local, 0).unwrap();
        set_option(&intruder, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1).unwrap();
        assert!(named(&intruder, local, libc::bind).is_err());
        assert!(bound(local, 0).is_err());
        drop((second, peer));
        assert!(connected(&first, local, SocketAddr::new(HOST, 43002), 46).is_ok());
    }

    #[test]
    fn descriptors_that_are_kept_for_others_are_not_taken() {
        let first = bound(SocketAddr::new(HOST, 44000), 0).unwrap();
        let mut pool = Pool::new(first.as_raw_fd());
        let refused = pool.lease(HOST, 44002, 44009, 0).map(|lease| lease.port).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::EMFILE));
        // What was given back is the first to be taken again, as soon as there are enough.
        pool.ceiling = RawFd::MAX;
        assert!(pool.lease(HOST, 44002, 44009, 0).is_ok());
    }

    #[test]
    fn the_ends_of_the_port_space_are_leased_whole() {
        let mut pool = Pool::new(RawFd::MAX);
        assert_eq!(pool.lease(HOST, 65534, 65535, 0).unwrap().port, 65534);
        assert!(pool.lease(HOST, 65535, 65535, 0).is_err());
        assert!(pool.lease(HOST, 5, 5, 0).is_err());
    }
}
