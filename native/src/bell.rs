//! Wakes an event loop from another thread.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// An eventfd: readable from the first ring until it is stilled.
pub struct Bell(OwnedFd);

impl Bell {
    pub fn new() -> io::Result<Bell> {
        // SAFETY: a plain system call; the descriptor is owned as soon as it is known to be one.
        let descriptor = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Bell(unsafe { OwnedFd::from_raw_fd(descriptor) }))
    }

    pub fn ring(&self) {
        let one = 1u64;
        // SAFETY: eight bytes are read from `one`. It fails only when the counter is full, and then it has rung.
        unsafe { libc::write(self.0.as_raw_fd(), (&raw const one).cast(), 8) };
    }

    pub fn still(&self) {
        let mut count = 0u64;
        // SAFETY: eight bytes are written to `count`. It fails only when nobody rang.
        unsafe { libc::read(self.0.as_raw_fd(), (&raw mut count).cast(), 8) };
    }

    pub fn descriptor(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
