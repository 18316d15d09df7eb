//! What a peer's RTCP says of what we send it (RFC 3550 section 6.4): that it comes, or that nothing of it does.

use serde::{Deserialize, Serialize};

use crate::meter::NANOS;
use crate::rtcp;

/// Streams whose reports are told apart. We send one, or a few under a new source each.
const STREAMS: usize = 4;

/// Reports without a word of our packets, seconds and packets sent meanwhile, after which nothing is said to come: of
/// a peer that said nothing yet, and of one that did. Reports are 2.5 to 7.5 s apart (section 6.2), some senders write
/// every other without blocks, and some get lost.
const SILENT: (u32, u64, u64) = (2, 6 * NANOS, 200);
const FALLEN_SILENT: (u32, u64, u64) = (4, 20 * NANOS, 800);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// For the first time, or again: our packets come.
    Confirmed,
    /// Nothing came of so many packets that we sent.
    Denied { packets: u64 },
}

#[derive(Default)]
pub struct Receipts {
    /// Source and highest sequence number of each block.
    known: Vec<(u32, u32)>,
    /// Since the last word of our packets, or the first report: when that was, what we had sent, reports without one.
    since_ns: Option<u64>,
    sent: u64,
    reports: u32,
    is_confirmed: bool,
    is_denied: bool,
}

/// What of it another goes on with: how long nothing was said counts anew.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptsState {
    known: Vec<(u32, u32)>,
    is_waiting: bool,
    is_confirmed: bool,
    is_denied: bool,
}

impl Receipts {
    pub fn state(&self) -> ReceiptsState {
        let Receipts { is_confirmed, is_denied, .. } = *self;
        ReceiptsState { known: self.known.clone(), is_waiting: self.since_ns.is_some(), is_confirmed, is_denied }
    }

    /// Go on, now, where so many packets were sent.
    pub fn resumed(state: &ReceiptsState, sent: u64, now_ns: u64) -> Receipts {
        let ReceiptsState { is_waiting, is_confirmed, is_denied, .. } = *state;
        let known = state.known.iter().copied().take(STREAMS).collect();
        Receipts { known, since_ns: is_waiting.then_some(now_ns), sent, reports: 0, is_confirmed, is_denied }
    }

    /// Read a packet of the peer, to which so many packets were sent until now.
    pub fn hear(&mut self, data: &[u8], sent: u64, now_ns: u64) -> Option<Receipt> {
        let mut has_moved = false;
        let is_report = rtcp::blocks(data, |ssrc, highest| has_moved |= self.moves(ssrc, highest));
        if has_moved {
            (self.since_ns, self.sent, self.reports) = (Some(now_ns), sent, 0);
            let is_news = !self.is_confirmed || self.is_denied;
            (self.is_confirmed, self.is_denied) = (true, false);
            return is_news.then_some(Receipt::Confirmed);
        }
        if !is_report {
            return None;
        }
        let Some(since_ns) = self.since_ns else {
            (self.since_ns, self.sent) = (Some(now_ns), sent);
            return None;
        };
        self.reports += 1;
        let packets = sent.saturating_sub(self.sent);
        let (reports, pause_ns, least) = if self.is_confirmed { FALLEN_SILENT } else { SILENT };
        let is_long = self.reports >= reports && packets >= least && now_ns.saturating_sub(since_ns) >= pause_ns;
        let is_news = is_long && !self.is_denied;
        self.is_denied |= is_long;
        is_news.then_some(Receipt::Denied { packets })
    }

    /// Whether this block says that more of the stream came than before.
    fn moves(&mut self, ssrc: u32, highest: u32) -> bool {
        if let Some(known) = self.known.iter_mut().find(|known| known.0 == ssrc) {
            return std::mem::replace(&mut known.1, highest) != highest;
        }
        if self.known.len() == STREAMS {
            self.known.remove(0);
        }
        self.known.push((ssrc, highest));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sender report with a block about our stream, or with none.
    fn report(highest: Option<u32>) -> Vec<u8> {
        let mut words = vec![7, 0, 0, 0, 0, 0];
        words.extend(highest.into_iter().flat_map(|highest| [99, 0, highest, 0, 0, 0]));
        let mut data = vec![0x80 | u8::from(highest.is_some()), 200, 0, words.len() as u8];
        words.iter().for_each(|word: &u32| data.extend(word.to_be_bytes()));
        data
    }

    /// What reports five seconds apart say, while 250 packets go in each of these.
    fn told(reports: &[Option<u32>]) -> Vec<Option<Receipt>> {
        let mut receipts = Receipts::default();
        let each = (1..).zip(reports);
        each.map(|(n, highest)| receipts.hear(&report(*highest), 250 * n, 5 * n * NANOS)).collect()
    }

    #[test]
    fn a_peer_that_reports_our_packets_hears_us() {
        assert_eq!(told(&[Some(100), Some(350), None, Some(600)]), [Some(Receipt::Confirmed), None, None, None]);
    }

    #[test]
    fn a_peer_that_reports_nothing_of_them_does_not() {
        let denied = Some(Receipt::Denied { packets: 500 });
        assert_eq!(told(&[None, None, None, None]), [None, None, denied, None], "once");
    }

    #[test]
    fn a_stream_that_stands_still_is_no_longer_heard() {
        let stuck = told(&[Some(5), Some(5), Some(5), Some(5), Some(5), Some(9)]);
        let denied = Some(Receipt::Denied { packets: 1000 });
        assert_eq!(stuck, [Some(Receipt::Confirmed), None, None, None, denied, Some(Receipt::Confirmed)]);
    }

    #[test]
    fn while_we_send_nothing_nothing_can_come() {
        let mut receipts = Receipts::default();
        for n in 0..100 {
            assert_eq!(receipts.hear(&report(None), 10, 5 * n * NANOS), None);
        }
    }

    #[test]
    fn what_is_no_report_says_nothing() {
        let mut receipts = Receipts::default();
        for n in 0..10 {
            assert_eq!(receipts.hear(&[0x81, 206, 0, 2, 0, 0, 0, 7, 0, 0, 0, 99], 1000 * n, 5 * n * NANOS), None);
        }
    }
}
