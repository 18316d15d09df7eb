//! One side's sound at one rate: samples in their places, taken off in order. What meets is added.

use super::Seconds;
use crate::codec::Resampler;

/// A sender that is ahead of its time by more is not followed: music can be sent in a burst, not for ever.
const MOST_AHEAD_S: i64 = 120;

pub struct Line {
    pub rate: u32,
    /// Where `samples` begins, in samples from the origin.
    base: i64,
    samples: Vec<i16>,
    /// Where the sound that was put begins and ends.
    first: Option<i64>,
    end: i64,
    resampler: Option<Resampler>,
    /// Of what comes out of the resampler: samples still to be left out, since they are its delay.
    delay: usize,
    /// What came out of it and is not yet taken.
    ready: Vec<i16>,
}

impl Line {
    /// `rate` is that of what is put here, `out` that of what is taken.
    pub fn new(rate: u32, out: u32) -> Line {
        let resampler = Resampler::new(rate, out);
        let delay = resampler.as_ref().map_or(0, Resampler::delay);
        Line { rate, base: 0, samples: Vec::new(), first: None, end: 0, resampler, delay, ready: Vec::new() }
    }

    /// Begin here: nothing was taken yet.
    pub fn start_at(&mut self, origin: Seconds) {
        let base = (origin * Seconds::from(self.rate)).round() as i64;
        if base > self.base {
            self.samples.drain(..((base - self.base) as usize).min(self.samples.len()));
        } else {
            self.samples.splice(..0, std::iter::repeat_n(0, (self.base - base) as usize));
        }
        self.base = base;
    }

    /// Add samples; what lies before the beginning, or is far too early, is left out and counted.
    pub fn put(&mut self, begin: i64, samples: &[i16]) -> usize {
        let before = ((self.base - begin).max(0) as usize).min(samples.len());
        let at = (begin + before as i64 - self.base) as usize;
        let samples = &samples[before..];
        if begin - self.base > MOST_AHEAD_S * i64::from(self.rate) {
            return samples.len();
        }
        self.first = Some(self.first.map_or(begin, |first| first.min(begin)));
        self.end = self.end.max(begin + (before + samples.len()) as i64);
        let shared = self.samples.len().saturating_sub(at).min(samples.len());
        if shared > 0 {
            for (sum, sample) in self.samples[at..at + shared].iter_mut().zip(samples) {
                *sum = sum.saturating_add(*sample);
            }
        }
        if shared < samples.len() {
            self.samples.resize(at + shared, 0);
            self.samples.extend_from_slice(&samples[shared..]);
        }
        before
    }

    /// Where the sound that was put begins, in seconds; none where there was none.
    pub fn first(&self) -> Option<Seconds> {
        self.first.map(|first| first as Seconds / Seconds::from(self.rate))
    }

    /// Where it ends.
    pub fn end(&self) -> Seconds {
        self.end as Seconds / Seconds::from(self.rate)
    }

    /// Add the next second, or what is wanted of it, to `sum`. Without a resampler it is copied; with one it is taken a
    /// second ahead, since a filter sees both sides of what it gives.
    pub fn take(&mut self, sum: &mut [i16]) {
        if self.resampler.is_none() {
            let there = sum.len().min(self.samples.len());
            add(sum, &self.samples[..there]);
            self.samples.drain(..there);
            self.base += sum.len() as i64;
            return;
        }
        while self.ready.len() < sum.len() {
            self.convert_second();
        }
        add(sum, &self.ready[..sum.len()]);
        self.ready.drain(..sum.len());
    }

    fn convert_second(&mut self) {
        let second = self.rate as usize;
        let mut samples: Vec<i16> = self.samples.drain(..second.min(self.samples.len())).collect();
        samples.resize(second, 0);
        self.base += second as i64;
        if let Some(resampler) = &mut self.resampler {
            resampler.convert(&samples, &mut self.ready);
        }
        let delay = self.delay.min(self.ready.len());
        self.ready.drain(..delay);
        self.delay -= delay;
    }
}

fn add(sum: &mut [i16], samples: &[i16]) {
    for (sum, sample) in sum.iter_mut().zip(samples) {
        *sum = sum.saturating_add(*sample);
    }
}
