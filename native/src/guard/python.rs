//! `talkpath._native.Sources`: the guard as Python and the reader of datagrams see it.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::allowance::Rate;
use super::{Guard, Peer, Policy, Verdict, KINDS};

/// Told of a ban: (host, port or 0, prefix, whether of connections, kind, seconds, how many came before it).
type Told = (String, u16, u8, bool, usize, f64, u8);

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

fn rate((per_second, burst): (f64, f64)) -> Rate {
    Rate::new(per_second, burst)
}

fn peer_of(host: &str, port: u16, is_stream: bool) -> PyResult<Peer> {
    Ok(Peer { ip: ip_of(host)?, port, is_stream })
}

#[pymethods]
impl Sources {
    #[new]
    #[pyo3(signature = (rates, strangers, *, ban_first_s, ban_most_s, strikes, refusal, seed, now))]
    fn new(
        rates: [(f64, f64); KINDS],
        strangers: (f64, f64),
        ban_first_s: f64,
        ban_most_s: f64,
        strikes: u8,
        refusal: u16,
        seed: [u8; 16],
        now: f64,
    ) -> PyResult<Sources> {
        let policy =
            Policy { rates: rates.map(rate), strangers: rate(strangers), ban_first_s, ban_most_s, strikes, refusal };
        Ok(Sources { guard: Arc::new(Mutex::new(Guard::new(policy, seed, now)?)) })
    }

    fn trust(&self, host: &str, prefix: u8) -> PyResult<()> {
        self.lock().trusted.add(ip_of(host)?, prefix, f64::INFINITY);
        Ok(())
    }

    fn distrust(&self, host: &str, prefix: u8) -> PyResult<bool> {
        Ok(self.lock().trusted.remove(ip_of(host)?, prefix))
    }

    fn exempt(&self, host: &str, prefix: u8) -> PyResult<()> {
        self.lock().exempt.add(ip_of(host)?, prefix, f64::INFINITY);
        Ok(())
    }

    fn unexempt(&self, host: &str, prefix: u8) -> PyResult<bool> {
        Ok(self.lock().exempt.remove(ip_of(host)?, prefix))
    }

    /// Another policy from now on. What sources took of their allowances is times, and those stay.
    #[pyo3(signature = (rates, strangers, *, ban_first_s, ban_most_s, refusal))]
    fn adopt(
        &self,
        rates: [(f64, f64); KINDS],
        strangers: (f64, f64),
        ban_first_s: f64,
        ban_most_s: f64,
        refusal: u16,
    ) {
        let mut guard = self.lock();
        let strikes = guard.policy.strikes;
        guard.policy =
            Policy { rates: rates.map(rate), strangers: rate(strangers), ban_first_s, ban_most_s, strikes, refusal };
    }

    fn shut(&self, host: &str, prefix: u8, until: f64) -> PyResult<()> {
        self.lock().shut.add(ip_of(host)?, prefix, until);
        Ok(())
    }

    fn open(&self, host: &str, prefix: u8) -> PyResult<bool> {
        Ok(self.lock().shut.remove(ip_of(host)?, prefix))
    }

    fn look(&self, host: &str, port: u16, is_stream: bool, data: &[u8], now: f64) -> PyResult<bool> {
        Ok(self.lock().look(peer_of(host, port, is_stream)?, data, now) == Verdict::Pass)
    }

    fn look_at_connection(&self, host: &str, now: f64) -> PyResult<bool> {
        Ok(self.lock().look_at_connection(ip_of(host)?, now) == Verdict::Pass)
    }

    fn refusal<'py>(
        &self,
        py: Python<'py>,
        host: &str,
        port: u16,
        is_stream: bool,
        data: &[u8],
        now: f64,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let answer = self.lock().refusal(peer_of(host, port, is_stream)?, data, now);
        Ok(answer.map(|bytes| PyBytes::new(py, &bytes)))
    }

    fn may_answer(&self, host: &str, port: u16, size: u32, now: f64) -> PyResult<bool> {
        Ok(self.lock().may_answer(peer_of(host, port, false)?, size, now))
    }

    fn asked(&self, host: &str, port: u16, is_stream: bool, now: f64) -> PyResult<()> {
        self.lock().asked(peer_of(host, port, is_stream)?, now);
        Ok(())
    }

    fn prove(&self, host: &str, port: u16, is_stream: bool, until: f64, now: f64) -> PyResult<()> {
        self.lock().prove(peer_of(host, port, is_stream)?, until, now);
        Ok(())
    }

    fn is_known(&self, host: &str, port: u16, is_stream: bool, now: f64) -> PyResult<bool> {
        Ok(self.lock().is_known(peer_of(host, port, is_stream)?, now))
    }

    fn is_known_source(&self, host: &str, is_stream: bool, now: f64) -> PyResult<bool> {
        Ok(self.lock().is_known_source(peer_of(host, 0, is_stream)?, now))
    }

    fn weigh(&self, host: &str, port: u16, is_stream: bool, kind: usize, units: u32, now: f64) -> PyResult<bool> {
        if kind >= KINDS {
            return Err(PyValueError::new_err("no such kind"));
        }
        Ok(self.lock().weigh(peer_of(host, port, is_stream)?, kind, units, now))
    }

    fn credit(&self, host: &str, port: u16, is_stream: bool, now: f64) -> PyResult<()> {
        self.lock().credit(peer_of(host, port, is_stream)?, now);
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
        let told = |one: super::Event| {
            (one.ip.to_string(), one.port, one.prefix, one.is_stream, one.kind, one.seconds, one.level)
        };
        events.into_iter().map(told).collect()
    }

    fn counts(&self) -> [(&'static str, u64); 6] {
        let counts = self.lock().counts;
        [
            ("dropped_banned", counts.banned),
            ("dropped_over_rate", counts.limited),
            ("dropped_crowded", counts.crowded),
            ("answers_withheld", counts.withheld),
            ("refusals", counts.refused),
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
