//! Who was heard lately, so that the same phone is the same object: its text is made once, and what is kept of its calls
//! is small. Who was not is forgotten: strangers of a flood leave nothing behind.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use pyo3::prelude::*;

/// Ways to phones that are remembered, at some 500 bytes each with what Python keeps of one; half of them those of late.
const MOST: usize = 32_768;
/// Seconds after which those of late are those of before: a phone is forgotten after one or two of these.
const LATE_S: f64 = 20.0;

/// A local address where one is known, and the remote one.
type Way = (Option<IpAddr>, SocketAddr);

/// See the module's text.
pub struct Neighbours {
    /// Makes what stands for a way: of local host, remote host and remote port.
    make: Py<PyAny>,
    late: HashMap<Way, Py<PyAny>>,
    before: HashMap<Way, Py<PyAny>>,
    turned_at: f64,
}

impl Neighbours {
    pub fn new(make: Py<PyAny>) -> Neighbours {
        Neighbours { make, late: HashMap::new(), before: HashMap::new(), turned_at: 0.0 }
    }

    pub fn len(&self) -> usize {
        self.late.len() + self.before.len()
    }

    /// What stands for a way.
    pub fn of<'py>(&mut self, py: Python<'py>, way: Way) -> PyResult<Bound<'py, PyAny>> {
        if let Some(known) = self.late.get(&way) {
            return Ok(known.bind(py).clone());
        }
        let known = match self.before.remove(&way) {
            Some(known) => known,
            None => {
                let host = way.0.map_or_else(String::new, |ip| ip.to_string());
                self.make.call1(py, (host, way.1.ip().to_string(), way.1.port()))?
            }
        };
        if self.late.len() >= MOST / 2 {
            self.turn();
        }
        self.late.insert(way, known.clone_ref(py));
        Ok(known.into_bound(py))
    }

    /// Forget who was not heard for a while.
    pub fn forget(&mut self, now: f64) {
        if now - self.turned_at >= LATE_S {
            self.turned_at = now;
            self.turn();
        }
    }

    fn turn(&mut self) {
        self.before = std::mem::take(&mut self.late);
    }
}
