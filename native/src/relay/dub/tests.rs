use super::*;
use crate::codec::Decoder;
use crate::rtp::write_header;

const MS: u64 = 1_000_000;
const READY: Ready = Ready { is_reachable: true, is_heard: true };
const KEYS: u8 = 101;

fn voice(formats: &[(u8, Coding)]) -> Voice {
    let formats = formats.to_vec();
    Voice { formats, settings: Settings::default(), events: 1 << KEYS, ssrc: None, mid: None }
}

/// What the peer of one call is sent, whoever makes it; time goes in steps of 20 ms.
struct Hearer {
    dub: Dub,
    now_ns: u64,
    got: Vec<(Header, Vec<u8>)>,
    ended: Option<u64>,
    ready: Ready,
}

/// 60 ms, whose samples say what they are.
fn clip() -> Arc<Clip> {
    let tone =
        |rate: usize| (0..60 * rate / 1000).map(|n| if n * 1000 / rate % 2 == 0 { 4000 } else { -4000 }).collect();
    Arc::new(Clip { narrow: tone(8000), wide: tone(16_000) })
}

impl Hearer {
    fn new(voice: Voice) -> Hearer {
        let seed = Seed { ssrc: 99, sequence: 40_000, timestamp: 4_000_000 };
        let dub = Dub::new(1, clip(), voice, &seed, 0);
        Hearer { dub, now_ns: 0, got: Vec::new(), ended: None, ready: READY }
    }

    /// The other side says something; whether it arrives.
    fn says(&mut self, payload_type: u8, sequence: u16, timestamp: u32, ssrc: u32) -> bool {
        let mut data = vec![7; 172];
        write_header(&mut data, false, payload_type, sequence, timestamp, ssrc);
        let passes = self.dub.pass(&mut data, self.now_ns);
        if passes {
            self.got.push((Header::parse(&data).unwrap(), data));
        }
        passes
    }

    fn turn(&mut self) {
        let mut out = [0; 2048];
        let length = match self.dub.step(&mut out, self.ready, self.now_ns) {
            Step::Waits { .. } => 0,
            Step::Sends { length, .. } => length,
            Step::Ends { length, played_ns } => {
                self.ended = Some(played_ns);
                length
            }
        };
        if length > 0 {
            self.got.push((Header::parse(&out[..length]).unwrap(), out[..length].to_vec()));
        }
        self.now_ns += 20 * MS;
    }

    /// Source, sequence number, timestamp and marker of what came since this was last asked.
    fn heard(&mut self) -> Vec<(u32, u16, u32, bool)> {
        self.got.drain(..).map(|(one, _)| (one.ssrc, one.sequence, one.timestamp, one.marker)).collect()
    }
}

const PCMA: (u8, Coding) = (8, Coding::G711(Law::A));

#[test]
fn an_announcement_is_a_stretch_of_the_stream_that_is_heard_already() {
    let mut hearer = Hearer::new(voice(&[PCMA]));
    assert!(hearer.says(8, 65_534, 1000, 7));
    for n in 0..3u16 {
        hearer.turn();
        assert!(!hearer.says(8, 65_535u16.wrapping_add(n), 1160 + 160 * u32::from(n), 7));
    }
    assert_eq!(hearer.ended, Some(60 * MS));
    assert!(hearer.says(8, 2, 1640, 7));
    assert!(hearer.says(8, 3, 1800, 7));
    let expected = [(65_534, 1000, false), (65_535, 1160, true), (0, 1320, false), (1, 1480, false), (2, 1640, true)];
    let heard = hearer.heard();
    assert_eq!(heard[..5], expected.map(|(sequence, timestamp, marker)| (7, sequence, timestamp, marker)));
    assert_eq!(heard[5], (7, 3, 1800, false));
}

#[test]
fn what_the_other_side_sent_more_or_less_than_we_did_leaves_no_gap() {
    let mut hearer = Hearer::new(voice(&[PCMA]));
    hearer.says(8, 10, 1000, 7);
    (0..3).for_each(|_| hearer.turn());
    assert!(hearer.says(8, 11, 1640, 7), "it was silent meanwhile");
    assert!(!hearer.says(8, 10, 1480, 7), "and this is too late");
    assert_eq!(hearer.heard().iter().map(|one| one.1).collect::<Vec<_>>(), [10, 11, 12, 13, 14]);
    for n in 0..1500 {
        hearer.says(8, 12 + n, 1800, 7);
    }
    assert_eq!(hearer.heard().last().unwrap().1, 1514);
    for n in 0..60_000u16 {
        assert!(hearer.says(8, 1512u16.wrapping_add(n), 1800, 7), "however often its numbers wrap");
    }
}

#[test]
fn what_is_of_the_time_of_ours_is_left_out_and_a_clock_far_behind_is_moved() {
    let mut hearer = Hearer::new(voice(&[PCMA]));
    hearer.says(8, 10, 1000, 7);
    (0..3).for_each(|_| hearer.turn());
    assert!(!hearer.says(8, 11, 1480, 7));
    assert!(hearer.says(8, 12, 1640, 7));
    let mut stopped = Hearer::new(voice(&[PCMA]));
    stopped.says(8, 10, 10_000, 7);
    (0..3).for_each(|_| stopped.turn());
    assert!(stopped.says(8, 11, 5000, 7));
    assert!(stopped.says(8, 12, 5160, 7));
    let heard = stopped.heard();
    assert_eq!(heard[4..], [(7, 14, 10_640, true), (7, 15, 10_800, false)]);
}

#[test]
fn keys_are_heard_while_it_is_played() {
    let mut hearer = Hearer::new(voice(&[PCMA]));
    hearer.says(8, 10, 1000, 7);
    hearer.turn();
    assert!(hearer.says(KEYS, 11, 1160, 7));
    hearer.turn();
    assert!(hearer.says(KEYS, 12, 1160, 7));
    hearer.turn();
    assert!(hearer.says(KEYS, 13, 1160, 7));
    assert!(hearer.says(8, 14, 1640, 7));
    let heard = hearer.heard();
    assert_eq!(heard.iter().map(|one| one.1).collect::<Vec<_>>(), (10..18).collect::<Vec<_>>());
    assert_eq!([heard[2].2, heard[4].2, heard[6].2], [1160; 3]);
}

#[test]
fn who_was_sent_nothing_yet_hears_a_stream_that_the_first_packet_takes_over() {
    let mut hearer = Hearer::new(voice(&[PCMA]));
    (0..25).for_each(|_| hearer.turn());
    assert_eq!(hearer.heard(), [], "half a second for the other side");
    hearer.turn();
    assert_eq!(hearer.heard(), [(99, 40_000, 4_004_000, true)]);
    assert!(!hearer.says(8, 5, 1000, 7));
    hearer.turn();
    hearer.turn();
    assert!(hearer.says(8, 7, 1320, 7));
    assert_eq!(hearer.heard(), [(7, 5, 1000, true), (7, 6, 1160, false), (7, 7, 1320, true)]);
}

#[test]
fn a_source_that_was_promised_is_kept_when_it_begins() {
    let mut hearer = Hearer::new(Voice { ssrc: Some(7), ..voice(&[PCMA]) });
    (0..26).for_each(|_| hearer.turn());
    assert!(!hearer.says(8, 5, 1000, 7));
    (0..2).for_each(|_| hearer.turn());
    assert!(hearer.says(8, 8, 1000 + 480, 7));
    assert!(hearer.heard().iter().zip(40_000..).all(|(one, sequence)| (one.0, one.1) == (7, sequence)));
}

#[test]
fn nothing_is_played_to_who_cannot_hear_it() {
    let mut hearer = Hearer::new(voice(&[PCMA]));
    hearer.ready.is_reachable = false;
    hearer.says(8, 10, 1000, 7);
    (0..500).for_each(|_| hearer.turn());
    assert_eq!(hearer.heard().len(), 1);
    hearer.ready = Ready { is_reachable: true, is_heard: false };
    (0..25).for_each(|_| hearer.turn());
    assert_eq!(hearer.heard(), [], "it may be behind a NAT");
    (0..3).for_each(|_| hearer.turn());
    assert_eq!(hearer.heard().len(), 3);
}

#[test]
fn it_is_spoken_in_the_codec_of_the_other_side_and_goes_on_in_another() {
    for (format, ticks) in [(PCMA, 160), ((9, Coding::G722), 160), ((96, Coding::Opus), 960)] {
        let mut hearer = Hearer::new(voice(&[(0, Coding::G711(Law::Mu)), format]));
        hearer.says(format.0, 10, 1000, 7);
        hearer.turn();
        hearer.turn();
        let (header, data) = &hearer.got[2];
        assert_eq!((header.payload_type, header.timestamp), (format.0, 1000 + 2 * ticks));
        assert_eq!(format.1.duration(header.payload(data)), Some(ticks));
        let (mut decoder, mut samples) = (Decoder::new(format.1, format.1.rate()).unwrap(), Vec::new());
        // From the first on: how loud a packet of Opus is builds on the one before.
        for (header, data) in &hearer.got[1..] {
            assert!(decoder.decode(header.payload(data), &mut samples));
        }
        assert!(samples.iter().any(|sample| sample.abs() > 1000));
        hearer.dub.go_on(Some(voice(&[(0, Coding::G711(Law::Mu))])));
        hearer.says(0, 12, 1000 + 3 * ticks, 7);
        hearer.turn();
        assert_eq!(hearer.got.last().unwrap().0.payload_type, 0);
        assert_eq!(hearer.ended, Some(60 * MS), "what was heard already is not heard again");
    }
}

#[test]
fn who_holds_hears_the_rest_when_it_is_back() {
    let mut hearer = Hearer::new(voice(&[PCMA]));
    hearer.says(8, 10, 1000, 7);
    hearer.turn();
    hearer.dub.go_on(None);
    assert!(hearer.says(8, 11, 1320, 7), "music, perhaps");
    (0..100).for_each(|_| hearer.turn());
    assert_eq!((hearer.heard().len(), hearer.ended), (3, None));
    hearer.dub.go_on(Some(voice(&[PCMA])));
    hearer.says(8, 12, 17_480, 7);
    (0..3).for_each(|_| hearer.turn());
    assert_eq!(hearer.heard().iter().map(|one| one.1).collect::<Vec<_>>(), [13, 14, 15]);
    assert_eq!(hearer.ended, Some(60 * MS));
}

#[test]
fn another_sound_is_put_into_what_was_moved_before() {
    let mut hearer = Hearer::new(voice(&[PCMA]));
    hearer.says(8, 10, 1000, 7);
    (0..3).for_each(|_| hearer.turn());
    hearer.says(8, 11, 1640, 7);
    hearer.dub.begin(2, clip(), voice(&[PCMA]), hearer.now_ns);
    hearer.says(8, 12, 1800, 7);
    (0..3).for_each(|_| hearer.turn());
    hearer.says(8, 13, 2440, 7);
    let heard = hearer.heard();
    assert_eq!(heard.iter().map(|one| one.1).collect::<Vec<_>>(), (10..20).collect::<Vec<_>>());
    assert!(heard.is_sorted_by_key(|one| one.2));
}

#[test]
fn after_a_pause_of_the_machine_time_has_gone_on() {
    let mut hearer = Hearer::new(voice(&[PCMA]));
    hearer.says(8, 10, 1000, 7);
    hearer.turn();
    hearer.now_ns += 1000 * MS;
    hearer.turn();
    assert_eq!(hearer.heard()[2], (7, 12, 1000 + 52 * 160, true));
}

#[test]
fn both_sides_read_reports_in_their_own_numbers() {
    let mut hearer = Hearer::new(voice(&[PCMA]));
    hearer.says(8, 10, 10_000, 7);
    (0..3).for_each(|_| hearer.turn());
    hearer.says(8, 11, 5000, 7);
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>();
    let mut sent = words(&[0x80c8_0006, 7, 0, 0, 5000, 2, 320]);
    hearer.dub.report(&mut sent);
    assert_eq!(sent, words(&[0x80c8_0006, 7, 0, 0, 10_640, 5, 320 + 3 * 160]));
    let block = |ssrc, highest| [ssrc, 0, highest, 0, 0, 0];
    let mut heard = words(&[&[0x82c9_000d, 5][..], &block(7, 0x1_0001), &block(8, 14)].concat());
    let nack = words(&[0x81cd_0003, 5, 7, 0x000e_8000]);
    heard.extend(&nack);
    hearer.dub.hear_report(&mut heard);
    let expected = words(&[&[0x82c9_000d, 5][..], &block(7, 0xfffe), &block(8, 14)].concat());
    assert_eq!(heard[..expected.len()], expected);
    assert_eq!(heard[expected.len()..], words(&[0x81cd_0003, 5, 7, 0x000b_8000]));
}

#[test]
fn another_process_moves_the_stream_by_as_much() {
    let mut hearer = Hearer::new(voice(&[PCMA]));
    hearer.says(8, 10, 1000, 7);
    (0..3).for_each(|_| hearer.turn());
    hearer.says(8, 11, 1640, 7);
    assert_eq!(hearer.dub.settled(), Some(3));
    hearer.dub = Dub::resumed(&hearer.dub.state(), &Ahead::new(1, 0.0, false).unwrap());
    hearer.says(8, 12, 1800, 7);
    hearer.says(8, 1, 1800, 8);
    let heard = hearer.heard();
    assert_eq!(heard[5..], [(7, 15, 1800, false), (8, 1, 1800, false)]);
}

#[test]
fn another_process_begins_behind_all_that_may_have_been_played_since() {
    let mut hearer = Hearer::new(voice(&[PCMA]));
    hearer.says(8, 10, 1000, 7);
    hearer.turn();
    assert_eq!(hearer.dub.settled(), None);
    let (state, ahead) = (hearer.dub.state(), Ahead::new(1, 0.0, false).unwrap());
    // Played by the first, and unknown to the other.
    (0..2).for_each(|_| hearer.turn());
    hearer.says(8, 11, 1640, 7);
    hearer.dub = Dub::resumed(&state, &ahead);
    hearer.says(8, 12, 1800, 7);
    assert_eq!(hearer.heard().last(), Some(&(7, 12 + ahead.packets(), 1800, false)));
}
