//! STUN for ICE (RFC 8489): taking a message apart, its MESSAGE-INTEGRITY and FINGERPRINT, and writing one. What the
//! attributes mean is for `talkpath.ice.stun`, which wraps this.

use flate2::Crc;
use hmac::{Hmac, KeyInit, Mac};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use sha1::Sha1;

pub const HEADER: usize = 20;
/// What answers a request (RFC 8489 section 5).
pub type Transaction = [u8; HEADER - 8];
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const INTEGRITY: u16 = 0x0008;
const INTEGRITY_BYTES: usize = 20;
const FINGERPRINT: u16 = 0x8028;
const FINGERPRINT_MASK: u32 = 0x5354_554e;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(read_stun, module)?)?;
    module.add_function(wrap_pyfunction!(stun_integrity, module)?)?;
    module.add_function(wrap_pyfunction!(write_stun, module)?)
}

/// What a message holds up to its integrity, which covers nothing behind it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Parts<'a> {
    attributes: Vec<(u16, &'a [u8])>,
    integrity_at: Option<usize>,
    has_fingerprint: bool,
}

fn be16(data: &[u8], at: usize) -> Option<u16> {
    data.get(at..at + 2).map(|two| u16::from_be_bytes([two[0], two[1]]))
}

fn parts(data: &[u8], most: usize) -> Result<Parts<'_>, &'static str> {
    let length = be16(data, 2).ok_or("too short for a header")?;
    if data.len() < HEADER || data[0] >> 6 != 0 || data[4..8] != COOKIE {
        return Err("no magic cookie");
    }
    if length % 4 != 0 || usize::from(length) != data.len() - HEADER {
        return Err("its length is another than it says");
    }
    let mut found = Parts::default();
    let mut at = HEADER;
    while at < data.len() {
        let (Some(kind), Some(length)) = (be16(data, at), be16(data, at + 2)) else {
            return Err("an attribute runs over the end");
        };
        let (value_at, end) = (at + 4, at + 4 + usize::from(length));
        let value = data.get(value_at..end).ok_or("an attribute runs over the end")?;
        if kind == FINGERPRINT {
            if end != data.len() || value != fingerprint(&data[..at]) {
                return Err("wrong FINGERPRINT");
            }
            found.has_fingerprint = true;
        } else if found.integrity_at.is_none() {
            if found.attributes.len() == most {
                return Err("too many attributes");
            }
            if kind == INTEGRITY && value.len() != INTEGRITY_BYTES {
                return Err("MESSAGE-INTEGRITY is not 20 bytes");
            }
            match kind {
                INTEGRITY => found.integrity_at = Some(at),
                _ => found.attributes.push((kind, value)),
            }
        }
        at = end.next_multiple_of(4);
    }
    Ok(found)
}

/// CRC-32 of all before the attribute (RFC 8489 section 14.7); the length field counts the attribute already.
fn fingerprint(covered: &[u8]) -> [u8; 4] {
    let mut crc = Crc::new();
    crc.update(covered);
    (crc.sum() ^ FINGERPRINT_MASK).to_be_bytes()
}

/// HMAC-SHA1 over all before the attribute, the length field as if the attribute ended the message (section 14.5).
fn integrity(covered: &[u8], password: &[u8]) -> Option<[u8; INTEGRITY_BYTES]> {
    let length = (covered.len().checked_sub(HEADER)? + 4 + INTEGRITY_BYTES) as u16;
    let mut mac = Hmac::<Sha1>::new_from_slice(password).ok()?;
    mac.update(&covered[..2]);
    mac.update(&length.to_be_bytes());
    mac.update(&covered[4..]);
    Some(mac.finalize().into_bytes().into())
}

/// Whether a whole message was written by somebody with this password. What it costs does not depend on the tag.
pub fn is_authentic(data: &[u8], password: &[u8]) -> bool {
    let Some(at) = parts(data, data.len()).ok().and_then(|found| found.integrity_at) else { return false };
    let tag = &data[at + 4..at + 4 + INTEGRITY_BYTES];
    integrity(&data[..at], password)
        .is_some_and(|ours| ours.iter().zip(tag).fold(0, |odd, (a, b)| odd | (a ^ b)) == 0)
}

fn put(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    message.extend(kind.to_be_bytes());
    message.extend((value.len() as u16).to_be_bytes());
    message.extend(value);
    message.resize(message.len().next_multiple_of(4), 0);
}

fn count(message: &mut [u8], more: usize) {
    let length = (message.len() - HEADER + more) as u16;
    message[2..4].copy_from_slice(&length.to_be_bytes());
}

type Attribute<'py> = (u16, Bound<'py, PyBytes>);
/// Attributes, where MESSAGE-INTEGRITY begins, and whether there is a FINGERPRINT.
type Read<'py> = (Vec<Attribute<'py>>, Option<usize>, bool);

#[pyfunction]
fn read_stun<'py>(py: Python<'py>, data: &[u8], most: usize) -> PyResult<Read<'py>> {
    let found = parts(data, most).map_err(PyValueError::new_err)?;
    let attributes = found.attributes.iter().map(|(kind, value)| (*kind, PyBytes::new(py, value))).collect();
    Ok((attributes, found.integrity_at, found.has_fingerprint))
}

#[pyfunction]
fn stun_integrity<'py>(py: Python<'py>, data: &[u8], end: usize, password: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let tag = data.get(..end).and_then(|covered| integrity(covered, password));
    tag.map(|tag| PyBytes::new(py, &tag)).ok_or_else(|| PyValueError::new_err("shorter than a header"))
}

#[pyfunction]
fn write_stun<'py>(
    py: Python<'py>,
    kind: u16,
    transaction: &[u8],
    attributes: Vec<(u16, Bound<'py, PyBytes>)>,
    password: Option<&[u8]>,
    is_fingerprinted: bool,
) -> PyResult<Bound<'py, PyBytes>> {
    let transaction = transaction.try_into();
    let transaction = transaction.map_err(|_| PyValueError::new_err("a transaction identifier has 12 bytes"))?;
    let values: Vec<(u16, &[u8])> = attributes.iter().map(|(kind, value)| (*kind, value.as_bytes())).collect();
    Ok(PyBytes::new(py, &written(kind, transaction, &values, password, is_fingerprinted)))
}

/// A message; with a password it has MESSAGE-INTEGRITY.
pub fn written(
    kind: u16,
    transaction: &Transaction,
    attributes: &[(u16, &[u8])],
    password: Option<&[u8]>,
    is_fingerprinted: bool,
) -> Vec<u8> {
    let mut message = Vec::with_capacity(128);
    message.extend(kind.to_be_bytes());
    message.extend([0, 0]);
    message.extend(COOKIE);
    message.extend(transaction);
    for (kind, value) in attributes {
        put(&mut message, *kind, value);
    }
    count(&mut message, 0);
    if let Some(tag) = password.and_then(|password| integrity(&message, password)) {
        put(&mut message, INTEGRITY, &tag);
        count(&mut message, 0);
    }
    if is_fingerprinted {
        count(&mut message, 8);
        let check = fingerprint(&message);
        put(&mut message, FINGERPRINT, &check);
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5769 section 2.2.
    const ANSWER: &[u8] = b"\x01\x01\x00\x3c\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae\
        \x80\x22\x00\x0b\x74\x65\x73\x74\x20\x76\x65\x63\x74\x6f\x72\x20\
        \x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43\
        \x00\x08\x00\x14\x2b\x91\xf5\x99\xfd\x9e\x90\xc3\x8c\x74\x89\xf9\x2a\xf9\xba\x53\xf0\x6b\xe7\xd7\
        \x80\x28\x00\x04\xc0\x7d\x4c\x96";

    #[test]
    fn the_sample_answer_is_taken_apart() {
        let found = parts(ANSWER, 8).unwrap();
        assert_eq!(found.attributes[1], (0x0020, &ANSWER[40..48]));
        assert_eq!((found.integrity_at, found.has_fingerprint), (Some(48), true));
        let tag = integrity(&ANSWER[..48], b"VOkJxbRl1RmTxUk/WvJxBt").unwrap();
        assert_eq!(tag, ANSWER[52..72]);
    }

    #[test]
    fn whatever_is_cut_or_changed_is_refused() {
        for length in 0..ANSWER.len() {
            assert!(parts(&ANSWER[..length], 8).is_err());
        }
        // Under another type the FINGERPRINT is an attribute behind the integrity, of which nothing is believed.
        let kind_at = ANSWER.len() - 8;
        for at in (0..ANSWER.len()).filter(|at| !(kind_at..kind_at + 2).contains(at)) {
            let mut changed = ANSWER.to_vec();
            changed[at] ^= 0x40;
            assert!(parts(&changed, 8).is_err(), "byte {at}");
        }
        assert!(parts(ANSWER, 1).is_err());
    }
}
