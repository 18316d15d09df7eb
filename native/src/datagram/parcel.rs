//! A datagram on its way out, as the kernel takes it.

use std::mem;
use std::net::{IpAddr, SocketAddr};

use super::{zeroed, Control, CONTROL, STUN_ANSWER};
use crate::guard::{Guard, Peer};

/// One datagram on its way out, with what the kernel is pointed at.
pub struct Parcel {
    pub place: usize,
    remote: SocketAddr,
    vector: libc::iovec,
    name: libc::sockaddr_storage,
    name_length: libc::socklen_t,
    control: Control,
    control_length: usize,
}

impl Parcel {
    /// None when an address is none, or of the other family than the socket.
    pub fn of(place: usize, data: &[u8], source: &str, host: &str, port: u16, v6: bool) -> Option<Parcel> {
        let remote = SocketAddr::new(host.parse().ok()?, port);
        if remote.is_ipv6() != v6 {
            return None;
        }
        let local = if source.is_empty() { None } else { Some(source.parse().ok()?) };
        Some(Parcel::new(place, data, local, remote))
    }

    pub fn new(place: usize, data: &[u8], local: Option<IpAddr>, remote: SocketAddr) -> Parcel {
        let vector = libc::iovec { iov_base: data.as_ptr().cast_mut().cast(), iov_len: data.len() };
        let mut name: libc::sockaddr_storage = zeroed();
        let name_length = sockaddr(remote, &mut name);
        let mut control = Control([0; CONTROL]);
        let control_length = local.map_or(0, |local| source_control(local, &mut control));
        Parcel { place, remote, vector, name, name_length, control, control_length }
    }

    /// Requests are our own affair; what answers somebody, in SIP or in STUN, must be his due.
    pub fn may_leave(&self, guard: &mut Guard, data: &[u8], now: f64) -> bool {
        let is_answer = data.starts_with(b"SIP/") || data.first() == Some(&STUN_ANSWER);
        !is_answer || guard.may_answer(Peer::datagram(self.remote), data.len() as u32, now)
    }

    pub fn header(&mut self) -> libc::mmsghdr {
        let mut header: libc::mmsghdr = zeroed();
        header.msg_hdr.msg_name = (&raw mut self.name).cast();
        header.msg_hdr.msg_namelen = self.name_length;
        header.msg_hdr.msg_iov = &raw mut self.vector;
        header.msg_hdr.msg_iovlen = 1;
        if self.control_length > 0 {
            header.msg_hdr.msg_control = (&raw mut self.control).cast();
            header.msg_hdr.msg_controllen = self.control_length;
        }
        header
    }
}

fn sockaddr(address: SocketAddr, storage: &mut libc::sockaddr_storage) -> libc::socklen_t {
    match address {
        SocketAddr::V4(v4) => {
            let name = unsafe { &mut *(&raw mut *storage).cast::<libc::sockaddr_in>() };
            name.sin_family = libc::AF_INET as libc::sa_family_t;
            name.sin_port = v4.port().to_be();
            name.sin_addr.s_addr = u32::from(*v4.ip()).to_be();
            mem::size_of::<libc::sockaddr_in>() as libc::socklen_t
        }
        SocketAddr::V6(v6) => {
            let name = unsafe { &mut *(&raw mut *storage).cast::<libc::sockaddr_in6>() };
            name.sin6_family = libc::AF_INET6 as libc::sa_family_t;
            name.sin6_port = v6.port().to_be();
            name.sin6_addr.s6_addr = v6.ip().octets();
            name.sin6_scope_id = v6.scope_id();
            mem::size_of::<libc::sockaddr_in6>() as libc::socklen_t
        }
    }
}

/// Write the control message that makes `local` the source address; gives its length.
fn source_control(local: IpAddr, control: &mut Control) -> usize {
    fn put<T>(control: &mut Control, level: i32, kind: i32, info: T) -> usize {
        unsafe {
            let header = control.0.as_mut_ptr().cast::<libc::cmsghdr>();
            (*header).cmsg_level = level;
            (*header).cmsg_type = kind;
            (*header).cmsg_len = libc::CMSG_LEN(mem::size_of::<T>() as u32) as usize;
            libc::CMSG_DATA(header).cast::<T>().write_unaligned(info);
            libc::CMSG_SPACE(mem::size_of::<T>() as u32) as usize
        }
    }
    match local {
        IpAddr::V4(ip) => {
            let mut info: libc::in_pktinfo = zeroed();
            info.ipi_spec_dst.s_addr = u32::from(ip).to_be();
            put(control, libc::IPPROTO_IP, libc::IP_PKTINFO, info)
        }
        IpAddr::V6(ip) => {
            let mut info: libc::in6_pktinfo = zeroed();
            info.ipi6_addr.s6_addr = ip.octets();
            put(control, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info)
        }
    }
}
