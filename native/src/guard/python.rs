//! `talkpath._native.Sources`: the guard as Python and the reader of datagrams see it.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::allowance::Rate;
use super::{Guard, Policy, Verdict, KINDS};

/// Told of a ban: (host, port or 0, prefix, kind, seconds, how many came before it).
type Told = (String, u16, u8, usize, f64, u8);

#[pyclass(module = "talkpath._native", frozen)]
#[derive(Clone)]
pub struct Sources {
    guard: Arc<Mutex<Guard>>,
}

impl Sources {
    /// Nobody else holds it for longer than a look takes.
    pub fn lock(&self) -> MutexGuard<'_, Guard> {
        self.guard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ip_of(host: &str) -> PyResult<IpAddr> {
    let plain = host.split('%').next().unwrap_or(host);
    plain.parse().map_err(|_| PyValueError::new_err(format!("{host} is no address")))
}

#[pymethods]
impl Sources {
    #[new]
    #[pyo3(signature = (rates, strangers, *, ban_first_s, ban_most_s, strikes, seed, now))]
    fn new(
        rates: [(f64, f64); KINDS],
        strangers: (f64, f64),
        ban_first_s: f64,
        ban_most_s: f64,
        strikes: u8,
        seed: [u8; 16],
        now: f64,
    ) -> PyResult<Sources> {
        let rate = |(per_second, burst): (f64, f64)| Rate::new(per_second, burst);
        let policy = Policy { rates: rates.map(rate), strangers: rate(strangers), ban_first_s, ban_most_s, strikes };
        Ok(Sources { guard: Arc::new(Mutex::new(Guard::new(policy, seed, now)?)) })
    }

    fn trust(&self, host: &str, prefix: u8) -> PyResult<()> {
        self.lock().trusted.add(ip_of(host)?, prefix, f64::INFINITY);
        Ok(())
    }

    fn exempt(&self, host: &str, prefix: u8) -> PyResult<()> {
        self.lock().exempt.add(ip_of(host)?, prefix, f64::INFINITY);
        Ok(())
    }

    fn shut(&self, host: &str, prefix: u8, until: f64) -> PyResult<()> {
        self.lock().shut.add(ip_of(host)?, prefix, until);
        Ok(())
    }

    fn open(&self, host: &str, prefix: u8) -> PyResult<bool> {
        Ok(self.lock().shut.remove(ip_of(host)?, prefix))
    }

    fn look(&self, host: &str, port: u16, data: &[u8], now: f64) -> PyResult<bool> {
        Ok(self.lock().look(ip_of(host)?, port, data, now) == Verdict::Pass)
    }

    fn may_answer(&self, host: &str, port: u16, size: u32, now: f64) -> PyResult<bool> {
        Ok(self.lock().may_answer(ip_of(host)?, port, size, now))
    }

    fn prove(&self, host: &str, port: u16, until: f64, now: f64) -> PyResult<()> {
        self.lock().prove(ip_of(host)?, port, until, now);
        Ok(())
    }

    fn is_known(&self, host: &str, port: u16, now: f64) -> PyResult<bool> {
        Ok(self.lock().is_known(ip_of(host)?, port, now))
    }

    fn is_known_source(&self, host: &str, now: f64) -> PyResult<bool> {
        Ok(self.lock().is_known_source(ip_of(host)?, now))
    }

    fn weigh(&self, host: &str, port: u16, kind: usize, units: u32, now: f64) -> PyResult<bool> {
        if kind >= KINDS {
            return Err(PyValueError::new_err("no such kind"));
        }
        Ok(self.lock().weigh(ip_of(host)?, port, kind, units, now))
    }

    fn credit(&self, host: &str, port: u16, now: f64) -> PyResult<()> {
        self.lock().credit(ip_of(host)?, port, now);
        Ok(())
    }

    #[pyo3(signature = (host, now, port=0))]
    fn lift(&self, host: &str, now: f64, port: u16) -> PyResult<bool> {
        Ok(self.lock().lift(ip_of(host)?, port, now))
    }

    fn sweep(&self, now: f64) {
        self.lock().sweep(now);
    }

    fn events(&self) -> Vec<Told> {
        let events = std::mem::take(&mut self.lock().events);
        let told = |one: super::Event| (one.ip.to_string(), one.port, one.prefix, one.kind, one.seconds, one.level);
        events.into_iter().map(told).collect()
    }

    fn counts(&self) -> [(&'static str, u64); 5] {
        let counts = self.lock().counts;
        [
            ("dropped_banned", counts.banned),
            ("dropped_over_rate", counts.limited),
            ("dropped_crowded", counts.crowded),
            ("answers_withheld", counts.withheld),
            ("bans", counts.bans),
        ]
    }

    fn __len__(&self) -> usize {
        self.lock().table.len()
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Sources>()
}
