use super::*;
use crate::audio::Law;
use crate::rtp::write_header;

const MS: u64 = 1_000_000;
const HEADER: usize = 12;
const SEED: Seed = Seed { ssrc: 0xabcd, sequence: 65_530, timestamp: u32::MAX - 1000 };
const PCMU: Coding = Coding::G711(Law::Mu);
const PCMA: Coding = Coding::G711(Law::A);

fn heard(payload_type: u8, coding: Coding) -> Heard {
    Heard { payload_type, clock: coding.clock(), coding: Some(coding), is_event: false, way: Way::Convert(coding) }
}

fn event(payload_type: u8, clock: u32, sent: (u8, u32)) -> Heard {
    let way = Way::Pass { payload_type: sent.0, clock: sent.1 };
    Heard { payload_type, clock, coding: None, is_event: true, way }
}

fn keys(payload_type: u8, clock: u32) -> Heard {
    Heard { payload_type, clock, coding: None, is_event: true, way: Way::Tones }
}

fn passing(payload_type: u8, coding: Coding) -> Heard {
    Heard { way: Way::Pass { payload_type: 77, clock: coding.clock() }, ..heard(payload_type, coding) }
}

fn transcoder(heard: Vec<Heard>, coding: Coding, packet_ms: u32) -> Transcoder {
    let spoken = Spoken { payload_type: 77, coding, packet_ms, settings: Settings::default() };
    Transcoder::new(Plan { heard, spoken, ssrc: None, mid: None }, &SEED).unwrap()
}

/// A packet of the peer, and what leaves for it.
fn put(
    it: &mut Transcoder,
    sequence: u16,
    timestamp: u32,
    payload_type: u8,
    payload: &[u8],
    now_ms: u64,
) -> Vec<Header> {
    let mut data = vec![0; HEADER];
    write_header(&mut data, false, payload_type, sequence, timestamp, 5);
    data.extend_from_slice(payload);
    let header = Header::parse(&data).unwrap();
    it.hear(&header, header.payload(&data), now_ms * MS);
    let mut out = vec![0; 4096];
    let mut sent = Vec::new();
    while let Some(length) = it.speak(&mut out) {
        sent.push(Header::parse(&out[..length]).unwrap());
    }
    sent
}

fn voice(it: &mut Transcoder, n: u16) -> Vec<Header> {
    put(it, n, u32::from(n) * 160, 8, &[0x55; 160], u64::from(n) * 20)
}

fn numbers(sent: &[Header]) -> Vec<(bool, u16, u32)> {
    let timestamp = |header: &Header| header.timestamp.wrapping_sub(SEED.timestamp);
    sent.iter()
        .map(|header| (header.marker, header.sequence.wrapping_sub(SEED.sequence), timestamp(header)))
        .collect()
}

#[test]
fn packets_go_one_for_one_on_the_clock_of_the_other_side() {
    let mut it = transcoder(vec![heard(8, PCMA)], Coding::Opus, 20);
    for n in 0..20 {
        assert_eq!(numbers(&voice(&mut it, n)), [(n == 0, n, u32::from(n) * 960)]);
    }
}

#[test]
fn packets_are_cut_to_the_length_of_the_other_side() {
    let mut it = transcoder(vec![heard(8, PCMA)], PCMU, 30);
    let sent: Vec<_> = (0..6).flat_map(|n| voice(&mut it, n)).collect();
    assert_eq!(numbers(&sent), [(true, 0, 0), (false, 1, 240), (false, 2, 480), (false, 3, 720)]);
    let mut it = transcoder(vec![heard(8, PCMA)], PCMU, 10);
    assert_eq!(numbers(&voice(&mut it, 0)), [(true, 0, 0), (false, 1, 80)]);
}

#[test]
fn what_is_lost_is_made_up() {
    for coding in [PCMU, Coding::G722, Coding::Opus] {
        let mut it = transcoder(vec![heard(8, PCMA)], coding, 20);
        let sent: Vec<_> = [0, 1, 3, 4, 7, 8].into_iter().flat_map(|n| voice(&mut it, n)).collect();
        let step = coding.clock() / 50;
        let whole: Vec<_> = (0..9).map(|n| (n == 0, n as u16, n * step)).collect();
        assert_eq!(numbers(&sent), whole);
    }
}

#[test]
fn two_that_changed_places_are_put_right() {
    let mut it = transcoder(vec![heard(8, PCMA)], PCMU, 20);
    let counts: Vec<_> = [0, 2, 1, 3].into_iter().map(|n| voice(&mut it, n).len()).collect();
    assert_eq!(counts, [1, 0, 2, 1]);
}

#[test]
fn a_silence_of_the_sender_stays_one() {
    let mut it = transcoder(vec![heard(8, PCMA)], PCMU, 30);
    voice(&mut it, 0);
    assert_eq!(numbers(&voice(&mut it, 1)), [(true, 0, 0)]);
    let sent = put(&mut it, 2, 16_000, 8, &[0x55; 160], 2000);
    assert_eq!(numbers(&sent), [(false, 1, 240)], "what was left is filled up");
    let sent = put(&mut it, 3, 16_160, 8, &[0x55; 160], 2020);
    assert_eq!(numbers(&sent), [(true, 2, 16_000)]);
}

#[test]
fn events_pass_on_the_clock_of_the_other_side() {
    let mut it = transcoder(vec![heard(8, PCMA), event(101, 8000, (110, 48_000))], Coding::Opus, 20);
    voice(&mut it, 0);
    for (n, duration) in [(1, 160u16), (2, 320)] {
        let payload = [&[5, 10][..], &duration.to_be_bytes()].concat();
        let sent = put(&mut it, n, 160, 101, &payload, u64::from(n) * 20);
        assert_eq!(numbers(&sent), [(false, n, 960)]);
        assert_eq!(sent[0].payload_type, 110);
    }
    assert_eq!(numbers(&voice(&mut it, 3)), [(true, 3, 3 * 960)]);
    let mut duration = [5, 10, 0, 160];
    rescale_event(&mut duration, 8000, 48_000);
    assert_eq!(duration, [5, 10, 3, 192]);
}

/// What leaves for a packet: header and payload.
fn packets(
    it: &mut Transcoder,
    sequence: u16,
    timestamp: u32,
    payload_type: u8,
    payload: &[u8],
) -> Vec<(Header, Vec<u8>)> {
    packets_at(it, sequence, timestamp, payload_type, payload, u64::from(sequence) * 20)
}

fn packets_at(
    it: &mut Transcoder,
    sequence: u16,
    timestamp: u32,
    payload_type: u8,
    payload: &[u8],
    now_ms: u64,
) -> Vec<(Header, Vec<u8>)> {
    let mut data = vec![0; HEADER];
    write_header(&mut data, false, payload_type, sequence, timestamp, 5);
    data.extend_from_slice(payload);
    let header = Header::parse(&data).unwrap();
    it.hear(&header, header.payload(&data), now_ms * MS);
    let mut out = vec![0; 4096];
    let mut sent = Vec::new();
    while let Some(length) = it.speak(&mut out) {
        let header = Header::parse(&out[..length]).unwrap();
        sent.push((header, header.payload(&out[..length]).to_vec()));
    }
    sent
}

fn event_payload(event: u8, ends: bool, duration: u16) -> Vec<u8> {
    [&[event, u8::from(ends) << 7 | 10][..], &duration.to_be_bytes()].concat()
}

/// How strong a frequency is in samples at 8 kHz, as a peak (Goertzel).
fn strength(samples: &[i16], hertz: f64) -> f64 {
    let step = std::f64::consts::TAU * hertz / 8000.0;
    let sums = samples.iter().enumerate().fold((0.0, 0.0), |(sine, cosine), (n, sample)| {
        let (s, c) = (step * n as f64).sin_cos();
        (sine + s * f64::from(*sample), cosine + c * f64::from(*sample))
    });
    2.0 * sums.0.hypot(sums.1) / samples.len() as f64
}

/// A key of 100 ms between voices of silence, as browsers tell it: in place of the voice, with three ends.
fn key_between(it: &mut Transcoder, lost: &[u16]) -> Vec<(Header, Vec<u8>)> {
    let mut told: Vec<(u16, u32, u8, Vec<u8>)> =
        (0..3).map(|n| (n, u32::from(n) * 160, 8, vec![0xd5; 160])).collect();
    told.extend((1..=5).map(|n| (2 + n, 480, 101, event_payload(5, n == 5, n * 160))));
    told.extend((8..10).map(|n| (n, 480, 101, event_payload(5, true, 800))));
    told.extend((10..14).map(|n| (n, 480 + 800 + u32::from(n - 10) * 160, 8, vec![0xd5; 160])));
    let mut sent = Vec::new();
    for (sequence, timestamp, payload_type, payload) in told {
        if !lost.contains(&sequence) {
            // The repeated ends come at once.
            let now_ms =
                if sequence < 8 { u64::from(sequence) * 20 } else { 140 + u64::from(sequence.max(9) - 9) * 20 };
            sent.extend(packets_at(it, sequence, timestamp, payload_type, &payload, now_ms));
        }
    }
    sent
}

/// The samples of a stream of G.711 without gap or overlap.
fn heard_whole(sent: &[(Header, Vec<u8>)], law: Law) -> Vec<i16> {
    for (before, after) in sent.iter().zip(&sent[1..]) {
        assert_eq!(after.0.sequence, before.0.sequence.wrapping_add(1));
        assert_eq!(after.0.timestamp, before.0.timestamp.wrapping_add(before.1.len() as u32));
        assert_eq!(after.0.payload_type, 77);
    }
    sent.iter().flat_map(|(_, payload)| payload.iter().map(|code| law.decode(*code))).collect()
}

fn is_key_of_100_ms(samples: &[i16]) {
    let tone = &samples[480..1280];
    let (row, column) = (strength(tone, 770.0), strength(tone, 1336.0));
    assert!((row / crate::audio::amplitude(-10.0) - 1.0).abs() < 0.05, "{row}");
    assert!((column / crate::audio::amplitude(-8.0) - 1.0).abs() < 0.05, "{column}");
    assert!(strength(tone, 852.0) < row / 30.0);
    assert!(samples[..480].iter().chain(&samples[1280..]).all(|sample| sample.abs() < 20), "only there");
}

#[test]
fn keys_that_the_other_side_does_not_know_are_tones_in_their_place() {
    for lost in [&[][..], &[3], &[4, 5], &[7], &[5, 9]] {
        for voice in [heard(8, PCMA), passing(8, PCMA)] {
            let mut it = transcoder(vec![voice, keys(101, 8000)], PCMA, 20);
            let samples = heard_whole(&key_between(&mut it, lost), Law::A);
            is_key_of_100_ms(&samples);
            assert_eq!(samples.len(), 480 + 800 + 640, "{lost:?}");
        }
    }
}

#[test]
fn a_key_whose_ends_are_all_lost_is_as_long_as_was_told() {
    let mut it = transcoder(vec![passing(8, PCMA), keys(101, 8000)], PCMA, 20);
    let sent = key_between(&mut it, &[7, 8, 9]);
    let tone = heard_whole(&sent[3..7], Law::A);
    assert!(strength(&tone, 770.0) > 5000.0);
    let gap =
        (sent[7].0.sequence.wrapping_sub(sent[6].0.sequence), sent[7].0.timestamp.wrapping_sub(sent[6].0.timestamp));
    assert_eq!(gap, (2, 320), "the rest is missing, and the receiver is told so");
}

#[test]
fn keys_are_tones_in_every_codec_and_length_of_packets() {
    for (coding, packet_ms) in [(PCMU, 10), (PCMU, 30), (Coding::G722, 20), (Coding::Opus, 20), (Coding::Opus, 60)] {
        let mut it = transcoder(vec![heard(8, PCMA), keys(101, 8000)], coding, packet_ms);
        let sent = key_between(&mut it, &[]);
        let step = coding.clock() / 1000 * packet_ms;
        for (n, (header, _)) in sent.iter().enumerate() {
            assert_eq!(header.timestamp, SEED.timestamp.wrapping_add(n as u32 * step));
        }
        assert_eq!(sent.len(), 240 / packet_ms as usize);
    }
}

#[test]
fn the_voice_beside_a_key_is_not_heard() {
    let mut it = transcoder(vec![passing(8, PCMA), keys(101, 8000)], PCMA, 20);
    let loud = [0x2a; 160];
    let mut sent = packets(&mut it, 0, 0, 8, &loud);
    for n in 1..6u16 {
        sent.extend(packets_at(&mut it, 2 * n - 1, 160, 101, &event_payload(1, n == 5, n * 160), u64::from(n) * 20));
        sent.extend(packets_at(&mut it, 2 * n, u32::from(n) * 160, 8, &loud, u64::from(n) * 20));
    }
    sent.extend(packets_at(&mut it, 11, 960, 8, &loud, 120));
    let samples = heard_whole(&sent, Law::A);
    assert_eq!(samples.len(), 160 + 800 + 160);
    assert!(strength(&samples[160..960], 697.0) > 5000.0);
    assert!(samples[160..960].iter().all(|sample| *sample < 20_000));
}

#[test]
fn a_key_that_was_hardly_told_of_is_as_long_as_a_receiver_needs() {
    for (ends, next) in [(true, 8), (false, 8), (false, 101)] {
        let mut it = transcoder(vec![heard(8, PCMA), keys(101, 8000)], PCMA, 10);
        packets(&mut it, 0, 0, 8, &[0xd5; 160]);
        let mut sent = packets(&mut it, 1, 160, 101, &event_payload(0, ends, 80));
        let payload = if next == 8 { vec![0xd5; 160] } else { event_payload(16, false, 0) };
        sent.extend(packets(&mut it, 9, 160 + 1280, next, &payload));
        sent.extend(packets(&mut it, 10, 160 + 1440, 8, &[0xd5; 160]));
        let loud = sent.iter().filter(|(_, payload)| payload.iter().any(|code| Law::A.decode(*code).abs() > 3000));
        assert_eq!(loud.count(), 5, "50 ms");
    }
}

#[test]
fn two_keys_are_two() {
    let mut it = transcoder(vec![heard(8, PCMA), keys(101, 8000)], PCMA, 20);
    packets(&mut it, 0, 0, 8, &[0xd5; 160]);
    let mut sent = Vec::new();
    for (begins, event) in [(1u16, 1), (4, 1), (7, 2)] {
        for n in 0..3 {
            let payload = event_payload(event, n == 2, (n + 1) * 160);
            sent.extend(packets(&mut it, begins + n, u32::from(begins) * 160, 101, &payload));
        }
    }
    assert_eq!(sent.len(), 9);
    let samples = heard_whole(&sent, Law::A);
    assert!(strength(&samples[960..], 697.0) > 5000.0);
    assert!(strength(&samples[..960], 1336.0) < 500.0);
    assert!(strength(&samples[960..], 1336.0) > 5000.0);
}

#[test]
fn nobody_makes_seconds_of_tone_with_one_packet() {
    let mut it = transcoder(vec![heard(8, PCMA), keys(101, 8000)], PCMA, 20);
    packets(&mut it, 0, 0, 8, &[0xd5; 160]);
    assert_eq!(packets(&mut it, 1, 160, 101, &event_payload(1, true, u16::MAX)).len(), 10);
    assert_eq!(packets(&mut it, 2, 160, 101, &event_payload(1, true, u16::MAX)).len(), 1);
    assert_eq!(packets(&mut it, 3, 0x7fff_0000, 101, &event_payload(1, true, 160)).len(), 2, "50 ms, not yet all");
    assert!(packets(&mut it, 4, 160, 101, &[]).is_empty());
    assert!(packets(&mut it, 5, 160, 101, &[1, 2]).is_empty());
}

#[test]
fn a_key_before_any_voice_is_heard() {
    for voice in [heard(8, PCMA), passing(8, PCMA)] {
        let mut it = transcoder(vec![voice, keys(101, 8000)], PCMA, 20);
        let mut sent = packets(&mut it, 0, 4000, 101, &event_payload(3, false, 160));
        sent.extend(packets(&mut it, 1, 4000, 101, &event_payload(3, true, 480)));
        sent.extend(packets(&mut it, 3, 4480, 8, &[0xd5; 160]));
        sent.extend(packets(&mut it, 4, 4640, 8, &[0xd5; 160]));
        let samples = heard_whole(&sent, Law::A);
        assert!(strength(&samples[..480], 1477.0) > 5000.0);
        assert_eq!(samples.len(), 800);
    }
}

#[test]
fn what_the_other_side_understands_passes_as_it_is() {
    let pass = Way::Pass { payload_type: 8, clock: 8000 };
    let mut it = transcoder(vec![Heard { way: pass, ..heard(8, PCMA) }, heard(9, Coding::G722)], PCMU, 20);
    assert_eq!(numbers(&voice(&mut it, 0)), [(true, 0, 0)]);
    let sent = put(&mut it, 1, 160, 9, &[0; 160], 20);
    assert_eq!((sent[0].payload_type, numbers(&sent)), (77, vec![(false, 1, 160)]));
    assert_eq!(numbers(&voice(&mut it, 2)), [(false, 2, 320)]);
    let sent: Vec<_> = [4, 5].into_iter().flat_map(|n| voice(&mut it, n)).collect();
    assert_eq!(numbers(&sent), [(false, 4, 640), (false, 5, 800)], "a loss that nobody made up is seen");
}

#[test]
fn another_source_goes_on_in_the_same_stream() {
    let mut it = transcoder(vec![heard(8, PCMA)], PCMU, 20);
    voice(&mut it, 0);
    let mut data = vec![0xd5; HEADER + 160];
    write_header(&mut data, true, 8, 40_000, 0xdead_beef, 6);
    let header = Header::parse(&data).unwrap();
    it.hear(&header, header.payload(&data), 20 * MS);
    let mut out = [0; 400];
    let length = it.speak(&mut out).unwrap();
    assert_eq!(numbers(&[Header::parse(&out[..length]).unwrap()]), [(true, 1, 160)]);
}

#[test]
fn comfort_noise_is_played_once() {
    let noise = Heard { payload_type: 13, clock: 8000, coding: None, is_event: false, way: Way::Noise };
    let mut it = transcoder(vec![heard(8, PCMA), noise], Coding::Opus, 20);
    voice(&mut it, 0);
    assert_eq!(numbers(&put(&mut it, 1, 160, 13, &[60], 20)), [(false, 1, 960)]);
    assert_eq!(numbers(&put(&mut it, 2, 8000, 8, &[0x55; 160], 1000)), [(true, 2, 48_000)]);
}

#[test]
fn another_plan_goes_on_with_the_stream_unless_its_clock_differs() {
    let mut it = transcoder(vec![heard(8, PCMA)], PCMU, 20);
    voice(&mut it, 0);
    let other = transcoder(vec![heard(8, PCMA)], Coding::G722, 20).plan;
    it.change(other, &Seed { ssrc: 9, sequence: 1, timestamp: 1 }).unwrap();
    assert_eq!((numbers(&voice(&mut it, 1)), it.line.ssrc), (vec![(true, 1, 160)], SEED.ssrc));
    let opus = transcoder(vec![heard(8, PCMA)], Coding::Opus, 20).plan;
    it.change(opus, &Seed { ssrc: 9, sequence: 1, timestamp: 1 }).unwrap();
    assert_eq!(it.line.ssrc, 9);
}

#[test]
fn reports_are_about_the_streams_that_end_here() {
    let mut there = transcoder(vec![heard(8, PCMA)], Coding::Opus, 20);
    let mut back = transcoder(vec![heard(111, Coding::Opus)], PCMA, 20);
    for n in [0, 1, 2, 4, 5] {
        voice(&mut there, n);
    }
    back.hear(&Header::parse(&[0x80, 111, 0, 9, 0, 0, 0, 0, 0, 0, 0, 8]).unwrap(), &[0x08], 0);
    let mut report = vec![0x81, 200, 0, 12, 0, 0, 0, 5];
    report.extend([1, 2, 3, 4, 5, 6, 7, 8]);
    report.extend(800u32.to_be_bytes());
    report.extend([0, 0, 0, 5, 0, 0, 3, 32]);
    report.extend(back.line.ssrc.to_be_bytes());
    report.extend([128, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0xa, 0xb, 0xc, 0xd, 1, 2, 3, 4]);
    report.extend([0x81, 202, 0, 2, 0, 0, 0, 5, 1, 2, b'a', b'b']);
    report.extend([0x81, 203, 0, 1, 0, 0, 0, 5]);
    let read = there.read_report(&report).unwrap();
    let mut out = [0; 400];
    let length = back.write_report(&read, &mut out).unwrap();
    let out = &out[..length];
    assert_eq!(out[..8], [0x81, 200, 0, 12, 0, 0, 0xab, 0xcd]);
    assert_eq!(out[8..16], [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(out[16..20], SEED.timestamp.wrapping_add(4800).to_be_bytes());
    assert_eq!(out[20..24], 6u32.to_be_bytes(), "the one that was made up is counted");
    assert_eq!(out[28..40], [0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 9], "about what we heard");
    assert_eq!(out[44..52], [0xa, 0xb, 0xc, 0xd, 1, 2, 3, 4]);
    assert_eq!(out[52..], [0x81, 202, 0, 2, 0, 0, 0xab, 0xcd, 1, 2, b'a', b'b'], "and no BYE");
}

#[test]
fn whatever_comes_nothing_breaks() {
    let noise = Heard { payload_type: 13, clock: 8000, coding: None, is_event: false, way: Way::Noise };
    let formats =
        vec![heard(8, PCMA), heard(9, Coding::G722), heard(111, Coding::Opus), event(101, 8000, (96, 48_000)), noise];
    let mut it = transcoder(formats, Coding::Opus, 20);
    let mut word = 1u32;
    for n in 0..4_000u64 {
        word = word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let payload: Vec<u8> = (0..word >> 22).map(|at| (word >> (at % 24)) as u8).collect();
        let payload_type = [8, 9, 111, 101, 13, 50][(word >> 8) as usize % 6];
        let sequence = if word & 0x70 == 0 { word as u16 } else { n as u16 };
        let timestamp = if word & 0x700 == 0 { word } else { n as u32 * 160 };
        put(&mut it, sequence, timestamp, payload_type, &payload, n * 5);
        let _ = it.read_report(&payload);
    }
    assert!(it.gathered.len() < 16_000);
}

/// What leaves for a packet, whole.
fn sent_for(it: &mut Transcoder, sequence: u16, timestamp: u32, payload_type: u8, payload: &[u8]) -> Vec<Vec<u8>> {
    let mut data = vec![0; HEADER];
    write_header(&mut data, false, payload_type, sequence, timestamp, 5);
    data.extend_from_slice(payload);
    let header = Header::parse(&data).unwrap();
    it.hear(&header, header.payload(&data), 0);
    let mut out = vec![0; 4096];
    std::iter::from_fn(|| it.speak(&mut out).map(|length| out[..length].to_vec())).collect()
}

fn told(ssrc: Option<u32>, mid: &str) -> Transcoder {
    let it = transcoder(vec![passing(0, PCMU), heard(8, PCMA)], PCMU, 20);
    let mid = Some(Mid { extension: 4, value: mid.as_bytes().into() });
    Transcoder::new(Plan { ssrc, mid, ..it.plan }, &SEED).unwrap()
}

#[test]
fn what_is_rebuilt_carries_the_mid_that_the_hearer_agreed_to() {
    for mid in ["0", "audio", "a-name-longer-than-sixteen-bytes"] {
        let mut it = told(None, mid);
        for (n, (payload_type, payload)) in (0u16..).zip([(0, &[0xff; 160]), (8, &[0xd5; 160])]) {
            let sent = sent_for(&mut it, n, u32::from(n) * 160, payload_type, payload);
            assert_eq!(crate::extension::find(&sent[0], 4), Some(mid.as_bytes()));
            let header = Header::parse(&sent[0]).unwrap();
            assert_eq!((header.ssrc, header.payload(&sent[0]).len()), (SEED.ssrc, 160));
        }
    }
}

#[test]
fn the_source_that_was_promised_goes_on_with_its_numbers() {
    let mut it = told(Some(5), "0");
    for n in [700u16, 701, 702] {
        let sent = sent_for(&mut it, n, 9000 + u32::from(n) * 160, 0, &[0xff; 160]);
        let header = Header::parse(&sent[0]).unwrap();
        assert_eq!((header.ssrc, header.sequence, header.timestamp), (5, n, 9000 + u32::from(n) * 160));
    }
    let plan = Plan { spoken: Spoken { packet_ms: 40, ..it.plan.spoken.clone() }, ..it.plan.clone() };
    it.change(plan, &SEED).unwrap();
    let sent = sent_for(&mut it, 703, 9000 + 703 * 160, 0, &[0xff; 160]);
    assert_eq!(Header::parse(&sent[0]).unwrap().sequence, 703, "another plan, the same stream");
    let plan = Plan { ssrc: Some(6), ..it.plan.clone() };
    it.change(plan, &SEED).unwrap();
    let sent = sent_for(&mut it, 704, 9000 + 704 * 160, 0, &[0xff; 160]);
    assert_eq!(Header::parse(&sent[0]).unwrap().ssrc, 6, "another promise, another stream");
}

#[test]
fn redundancy_is_undone_and_what_was_lost_comes_from_it() {
    let wrapping = Heard { payload_type: 63, clock: 8000, coding: None, is_event: false, way: Way::Unwrap };
    let mut it = transcoder(vec![wrapping, passing(0, PCMU)], PCMU, 20);
    let red = |copied: bool| {
        // A copy of payload type 0, from 160 ticks ago, with 160 bytes.
        let copy = [0x80, 0x02, 0x80, 160];
        let mut payload = if copied { copy.to_vec() } else { Vec::new() };
        payload.push(0);
        payload.extend([0xaa; 160].iter().take(if copied { 160 } else { 0 }));
        payload.extend([0xbb; 160]);
        payload
    };
    assert_eq!(sent_for(&mut it, 1, 160, 63, &red(false)).len(), 1);
    let sent = sent_for(&mut it, 3, 480, 63, &red(true));
    let payloads: Vec<_> = sent.iter().map(|one| (one[1] & 0x7f, one[3], one[HEADER], one.len())).collect();
    assert_eq!(payloads, [(77, 251, 0xaa, 172), (77, 252, 0xbb, 172)]);
}
