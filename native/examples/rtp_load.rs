//! Load for `bench/relay.py`: phones on loopback that send RTP at a fixed total rate and count what comes to them.
//!
//! `rtp_load PARTIES PACKETS_PER_S SECONDS [HOST]` prints the port of each party (a line each), reads the port that
//! each shall send to from its input, sends, and prints one JSON object: sent, received, delays in microseconds.

use std::io::{BufRead, Write};
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

const HEADER: usize = 12;
const PAYLOAD: usize = 160;

/// Delays up to this many microseconds have a place of their own.
const DELAYS: usize = 100_000;

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| arguments[at].parse::<u64>().expect("a number");
    let (parties, rate, seconds) = (number(0) as usize, number(1), number(2));
    let host = arguments.get(3).map_or("127.0.0.2", String::as_str);
    let sockets: Vec<UdpSocket> = (0..parties).map(|_| UdpSocket::bind((host, 0))).collect::<Result<_, _>>()?;
    announce(&sockets)?;
    connect(&sockets)?;
    let sockets = Arc::new(sockets);
    let is_over = Arc::new(AtomicBool::new(false));
    let start = Instant::now();
    let receiver = {
        let (sockets, is_over) = (sockets.clone(), is_over.clone());
        std::thread::spawn(move || receive(&sockets, start, &is_over))
    };
    let sent = send(&sockets, rate, Duration::from_secs(seconds), start);
    std::thread::sleep(Duration::from_millis(300));
    is_over.store(true, Ordering::Relaxed);
    let delays = receiver.join().expect("the receiver ends");
    report(sent, &delays);
    Ok(())
}

fn announce(sockets: &[UdpSocket]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for socket in sockets {
        writeln!(out, "{}", socket.local_addr()?.port())?;
    }
    out.flush()
}

fn connect(sockets: &[UdpSocket]) -> std::io::Result<()> {
    let mut lines = std::io::stdin().lock().lines();
    for socket in sockets {
        let line = lines.next().expect("a target for each party")?;
        socket.connect(line.trim())?;
        socket.set_nonblocking(true)?;
    }
    Ok(())
}

/// Packets at their times, one stream after the other, as evenly as the clock allows.
fn send(sockets: &[UdpSocket], rate: u64, duration: Duration, start: Instant) -> u64 {
    let mut packet = [0xd5u8; HEADER + PAYLOAD];
    let total = rate * duration.as_secs();
    let mut sent = 0;
    while sent < total {
        let due = (start.elapsed().as_nanos() as u64 * rate / 1_000_000_000).min(total);
        for number in sent..due {
            let stream = number as usize % sockets.len();
            let sequence = number / sockets.len() as u64;
            packet[0] = 0x80;
            packet[1] = 8;
            packet[2..4].copy_from_slice(&(sequence as u16).to_be_bytes());
            packet[4..8].copy_from_slice(&(sequence as u32 * 160).to_be_bytes());
            packet[8..12].copy_from_slice(&(stream as u32).to_be_bytes());
            packet[12..20].copy_from_slice(&(start.elapsed().as_nanos() as u64).to_be_bytes());
            let _ = sockets[stream].send(&packet);
        }
        sent = due;
        std::thread::sleep(Duration::from_micros(50));
    }
    sent
}

/// Count what comes to all sockets, by its delay.
fn receive(sockets: &[UdpSocket], start: Instant, is_over: &AtomicBool) -> Vec<u64> {
    let mut delays = vec![0; DELAYS];
    let epoll = unsafe { libc::epoll_create1(0) };
    for (at, socket) in sockets.iter().enumerate() {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: at as u64 };
        unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, socket.as_raw_fd(), &mut event) };
    }
    let mut ready = vec![libc::epoll_event { events: 0, u64: 0 }; 256];
    let mut packet = [0; 2048];
    while !is_over.load(Ordering::Relaxed) {
        let count = unsafe { libc::epoll_wait(epoll, ready.as_mut_ptr(), ready.len() as i32, 50) };
        for event in &ready[..count.max(0) as usize] {
            let socket = &sockets[event.u64 as usize];
            while let Ok(length) = socket.recv(&mut packet) {
                if length >= HEADER + 8 {
                    let sent = u64::from_be_bytes(packet[12..20].try_into().expect("eight bytes"));
                    let delay = (start.elapsed().as_nanos() as u64).saturating_sub(sent) / 1000;
                    delays[(delay as usize).min(DELAYS - 1)] += 1;
                }
            }
        }
        // Leave the processor to who is measured.
        std::thread::sleep(Duration::from_micros(200));
    }
    delays
}

fn report(sent: u64, delays: &[u64]) {
    let received: u64 = delays.iter().sum();
    let percentile = |share: f64| {
        let mut left = (received as f64 * share) as u64;
        delays.iter().position(|count| {
            let is_here = left < *count;
            left = left.saturating_sub(*count);
            is_here
        })
    };
    let (p50, p99) = (percentile(0.5).unwrap_or(0), percentile(0.99).unwrap_or(0));
    println!(r#"{{"sent": {sent}, "received": {received}, "p50_us": {p50}, "p99_us": {p99}}}"#);
}
