//! How datagrams come and go. A backend owns the waiting, the receiving and the sending of one worker; what a
//! datagram means it learns from a `Switch`. The portable backend needs only epoll, recvfrom and sendto; faster ones
//! (io_uring, one steered socket, the kernel itself) fit behind the same two traits.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

use super::address::SocketAddress;
use super::lease::checked;
use super::packet::{Outgoing, Sender, Socket};
use crate::bell::Bell;

/// Room behind a datagram for what sealing appends (RFC 3711 section 3.1: tag and key identifier).
const TAIL: usize = 64;

/// The largest UDP payload and the tail.
const BUFFER: usize = 65_535 + TAIL;

/// Sockets served after one wait. More only delays the timers between.
const BATCH: usize = 256;

/// Names the socket that a datagram came to.
pub type Token = u64;

/// The token that no socket bears: a wake-up from another thread.
const WAKE: Token = Token::MAX;

/// Decides what happens to a datagram.
pub trait Switch<P> {
    /// The wait is over: what has come is handed over next.
    fn wakes(&mut self);
    /// The socket of this token, unless it was closed meanwhile.
    fn socket(&self, token: Token) -> Option<Socket<P>>;
    /// The datagram is the first `length` bytes of `buffer`; what is to be sent, if anything, is left there.
    fn datagram(
        &mut self,
        socket: &Socket<P>,
        source: SocketAddr,
        buffer: &mut [u8],
        length: usize,
    ) -> Option<Outgoing<P>>;
    /// What else leaves in place of what came to this port, left in `buffer` again.
    fn follow(&mut self, port: &Arc<P>, buffer: &mut [u8]) -> Option<Outgoing<P>>;
}

/// What other threads may ask of a worker's backend while it waits.
pub trait Registry: Send + Sync {
    /// Receive from this socket, until it is closed.
    fn add(&self, socket: RawFd, token: Token) -> io::Result<()>;
    /// End the wait.
    fn wake(&self);
}

pub trait Backend<P: Sender>: Send {
    fn registry(&self) -> Arc<dyn Registry>;
    /// Wait, at most so many nanoseconds, and hand what has come to the switch; send what it gives back.
    fn turn(&mut self, wait_ns: Option<u64>, now_ns: u64, switch: &mut dyn Switch<P>) -> io::Result<()>;
    /// Send a datagram of our own.
    fn send(&mut self, outgoing: &Outgoing<P>, data: &[u8]) {
        deliver(outgoing, data);
    }
}

/// Send and, when the kernel refuses, let the port count it.
pub fn deliver<P: Sender>(outgoing: &Outgoing<P>, data: &[u8]) {
    let sent = if outgoing.is_connected {
        send_connected(&outgoing.descriptor, data)
    } else {
        send_to(&outgoing.descriptor, outgoing.to, data)
    };
    if sent.is_err() {
        outgoing.port.refused(outgoing.media, outgoing.length);
    } else if outgoing.is_steady {
        outgoing.port.proven(outgoing.to);
    }
}

/// One send, or two: an ICMP error that an earlier packet caused is told once, instead of sending.
fn send_connected(socket: &OwnedFd, data: &[u8]) -> io::Result<()> {
    // SAFETY: the data outlives the call, and its length is its own.
    let send = || sent(unsafe { libc::send(socket.as_raw_fd(), data.as_ptr().cast(), data.len(), 0) });
    match send() {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => send(),
        answer => answer,
    }
}

/// One sendto; used by workers and by Python's threads alike.
pub fn send_to(socket: &OwnedFd, to: SocketAddr, data: &[u8]) -> io::Result<()> {
    let name = SocketAddress::from(to);
    let (address, length) = (name.as_ptr(), name.length());
    // SAFETY: data and name outlive the call, and their lengths are their own.
    sent(unsafe { libc::sendto(socket.as_raw_fd(), data.as_ptr().cast(), data.len(), 0, address, length) })
}

fn sent(answer: isize) -> io::Result<()> {
    if answer < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// One recvfrom: the length and the source, or None when there is nothing to read after all.
fn receive_from(socket: &OwnedFd, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
    let descriptor = socket.as_raw_fd();
    let mut name = SocketAddress::empty();
    let mut room = SocketAddress::ROOM;
    // SAFETY: buffer, name and room outlive the call; the kernel writes no more than they say they hold.
    let length = unsafe {
        libc::recvfrom(descriptor, buffer.as_mut_ptr().cast(), buffer.len(), 0, name.as_mut_ptr(), &mut room)
    };
    Some((usize::try_from(length).ok()?, name.read()?))
}

struct Epoll {
    epoll: OwnedFd,
    bell: Bell,
}

/// One recvfrom and one sendto for each packet, and one epoll_wait for as many as have come.
pub struct Portable {
    shared: Arc<Epoll>,
    ready: Vec<libc::epoll_event>,
    buffer: Box<[u8]>,
    pace: Pace,
}

impl Portable {
    pub fn new() -> io::Result<Portable> {
        // SAFETY: a plain system call; the descriptor is owned as soon as it is known to be one.
        let descriptor = checked(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        let epoll = unsafe { OwnedFd::from_raw_fd(descriptor) };
        let shared = Arc::new(Epoll { epoll, bell: Bell::new()? });
        shared.add(shared.bell.descriptor(), WAKE)?;
        let ready = vec![libc::epoll_event { events: 0, u64: 0 }; BATCH];
        Ok(Portable { shared, ready, buffer: vec![0; BUFFER].into(), pace: Pace::default() })
    }

    fn wait(&mut self, wait_ns: Option<u64>) -> io::Result<usize> {
        // Milliseconds, rounded up: a timer fires late by less than one, and never makes us spin.
        let timeout = wait_ns.map_or(-1, |wait| wait.div_ceil(1_000_000).min(60_000) as i32);
        let epoll = self.shared.epoll.as_raw_fd();
        // SAFETY: the kernel writes at most BATCH events into a vector of that many.
        let count = unsafe { libc::epoll_wait(epoll, self.ready.as_mut_ptr(), BATCH as i32, timeout) };
        match checked(count) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            answer => answer.map(|count| count as usize),
        }
    }

    fn serve<P: Sender>(&mut self, token: Token, switch: &mut dyn Switch<P>) {
        let Some(socket) = switch.socket(token) else { return };
        let room = BUFFER - TAIL;
        let Some((length, source)) = receive_from(&socket.descriptor, &mut self.buffer[..room]) else { return };
        let mut next = switch.datagram(&socket, source, &mut self.buffer, length);
        while let Some(outgoing) = next {
            deliver(&outgoing, &self.buffer[..outgoing.length]);
            next = outgoing.followed_from.as_ref().and_then(|port| switch.follow(port, &mut self.buffer));
        }
    }
}

impl<P: Sender> Backend<P> for Portable {
    fn registry(&self) -> Arc<dyn Registry> {
        self.shared.clone()
    }

    fn turn(&mut self, wait_ns: Option<u64>, now_ns: u64, switch: &mut dyn Switch<P>) -> io::Result<()> {
        let pause_ns = self.pace.pause_ns(now_ns);
        if pause_ns > 0 {
            std::thread::sleep(Duration::from_nanos(pause_ns));
        }
        let count = self.wait(wait_ns)?;
        switch.wakes();
        self.pace.count(count);
        for at in 0..count {
            match self.ready[at].u64 {
                WAKE => self.shared.bell.still(),
                token => self.serve(token, switch),
            }
        }
        Ok(())
    }
}

/// Lets packets gather on a busy worker, so that one waking serves many: interrupt moderation, as network cards do it.
#[derive(Default)]
struct Pace {
    window_ns: u64,
    packets: usize,
    is_busy: bool,
    looked_ns: u64,
}

impl Pace {
    /// How long packets gather: nothing beside the 20 ms between two packets of a stream or the depth of any jitter
    /// buffer, and a quarter off the cost of a packet at 50,000 a second.
    const GATHER_NS: u64 = 1_000_000;
    /// Over this time the packets are counted that tell a busy worker: 10,000 a second, ten for each gathering.
    const WINDOW_NS: u64 = 10_000_000;
    const BUSY_PACKETS: usize = 100;

    /// How long to pause before the next look, so that looks are `GATHER_NS` apart while the worker is busy.
    fn pause_ns(&mut self, now_ns: u64) -> u64 {
        if now_ns.saturating_sub(self.window_ns) >= Pace::WINDOW_NS {
            self.is_busy = self.packets >= Pace::BUSY_PACKETS;
            self.packets = 0;
            self.window_ns = now_ns;
        }
        let since_ns = if self.is_busy { self.looked_ns + Pace::GATHER_NS } else { 0 };
        let pause_ns = since_ns.saturating_sub(now_ns);
        self.looked_ns = now_ns + pause_ns;
        pause_ns
    }

    fn count(&mut self, packets: usize) {
        self.packets += packets;
    }
}

impl Registry for Epoll {
    fn add(&self, socket: RawFd, token: Token) -> io::Result<()> {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: token };
        let epoll = self.epoll.as_raw_fd();
        // SAFETY: the event outlives the call. The kernel forgets a socket when its last descriptor is closed.
        checked(unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, socket, &mut event) })?;
        Ok(())
    }

    fn wake(&self) {
        self.bell.ring();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meter::NANOS;

    /// The last pause of a worker that looks again 20 us after each look, or when the next packet comes.
    fn pause_at(pace: &mut Pace, packets_per_s: u64) -> u64 {
        let apart_ns = NANOS / packets_per_s;
        let (mut now_ns, mut pause_ns) = (pace.looked_ns, 0);
        for _ in 0..1000 {
            let before_ns = now_ns;
            now_ns += 20_000;
            pause_ns = pace.pause_ns(now_ns);
            now_ns = (now_ns + pause_ns).max(before_ns + apart_ns);
            pace.count(((now_ns - before_ns) / apart_ns) as usize);
        }
        pause_ns
    }

    #[test]
    fn only_a_busy_worker_pauses() {
        let mut pace = Pace::default();
        assert_eq!(pause_at(&mut pace, 5_000), 0);
        assert_eq!(pause_at(&mut pace, 50_000), Pace::GATHER_NS - 20_000);
        assert_eq!(pause_at(&mut pace, 5_000), 0);
        assert_eq!(pause_at(&mut pace, 1_000_000), Pace::GATHER_NS - 20_000);
    }
}
