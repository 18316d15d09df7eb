//! Packets off a Linux packet socket (packet(7)) that Python opened, bound and closes.

use super::engine::Engine;
use std::io;
use std::mem;
use std::os::fd::RawFd;

/// No link layer has larger frames, segmentation offload included.
const FRAME: usize = 262_144;
/// Room for a timestamp with its header, aligned.
const CONTROL: usize = 64;
const ETHERNET: u16 = 1;
const RAW_IP: u16 = 101;

#[repr(C, align(8))]
struct Control([u8; CONTROL]);

pub struct Interface {
    frame: Vec<u8>,
}

impl Interface {
    pub fn new() -> Interface {
        Interface { frame: vec![0; FRAME] }
    }

    /// Hands what waits at the socket to the engine, `limit` frames at most. `now` is for frames without a timestamp
    /// (SO_TIMESTAMPNS is off). How many frames there were.
    pub fn receive(&mut self, fd: RawFd, now: i64, limit: usize, engine: &mut Engine) -> io::Result<usize> {
        for count in 0..limit {
            // SAFETY: plain C structures for which all zeroes is the documented empty value.
            let (mut name, mut message): (libc::sockaddr_ll, libc::msghdr) = unsafe { mem::zeroed() };
            let mut control = Control([0; CONTROL]);
            let mut part = libc::iovec { iov_base: self.frame.as_mut_ptr().cast(), iov_len: FRAME };
            message.msg_name = (&raw mut name).cast();
            message.msg_namelen = mem::size_of::<libc::sockaddr_ll>() as libc::socklen_t;
            message.msg_iov = &raw mut part;
            message.msg_iovlen = 1;
            message.msg_control = (&raw mut control).cast();
            message.msg_controllen = CONTROL;
            // SAFETY: every pointer in `message` is to a live buffer of the length beside it.
            let wire = unsafe { libc::recvmsg(fd, &raw mut message, libc::MSG_DONTWAIT | libc::MSG_TRUNC) };
            if wire < 0 {
                let error = io::Error::last_os_error();
                return if error.kind() == io::ErrorKind::WouldBlock { Ok(count) } else { Err(error) };
            }
            if let Some(link) = link_of(&name) {
                let data = &self.frame[..(wire as usize).min(FRAME)];
                engine.packet(link, timestamp(&message).unwrap_or(now), data, wire as usize);
            }
        }
        Ok(limit)
    }
}

/// The link type by ARP's hardware type. On the loopback interface every frame is seen going out and coming in: the
/// first is left out.
fn link_of(name: &libc::sockaddr_ll) -> Option<u16> {
    match (name.sll_hatype, name.sll_pkttype) {
        (libc::ARPHRD_LOOPBACK, libc::PACKET_OUTGOING) => None,
        (libc::ARPHRD_ETHER | libc::ARPHRD_LOOPBACK, _) => Some(ETHERNET),
        // Tunnels without a link layer: tun, ppp, ipip, sit, gre.
        _ => Some(RAW_IP),
    }
}

fn timestamp(message: &libc::msghdr) -> Option<i64> {
    // SAFETY: the kernel filled msg_control; the macros stay inside its length.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(message);
        while let Some(found) = header.as_ref() {
            if found.cmsg_level == libc::SOL_SOCKET && found.cmsg_type == libc::SCM_TIMESTAMPNS {
                let time: libc::timespec = libc::CMSG_DATA(header).cast::<libc::timespec>().read_unaligned();
                return Some(time.tv_sec * 1_000_000_000 + time.tv_nsec);
            }
            header = libc::CMSG_NXTHDR(message, header);
        }
    }
    None
}
