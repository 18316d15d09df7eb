//! Where a context stands, as data, so that a context elsewhere goes on from there (RFC 3711 3.3.1: what a receiver
//! that comes later must be told is the rollover counter).

use serde::{Deserialize, Serialize};

use super::{Context, Stream, Suite, Window, ENCRYPTED, STREAMS};

/// Key and salt, where each stream stands, and the least index of what SRTCP seals next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextState {
    suite: String,
    #[serde(with = "serde_bytes")]
    key: Vec<u8>,
    #[serde(with = "serde_bytes")]
    salt: Vec<u8>,
    streams: Vec<StreamState>,
    #[serde(default)]
    least_report: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct StreamState {
    ssrc: u32,
    rtp: WindowState,
    rtcp: WindowState,
    #[serde(default)]
    shift: u16,
}

/// The highest index, and which of those below it were seen; none were where `seen` is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct WindowState {
    top: u64,
    seen: u128,
}

impl WindowState {
    fn of(window: &Window) -> WindowState {
        WindowState { top: window.top(), seen: window.seen() }
    }

    fn window(self) -> Option<Window> {
        Window::at(self.top, self.seen)
    }
}

impl ContextState {
    /// Whether anything passed under its keys.
    pub fn has_streams(&self) -> bool {
        !self.streams.is_empty()
    }
}

impl Context {
    pub fn state(&self) -> ContextState {
        let (key, salt) = self.master.split_at(self.suite.key_len());
        let streams = self.streams.iter().map(|stream| StreamState {
            ssrc: stream.ssrc,
            rtp: WindowState::of(&stream.rtp),
            rtcp: WindowState::of(&stream.rtcp),
            shift: stream.shift,
        });
        let streams = streams.collect();
        let (suite, key, salt) = (self.suite.name().into(), key.into(), salt.into());
        ContextState { suite, key, salt, streams, least_report: self.least_report as u32 }
    }

    /// A context that goes on where another stood. As sealer it leaves so many indexes of SRTCP free behind the highest
    /// that is known, also for streams that are not: the other may have used them since. As opener it looks for the
    /// rollover counter of each stream until a packet is authentic. None where the state contradicts itself.
    pub fn resumed(state: &ContextState, reports_ahead: u32) -> Option<Context> {
        let mut context = Context::new(Suite::by_name(&state.suite)?, &state.key, &state.salt)?;
        if state.streams.len() > STREAMS {
            return None;
        }
        for kept in &state.streams {
            let (rtp, rtcp) = (kept.rtp.window()?, kept.rtcp.window()?);
            let fresh = Stream { ssrc: kept.ssrc, rtp, rtcp, shift: kept.shift, ..Stream::default() };
            context.streams.push(Stream { is_resumed: !rtp.is_fresh(), ..fresh });
        }
        let next = context.streams.iter().map(|stream| stream.rtcp.next()).max().unwrap_or(0);
        let least = next.max(state.least_report.into()) + u64::from(reports_ahead);
        context.least_report = least.min(ENCRYPTED.into());
        Some(context)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Refusal, OVERHEAD};
    use super::*;

    const SUITES: [Suite; 8] = [
        Suite::AesCm128HmacSha1_80,
        Suite::AesCm128HmacSha1_32,
        Suite::AesCm192HmacSha1_80,
        Suite::AesCm192HmacSha1_32,
        Suite::AesCm256HmacSha1_80,
        Suite::AesCm256HmacSha1_32,
        Suite::AeadAes128Gcm,
        Suite::AeadAes256Gcm,
    ];

    fn context(suite: Suite) -> Context {
        Context::new(suite, &vec![7; suite.key_len()], &vec![9; suite.salt_len()]).unwrap()
    }

    /// As it comes back from wherever it was kept.
    fn heir(context: &Context, reports_ahead: u32) -> Context {
        let bytes = rmp_serde::to_vec_named(&context.state()).unwrap();
        let state: ContextState = rmp_serde::from_slice(&bytes).unwrap();
        assert_eq!(state, context.state());
        Context::resumed(&state, reports_ahead).unwrap()
    }

    fn sealed(context: &mut Context, sequence: u32) -> Result<Vec<u8>, Refusal> {
        let mut packet = vec![0x80, 8];
        packet.extend((sequence as u16).to_be_bytes());
        packet.extend([0, 0, 0, 0, 0, 0, 0, 5]);
        packet.extend([0xd5; 160]);
        let length = packet.len();
        packet.resize(length + OVERHEAD, 0);
        let length = context.seal_rtp(&mut packet, length)?;
        packet.truncate(length);
        Ok(packet)
    }

    fn report(context: &mut Context, ssrc: u8) -> Vec<u8> {
        let mut packet = vec![0x80, 201, 0, 1, 0, 0, 0, ssrc];
        packet.resize(8 + OVERHEAD, 0);
        let length = context.seal_rtcp(&mut packet, 8).unwrap();
        packet.truncate(length);
        packet
    }

    #[test]
    fn a_sequence_that_wrapped_between_two_states_goes_on_with_the_next_rollover() {
        for suite in SUITES {
            let (mut ours, mut theirs) = (context(suite), context(suite));
            for number in 65_500..65_530 {
                theirs.open_rtp(&mut sealed(&mut ours, number).unwrap()).unwrap();
            }
            let (mut ours_later, mut theirs_later) = (heir(&ours, 0), heir(&theirs, 0));
            // Unseen by those who go on: more than the rest of this rollover.
            let unseen: Vec<_> = (65_530..65_640).map(|number| sealed(&mut ours, number).unwrap()).collect();
            let next = sealed(&mut ours_later, 65_640).unwrap();
            assert_eq!(next, sealed(&mut ours, 65_640).unwrap(), "{suite:?}: as if nothing had happened");
            assert_eq!(theirs_later.open_rtp(&mut next.clone()), Ok(172));
            assert_eq!(theirs_later.streams().next(), Some((5, 65_640, 0)));
            assert_eq!(theirs_later.open_rtp(&mut next.clone()), Err(Refusal::Replayed));
            assert_eq!(theirs_later.open_rtp(&mut unseen[109].clone()), Ok(172), "one that was late");
        }
    }

    #[test]
    fn what_was_seen_before_is_seen_after() {
        for suite in SUITES {
            let (mut ours, mut theirs) = (context(suite), context(suite));
            let first: Vec<_> = (1..9).map(|number| sealed(&mut ours, number).unwrap()).collect();
            let control = report(&mut ours, 5);
            theirs.open_rtcp(&mut control.clone()).unwrap();
            for packet in first.iter().skip(1).step_by(2) {
                theirs.open_rtp(&mut packet.clone()).unwrap();
            }
            let (mut ours, mut theirs) = (heir(&ours, 0), heir(&theirs, 0));
            for (at, packet) in first.iter().enumerate() {
                let opened = theirs.open_rtp(&mut packet.clone());
                assert_eq!(opened, if at % 2 == 0 { Ok(172) } else { Err(Refusal::Replayed) }, "{suite:?}: {at}");
            }
            assert_eq!(theirs.open_rtcp(&mut control.clone()), Err(Refusal::Replayed));
            assert_eq!(sealed(&mut ours, 8), Err(Refusal::Replayed), "nor is anything sealed again");
        }
    }

    #[test]
    fn rollovers_that_nobody_saw_are_found_by_the_first_authentic_packet() {
        for suite in SUITES {
            for rollovers in 1..=3 {
                let (mut ours, mut theirs) = (context(suite), context(suite));
                theirs.open_rtp(&mut sealed(&mut ours, 40_000).unwrap()).unwrap();
                let mut later = heir(&theirs, 0);
                for step in 1..=rollovers * 4 {
                    sealed(&mut ours, 40_000 + step * (1 << 14)).unwrap();
                }
                let last = 40_000 + rollovers * (1 << 16);
                let mut next = sealed(&mut ours, last + 1).unwrap();
                assert_eq!(later.open_rtp(&mut next[..171].to_vec()), Err(Refusal::Unauthentic));
                assert_eq!(later.open_rtp(&mut next), Ok(172), "{suite:?}, {rollovers} later");
                assert_eq!(later.streams().next(), Some((5, u64::from(last) + 1, 0)));
                // From now on it knows, and a forgery is tried once.
                assert!(!later.streams[0].is_resumed);
            }
        }
    }

    #[test]
    fn reports_step_ahead_also_of_streams_that_nobody_knew() {
        for suite in SUITES {
            let (mut ours, mut theirs) = (context(suite), context(suite));
            report(&mut ours, 5);
            let mut later = heir(&ours, 100);
            for ssrc in [5, 6] {
                // Sent by the first after its state was taken.
                let unsaved: Vec<_> = (0..90).map(|_| report(&mut ours, ssrc)).collect();
                let next = report(&mut later, ssrc);
                assert!(!unsaved.contains(&next), "{suite:?}: the same index twice");
                for mut packet in unsaved.into_iter().chain([next, report(&mut later, ssrc)]) {
                    assert_eq!(theirs.open_rtcp(&mut packet), Ok(8));
                }
            }
            let mut again = heir(&later, 100);
            let next = report(&mut again, 6);
            assert!((0..90).all(|_| report(&mut later, 6) != next), "the next heir too");
        }
    }

    #[test]
    fn a_state_that_contradicts_itself_is_none() {
        let mut ours = context(Suite::AeadAes128Gcm);
        sealed(&mut ours, 3).unwrap();
        let state = ours.state();
        let resumed = |change: fn(&mut ContextState)| {
            let mut changed = state.clone();
            change(&mut changed);
            Context::resumed(&changed, 0).is_some()
        };
        assert!(resumed(|_| ()));
        assert!(!resumed(|state| state.key.truncate(3)));
        assert!(!resumed(|state| state.suite = "F8_128_HMAC_SHA1_80".into()));
        assert!(!resumed(|state| state.streams[0].rtp.top = 1 << 48));
        assert!(!resumed(|state| state.streams[0].rtp.seen = 1 << 4), "it was not its own top");
        assert!(!resumed(|state| state.streams[0].rtp.seen |= 1 << 4), "before the first of all");
        assert!(!resumed(|state| state.streams = vec![state.streams[0].clone(); STREAMS + 1]));
        assert!(resumed(|state| state.least_report = u32::MAX));
    }
}
