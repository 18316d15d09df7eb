//! Sources, in a fixed number of places: sets of sixteen, chosen by a keyed hash, so that nobody fills one on purpose.
//!
//! A set holds numbers of slots, and the slots lie side by side, the first free one taken first: some thousands of
//! sources take some hundred kilobytes of them wherever their sets are. All of it is mapped at once and taken page by
//! page as it is used; pages in which nobody is left go back. A million sources take some 75 MB, and none of it moves
//! when they come.

use std::io;
use std::mem::size_of;

use super::allowance::{self, after, ticks, Rate};
use super::pages::Pages;
use super::KINDS;

const WAYS: usize = 16;
const SETS: usize = 1 << 17;
const SLOTS: usize = SETS * WAYS;
/// Slots of one page, and as many as a word has bits.
const BLOCK: usize = 64;
const BLOCKS: usize = SLOTS / BLOCK;
/// Sets of one page.
const LEAF: usize = 64;
/// Blocks looked at by one sweep: all of them within half a minute of seconds.
const SWEPT: usize = 1_100;
/// Of what stands in a set for a source, the bits that are of its hash; the others are of its slot, from 1.
const TAG: u32 = 0xFFC0_0000;
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

/// One source and what is known of it.
#[derive(Clone, Copy)]
#[repr(C)]
struct Slot {
    key: u64,
    entry: Entry,
}

type Set = [u32; WAYS];

const _: () = assert!(size_of::<Slot>() * BLOCK == 4096 && size_of::<Set>() * LEAF == 4096);
const _: () = assert!(SLOTS < 1 << TAG.trailing_zeros());

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

    /// Whether nothing would be lost with it that counts: it is as one that comes for the first time, or was silent for
    /// long.
    fn is_forgotten(&self, tick: u32) -> bool {
        if [self.banned_until, self.proven_until, self.flows_until].iter().any(|end| after(*end, tick)) {
            return false;
        }
        let has_past = self.level > 0 || self.strikes > 0 || self.back_at.iter().any(|end| after(*end, tick));
        !has_past || tick.wrapping_sub(self.seen) > ticks(FORGOTTEN_S)
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
    sets: Pages<Set>,
    slots: Pages<Slot>,
    hashing: Hashing,
    /// Which slots of each block are taken.
    taken: Vec<u64>,
    /// Which blocks have a free slot, and no word before `first` has one; which blocks have been used.
    open: Vec<u64>,
    first: usize,
    used: Vec<u64>,
    /// How many sources the sets of each page have, where it has been used.
    leaves: Vec<Option<u16>>,
    next: usize,
    len: usize,
}

/// Where a source is looked for.
#[derive(Clone, Copy)]
struct Place {
    set: usize,
    tag: u32,
}

impl Table {
    pub fn new(hashing: Hashing) -> io::Result<Table> {
        Ok(Table {
            // Numbers, and arrays of numbers: zeros are some.
            sets: unsafe { Pages::zeroed(SETS) }?,
            slots: unsafe { Pages::zeroed(SLOTS) }?,
            hashing,
            taken: vec![0; BLOCKS],
            open: vec![u64::MAX; BLOCKS / 64],
            first: 0,
            used: vec![0; BLOCKS / 64],
            leaves: vec![None; SETS / LEAF],
            next: 0,
            len: 0,
        })
    }

    pub fn len(&self) -> usize {
        self.len
    }

    fn place(&self, key: u64) -> Place {
        let hash = self.hashing.mix(key, key.rotate_left(29));
        Place { set: (hash >> 47) as usize, tag: hash as u32 & TAG }
    }

    /// The slot of a source.
    fn slot_of(&self, key: u64, place: Place) -> Option<usize> {
        let set = &self.sets[place.set];
        set.iter()
            .filter(|one| **one & TAG == place.tag)
            .filter_map(|one| slot_in(*one))
            .find(|slot| self.slots[*slot].key == key)
    }

    pub fn find(&self, key: u64) -> Option<&Entry> {
        self.slot_of(key, self.place(key)).map(|slot| &self.slots[slot].entry)
    }

    pub fn find_mut(&mut self, key: u64) -> Option<&mut Entry> {
        let slot = self.slot_of(key, self.place(key))?;
        Some(&mut self.slots[slot].entry)
    }

    /// The entry of a source; a new one takes an empty place, or that of the one least missed.
    pub fn entry(&mut self, key: u64, tick: u32) -> &mut Entry {
        let place = self.place(key);
        let slot = self.slot_of(key, place).unwrap_or_else(|| self.admit(key, place, tick));
        &mut self.slots[slot].entry
    }

    fn admit(&mut self, key: u64, place: Place, tick: u32) -> usize {
        let set = self.sets[place.set];
        let way = match set.iter().position(|one| *one == 0) {
            Some(way) => way,
            None => {
                let worth = |way: &usize| slot_in(set[*way]).map_or(0, |slot| self.slots[slot].entry.worth(tick));
                let least = (0..WAYS).min_by_key(worth).unwrap_or(0);
                self.leave(place.set, least);
                least
            }
        };
        let slot = self.take_slot();
        self.slots[slot] = Slot { key, entry: Entry::new(tick) };
        self.sets[place.set][way] = place.tag | (slot as u32 + 1);
        *self.leaves[place.set / LEAF].get_or_insert(0) += 1;
        self.len += 1;
        slot
    }

    /// The first slot that is free: there are as many as places in sets.
    fn take_slot(&mut self) -> usize {
        while self.open[self.first] == 0 {
            self.first += 1;
        }
        let block = self.first * 64 + self.open[self.first].trailing_zeros() as usize;
        let at = self.taken[block].trailing_ones() as usize;
        self.taken[block] |= 1 << at;
        self.used[self.first] |= 1 << (block % 64);
        if self.taken[block] == u64::MAX {
            self.open[self.first] &= !(1 << (block % 64));
        }
        block * BLOCK + at
    }

    /// Who has this place in a set is forgotten.
    fn leave(&mut self, set: usize, way: usize) {
        let Some(slot) = slot_in(self.sets[set][way]) else { return };
        let block = slot / BLOCK;
        self.sets[set][way] = 0;
        self.leaves[set / LEAF] = self.leaves[set / LEAF].map(|sources| sources - 1);
        self.taken[block] &= !(1 << (slot % BLOCK));
        self.open[block / 64] |= 1 << (block % 64);
        self.first = self.first.min(block / 64);
        self.len -= 1;
    }

    /// Sweep the next blocks, and give back those in which nobody is left; true when they were the last, and it begins
    /// anew. Then the pages of sets go back in which nobody is left.
    pub fn sweep(&mut self, tick: u32) -> bool {
        let end = (self.next + SWEPT).min(BLOCKS);
        let mut empty = 0..0;
        for block in self.next..end {
            if self.is_empty_after_sweep(block, tick) {
                if empty.end != block {
                    self.slots.give_back(empty.start * BLOCK..empty.end * BLOCK);
                    empty.start = block;
                }
                empty.end = block + 1;
            }
        }
        self.slots.give_back(empty.start * BLOCK..empty.end * BLOCK);
        self.next = end % BLOCKS;
        if self.next == 0 {
            self.give_back_sets();
        }
        self.next == 0
    }

    /// Forget who is as good as new in a block; whether it had somebody, and has nobody any more.
    fn is_empty_after_sweep(&mut self, block: usize, tick: u32) -> bool {
        let (word, bit) = (block / 64, 1 << (block % 64));
        if self.used[word] & bit == 0 {
            return false;
        }
        let mut left = self.taken[block];
        while left != 0 {
            let slot = block * BLOCK + left.trailing_zeros() as usize;
            left &= left - 1;
            let one = &mut self.slots[slot];
            if one.entry.is_forgotten(tick) {
                let set = self.place(self.slots[slot].key).set;
                let way = self.sets[set].iter().position(|one| slot_in(*one) == Some(slot));
                way.into_iter().for_each(|way| self.leave(set, way));
            } else {
                one.entry.settle(tick);
            }
        }
        let is_empty = self.taken[block] == 0;
        if is_empty {
            self.used[word] &= !bit;
        }
        is_empty
    }

    fn give_back_sets(&mut self) {
        for leaf in 0..SETS / LEAF {
            if self.leaves[leaf] == Some(0) {
                self.leaves[leaf] = None;
                self.sets.give_back(leaf * LEAF..(leaf + 1) * LEAF);
            }
        }
    }
}

/// The slot that stands in a set.
fn slot_in(one: u32) -> Option<usize> {
    ((one & !TAG) as usize).checked_sub(1)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn table() -> Table {
        Table::new(Hashing::new([7; 16])).unwrap()
    }

    /// Numbers without end that look like chance.
    fn chance(seed: u64) -> impl FnMut() -> u64 {
        let mut state = seed;
        move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 20
        }
    }

    fn sweep_all(table: &mut Table, tick: u32) {
        while !table.sweep(tick) {}
    }

    #[test]
    fn whoever_comes_and_goes_each_is_found_with_his_own_past() {
        let (mut table, mut next, mut known) = (table(), chance(9), HashMap::new());
        let mut tick = TICKS_OF_A_SECOND;
        for round in 0..40u32 {
            tick += 100 * TICKS_OF_A_SECOND;
            for _ in 0..2_000 {
                let key = next() % 50_000 + 1;
                let stays = next() % 3;
                let entry = table.entry(key, tick);
                entry.proven_until = tick + stays as u32 * 150 * TICKS_OF_A_SECOND;
                known.insert(key, entry.proven_until);
            }
            assert_eq!(table.len(), known.len());
            tick += TICKS_OF_A_SECOND;
            sweep_all(&mut table, tick);
            known.retain(|_, until| after(*until, tick));
            assert_eq!(table.len(), known.len(), "round {round}");
            for (key, until) in &known {
                assert_eq!(table.find(*key).unwrap().proven_until, *until);
            }
            let held: u32 = table.taken.iter().map(|block| block.count_ones()).sum();
            assert_eq!(held as usize, known.len());
        }
        sweep_all(&mut table, tick + 1_000 * TICKS_OF_A_SECOND);
        assert_eq!(table.len(), 0);
        assert!(table.used.iter().all(|word| *word == 0) && table.leaves.iter().all(Option::is_none));
    }

    #[test]
    fn where_a_set_is_full_the_one_least_missed_makes_room() {
        let (mut table, tick) = (table(), TICKS_OF_A_SECOND);
        let set = table.place(1).set;
        let keys: Vec<u64> = (1..).filter(|key| table.place(*key).set == set).take(WAYS + 1).collect();
        for (age, key) in keys[..WAYS].iter().enumerate() {
            table.entry(*key, tick).seen = tick + age as u32;
        }
        table.entry(keys[0], tick).proven_until = tick + TICKS_OF_A_SECOND;
        table.entry(keys[WAYS], tick + 100);
        assert_eq!(table.len(), WAYS);
        assert!(table.find(keys[0]).is_some(), "who has proven himself stays");
        assert!(table.find(keys[1]).is_none());
        assert!(keys[2..].iter().all(|key| table.find(*key).is_some()));
    }

    #[test]
    fn those_who_stay_do_not_hold_the_pages_of_those_who_went() {
        let (mut table, tick) = (table(), TICKS_OF_A_SECOND);
        for key in 1..=100_000 {
            let stays = key <= 1_000;
            table.entry(key, tick).proven_until = tick + u32::from(stays) * 100 * TICKS_OF_A_SECOND;
        }
        sweep_all(&mut table, tick + TICKS_OF_A_SECOND);
        assert_eq!(table.len(), 1_000);
        let pages: u32 = table.used.iter().map(|word| word.count_ones()).sum();
        assert_eq!(pages as usize, 1_000usize.div_ceil(BLOCK));
    }

    const TICKS_OF_A_SECOND: u32 = allowance::TICKS;
}
