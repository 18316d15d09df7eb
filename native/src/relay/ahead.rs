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
/// Processes that may go on from one state, one after the other, each dying before it saved its own.
pub const HEIRS: u16 = 3;
/// What may have been sent meanwhile: a packet in 10 ms, which is as often as we send, for at most so many.
const PACKET_NS: u64 = NANOS / 100;
const PASSED: u64 = 1 << 14;
/// Reports carry their index, so nothing bounds this one but the 31 bits that they have for life.
const REPORTS: u32 = 1 << 16;
/// Clocks of two machines may be apart: more than an hour is not believed.
const LONGEST_S: f64 = 3600.0;

const _: () = assert!(STEP as u64 * HEIRS as u64 + PASSED < 1 << 15 && SAVED_FOR < STEP as u64);

#[derive(Clone, Copy)]
pub struct Ahead {
    heir: u16,
    passed_ns: u64,
}

impl Ahead {
    /// The heir of this number (1 is the first) goes on `passed_s` after the state was taken. None for more heirs than
    /// there may be.
    pub fn new(heir: u16, passed_s: f64) -> Option<Ahead> {
        let passed_ns = (passed_s.clamp(0.0, LONGEST_S) * NANOS as f64) as u64;
        (1..=HEIRS).contains(&heir).then_some(Ahead { heir, passed_ns })
    }

    /// What is added to the sequence numbers of a stream of ours.
    pub fn packets(&self) -> u16 {
        self.heir * STEP + (self.passed_ns / PACKET_NS).min(PASSED) as u16
    }

    /// What is added to the index of SRTCP.
    pub fn reports(&self) -> u32 {
        u32::from(self.heir) * REPORTS
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
        let packets = |heir, passed_s| Ahead::new(heir, passed_s).unwrap().packets();
        assert!(u64::from(packets(1, 0.0)) > SAVED_FOR);
        assert!(u64::from(packets(2, 0.0) - packets(1, 0.0)) > SAVED_FOR);
        assert!(packets(1, 300.0) > 300 * 50, "as many as went in five minutes");
        assert!(packets(HEIRS, 1e9) < 1 << 15);
        assert!(Ahead::new(0, 0.0).is_none() && Ahead::new(HEIRS + 1, 0.0).is_none());
    }

    #[test]
    fn the_time_is_that_of_the_stream_and_no_clock_takes_it_back() {
        assert_eq!(Ahead::new(1, 2.5).unwrap().ticks(48_000), 120_000);
        for passed_s in [-90.0, f64::NAN, f64::NEG_INFINITY] {
            assert_eq!(Ahead::new(1, passed_s).unwrap().ticks(8000), 0);
        }
        assert_eq!(Ahead::new(1, f64::INFINITY).unwrap().ticks(8000), 3600 * 8000);
    }
}
