//! Zeroed memory that is mapped at once, taken page by page as it is used, and given back where nothing is in it.

use std::io;
use std::mem::size_of;
use std::ops::{Deref, DerefMut, Range};

/// A fixed number of values for which all zeros is a value. What is given back reads as zeros again.
pub struct Pages<T: Copy> {
    start: *mut T,
    len: usize,
}

// The memory is its own.
unsafe impl<T: Copy + Send> Send for Pages<T> {}

impl<T: Copy> Pages<T> {
    /// # Safety
    ///
    /// All zeros must be a value of `T`.
    pub unsafe fn zeroed(len: usize) -> io::Result<Pages<T>> {
        let (protection, flags) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE);
        let memory = unsafe { libc::mmap(std::ptr::null_mut(), len * size_of::<T>(), protection, flags, -1, 0) };
        if memory == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Pages { start: memory.cast(), len })
    }

    /// Give back what is in the range, which must be of whole pages.
    pub fn give_back(&mut self, range: Range<usize>) {
        let gone = &mut self[range];
        let (start, bytes) = (gone.as_mut_ptr(), size_of_val(gone));
        unsafe { libc::madvise(start.cast(), bytes, libc::MADV_DONTNEED) };
    }
}

impl<T: Copy> Deref for Pages<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }
}

impl<T: Copy> DerefMut for Pages<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        unsafe { std::slice::from_raw_parts_mut(self.start, self.len) }
    }
}

impl<T: Copy> Drop for Pages<T> {
    fn drop(&mut self) {
        unsafe { libc::munmap(self.start.cast(), self.len * size_of::<T>()) };
    }
}
