//! Packets that were captured twice: on several interfaces of one machine, or by a mirror of both ways.

use super::flow::Ip;
use super::limits::*;
use rustc_hash::{FxHashMap, FxHasher};
use std::hash::{Hash, Hasher};

/// Of a segment so much tells it from every other: header, options and the beginning of what it carries.
const HEAD: usize = 128;

#[derive(Clone, Copy)]
struct Seen {
    time: i64,
    id: u32,
    place: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Twin {
    No,
    Here,
    /// At another place of its way.
    Elsewhere,
}

#[derive(Default)]
pub struct Twins {
    young: FxHashMap<u64, Seen>,
    old: FxHashMap<u64, Seen>,
}

impl Twins {
    /// Remembers a packet by its ends and its first bytes; whether it is one that was there before. `id` is the IP
    /// identification, 0 where there is none: a sender that repeats itself takes another.
    pub fn receive(&mut self, src: Ip, dst: Ip, data: &[u8], id: u32, time: i64, place: usize) -> Twin {
        let mut hasher = FxHasher::default();
        (src, dst, data.len()).hash(&mut hasher);
        data[..data.len().min(HEAD)].hash(&mut hasher);
        let key = hasher.finish();
        if let Some(known) = self.young.get(&key).or_else(|| self.old.get(&key)) {
            let within = match (known.place == place, id) {
                (true, 0) => TWIN_NS,
                (false, 0) => PLACES_NS,
                _ => SECOND,
            };
            if known.id == id && (time - known.time).abs() < within {
                return if known.place == place { Twin::Here } else { Twin::Elsewhere };
            }
        }
        if self.young.len() >= TWINS {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, Seen { time, id, place });
        Twin::No
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    fn seen_at(twins: &mut Twins, id: u32, at_ms: i64, place: usize) -> Twin {
        twins.receive(Ip::v4([10, 0, 0, 1]), Ip::v4([10, 0, 0, 2]), b"a check", id, at_ms * MS, place)
    }

    fn seen(twins: &mut Twins, id: u32, at_ms: i64) -> bool {
        seen_at(twins, id, at_ms, 0) != Twin::No
    }

    #[test]
    fn another_place_sees_it_later() {
        let mut twins = Twins::default();
        assert_eq!(seen_at(&mut twins, 0, 0, 0), Twin::No);
        assert_eq!(seen_at(&mut twins, 0, 150, 1), Twin::Elsewhere);
        assert_eq!(seen_at(&mut twins, 0, 500, 0), Twin::No);
    }

    #[test]
    fn the_same_packet_is_a_copy_and_a_repetition_is_none() {
        let mut twins = Twins::default();
        assert!(!seen(&mut twins, 7, 0));
        assert!(seen(&mut twins, 7, 1));
        assert!(seen(&mut twins, 7, 300));
        assert!(!seen(&mut twins, 8, 500));
        assert!(seen(&mut twins, 8, 501));
        assert!(!seen(&mut twins, 7, 2000));
    }

    #[test]
    fn without_an_identification_time_tells() {
        let mut twins = Twins::default();
        assert!(!seen(&mut twins, 0, 0));
        assert!(seen(&mut twins, 0, 19));
        assert!(!seen(&mut twins, 0, 500));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut twins = Twins::default();
        for n in 0..5 * TWINS as u32 {
            let data = n.to_be_bytes();
            let mut receive = || twins.receive(Ip::default(), Ip::default(), &data, 1, i64::from(n), 0);
            assert_eq!((receive(), receive()), (Twin::No, Twin::Here));
        }
        assert!(twins.young.len() + twins.old.len() <= 2 * TWINS);
    }
}
