use std::fs;

use super::*;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("talkpath-tee-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// What is told until this recording is closed.
fn told(recorder: &Recorder) -> Vec<What> {
    let mut told = Vec::new();
    while !matches!(told.last(), Some(What::Closed(_))) {
        told.extend(recorder.take_told().into_iter().map(|one| one.1));
        std::thread::sleep(Duration::from_millis(1));
    }
    told
}

#[test]
fn the_file_is_what_rtpengine_writes() {
    let folder = Folder::new("form");
    let recorder = Recorder::new(1_000_000_000_000, RawFd::MAX).unwrap();
    let recording = recorder.open(folder.0.join("a.pcap"), Link::Ethernet);
    recording.take(5_000_002_000, address("127.0.0.2:5000"), address("127.0.0.1:47012"), &[0x80, 8, 1, 2], 0x88);
    recording.close();
    let ends = told(&recorder);
    let bytes = fs::read(folder.0.join("a.pcap")).unwrap();
    let head = [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0];
    assert_eq!(bytes[..24], head);
    assert_eq!(bytes[24..40], [0xed, 3, 0, 0, 2, 0, 0, 0, 46, 0, 0, 0, 46, 0, 0, 0], "1005.000002 s, 46 bytes");
    assert_eq!(bytes[40..54], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0]);
    assert_eq!(bytes[54..74], [0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 2, 127, 0, 0, 1]);
    assert_eq!(bytes[74..82], [0x13, 0x88, 0xb7, 0xa4, 0, 12, 0, 0]);
    assert_eq!(bytes[82..], [0x80, 0x88, 1, 2], "as the peer wrote it");
    let [What::Closed(end)] = &ends[..] else { panic!("{ends:?}") };
    assert_eq!((end.packets, end.length, end.dropped, end.errno), (1, bytes.len() as u64, 0, 0));
    use sha2::Digest;
    assert_eq!(end.sha256[..], sha2::Sha256::digest(&bytes)[..]);
}

#[test]
fn a_recording_without_packets_has_its_head_and_ipv6_its_own() {
    let folder = Folder::new("six");
    let recorder = Recorder::new(0, RawFd::MAX).unwrap();
    let empty = recorder.open(folder.0.join("empty.pcap"), Link::Raw);
    empty.pause(true);
    empty.take(1, address("[::1]:2"), address("[::1]:4"), &[1], 0);
    empty.close();
    told(&recorder);
    assert_eq!(fs::read(folder.0.join("empty.pcap")).unwrap(), Link::Raw.file_head());
    let six = recorder.open(folder.0.join("six.pcap"), Link::Raw);
    six.take(1, address("[::1]:2"), address("[::1]:4"), &[9], 0);
    six.close();
    told(&recorder);
    let bytes = fs::read(folder.0.join("six.pcap")).unwrap();
    assert_eq!(bytes[40..48], [0x60, 0, 0, 0, 0, 9, 17, 64]);
    assert_eq!(bytes.len(), 24 + 16 + 40 + 8 + 1);
}

#[test]
fn what_cannot_be_made_is_told_and_made_when_it_can() {
    let folder = Folder::new("late");
    let recorder = Recorder::new(0, RawFd::MAX).unwrap();
    let path = folder.0.join("no/a.pcap");
    let recording = recorder.open(path.clone(), Link::Raw);
    recording.take(1, address("127.0.0.1:2"), address("127.0.0.1:4"), &[1, 2], 2);
    while recorder.take_told().is_empty() {
        std::thread::sleep(Duration::from_millis(1));
    }
    fs::create_dir(path.parent().unwrap()).unwrap();
    recording.close();
    let ends = told(&recorder);
    assert_eq!(ends[0], What::Recovered);
    assert_eq!(fs::read(path).unwrap().len(), 24 + 16 + 28 + 2);
}

#[test]
fn no_file_is_written_over_and_descriptors_of_others_are_left() {
    let folder = Folder::new("over");
    fs::write(folder.0.join("a.pcap"), "mine").unwrap();
    let recorder = Recorder::new(0, 0).unwrap();
    for (name, errno) in [("a.pcap", libc::EEXIST), ("b.pcap", libc::EMFILE)] {
        recorder.open(folder.0.join(name), Link::Raw).close();
        let ends = told(&recorder);
        assert_eq!(ends[0], What::Failing { errno });
        assert!(matches!(&ends[1], What::Closed(end) if (end.errno, end.length) == (errno, 0)));
    }
    assert_eq!(fs::read(folder.0.join("a.pcap")).unwrap(), b"mine");
    assert!(!folder.0.join("b.pcap").exists());
}

#[test]
fn a_disk_that_does_not_keep_up_costs_packets_and_no_memory() {
    let folder = Folder::new("slow");
    let recorder = Recorder::new(0, RawFd::MAX).unwrap();
    let recording = recorder.open(folder.0.join("no/a.pcap"), Link::Raw);
    let payload = vec![0; 1400];
    for _ in 0..4000 {
        recording.take(1, address("127.0.0.1:2"), address("127.0.0.1:4"), &payload, 0);
    }
    let (packets, dropped) = recording.counts();
    assert_eq!(packets + dropped, 4000);
    assert_eq!(packets as usize, BUFFER_BYTES / (1400 + 44));
    recording.close();
    told(&recorder);
    assert_eq!(recorder.counts()[2], 0, "nothing waits");
}

#[test]
fn shutdown_closes_what_is_open() {
    let folder = Folder::new("end");
    let recorder = Recorder::new(0, RawFd::MAX).unwrap();
    let recording = recorder.open(folder.0.join("a.pcap"), Link::Raw);
    recording.take(1, address("127.0.0.1:2"), address("127.0.0.1:4"), &[1, 2], 2);
    recorder.shutdown();
    assert_eq!(fs::read(folder.0.join("a.pcap")).unwrap().len(), 24 + 16 + 28 + 2);
    assert!(matches!(told(&recorder)[..], [What::Closed(_)]));
}

#[test]
fn only_whole_packets_stay_of_what_was_cut() {
    let mut data = Vec::new();
    for _ in 0..3 {
        let ends = (address("127.0.0.1:2"), address("127.0.0.1:4"));
        pcap::append(&mut data, Link::Raw, 1, ends, &[1, 2], 2);
    }
    assert_eq!(pcap::whole(&data, data.len()), (138, 3));
    assert_eq!(pcap::whole(&data, 137), (92, 2));
    assert_eq!(pcap::whole(&data, 45), (0, 0));
}
