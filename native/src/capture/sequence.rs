//! RTP sequence numbers: what is missing, late, doubled (RFC 3550 appendix A.1), and in which runs.

use super::limits::STREAM_LIST;

/// Larger forward jumps are a new start of the sender, not loss (RFC 3550 A.1 MAX_DROPOUT).
const MAX_DROPOUT: i16 = 3000;
/// Packets this far behind the newest can still fill their hole.
const WINDOW: i32 = 64;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrival {
    /// The next one after `lost` missing packets.
    Next {
        lost: u32,
    },
    /// Filled a hole.
    Reordered,
    Duplicate,
    /// Far off; believed when the next one follows it.
    Stray,
    /// The second packet of a new start; the stray before it counts too.
    Restarted,
}

/// How many runs of each length there were: (length, count), in no order.
pub type Runs = Vec<(u32, u32)>;

pub struct Sequence {
    highest: u16,
    /// Bit i: the packet i before the highest was received; the other word: and in time for the jitter buffer.
    received: u64,
    played: u64,
    /// What must follow the last stray one for it to be believed; and that one itself, which may be there twice.
    stray: Option<u16>,
    strange: Option<u16>,
    lost_run: u32,
    effective_run: u32,
    pub lost_runs: Runs,
    pub effective_runs: Runs,
}

impl Sequence {
    pub fn new(first: u16) -> Sequence {
        Sequence {
            highest: first,
            received: u64::MAX,
            played: u64::MAX,
            stray: None,
            strange: None,
            lost_run: 0,
            effective_run: 0,
            lost_runs: Vec::new(),
            effective_runs: Vec::new(),
        }
    }

    #[inline]
    pub fn receive(&mut self, sequence: u16) -> Arrival {
        let step = sequence.wrapping_sub(self.highest) as i16;
        if step == 1 {
            self.shift(1);
            return Arrival::Next { lost: 0 };
        }
        self.unusual(sequence, step)
    }

    fn unusual(&mut self, sequence: u16, step: i16) -> Arrival {
        if step > 1 && step < MAX_DROPOUT {
            self.shift(step as u32);
            return Arrival::Next { lost: step as u32 - 1 };
        }
        if step <= 0 && -i32::from(step) < WINDOW {
            let bit = 1u64 << -i32::from(step);
            if self.received & bit != 0 {
                return Arrival::Duplicate;
            }
            self.received |= bit;
            self.played |= bit;
            return Arrival::Reordered;
        }
        if self.stray == Some(sequence) {
            return self.restart(sequence);
        }
        if self.strange == Some(sequence) {
            return Arrival::Duplicate;
        }
        self.strange = Some(sequence);
        self.stray = Some(sequence.wrapping_add(1));
        Arrival::Stray
    }

    /// The sender began its numbers anew here.
    #[cold]
    pub fn restart(&mut self, sequence: u16) -> Arrival {
        self.retire(64);
        self.highest = sequence;
        (self.received, self.played) = (u64::MAX, u64::MAX);
        (self.stray, self.strange) = (None, None);
        Arrival::Restarted
    }

    /// The jitter buffer would have thrown this packet away.
    #[inline]
    pub fn too_late(&mut self, sequence: u16) {
        let behind = self.highest.wrapping_sub(sequence);
        if i32::from(behind) < WINDOW {
            self.played &= !(1 << behind);
        }
    }

    /// Closes the books: what is in the window is final.
    pub fn finish(&mut self) {
        self.retire(64);
        self.received = u64::MAX;
        self.played = u64::MAX;
        end_run(&mut self.lost_run, &mut self.lost_runs);
        end_run(&mut self.effective_run, &mut self.effective_runs);
    }

    #[inline]
    fn shift(&mut self, by: u32) {
        self.stray = None;
        self.highest = self.highest.wrapping_add(by as u16);
        if by == 1 && self.played >> 63 == 1 && self.effective_run == 0 && self.lost_run == 0 {
            self.received = self.received << 1 | 1;
            self.played = self.played << 1 | 1;
            return;
        }
        self.retire(by.min(64));
        if by > 64 {
            self.lost_run += by - 64;
            self.effective_run += by - 64;
        }
        self.received = self.received.checked_shl(by).unwrap_or(0) | 1;
        self.played = self.played.checked_shl(by).unwrap_or(0) | 1;
    }

    /// Takes the `count` oldest packets of the window into the runs, oldest first.
    fn retire(&mut self, count: u32) {
        for i in 0..count {
            let bit = 1u64 << (63 - i);
            book(self.received & bit != 0, &mut self.lost_run, &mut self.lost_runs);
            book(self.played & bit != 0, &mut self.effective_run, &mut self.effective_runs);
        }
    }
}

#[inline]
fn book(there: bool, run: &mut u32, runs: &mut Runs) {
    if there {
        end_run(run, runs);
    } else {
        *run += 1;
    }
}

#[inline]
fn end_run(run: &mut u32, runs: &mut Runs) {
    if *run == 0 {
        return;
    }
    match runs.iter().position(|(length, _)| length == run) {
        Some(i) => runs[i].1 += 1,
        None if runs.len() < STREAM_LIST => runs.push((*run, 1)),
        // More different lengths than anyone reads: the last entry stands for the rest.
        None => runs[STREAM_LIST - 1].1 += 1,
    }
    *run = 0;
}
