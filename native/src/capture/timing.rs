//! When packets came against when their timestamps say they were made: jitter, delay above the path's minimum,
//! packet time, the sender's clock.

/// Upper edges in ms of the delay histogram (records.py DELAY_BIN_EDGES_MS); one more bin is beyond the last.
const EDGES_MS: [i64; 13] = [5, 10, 20, 30, 40, 60, 80, 100, 150, 200, 300, 500, 1000];
pub const BINS: usize = EDGES_MS.len() + 1;
/// A jump of arrival against timestamp beyond this is the sender's pause or a new timestamp base, or packets that the
/// network held back: these come faster than they were made, until so much of the jump is caught up.
const JUMP_NS: f64 = 1e9;
const CAUGHT_UP: f64 = 0.5;
/// The path's minimum delay is that of the last one to two windows, so that a drifting clock does not add up.
const WINDOW_NS: i64 = 10_000_000_000;
/// A receiver that gets nothing in time for so many packets starts its buffer anew at their delay.
const RESYNC_PACKETS: u32 = 15;
/// Seconds from which on a line through delays says something.
const LINE_SECONDS: f64 = 10.0;
/// The share of the variance that a line must explain (r squared); random waits and steps are none.
const LINE_FIT: f64 = 0.8;
/// Nanoseconds in a second by which a sender must be off (5 %) to be told after five seconds.
const GROSS_NS: f64 = 5e7;
/// A clock is guessed from timestamps after so long.
const GUESS_NS: i64 = 1_000_000_000;
const CLOCKS: [f64; 8] = [8000.0, 11025.0, 16000.0, 24000.0, 32000.0, 44100.0, 48000.0, 90000.0];

#[derive(Debug)]
pub struct Timing {
    pub clock: u32,
    tick_ns: f64,
    base_time: i64,
    base_timestamp: u32,
    last_timestamp: u32,
    last_sequence: u16,
    /// Timestamp units since the base, extended over wraps.
    elapsed: i64,
    last_time: i64,
    last_delay: f64,
    jitter_ns: f64,
    jitter_sum: f64,
    jitter_count: u64,
    jitter_max: f64,
    minimum: f64,
    previous_minimum: f64,
    window_end: i64,
    /// Packets that came too late one after another, and the least of their delays.
    behind: u32,
    behind_minimum: f64,
    /// A jump that may have been the network's, and how many packets came since.
    jump: f64,
    since_jump: u32,
    second_minimum: f64,
    second_jitter: f64,
    drift: Regression,
    /// The same since the buffer was filled anew, and the longest such stretch.
    stretch: Regression,
    longest: Regression,
    steps: [(u32, u32); 4],
    pub paused: u64,
    pub bins: [u32; BINS],
}

impl Timing {
    pub fn new(time: i64, timestamp: u32, clock: u32) -> Timing {
        Timing {
            clock,
            tick_ns: tick(clock),
            base_time: time,
            base_timestamp: timestamp,
            last_timestamp: timestamp,
            last_sequence: 0,
            elapsed: 0,
            last_time: time,
            last_delay: 0.0,
            jitter_ns: 0.0,
            jitter_sum: 0.0,
            jitter_count: 0,
            jitter_max: 0.0,
            minimum: 0.0,
            previous_minimum: 0.0,
            window_end: time + WINDOW_NS,
            behind: 0,
            behind_minimum: f64::INFINITY,
            jump: 0.0,
            since_jump: 0,
            second_minimum: f64::INFINITY,
            second_jitter: 0.0,
            drift: Regression::default(),
            stretch: Regression::default(),
            longest: Regression::default(),
            steps: [(0, 0); 4],
            paused: 0,
            bins: [0; BINS],
        }
    }

    pub fn set_clock(&mut self, clock: u32) {
        if clock != self.clock {
            self.clock = clock;
            self.tick_ns = tick(clock);
            self.restart(self.last_time, self.last_timestamp);
        }
    }

    /// A new timestamp base.
    pub fn restart(&mut self, time: i64, timestamp: u32) {
        self.base_time = time;
        self.base_timestamp = timestamp;
        self.last_timestamp = timestamp;
        self.elapsed = 0;
        self.last_time = time;
        self.last_delay = 0.0;
        self.minimum = 0.0;
        self.previous_minimum = 0.0;
        self.window_end = time + WINDOW_NS;
        self.keep_up();
        self.jump = 0.0;
        self.second_minimum = f64::INFINITY;
        self.drift = Regression::default();
        self.begin_stretch();
    }

    /// Takes a media packet; gives its delay above the path's minimum in ns.
    #[inline]
    pub fn receive(&mut self, time: i64, timestamp: u32, sequence: u16, in_order: bool) -> i64 {
        let step = timestamp.wrapping_sub(self.last_timestamp) as i32;
        let follows = in_order && sequence == self.last_sequence.wrapping_add(1);
        if follows && step > 0 {
            self.count_step(step as u32);
        }
        self.last_sequence = sequence;
        self.last_timestamp = timestamp;
        self.elapsed += i64::from(step);
        self.last_time = time;
        if self.clock == 0 {
            self.guess(time);
            return 0;
        }
        let delay = (time - self.base_time) as f64 - self.elapsed as f64 * self.tick_ns;
        let variation = delay - self.last_delay;
        if variation.abs() > JUMP_NS {
            self.restart(time, timestamp);
            let is_whole = follows && step > 0 && step as u32 == self.steps[0].0;
            (self.jump, self.since_jump) = (if is_whole { variation } else { 0.0 }, 1);
            return 0;
        }
        self.last_delay = delay;
        if self.jump > 0.0 && delay > -CAUGHT_UP * self.jump {
            self.since_jump += 1;
        }
        // RFC 3550 appendix A.8.
        self.jitter_ns += (variation.abs() - self.jitter_ns) / 16.0;
        self.jitter_sum += self.jitter_ns;
        self.jitter_count += 1;
        self.second_jitter = self.second_jitter.max(self.jitter_ns);
        self.above_minimum(time, delay)
    }

    /// Where the last packet shows that the network had held packets back: how many came too late, and how many came
    /// from the first of them to this one. As many are late as may be one after another (`fall_behind`), then the buffer
    /// is filled anew.
    #[inline]
    pub fn held_back(&mut self) -> Option<(u16, u16)> {
        if self.jump <= 0.0 || self.last_delay > -CAUGHT_UP * self.jump {
            return None;
        }
        self.jump = 0.0;
        let late = self.since_jump.min(RESYNC_PACKETS);
        self.bins[0] = self.bins[0].saturating_sub(late - 1);
        self.bins[BINS - 1] += late;
        Some((late as u16, self.since_jump.min(u32::from(u16::MAX)) as u16))
    }

    /// The last packet came in time.
    #[inline]
    pub fn keep_up(&mut self) {
        self.behind = 0;
    }

    /// The last packet came too late. When all do, the way became longer or the sender paused: that is no jitter, and
    /// the buffer is filled anew.
    pub fn fall_behind(&mut self) {
        let least = if self.behind == 0 { f64::INFINITY } else { self.behind_minimum };
        self.behind_minimum = least.min(self.last_delay);
        self.behind += 1;
        if self.behind == RESYNC_PACKETS {
            self.minimum = self.behind_minimum;
            self.previous_minimum = self.behind_minimum;
            self.behind = 0;
            self.second_minimum = f64::INFINITY;
            self.begin_stretch();
        }
    }

    fn begin_stretch(&mut self) {
        let stretch = std::mem::take(&mut self.stretch);
        if stretch.n > self.longest.n {
            self.longest = stretch;
        }
    }

    #[inline]
    fn above_minimum(&mut self, time: i64, delay: f64) -> i64 {
        if time >= self.window_end {
            self.previous_minimum = self.minimum;
            self.minimum = delay;
            self.window_end = time + WINDOW_NS;
        }
        self.minimum = self.minimum.min(delay);
        self.second_minimum = self.second_minimum.min(delay);
        let above = (delay - self.minimum.min(self.previous_minimum)) as i64;
        let bin = match above {
            ..5_000_000 => 0,
            _ => EDGES_MS.partition_point(|&edge| edge * 1_000_000 <= above),
        };
        self.bins[bin] += 1;
        above
    }

    #[inline]
    fn count_step(&mut self, step: u32) {
        if self.steps[0].0 == step {
            self.steps[0].1 += 1;
            return;
        }
        self.count_other_step(step);
    }

    fn count_other_step(&mut self, step: u32) {
        let (usual, seen) = self.steps[0];
        if seen >= 10 && step > usual + usual / 2 {
            self.paused += 1;
        }
        match self.steps.iter_mut().find(|(s, n)| *s == step || *n == 0) {
            Some(slot) => *slot = (step, slot.1 + 1),
            None => self.steps[3] = (step, 1),
        }
        // The usual step stays in front.
        for i in (1..4).rev() {
            if self.steps[i].1 > self.steps[i - 1].1 {
                self.steps.swap(i, i - 1);
            }
        }
    }

    /// Without SDP and static type: the common clock nearest to what the timestamps do.
    fn guess(&mut self, time: i64) {
        let ns = time - self.base_time;
        if ns < GUESS_NS || self.elapsed <= 0 {
            return;
        }
        let rate = self.elapsed as f64 * 1e9 / ns as f64;
        let off = |clock: f64| (rate / clock - 1.0).abs();
        match CLOCKS.into_iter().min_by(|&a, &b| off(a).total_cmp(&off(b))).filter(|&c| off(c) < 0.1) {
            Some(clock) => self.set_clock(clock as u32),
            None => self.restart(time, self.last_timestamp),
        }
    }

    /// The highest jitter of the second in ms.
    pub fn close_second(&mut self) -> f64 {
        if self.second_minimum.is_finite() {
            let x = (self.last_time - self.base_time) as f64 / 1e9;
            self.drift.add(x, self.second_minimum);
            self.stretch.add(x, self.second_minimum);
        }
        self.second_minimum = f64::INFINITY;
        let jitter = std::mem::take(&mut self.second_jitter);
        self.jitter_max = self.jitter_max.max(jitter);
        jitter / 1e6
    }

    pub fn jitter_ms(&self) -> (f64, f64) {
        (self.jitter_sum / self.jitter_count.max(1) as f64 / 1e6, self.jitter_max / 1e6)
    }

    /// The usual timestamp step in ms, 0 when unknown.
    pub fn ptime_ms(&self) -> f64 {
        if self.clock == 0 {
            0.0
        } else {
            f64::from(self.steps[0].0) * 1000.0 / f64::from(self.clock)
        }
    }

    /// Timestamp units per second of arrival.
    pub fn rate_hz(&self) -> f64 {
        let ns = self.last_time - self.base_time;
        if ns <= 0 {
            0.0
        } else {
            self.elapsed as f64 * 1e9 / ns as f64
        }
    }

    /// The sender's clock against the capture's in millionths: positive is fast. The least delay of each second,
    /// fitted by a line: queues only ever add delay. A way that became longer is no clock: where the longest stretch
    /// without a step shows less, that counts.
    pub fn drift_ppm(&self) -> f64 {
        let longest = if self.stretch.n > self.longest.n { &self.stretch } else { &self.longest };
        let (whole, part) = (self.drift.slope(), longest.slope());
        let slope = if longest.n >= LINE_SECONDS && part.abs() < whole.abs() { part } else { whole };
        -slope / 1000.0
    }
}

fn tick(clock: u32) -> f64 {
    if clock == 0 {
        0.0
    } else {
        1e9 / f64::from(clock)
    }
}

#[derive(Default, Debug)]
struct Regression {
    n: f64,
    x: f64,
    y: f64,
    xx: f64,
    xy: f64,
    yy: f64,
}

impl Regression {
    fn add(&mut self, x: f64, y: f64) {
        self.n += 1.0;
        self.x += x;
        self.y += y;
        self.xx += x * x;
        self.xy += x * y;
        self.yy += y * y;
    }

    /// 0 while there is too little to say: ten seconds, or five where it is gross. 0 too where the points are no line.
    fn slope(&self) -> f64 {
        let spread = self.n * self.xx - self.x * self.x;
        let height = self.n * self.yy - self.y * self.y;
        if self.n < 5.0 || spread <= 0.0 || height <= 0.0 {
            return 0.0;
        }
        let common = self.n * self.xy - self.x * self.y;
        let slope = common / spread;
        let is_line = common * common >= LINE_FIT * spread * height;
        if is_line && (self.n >= LINE_SECONDS || slope.abs() >= GROSS_NS) {
            slope
        } else {
            0.0
        }
    }
}
