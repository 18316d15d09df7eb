//! Who sent to a port and was not heard, so that it can be told by name.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// Sources that are remembered: more of them are a flood, and are only counted.
const REMEMBERED: usize = 4;

#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Strangers {
    known: Vec<(SocketAddr, u64)>,
    /// Packets of the peer itself, from before that was certain.
    pub forgiven: u64,
}

impl Strangers {
    /// A packet of this source was dropped. A source seen once makes room for another.
    pub fn count(&mut self, source: SocketAddr) {
        if let Some(known) = self.known.iter_mut().find(|known| known.0 == source) {
            known.1 += 1;
            return;
        }
        if self.known.len() == REMEMBERED {
            let Some(seldom) = self.known.iter().position(|known| known.1 == 1) else { return };
            self.known.remove(seldom);
        }
        self.known.push((source, 1));
    }

    /// It was the peer after all.
    pub fn forgive(&mut self, source: SocketAddr) {
        let at = self.known.iter().position(|known| known.0 == source);
        self.forgiven += at.map_or(0, |at| self.known.remove(at).1);
    }

    pub fn is_empty(&self) -> bool {
        self.known.is_empty() && self.forgiven == 0
    }

    /// Those that another has counted so far.
    pub fn resumed(mut known: Strangers) -> Strangers {
        known.known.truncate(REMEMBERED);
        known
    }

    /// Each source and its packets, the most first.
    pub fn told(&self) -> Vec<(SocketAddr, u64)> {
        let mut told = self.known.clone();
        told.sort_by_key(|known| std::cmp::Reverse(known.1));
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ones_that_send_most_are_remembered() {
        let mut strangers = Strangers::default();
        let source = |port: u16| SocketAddr::from(([10, 0, 0, 1], port));
        for _ in 0..3 {
            strangers.count(source(1));
        }
        (100..200).for_each(|port| strangers.count(source(port)));
        strangers.count(source(199));
        assert_eq!(strangers.told().len(), REMEMBERED);
        assert_eq!(strangers.told()[..2], [(source(1), 3), (source(199), 2)]);
        strangers.forgive(source(1));
        strangers.forgive(source(1));
        assert_eq!((strangers.forgiven, strangers.told().len()), (3, REMEMBERED - 1));
    }
}
