//! What we share with the program, byte by byte as `native/kernel/relay.bpf.c` has it.

use std::net::{IpAddr, SocketAddr};

use aya::Pod;

/// The number of the loopback interface, everywhere.
pub const LOOPBACK: u32 = 1;

/// Where the packet begins in a copy: behind the number, the time, and its length in a word of eight bytes.
const HEAD: usize = 24;

#[repr(C)]
#[derive(Clone, Copy)]
struct Ends {
    source: [u8; 16],
    target: [u8; 16],
    source_port: [u8; 2],
    target_port: [u8; 2],
}

impl Ends {
    fn new(source: SocketAddr, target: SocketAddr) -> Ends {
        Ends {
            source: words(source.ip()),
            target: words(target.ip()),
            source_port: source.port().to_be_bytes(),
            target_port: target.port().to_be_bytes(),
        }
    }
}

/// IPv4 stands in the first of four words.
fn words(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V6(address) => address.octets(),
        IpAddr::V4(address) => {
            let mut words = [0; 16];
            words[..4].copy_from_slice(&address.octets());
            words
        }
    }
}

/// What came.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Key(Ends);

impl Key {
    pub fn new(from: SocketAddr, to_us: SocketAddr) -> Key {
        Key(Ends::new(from, to_us))
    }
}

/// How it leaves.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Flow {
    number: u64,
    ends: Ends,
    arrives: u32,
    leaves: u32,
    class: u32,
}

impl Flow {
    /// `arrives` and `leaves` are interfaces.
    pub fn new(number: u64, (from_us, to): (SocketAddr, SocketAddr), arrives: u32, leaves: u32, dscp: u8) -> Flow {
        Flow { number, ends: Ends::new(from_us, to), arrives, leaves, class: u32::from(dscp) << 2 }
    }
}

// SAFETY: only integers, and no bytes between them.
unsafe impl Pod for Key {}
// SAFETY: the same.
unsafe impl Pod for Flow {}

/// What passed.
pub struct Copy<'a> {
    pub number: u64,
    pub now_ns: u64,
    pub data: &'a [u8],
}

impl Copy<'_> {
    pub fn read(bytes: &[u8]) -> Option<Copy<'_>> {
        let word = |at: usize| Some(u64::from_ne_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        let length = u32::from_ne_bytes(bytes.get(16..20)?.try_into().ok()?) as usize;
        Some(Copy { number: word(0)?, now_ns: word(8)?, data: bytes.get(HEAD..HEAD + length)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sizes_are_those_of_the_program() {
        assert_eq!((size_of::<Key>(), size_of::<Flow>()), (36, 56));
    }

    #[test]
    fn a_copy_that_is_cut_is_none() {
        let mut bytes = [0; HEAD + 12];
        bytes[0] = 7;
        bytes[8] = 9;
        bytes[16] = 12;
        let copy = Copy::read(&bytes).unwrap();
        assert_eq!((copy.number, copy.now_ns, copy.data.len()), (7, 9, 12));
        assert!(Copy::read(&bytes[..HEAD + 11]).is_none());
    }
}
