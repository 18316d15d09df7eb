//! TCP connections.

use super::flow::{Ip, Reason};
use super::record::{At, HepOrigin, Record};
use super::tls::KeyLog;

pub struct Table {
    pub keys: KeyLog,
    pub fresh: Vec<usize>,
    pub refused: u64,
}

impl Table {
    pub fn new(keys: KeyLog) -> Table {
        Table { keys, fresh: Vec::new(), refused: 0 }
    }
    #[allow(clippy::too_many_arguments)]
    pub fn receive(&mut self, _at: At, _src: Ip, _dst: Ip, _segment: &[u8], _cut: usize, _hep: Option<&HepOrigin>, _out: &mut Vec<Record>) -> Option<Reason> {
        Some(Reason("TCP", 0))
    }
    pub fn sweep(&mut self, _now: i64, _all: bool, _out: &mut Vec<Record>) {}
}
