//! What a receiver report says of a stream that ends here (RFC 3550 6.4.1 and appendices A.1, A.3 and A.8).

use crate::meter::NANOS;

/// A step beyond this is a new start of the sender (A.1, MAX_DROPOUT).
const MAX_DROPOUT: u16 = 3000;

#[derive(Default)]
pub struct Reception {
    ssrc: u32,
    first: u32,
    /// The highest sequence number, with the count of its cycles.
    highest: u32,
    received: u32,
    expected_before: u32,
    received_before: u32,
    /// Arrival less timestamp of the last packet, and jitter, both in ticks of the stream's clock.
    transit: Option<f64>,
    jitter: f64,
    /// Another heard it before.
    is_resumed: bool,
}

impl Reception {
    /// Whether nothing was heard yet.
    pub fn is_new(&self) -> bool {
        self.received == 0 && !self.is_resumed
    }

    /// Of a stream that another has heard so far.
    pub fn resumed() -> Reception {
        Reception { is_resumed: true, ..Reception::default() }
    }

    pub fn hear(&mut self, ssrc: u32, sequence: u16, timestamp: u32, clock: u32, now_ns: u64) {
        let ahead = sequence.wrapping_sub(self.highest as u16);
        if self.received == 0 || ssrc != self.ssrc || (MAX_DROPOUT..u16::MAX - 100).contains(&ahead) {
            let first = u32::from(sequence);
            *self = Reception { ssrc, first, highest: first, ..Reception::default() };
        } else if ahead < MAX_DROPOUT {
            self.highest = self.highest.wrapping_add(u32::from(ahead));
        }
        self.received = self.received.wrapping_add(1);
        self.time(timestamp, clock, now_ns);
    }

    /// A clock of 0 has no jitter that could be told.
    fn time(&mut self, timestamp: u32, clock: u32, now_ns: u64) {
        if clock == 0 {
            return;
        }
        let arrived = (now_ns as f64 / NANOS as f64 * f64::from(clock)).rem_euclid(4_294_967_296.0);
        let transit = arrived - f64::from(timestamp);
        if let Some(before) = self.transit.replace(transit) {
            let change = (transit - before).abs();
            // Both numbers wrap; and a pause of the sender's clock is no jitter.
            if change < 10.0 * f64::from(clock) {
                self.jitter += (change - self.jitter) / 16.0;
            }
        }
    }

    /// The report block since the last one; None while nothing was heard.
    pub fn block(&mut self, last_report: [u8; 8]) -> Option<[u8; 24]> {
        if self.received == 0 {
            return None;
        }
        let expected = self.highest.wrapping_sub(self.first).wrapping_add(1);
        let lost = (i64::from(expected) - i64::from(self.received)).clamp(-0x80_0000, 0x7f_ffff);
        let mut block = [0; 24];
        block[..4].copy_from_slice(&self.ssrc.to_be_bytes());
        block[4..8].copy_from_slice(&(lost as u32 & 0xff_ffff).to_be_bytes());
        block[4] = self.fraction(expected);
        block[8..12].copy_from_slice(&self.highest.to_be_bytes());
        block[12..16].copy_from_slice(&(self.jitter as u32).to_be_bytes());
        block[16..].copy_from_slice(&last_report);
        Some(block)
    }

    fn fraction(&mut self, expected: u32) -> u8 {
        let expected_now = expected.wrapping_sub(self.expected_before);
        let received_now = self.received.wrapping_sub(self.received_before);
        (self.expected_before, self.received_before) = (expected, self.received);
        let lost = expected_now.saturating_sub(received_now);
        (lost * 256).checked_div(expected_now).unwrap_or(0).min(255) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_counts_loss_over_the_wrap() {
        let mut reception = Reception::default();
        assert_eq!(reception.block([0; 8]), None);
        for (n, sequence) in [65_534u16, 65_535, 1, 2].into_iter().enumerate() {
            reception.hear(7, sequence, 160 * u32::from(sequence.wrapping_add(2)), 8000, n as u64 * 20_000_000);
        }
        let block = reception.block([9; 8]).unwrap();
        assert_eq!(block[..4], [0, 0, 0, 7]);
        assert_eq!(block[4..8], [51, 0, 0, 1], "one of five");
        assert_eq!(block[8..12], [0, 1, 0, 2]);
        assert_eq!(block[16..], [9; 8]);
        assert_eq!(reception.block([0; 8]).unwrap()[4..8], [0, 0, 0, 1], "none since");
    }

    #[test]
    fn another_source_is_another_stream() {
        let mut reception = Reception::default();
        reception.hear(7, 1, 0, 8000, 0);
        reception.hear(8, 500, 0, 8000, 0);
        assert_eq!(reception.block([0; 8]).unwrap()[4..12], [0, 0, 0, 0, 0, 0, 1, 244]);
    }
}
