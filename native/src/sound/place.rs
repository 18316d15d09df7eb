//! Where the sound of each packet of a stream goes on the time line of the capture.
//!
//! Timestamps say how far apart packets were made, captures when they came. The least delay of those that come lately is
//! the path's own, the rest is jitter, which is not heard. A clock that runs faster or slower than the capture's moves
//! that least delay by and by; the sound follows it a sample here and there (`fitted`), so that both sides of a call are
//! still aligned after an hour, and where nobody speaks at once.

use super::Seconds;

/// Packets that follow each other this closely are one piece of sound; timestamps of odd packet times are rounded.
const ROUNDED_S: Seconds = 0.002;
/// The measured delay is no better than this; less is not followed.
const NOISE_S: Seconds = 0.002;
/// Between two pieces of sound more than this is put right at once.
const PAUSE_STEP_S: Seconds = 0.005;
/// What came so much later than it is due was held up by more than jitter: the hearer had a gap, too.
const STALL_S: Seconds = 0.2;
/// Within a piece of sound the error is worked off with this time constant, by no more than so much of its length:
/// a half of a hundredth is less than ears tell.
const SETTLING_S: Seconds = 10.0;
const MOST_SLIP: Seconds = 0.005;
/// A new beginning of timestamps that continues the sound, give or take jitter, is one piece with it.
const SEAM_S: Seconds = 0.02;

/// What is put where: `begin` in samples from the origin; the first `skip` of the packet are left out, the rest is
/// brought to `length` samples.
#[derive(Debug, PartialEq, Eq)]
pub struct Place {
    pub begin: i64,
    pub skip: usize,
    pub length: usize,
}

/// Where the stream has come to.
struct Last {
    stretch: u32,
    /// What is added to a timestamp to get the time.
    offset: Seconds,
    /// The timestamp after it.
    media: Seconds,
    /// The time after it.
    end: Seconds,
}

#[derive(Default)]
pub struct Placer {
    last: Option<Last>,
}

impl Placer {
    /// A packet of `count` samples at `rate`, whose timestamp is `media` and in whose stretch `delay` is the least of
    /// those near it.
    pub fn place(&mut self, stretch: u32, media: Seconds, delay: Seconds, count: usize, rate: u32) -> Place {
        let rate_hz = Seconds::from(rate);
        let seconds = count as Seconds / rate_hz;
        let (offset, is_joined) = match &self.last {
            None => (delay, false),
            Some(last) => last.offset_of(stretch, media, delay, seconds),
        };
        let ideal = ((media + offset) * rate_hz).round() as i64;
        let cursor = self.last.as_ref().map_or(i64::MIN, |last| (last.end * rate_hz).round() as i64);
        let slip = ideal.saturating_sub(cursor);
        let place = if is_joined && slip.unsigned_abs() as usize <= count / 4 {
            Place { begin: cursor, skip: 0, length: (count as i64 + slip) as usize }
        } else {
            let skip = (cursor.saturating_sub(ideal).max(0) as usize).min(count);
            Place { begin: ideal + skip as i64, skip, length: count - skip }
        };
        let end = (place.begin + place.length as i64) as Seconds / rate_hz;
        let end = self.last.as_ref().map_or(end, |last| end.max(last.end));
        self.last = Some(Last { stretch, offset, media: media + seconds, end });
        place
    }
}

impl Last {
    /// The offset of the next packet, and whether it goes on with the sound of the one before.
    fn offset_of(&self, stretch: u32, media: Seconds, delay: Seconds, seconds: Seconds) -> (Seconds, bool) {
        if stretch != self.stretch {
            let seam = self.end - media;
            let is_joined = (seam - delay).abs() < SEAM_S;
            return (if is_joined { seam } else { delay }, is_joined);
        }
        let error = delay - self.offset;
        let is_joined = (media - self.media).abs() < ROUNDED_S;
        if !is_joined {
            return (if error.abs() > PAUSE_STEP_S { delay } else { self.offset }, false);
        }
        if error > STALL_S {
            return (delay, false);
        }
        if error.abs() <= NOISE_S {
            return (self.offset, true);
        }
        let most = MOST_SLIP * seconds;
        (self.offset + (error * seconds / SETTLING_S).clamp(-most, most), true)
    }
}

/// Bring samples to another length, which is near theirs: a cubic through four neighbours (Catmull and Rom).
pub fn fitted(samples: &[i16], length: usize, out: &mut Vec<i16>) {
    let count = samples.len();
    if count == length || count < 2 || length < 2 {
        out.extend_from_slice(&samples[..count.min(length)]);
        return;
    }
    let at = |index: isize| f32::from(samples[index.clamp(0, count as isize - 1) as usize]);
    let step = (count - 1) as f64 / (length - 1) as f64;
    out.extend((0..length).map(|n| {
        let position = n as f64 * step;
        let whole = position as isize;
        let t = (position - whole as f64) as f32;
        let (a, b, c, d) = (at(whole - 1), at(whole), at(whole + 1), at(whole + 2));
        let value = b + 0.5 * t * (c - a + t * (2.0 * a - 5.0 * b + 4.0 * c - d + t * (3.0 * (b - c) + d - a)));
        value.round().clamp(-32_768.0, 32_767.0) as i16
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 8000;

    #[test]
    fn packets_in_a_row_are_put_in_a_row_as_they_are() {
        let mut placer = Placer::default();
        for n in 0..100 {
            let place = placer.place(0, f64::from(n) * 0.02, 0.001, 160, RATE);
            assert_eq!(place, Place { begin: 8 + i64::from(n) * 160, skip: 0, length: 160 });
        }
    }

    #[test]
    fn a_clock_that_runs_away_is_followed() {
        for ppm in [-300.0, -50.0, 50.0, 300.0] {
            let mut placer = Placer::default();
            let mut worst: f64 = 0.0;
            let mut end = 0;
            for n in 0..180_000 {
                let media = f64::from(n) * 0.02;
                let place = placer.place(0, media, media * ppm / 1e6, 160, RATE);
                assert!(n == 0 || place.begin == end, "a gap at {n}");
                assert!((159..=161).contains(&place.length));
                end = place.begin + place.length as i64;
                worst = worst.max((place.begin as f64 / 8000.0 - media * (1.0 + ppm / 1e6)).abs());
            }
            assert!(worst < 0.01, "{ppm} ppm: {worst} s off");
        }
    }

    #[test]
    fn after_a_pause_the_time_is_right_at_once() {
        let mut placer = Placer::default();
        placer.place(0, 0.0, 0.0, 160, RATE);
        assert_eq!(placer.place(0, 3.0, 0.03, 160, RATE).begin, 24_240);
    }

    #[test]
    fn what_overlaps_in_one_stream_is_heard_once() {
        let mut placer = Placer::default();
        placer.place(0, 0.0, 0.0, 160, RATE);
        let place = placer.place(1, 0.01, -0.02, 160, RATE);
        assert_eq!((place.skip, place.length), (160, 0));
    }

    #[test]
    fn a_new_base_of_timestamps_goes_on_seamlessly() {
        let mut placer = Placer::default();
        placer.place(0, 0.0, 0.0, 160, RATE);
        assert_eq!(placer.place(1, 500.0, -499.99, 160, RATE), Place { begin: 160, skip: 0, length: 160 });
    }

    #[test]
    fn a_tone_keeps_its_shape_when_it_is_fitted() {
        let tone = |n: f64| 10_000.0 * (n * 0.3).sin();
        let samples: Vec<i16> = (0..160).map(|n| tone(f64::from(n)) as i16).collect();
        for length in [159, 161] {
            let mut out = Vec::new();
            fitted(&samples, length, &mut out);
            assert_eq!(out.len(), length);
            let step = 159.0 / (length - 1) as f64;
            let worst = out.iter().enumerate().map(|(n, y)| (f64::from(*y) - tone(n as f64 * step)).abs());
            assert!(worst.fold(0.0, f64::max) < 100.0);
        }
    }
}
