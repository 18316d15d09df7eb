use super::*;

fn message(method: &str, number: usize, to_tag: &str, more: &str) -> Vec<u8> {
    format!(
        "{method} sip:1@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK{number}\r\nFrom: <sip:a@b>;tag=1\r\n\
         To: <sip:1@h>{to_tag}\r\nCall-ID: {number}\r\nCSeq: 1 {method}\r\n{more}Content-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

fn invite(number: usize) -> Vec<u8> {
    message("INVITE", number, "", "")
}

fn number_of(data: &[u8]) -> usize {
    let text = std::str::from_utf8(data).unwrap();
    text.split("Call-ID: ").nth(1).unwrap().split("\r\n").next().unwrap().parse().unwrap()
}

#[test]
fn what_belongs_to_a_call_goes_before_what_begins_one_and_new_ones_take_turns() {
    let mut backlog = Backlog::default();
    for (place, data) in [
        message("REGISTER", 1, "", ""),
        invite(2),
        message("REGISTER", 3, "", ""),
        invite(4),
        message("BYE", 5, ";tag=x", ""),
        message("INVITE", 6, ";tag=x", ""),
        b"SIP/2.0 200 OK\r\nCall-ID: 7\r\n\r\n".to_vec(),
        message("SUBSCRIBE", 8, ";tag=x", ""),
        message("ACK", 9, ";tag=0", ""),
        message("ACK", 10, ";tag=x", ""),
    ]
    .iter()
    .enumerate()
    {
        backlog.put(data, place, 1.0);
    }
    let order: Vec<_> = std::iter::from_fn(|| backlog.take(1.0)).map(|one| number_of(&one.data)).collect();
    assert_eq!(order[..5], [5, 6, 7, 8, 10]);
    assert_eq!(order[5..], [1, 2, 3, 4]);
    assert!(backlog.is_empty());
    assert_eq!(backlog.bytes, 0);
}

#[test]
fn a_burst_waits_and_what_goes_on_is_refused_early() {
    let mut backlog = Backlog::default();
    backlog.put(&invite(1), (), 1.0);
    assert!(backlog.refused(1.39).is_none());
    backlog.put(&message("INVITE", 2, "", "Proxy-Authorization: Digest\r\n"), (), 1.39);
    backlog.put(&invite(3), (), 1.4);
    // The burst goes on: from now on a tenth of a second, and for who has proven himself a fifth.
    assert_eq!(number_of(&backlog.refused(1.41).unwrap().data), 1);
    assert!(backlog.refused(1.49).is_none());
    assert_eq!(number_of(&backlog.refused(1.51).unwrap().data), 3);
    assert!(backlog.refused(1.58).is_none());
    assert_eq!(number_of(&backlog.refused(1.6).unwrap().data), 2);
    assert!(backlog.is_empty());
    assert_eq!(backlog.counts(), Counts { refused: 3, dropped: 0 });
    // A calm second, and a burst is one again.
    backlog.put(&invite(4), (), 3.0);
    assert!(backlog.refused(3.3).is_none());
}

#[test]
fn a_repetition_meets_what_the_first_met() {
    let mut backlog = Backlog::default();
    backlog.passed(&invite(1));
    backlog.put(&invite(1), (), 1.0);
    backlog.put(&invite(2), (), 1.0);
    assert_eq!(number_of(&backlog.take(1.0).unwrap().data), 1, "as it is under way");
    assert_eq!(number_of(&backlog.refused(1.5).unwrap().data), 2);
    backlog.put(&invite(2), (), 1.6);
    assert!(backlog.take(1.6).is_none());
    assert_eq!(number_of(&backlog.refused(1.6).unwrap().data), 2, "as it has heard so, or will");
    assert_eq!(backlog.counts().refused, 1);
}

#[test]
fn a_repetition_that_came_while_the_first_waited_meets_the_same() {
    let mut backlog = Backlog::default();
    for number in [1, 2, 1, 2, 1] {
        backlog.put(&invite(number), (), 1.0);
    }
    assert_eq!(number_of(&backlog.take(1.0).unwrap().data), 1);
    let refused: Vec<_> = std::iter::from_fn(|| backlog.refused(1.5)).map(|one| number_of(&one.data)).collect();
    assert_eq!(refused, [2, 2]);
    assert_eq!(backlog.counts().refused, 1);
    let taken: Vec<_> = std::iter::from_fn(|| backlog.take(1.5)).map(|one| number_of(&one.data)).collect();
    assert_eq!(taken, [1, 1]);
    assert_eq!(backlog.bytes, 0);
}

#[test]
fn others_that_waited_for_too_long_are_dropped() {
    let mut backlog = Backlog::default();
    backlog.put(&message("REGISTER", 1, "", ""), (), 1.0);
    backlog.put(&message("REGISTER", 2, "", ""), (), 1.3);
    assert_eq!(number_of(&backlog.take(1.5).unwrap().data), 2);
    assert_eq!(backlog.counts(), Counts { refused: 0, dropped: 1 });
}

#[test]
fn there_is_an_end_to_what_waits() {
    let mut backlog = Backlog::default();
    let mut put = 0;
    while backlog.has_room() {
        backlog.put(&invite(put), (), 1.0);
        put += 1;
    }
    assert_eq!(put, MOST);
    let mut large = Backlog::default();
    let data = [b'x'; 60_000];
    let puts = (0..).take_while(|_| large.has_room().then(|| large.put(&data, (), 1.0)).is_some()).count();
    assert_eq!(puts, MOST_BYTES.div_ceil(60_000));
}

/// Calls at twice the rate that is borne, on a clock of ours: an INVITE costs a millisecond, what follows of its call as
/// much again, half a second later. A caller who hears nothing repeats himself.
#[test]
fn at_twice_what_is_borne_nine_tenths_of_it_are_done_and_everybody_hears_at_once() {
    const COST_S: f64 = 0.001;
    const SECONDS: f64 = 20.0;
    let mut backlog = Backlog::default();
    let mut followers: VecDeque<(f64, usize)> = VecDeque::new();
    let (mut now, mut next_at, mut next) = (0.0, 0.0, 0);
    let (mut done, mut worst_wait_s, mut refused_early) = (0, 0.0_f64, 0);
    while now < SECONDS {
        while next_at <= now {
            backlog.put(&invite(next), next_at, now);
            next += 1;
            next_at += 0.001;
        }
        while followers.front().is_some_and(|(at, _)| *at <= now) {
            let (_, number) = followers.pop_front().unwrap();
            backlog.put(&message("BYE", number, ";tag=x", ""), now, now);
        }
        while let Some(refused) = backlog.refused(now) {
            if now > 1.0 {
                worst_wait_s = worst_wait_s.max(now - refused.way);
            }
            refused_early += usize::from(now < BURST_S);
        }
        for _ in 0..16 {
            let Some(taken) = backlog.take(now) else { break };
            now += COST_S;
            if taken.data.starts_with(b"BYE") {
                done += 1;
            } else {
                followers.push_back((now + 0.5, number_of(&taken.data)));
            }
        }
        now += 0.0001;
    }
    let borne = SECONDS / (2.0 * COST_S);
    assert!(f64::from(done) > 0.9 * borne, "{done} of {borne}");
    assert!(worst_wait_s < 0.2, "{worst_wait_s}");
    assert_eq!(refused_early, 0);
    // Nobody comes any more: what waits is done at once.
    let left = backlog.len();
    assert!((left as f64) * COST_S < 0.3, "{left}");
}
