//! What the engine tells Python, in a bounded queue behind a descriptor that event loops can watch.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::sync::{Mutex, PoisonError};

use super::receipts::Receipt;
use crate::bell::Bell;

/// STUN and DTLS packets waiting for Python, which reads thousands a second; beyond that a flood is dropped, and the
/// peers, who all retransmit, try again.
const CLIMBED_WAITING: usize = 4096;

/// Other events waiting. A port causes a few in its life, so ten thousand ports fit before anybody reads.
const TOLD_WAITING: usize = 65_536;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    FirstHeard {
        source: SocketAddr,
    },
    Latched {
        source: SocketAddr,
        rtcp: bool,
        rebound: bool,
    },
    Elsewhere {
        source: SocketAddr,
    },
    Received(Receipt),
    TimedOut {
        silent_ns: u64,
    },
    /// The port should be saved again.
    Advanced,
    /// An announcement has come to its end.
    Announced {
        played_ns: u64,
    },
    Climbed {
        source: SocketAddr,
        rtcp: bool,
        data: Box<[u8]>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub port: u64,
    pub at_ns: u64,
    pub what: What,
}

#[derive(Default)]
struct Queue {
    told: VecDeque<Event>,
    climbed: usize,
    dropped: u64,
}

pub struct Events {
    queue: Mutex<Queue>,
    readable: Bell,
}

impl Events {
    pub fn new() -> io::Result<Events> {
        Ok(Events { queue: Mutex::default(), readable: Bell::new()? })
    }

    pub fn tell(&self, port: u64, at_ns: u64, what: What) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let climbs = matches!(what, What::Climbed { .. });
        if climbs && queue.climbed == CLIMBED_WAITING || queue.told.len() - queue.climbed == TOLD_WAITING {
            queue.dropped += 1;
            return;
        }
        queue.climbed += usize::from(climbs);
        queue.told.push_back(Event { port, at_ns, what });
        if queue.told.len() == 1 {
            self.readable.ring();
        }
    }

    pub fn take(&self) -> VecDeque<Event> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        self.readable.still();
        queue.climbed = 0;
        std::mem::take(&mut queue.told)
    }

    pub fn dropped(&self) -> u64 {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).dropped
    }

    pub fn descriptor(&self) -> RawFd {
        self.readable.descriptor()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_readable(events: &Events) -> bool {
        let mut poll = libc::pollfd { fd: events.descriptor(), events: libc::POLLIN, revents: 0 };
        unsafe { libc::poll(&mut poll, 1, 0) == 1 }
    }

    #[test]
    fn the_descriptor_is_readable_while_something_waits() {
        let events = Events::new().unwrap();
        assert!(!is_readable(&events));
        events.tell(1, 2, What::TimedOut { silent_ns: 3 });
        events.tell(2, 2, What::TimedOut { silent_ns: 3 });
        assert!(is_readable(&events));
        assert_eq!(events.take().len(), 2);
        assert!(!is_readable(&events));
    }

    #[test]
    fn a_flood_of_stun_does_not_push_out_what_matters() {
        let events = Events::new().unwrap();
        let source = "127.0.0.1:9".parse().unwrap();
        for _ in 0..CLIMBED_WAITING + 5 {
            events.tell(1, 2, What::Climbed { source, rtcp: false, data: Box::default() });
        }
        events.tell(1, 2, What::TimedOut { silent_ns: 3 });
        assert_eq!((events.dropped(), events.take().len()), (5, CLIMBED_WAITING + 1));
    }
}
