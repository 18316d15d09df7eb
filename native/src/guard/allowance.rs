//! Allowances: one number each, the time at which all that was taken will be given back (GCRA, ITU-T I.371).

/// Ticks of a second. Their numbers wrap after twelve days; nothing here lasts half as long.
pub const TICKS: u32 = 4_000;

/// So many a second on average, and so many at once.
#[derive(Clone, Copy)]
pub struct Rate {
    /// Ticks that one takes.
    cost: u32,
    /// Ticks that may be taken ahead.
    horizon: u32,
}

impl Rate {
    pub fn new(per_second: f64, burst: f64) -> Rate {
        let cost = (f64::from(TICKS) / per_second.max(0.001)).clamp(1.0, 1e8);
        // No allowance reaches further than two days, which is far from where ticks wrap.
        let horizon = (cost * burst.max(1.0)).min(f64::from(TICKS) * 172_800.0);
        Rate { cost: cost as u32, horizon: horizon as u32 }
    }
}

pub fn ticks(seconds: f64) -> u32 {
    (seconds.max(0.0) * f64::from(TICKS)) as u64 as u32
}

/// Whether `one` is later than `other`.
pub fn after(one: u32, other: u32) -> bool {
    (one.wrapping_sub(other) as i32) > 0
}

/// Take `units` from the allowance that `back_at` stands for, `scale` times as wide; false, and nothing taken, when
/// that is more than there is.
pub fn take(back_at: &mut u32, units: u32, rate: &Rate, scale: u32, tick: u32) -> bool {
    let from = if after(*back_at, tick) { *back_at } else { tick };
    let wanted = (u64::from(rate.cost) * u64::from(units)).div_ceil(u64::from(scale)).min(u64::from(rate.horizon));
    let end = from.wrapping_add(wanted as u32);
    if end.wrapping_sub(tick) > rate.horizon {
        return false;
    }
    *back_at = end;
    true
}

/// Give `units` back.
pub fn give(back_at: &mut u32, units: u32, rate: &Rate, scale: u32, tick: u32) {
    let given = (u64::from(rate.cost) * u64::from(units) / u64::from(scale)).min(u64::from(rate.horizon)) as u32;
    let end = back_at.wrapping_sub(given);
    *back_at = if after(*back_at, tick) && after(end, tick) { end } else { tick };
}

/// Leave at least half of an allowance.
pub fn ease(back_at: &mut u32, rate: &Rate, tick: u32) {
    let half = tick.wrapping_add(rate.horizon / 2);
    if after(*back_at, half) {
        *back_at = half;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let (rate, mut back_at, start) = (Rate::new(10.0, 5.0), 0, ticks(1.0));
        let taken = (0..20).filter(|_| take(&mut back_at, 1, &rate, 1, start)).count();
        assert_eq!(taken, 5);
        let later = ticks(2.0);
        let taken = (0..20).filter(|_| take(&mut back_at, 1, &rate, 1, later)).count();
        assert_eq!(taken, 5);
        assert!(take(&mut back_at, 1, &rate, 1, ticks(2.11)));
        assert!(!take(&mut back_at, 1, &rate, 1, ticks(2.11)));
    }

    #[test]
    fn it_counts_on_where_the_ticks_wrap() {
        let (rate, start) = (Rate::new(1.0, 2.0), u32::MAX - 10);
        let mut back_at = start;
        assert!(take(&mut back_at, 2, &rate, 1, start));
        assert!(!take(&mut back_at, 1, &rate, 1, start.wrapping_add(TICKS / 2)));
        assert!(take(&mut back_at, 1, &rate, 1, start.wrapping_add(TICKS)));
    }

    #[test]
    fn what_is_given_back_can_be_taken_again_and_no_more() {
        let (rate, mut back_at, tick) = (Rate::new(1.0, 10.0), 0, ticks(5.0));
        assert!(take(&mut back_at, 10, &rate, 1, tick));
        give(&mut back_at, 3, &rate, 1, tick);
        assert!(take(&mut back_at, 3, &rate, 1, tick));
        assert!(!take(&mut back_at, 1, &rate, 1, tick));
        give(&mut back_at, 1000, &rate, 1, tick);
        assert!(take(&mut back_at, 10, &rate, 1, tick));
        assert!(!take(&mut back_at, 1, &rate, 1, tick));
    }
}
