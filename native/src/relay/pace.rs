//! How many packets a second leave by a port at most: what may have been sent unseen tells from it.

use crate::meter::NANOS;

/// Where nobody counted for a second yet: twice what a phone sends.
const USUAL: u32 = 100;

#[derive(Clone, Copy, Default)]
pub struct Pace {
    since_ns: u64,
    sent: u64,
    most: u32,
}

impl Pace {
    pub fn resumed(most: u32) -> Pace {
        Pace { most, ..Pace::default() }
    }

    /// `sent` packets have left so far; to be told now and then.
    pub fn look(&mut self, sent: u64, now_ns: u64) {
        let passed_ns = now_ns.saturating_sub(self.since_ns);
        if self.since_ns != 0 && passed_ns < NANOS {
            return;
        }
        if self.since_ns != 0 {
            let pace = sent.saturating_sub(self.sent).saturating_mul(NANOS) / passed_ns;
            self.most = self.most.max(u32::try_from(pace).unwrap_or(u32::MAX));
        }
        (self.since_ns, self.sent) = (now_ns, sent);
    }

    /// In the busiest second.
    pub fn most(&self) -> u32 {
        self.most
    }
}

/// The pace of a port that says so much of itself.
pub fn of(most: u32) -> u32 {
    if most == 0 {
        USUAL
    } else {
        most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_second_counts() {
        let mut pace = Pace::default();
        for (sent, now_ns) in [(7, NANOS), (30, NANOS * 3 / 2), (57, 2 * NANOS), (657, 5 * NANOS), (660, 6 * NANOS)] {
            pace.look(sent, now_ns);
        }
        assert_eq!(pace.most(), 200);
        assert_eq!((of(pace.most()), of(Pace::resumed(0).most())), (200, USUAL));
    }
}
