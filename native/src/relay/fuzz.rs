//! What the bytes of saved ports reach.

use super::ahead::{Ahead, HEIRS};
use super::port::{Side, Times};
use super::saved::Saved;
use crate::rtp::{write_header, Header};

/// Packets that a converter made of the bytes is given, and may give back for each.
const HEARD: u16 = 4;
const SPOKEN: usize = 64;

/// Ports as somebody saved them; what converts is asked to.
pub fn ports(data: &[u8]) {
    let Ok(saved) = Saved::read(data) else { return };
    let times = Times { epoch: 1e9, now_ns: 1 << 40 };
    for heir in 0..=HEIRS {
        let Some(ahead) = Ahead::new(heir, times.now() - saved.at, saved.last) else { continue };
        for state in &saved.ports {
            if let Some(mut side) = Side::resumed(state, &ahead, &times) {
                convert(&mut side);
                assert!(Saved::read(&saved.write()).is_ok());
            }
        }
    }
}

fn convert(side: &mut Side) {
    let Some(transcoder) = &mut side.transcoder else { return };
    let mut out = [0; 4096];
    let mut packet = [0; 172];
    for sequence in 0..HEARD {
        for payload_type in [0, 8, 9, 111] {
            write_header(&mut packet, false, payload_type, sequence, 160 * u32::from(sequence), 7);
            let Some(header) = Header::parse(&packet) else { return };
            transcoder.hear(&header, header.payload(&packet), u64::from(sequence) * 20_000_000);
            let spoken = std::iter::from_fn(|| transcoder.speak(&mut out)).take(SPOKEN).count();
            assert!(spoken < SPOKEN);
        }
    }
}
