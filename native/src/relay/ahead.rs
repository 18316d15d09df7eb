//! How far a port steps ahead when another process goes on with it, which has died or may still be sending: no packet
//! index may be used twice under a key (RFC 3711 9.1), and who hears must take what comes for the same stream.
//!
//! What is relayed keeps the numbers of its sender, which go on by themselves. Streams of our own leave free what the
//! first may have sent since it was saved. Three numbers hold that together: a port asks to be saved again after
//! `SAVED_FOR` packets; each heir steps by `STEP`, which leaves as many again for the time that takes; and where the
//! state is older (whoever keeps it was away), by what fits the time that passed. All of it stays below 2^15, the
//! farthest that a receiver takes for a step forward (RFC 3711 3.3.1).

use crate::meter::NANOS;

/// Packets, of what is heard or of what is sent, after which a port has to be saved again: 40 s of audio.
pub const SAVED_FOR: u64 = 2048;
const STEP: u16 = 4096;
/// Processes that may go on from one state, one after the other, each dying before it saved its own; the twin of
/// `media.engine.HEIRS`.
pub const HEIRS: u16 = 3;
/// What may have been sent meanwhile: a packet in 10 ms, which is as often as we send, for at most so many.
const PACKET_NS: u64 = NANOS / 100;
const PASSED: u64 = 1 << 14;
/// Packets of a relayed stream that may be unsaved: what is a step forward, but for those that are late.
const TOLD: u128 = (1 << 15) - STEP as u128;
/// Reports carry their index, so nothing bounds this one but the 31 bits that they have for life.
const REPORTS: u32 = 1 << 16;
/// Clocks of two machines may be apart: more than an hour is not believed.
const LONGEST_S: f64 = 3600.0;

const _: () = assert!(STEP as u64 * HEIRS as u64 + PASSED < 1 << 15 && SAVED_FOR < STEP as u64);

#[derive(Clone, Copy)]
pub struct Ahead {
    /// Others may have gone on from the same state, so many at most, and whoever saved it if that was not its last word.
    before: u16,
    passed_ns: u64,
}

impl Ahead {
    /// The heir of this number (1 is the first) goes on `passed_s` after the state was taken; whether that was the
    /// `last` one, after which nothing left. None for more heirs than there may be.
    pub fn new(heir: u16, passed_s: f64, last: bool) -> Option<Ahead> {
        let passed_ns = (passed_s.clamp(0.0, LONGEST_S) * NANOS as f64) as u64;
        (1..=HEIRS).contains(&heir).then_some(Ahead { before: heir - u16::from(last), passed_ns })
    }

    /// Packets that whoever went on before may have sent in the time that passed.
    fn passed(&self) -> u64 {
        if self.before == 0 {
            0
        } else {
            (self.passed_ns / PACKET_NS).min(PASSED)
        }
    }

    /// Whether the index of what was sealed meanwhile, at this pace, can be told from its sequence number.
    pub fn can_tell(&self, packets_per_s: u32) -> bool {
        let sealed = u128::from(self.passed_ns) * u128::from(packets_per_s) / u128::from(NANOS);
        self.before == 0 || sealed < TOLD
    }

    /// What is added to the sequence numbers of a stream of ours.
    pub fn packets(&self) -> u16 {
        self.before * STEP + self.passed() as u16
    }

    /// What is added to the index of SRTCP.
    pub fn reports(&self) -> u32 {
        u32::from(self.before) * REPORTS + self.passed() as u32
    }

    /// What is added to its timestamps: the time went on.
    pub fn ticks(&self, clock: u32) -> u32 {
        (u128::from(self.passed_ns) * u128::from(clock) / u128::from(NANOS)) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_heir_reaches_what_another_may_have_sent_nor_what_a_receiver_takes_for_the_past() {
        let packets = |heir, passed_s| Ahead::new(heir, passed_s, false).unwrap().packets();
        assert!(u64::from(packets(1, 0.0)) > SAVED_FOR);
        assert!(u64::from(packets(2, 0.0) - packets(1, 0.0)) > SAVED_FOR);
        assert!(packets(1, 300.0) > 300 * 50, "as many as went in five minutes");
        assert!(packets(HEIRS, 1e9) < 1 << 15);
        assert!(Ahead::new(0, 0.0, false).is_none() && Ahead::new(HEIRS + 1, 0.0, true).is_none());
    }

    #[test]
    fn the_heir_of_a_last_word_steps_nowhere_and_the_next_as_if_it_were_the_first() {
        let first = Ahead::new(1, 0.3, true).unwrap();
        assert_eq!((first.packets(), first.reports(), first.ticks(8000)), (0, 0, 2400));
        let (next, plain) = (Ahead::new(2, 0.3, true).unwrap(), Ahead::new(1, 0.3, false).unwrap());
        assert_eq!((next.packets(), next.reports()), (plain.packets(), plain.reports()));
    }

    #[test]
    fn heirs_of_one_number_are_apart_by_the_time_between_them() {
        let at = |passed_s| Ahead::new(1, passed_s, false).unwrap();
        assert!(at(61.0).packets() - at(1.0).packets() >= 60 * 100);
        assert!(at(61.0).reports() - at(1.0).reports() >= 60 * 100);
    }

    #[test]
    fn an_index_is_told_from_its_sequence_number_only_while_it_may_not_have_wrapped() {
        let can_tell = |passed_s, last| Ahead::new(1, passed_s, last).unwrap().can_tell(50);
        assert!(can_tell(570.0, false) && !can_tell(580.0, false) && can_tell(3000.0, true));
    }

    #[test]
    fn the_time_is_that_of_the_stream_and_no_clock_takes_it_back() {
        assert_eq!(Ahead::new(1, 2.5, false).unwrap().ticks(48_000), 120_000);
        for passed_s in [-90.0, f64::NAN, f64::NEG_INFINITY] {
            assert_eq!(Ahead::new(1, passed_s, false).unwrap().ticks(8000), 0);
        }
        assert_eq!(Ahead::new(1, f64::INFINITY, false).unwrap().ticks(8000), 3600 * 8000);
    }
}
