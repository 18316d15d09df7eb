//! By which interface a packet comes and leaves (rtnetlink(7)), and when that may have changed.

use std::ffi::CStr;
use std::io::{Error, ErrorKind, Result};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Of <linux/rtnetlink.h>: links, addresses, routes and rules of both families.
const GROUPS: u32 = 0x1 | 0x10 | 0x40 | 0x80 | 0x100 | 0x400;
/// A message of one route, with its attributes.
const ROOM: usize = 1024;
const HEAD: usize = size_of::<libc::nlmsghdr>();
/// Family, lengths, and so on up to the type of the route (struct rtmsg).
const ROUTE: usize = 12;
const TYPE: usize = 7;

/// Where a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Road {
    pub interface: u32,
    /// To this host itself.
    pub is_local: bool,
}

/// The road that the kernel takes from a local address to another.
pub fn towards(from: IpAddr, to: IpAddr) -> Result<Road> {
    let socket = netlink(0)?;
    let asked = question(from, to);
    // SAFETY: the question outlives the call, and its length is its own.
    let sent = unsafe { libc::send(socket.as_raw_fd(), asked.as_ptr().cast(), asked.len(), 0) };
    let mut answer = [0; ROOM];
    // The kernel answers before send returns; only a defect of ours would let us wait.
    let length = received(&socket, &mut answer)?;
    if sent < 0 || length < HEAD + ROUTE {
        return Err(Error::last_os_error());
    }
    read(&answer[..length]).ok_or_else(|| Error::from(ErrorKind::NetworkUnreachable))
}

/// A request for one route (RTM_GETROUTE).
fn question(from: IpAddr, to: IpAddr) -> Vec<u8> {
    let (family, from, to) = match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => (libc::AF_INET, from.octets().to_vec(), to.octets().to_vec()),
        (from, to) => (libc::AF_INET6, octets(from), octets(to)),
    };
    let bits = to.len() as u8 * 8;
    let mut body = vec![family as u8, bits, bits, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    for (kind, value) in [(libc::RTA_DST, to), (libc::RTA_SRC, from)] {
        body.extend_from_slice(&(4 + value.len() as u16).to_ne_bytes());
        body.extend_from_slice(&kind.to_ne_bytes());
        body.extend_from_slice(&value);
    }
    let mut asked = ((HEAD + body.len()) as u32).to_ne_bytes().to_vec();
    asked.extend_from_slice(&libc::RTM_GETROUTE.to_ne_bytes());
    asked.extend_from_slice(&(libc::NLM_F_REQUEST as u16).to_ne_bytes());
    asked.extend_from_slice(&[0; 8]);
    asked.extend_from_slice(&body);
    asked
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

fn read(answer: &[u8]) -> Option<Road> {
    let short = |at: usize| Some(u16::from_ne_bytes(answer.get(at..at + 2)?.try_into().ok()?));
    if short(4)? != libc::RTM_NEWROUTE {
        return None;
    }
    let is_local = answer[HEAD + TYPE] == libc::RTN_LOCAL;
    let mut at = HEAD + ROUTE;
    while let (Some(length @ 4..), Some(kind)) = (short(at).map(usize::from), short(at + 2)) {
        if kind == libc::RTA_OIF {
            let interface = u32::from_ne_bytes(answer.get(at + 4..at + 8)?.try_into().ok()?);
            return Some(Road { interface, is_local });
        }
        at += length.next_multiple_of(4);
    }
    None
}

/// Hears of changes without being waited for.
pub struct Changes(OwnedFd);

impl Changes {
    pub fn watch() -> Result<Changes> {
        Ok(Changes(netlink(GROUPS)?))
    }

    /// Whether there was one since it was asked; what could not be told counts as one.
    pub fn any(&mut self) -> bool {
        let mut told = [0; ROOM];
        let mut any = false;
        loop {
            match received(&self.0, &mut told) {
                Ok(_) => any = true,
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => any = true,
                Err(_) => return any,
            }
        }
    }
}

fn netlink(groups: u32) -> Result<OwnedFd> {
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: a plain system call; the descriptor is owned as soon as it is known to be one.
    let descriptor = unsafe { libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_ROUTE) };
    if descriptor < 0 {
        return Err(Error::last_os_error());
    }
    // SAFETY: it is one.
    let socket = unsafe { OwnedFd::from_raw_fd(descriptor) };
    // SAFETY: an address of nothing but integers may be all zero.
    let mut name: libc::sockaddr_nl = unsafe { std::mem::zeroed() };
    name.nl_family = libc::AF_NETLINK as u16;
    name.nl_groups = groups;
    let size = size_of::<libc::sockaddr_nl>() as libc::socklen_t;
    // SAFETY: the name outlives the call and its length is its own.
    if unsafe { libc::bind(socket.as_raw_fd(), (&raw const name).cast(), size) } < 0 {
        return Err(Error::last_os_error());
    }
    Ok(socket)
}

fn received(socket: &OwnedFd, room: &mut [u8]) -> Result<usize> {
    // SAFETY: the room outlives the call, which writes no more than it holds.
    let length = unsafe { libc::recv(socket.as_raw_fd(), room.as_mut_ptr().cast(), room.len(), 0) };
    usize::try_from(length).map_err(|_| Error::last_os_error())
}

/// The interface that has this address.
pub fn interface_of(address: IpAddr) -> Result<u32> {
    let mut first: *mut libc::ifaddrs = std::ptr::null_mut();
    // SAFETY: the list is the kernel's until it is freed below, and nothing of it is kept.
    unsafe {
        if libc::getifaddrs(&mut first) != 0 {
            return Err(Error::last_os_error());
        }
        let mut found = None;
        let mut next = first;
        while let Some(one) = next.as_ref() {
            if found.is_none() && host_of(one.ifa_addr) == Some(address) {
                found = Some(libc::if_nametoindex(one.ifa_name)).filter(|index| *index != 0);
            }
            next = one.ifa_next;
        }
        libc::freeifaddrs(first);
        found.ok_or_else(|| Error::from(ErrorKind::AddrNotAvailable))
    }
}

/// # Safety
/// It points to nothing, or to an address of its family.
unsafe fn host_of(name: *const libc::sockaddr) -> Option<IpAddr> {
    match i32::from(name.as_ref()?.sa_family) {
        libc::AF_INET => {
            let name = &*name.cast::<libc::sockaddr_in>();
            Some(Ipv4Addr::from(name.sin_addr.s_addr.to_ne_bytes()).into())
        }
        libc::AF_INET6 => Some(Ipv6Addr::from((*name.cast::<libc::sockaddr_in6>()).sin6_addr.s6_addr).into()),
        _ => None,
    }
}

pub fn name_of(interface: u32) -> Result<String> {
    let mut name = [0; libc::IF_NAMESIZE];
    // SAFETY: there is as much room as the call asks for, and it ends what it writes with a zero.
    unsafe {
        if libc::if_indextoname(interface, name.as_mut_ptr()).is_null() {
            return Err(Error::last_os_error());
        }
        Ok(CStr::from_ptr(name.as_ptr()).to_string_lossy().into_owned())
    }
}

/// Whether its packets have a header of Ethernet: tunnels have none.
pub fn is_ethernet(interface: u32) -> bool {
    let (Ok(name), Ok(socket)) = (name_of(interface), netlink(0)) else { return false };
    // SAFETY: a request of nothing but integers may be all zero.
    let mut asked: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in asked.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    // SAFETY: the request outlives the call, which fills in the hardware address of the interface named in it.
    unsafe {
        libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFHWADDR, &raw mut asked) == 0
            && asked.ifr_ifru.ifru_hwaddr.sa_family == libc::ARPHRD_ETHER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_a_road_to_this_host() {
        for host in ["127.0.0.1", "127.9.9.9", "::1"] {
            let host: IpAddr = host.parse().unwrap();
            assert_eq!(towards(host, host).unwrap(), Road { interface: 1, is_local: true });
        }
        assert_eq!((interface_of([127, 0, 0, 1].into()).unwrap(), name_of(1).unwrap().as_str()), (1, "lo"));
        assert!(!is_ethernet(1));
    }

    #[test]
    fn nothing_changes_while_nothing_happens() {
        let mut changes = Changes::watch().unwrap();
        changes.any();
        assert!(!changes.any());
    }
}
