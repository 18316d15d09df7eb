//! What is heard in place of a lost packet where the codec itself has no answer: the last period of the voice goes
//! on, and fades (after the idea of ITU-T G.711 Appendix I, without its delay).

const LONGEST_PERIOD_MS: usize = 15;
const SHORTEST_PERIOD_MS: usize = 5;
/// Over so much of the past the period is sought.
const COMPARED_MS: usize = 15;
/// It goes on in full for so long, and is silent after the second of these.
const FULL_MS: usize = 10;
const SILENT_MS: usize = 60;
/// Over so much, the voice that is back takes over.
const RETURN_MS: usize = 4;

pub struct Concealer {
    per_ms: usize,
    /// The newest samples, oldest first: two of the longest periods and what they are compared with.
    past: Vec<i16>,
    /// One period, seamless when repeated; empty while nothing is lost.
    period: Vec<i16>,
    /// Samples concealed since.
    concealed: usize,
}

impl Concealer {
    pub fn new(rate: u32) -> Concealer {
        let per_ms = rate as usize / 1000;
        let past = vec![0; per_ms * (2 * LONGEST_PERIOD_MS + COMPARED_MS)];
        Concealer { per_ms, past, period: Vec::new(), concealed: 0 }
    }

    /// Take what was decoded; after a loss, its beginning is blended into what was made up.
    pub fn hear(&mut self, samples: &mut [i16]) {
        if !self.period.is_empty() {
            let length = samples.len().min(RETURN_MS * self.per_ms);
            for (at, sample) in samples[..length].iter_mut().enumerate() {
                let made = i32::from(self.made_up(self.concealed + at));
                let (new, old) = (at as i32 + 1, (length - at) as i32 - 1);
                *sample = ((i32::from(*sample) * new + made * old) / length as i32) as i16;
            }
            self.period.clear();
            self.concealed = 0;
        }
        self.remember(samples);
    }

    /// Append so many samples.
    pub fn conceal(&mut self, count: usize, samples: &mut Vec<i16>) {
        if self.period.is_empty() {
            self.period = self.last_period();
        }
        let start = samples.len();
        samples.extend((self.concealed..self.concealed + count).map(|at| self.made_up(at)));
        self.concealed += count;
        self.remember(&samples[start..]);
    }

    fn made_up(&self, at: usize) -> i16 {
        let (full, silent) = (FULL_MS * self.per_ms, SILENT_MS * self.per_ms);
        let left = silent.saturating_sub(at.max(full)) as i32;
        (i32::from(self.period[at % self.period.len()]) * left / (silent - full) as i32) as i16
    }

    fn remember(&mut self, samples: &[i16]) {
        let room = self.past.len();
        let newest = &samples[samples.len().saturating_sub(room)..];
        self.past.copy_within(newest.len().., 0);
        self.past[room - newest.len()..].copy_from_slice(newest);
    }

    /// The last period; towards its end it turns into what came before its beginning, so that it can be repeated.
    fn last_period(&self) -> Vec<i16> {
        let length = self.period_length();
        let blended = length / 4;
        let (now, before) = (&self.past[self.past.len() - length..], &self.past[self.past.len() - 2 * length..]);
        let mut period = now.to_vec();
        for at in 0..blended {
            let place = length - blended + at;
            let (old, new) = ((blended - at) as i32, at as i32 + 1);
            let sum = i32::from(now[place]) * old + i32::from(before[place]) * new;
            period[place] = (sum / (blended as i32 + 1)) as i16;
        }
        period
    }

    /// The shift at which the newest past is most like what came before it.
    fn period_length(&self) -> usize {
        let compared = COMPARED_MS * self.per_ms;
        let newest = &self.past[self.past.len() - compared..];
        let likeness = |shift: usize| {
            let before = &self.past[self.past.len() - compared - shift..][..compared];
            let (mut product, mut power) = (0.0f32, 1.0f32);
            for (a, b) in newest.iter().zip(before) {
                product += f32::from(*a) * f32::from(*b);
                power += f32::from(*b) * f32::from(*b);
            }
            product / power.sqrt()
        };
        let shifts = SHORTEST_PERIOD_MS * self.per_ms..=LONGEST_PERIOD_MS * self.per_ms;
        shifts
            .map(|shift| (shift, likeness(shift)))
            .fold((0, f32::MIN), |best, one| if one.1 > best.1 { one } else { best })
            .0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voice(count: usize) -> Vec<i16> {
        let at = |n: usize, frequency: f64| (std::f64::consts::TAU * frequency * n as f64 / 8000.0).sin();
        (0..count).map(|n| (6000.0 * at(n, 125.0) + 3000.0 * at(n, 375.0) + 1000.0 * at(n, 1250.0)) as i16).collect()
    }

    #[test]
    fn a_voice_goes_on_through_a_lost_packet() {
        let mut concealer = Concealer::new(8000);
        let whole = voice(800);
        concealer.hear(&mut whole[..480].to_vec());
        let mut made = Vec::new();
        concealer.conceal(160, &mut made);
        let error: f64 =
            made[..80].iter().zip(&whole[480..]).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
        let power: f64 = whole[480..560].iter().map(|sample| f64::from(*sample).powi(2)).sum();
        assert!(error < power / 100.0, "{} dB", 10.0 * (power / error).log10());
    }

    #[test]
    fn a_long_loss_fades_to_silence() {
        let mut concealer = Concealer::new(16_000);
        concealer.hear(&mut voice(1600));
        let mut made = Vec::new();
        concealer.conceal(1600, &mut made);
        assert!(made[..160].iter().any(|sample| sample.abs() > 4000));
        assert!(made[960..].iter().all(|sample| *sample == 0));
    }

    #[test]
    fn the_voice_that_is_back_begins_without_a_click() {
        let mut concealer = Concealer::new(8000);
        concealer.hear(&mut voice(480));
        concealer.conceal(160, &mut Vec::new());
        let mut back = vec![8000; 160];
        concealer.hear(&mut back);
        assert!(back[0] < 8000 && back[40..].iter().all(|sample| *sample == 8000));
    }

    #[test]
    fn silence_is_concealed_by_silence() {
        let mut made = Vec::new();
        Concealer::new(8000).conceal(160, &mut made);
        assert_eq!(made, [0; 160]);
    }
}
