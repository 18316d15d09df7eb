//! Sources, in a fixed number of places: sets of fourteen, chosen by a keyed hash, so that nobody fills one on purpose.
//!
//! The memory is mapped at once and taken page by page as it is used; a part in which nobody is left goes back. A
//! million sources take some 117 MB, and none of it moves when they come.

use std::io;
use std::mem::size_of;

use super::allowance::{self, after, ticks, Rate};
use super::KINDS;

const WAYS: usize = 14;
const SETS: usize = 1 << 17;
/// Sets that are swept and given back together; their bytes are whole pages.
const PART: usize = 256;
const PARTS: usize = SETS / PART;
/// Parts looked at by one sweep: all of them within a minute of seconds.
const SWEPT: usize = 9;
/// A source that was silent for so long, and has neither proof nor ban, is as good as new.
const FORGOTTEN_S: f64 = 1_800.0;
/// Bans decay: each hour without one takes back one doubling of the next.
const DECAY_S: f64 = 3_600.0;
/// Bans of flows within so long of each other are in a row.
const IN_A_ROW_S: f64 = 600.0;

/// What is known of one source. All zero is nobody.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Entry {
    /// See `allowance`.
    back_at: [u32; KINDS],
    pub banned_until: u32,
    pub proven_until: u32,
    pub seen: u32,
    /// When the last of the bans of its flows ends.
    pub flows_until: u32,
    /// When the last ban of it began, and when the last of one of its flows did.
    banned_at: u32,
    struck_at: u32,
    pub strikes: u8,
    pub level: u8,
}

#[repr(C)]
struct Set {
    keys: [u64; WAYS],
    entries: [Entry; WAYS],
}

const _: () = assert!((size_of::<Set>() * PART) % 4096 == 0);

impl Entry {
    fn new(tick: u32) -> Entry {
        Entry {
            back_at: [tick; KINDS],
            banned_until: tick,
            proven_until: tick,
            seen: tick,
            flows_until: tick,
            banned_at: tick,
            struck_at: tick,
            strikes: 0,
            level: 0,
        }
    }

    pub fn take(&mut self, kind: usize, units: u32, rate: &Rate, scale: u32, tick: u32) -> bool {
        allowance::take(&mut self.back_at[kind], units, rate, scale, tick)
    }

    pub fn give(&mut self, kind: usize, units: u32, rate: &Rate, scale: u32, tick: u32) {
        allowance::give(&mut self.back_at[kind], units, rate, scale, tick);
    }

    /// Bytes came: as many may be answered.
    pub fn gave(&mut self, size: u32, rate: &Rate, tick: u32) {
        self.give(super::BYTES, size, rate, 1, tick);
    }

    /// Leave half of what a source may send to those beside the one that took it all.
    pub fn ease(&mut self, rates: &[Rate; KINDS], tick: u32) {
        for (back_at, rate) in self.back_at.iter_mut().zip(rates).take(super::WRONG + 1) {
            allowance::ease(back_at, rate, tick);
        }
    }

    /// Begin a ban: each four times as long as the one before, unless that is long ago. Gives its seconds.
    pub fn ban(&mut self, first_s: f64, most_s: f64, tick: u32) -> f64 {
        let calm = tick.wrapping_sub(self.banned_at) / ticks(DECAY_S);
        self.level = self.level.saturating_sub(calm.min(255) as u8);
        let seconds = (first_s * f64::from(4u32.saturating_pow(u32::from(self.level.min(12))))).min(most_s);
        self.level = self.level.saturating_add(1).min(12);
        self.banned_at = tick;
        self.banned_until = tick.wrapping_add(ticks(seconds));
        seconds
    }

    /// One of its flows is banned; gives how many were within a while.
    pub fn strike(&mut self, tick: u32) -> u8 {
        if tick.wrapping_sub(self.struck_at) > ticks(IN_A_ROW_S) {
            self.strikes = 0;
        }
        self.struck_at = tick;
        self.strikes = self.strikes.saturating_add(1);
        self.strikes
    }

    pub fn pardon(&mut self, rates: &[Rate; KINDS], tick: u32) {
        self.ease(rates, tick);
        (self.banned_until, self.strikes, self.level) = (tick, 0, 0);
    }

    fn is_forgotten(&self, tick: u32) -> bool {
        let quiet = tick.wrapping_sub(self.seen) > ticks(FORGOTTEN_S);
        quiet && ![self.banned_until, self.proven_until, self.flows_until].iter().any(|end| after(*end, tick))
    }

    /// Times that passed are moved along, so that they never come to stand for the future.
    fn settle(&mut self, tick: u32) {
        for time in
            self.back_at.iter_mut().chain([&mut self.banned_until, &mut self.proven_until, &mut self.flows_until])
        {
            if !after(*time, tick) {
                *time = tick;
            }
        }
        if tick.wrapping_sub(self.banned_at) > ticks(12.0 * DECAY_S) {
            (self.banned_at, self.level) = (tick, 0);
        }
        if tick.wrapping_sub(self.struck_at) > ticks(IN_A_ROW_S) {
            (self.struck_at, self.strikes) = (tick, 0);
        }
    }

    /// How much would be lost with it: a proof, then a ban, then the time it was seen last.
    fn worth(&self, tick: u32) -> u64 {
        let kept = u64::from(after(self.proven_until, tick)) << 41 | u64::from(after(self.banned_until, tick)) << 40;
        kept | u64::from(u32::MAX - tick.wrapping_sub(self.seen))
    }
}

/// A hash with a key: folded multiplication.
#[derive(Clone, Copy)]
pub struct Hashing(u64, u64);

impl Hashing {
    pub fn new(seed: [u8; 16]) -> Hashing {
        let number = u128::from_le_bytes(seed);
        Hashing(number as u64 | 1, (number >> 64) as u64 | 1)
    }

    fn mix(self, one: u64, other: u64) -> u64 {
        let product = u128::from(one ^ self.0) * u128::from(other ^ self.1);
        product as u64 ^ (product >> 64) as u64
    }

    /// The key of one flow of a source, beside those of sources.
    pub fn flow(self, peer: super::Peer) -> u64 {
        let (high, low) = match peer.ip {
            std::net::IpAddr::V4(v4) => (1, u64::from(u32::from(v4))),
            std::net::IpAddr::V6(v6) => ((u128::from(v6) >> 64) as u64, u128::from(v6) as u64),
        };
        self.mix(
            self.mix(high, low),
            self.mix(u64::from(peer.port) | u64::from(peer.is_stream) << 16, low ^ high.rotate_left(32)),
        )
        .max(1)
    }
}

/// See the module's text.
pub struct Table {
    sets: *mut Set,
    hashing: Hashing,
    /// Which parts have somebody in them.
    used: [bool; PARTS],
    next: usize,
    len: usize,
}

// The memory is the table's own, and the table is behind a lock.
unsafe impl Send for Table {}

impl Table {
    pub fn new(hashing: Hashing) -> io::Result<Table> {
        let (protection, flags) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE);
        let memory = unsafe { libc::mmap(std::ptr::null_mut(), SETS * size_of::<Set>(), protection, flags, -1, 0) };
        if memory == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Table { sets: memory.cast(), hashing, used: [false; PARTS], next: 0, len: 0 })
    }

    pub fn len(&self) -> usize {
        self.len
    }

    fn place(&self, key: u64) -> usize {
        (self.hashing.mix(key, key.rotate_left(29)) >> 47) as usize
    }

    fn set(&self, place: usize) -> &Set {
        debug_assert!(place < SETS);
        unsafe { &*self.sets.add(place) }
    }

    fn set_mut(&mut self, place: usize) -> &mut Set {
        debug_assert!(place < SETS);
        unsafe { &mut *self.sets.add(place) }
    }

    pub fn find(&self, key: u64) -> Option<&Entry> {
        let set = self.set(self.place(key));
        set.keys.iter().position(|known| *known == key).map(|way| &set.entries[way])
    }

    pub fn find_mut(&mut self, key: u64) -> Option<&mut Entry> {
        let set = self.set_mut(self.place(key));
        let way = set.keys.iter().position(|known| *known == key)?;
        Some(&mut set.entries[way])
    }

    /// The entry of a source; a new one takes an empty place, or that of the one least missed.
    pub fn entry(&mut self, key: u64, tick: u32) -> &mut Entry {
        let place = self.place(key);
        let known = self.set(place).keys.iter().position(|known| *known == key);
        let way = known.unwrap_or_else(|| self.admit(place, key, tick));
        &mut self.set_mut(place).entries[way]
    }

    fn admit(&mut self, place: usize, key: u64, tick: u32) -> usize {
        self.used[place / PART] = true;
        let set = self.set_mut(place);
        let empty = set.keys.iter().position(|known| *known == 0);
        let least = || (0..WAYS).min_by_key(|way| set.entries[*way].worth(tick)).unwrap_or(0);
        let way = empty.unwrap_or_else(least);
        set.keys[way] = key;
        set.entries[way] = Entry::new(tick);
        self.len += usize::from(empty.is_some());
        way
    }

    /// Sweep the next parts; true when that was the last of them, and it begins anew.
    pub fn sweep(&mut self, tick: u32) -> bool {
        let end = (self.next + SWEPT).min(PARTS);
        for part in self.next..end {
            if self.used[part] {
                self.sweep_part(part, tick);
            }
        }
        self.next = end % PARTS;
        self.next == 0
    }

    fn sweep_part(&mut self, part: usize, tick: u32) {
        let (mut left, mut gone) = (0, 0);
        for place in part * PART..(part + 1) * PART {
            let set = self.set_mut(place);
            for way in 0..WAYS {
                if set.keys[way] == 0 {
                    continue;
                }
                if set.entries[way].is_forgotten(tick) {
                    set.keys[way] = 0;
                    gone += 1;
                } else {
                    set.entries[way].settle(tick);
                    left += 1;
                }
            }
        }
        self.len -= gone;
        if left == 0 {
            self.used[part] = false;
            let start = self.set_mut(part * PART) as *mut Set;
            unsafe { libc::madvise(start.cast(), PART * size_of::<Set>(), libc::MADV_DONTNEED) };
        }
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        unsafe { libc::munmap(self.sets.cast(), SETS * size_of::<Set>()) };
    }
}
