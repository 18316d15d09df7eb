//! What we write into messages and read again when they come back: sealed by a keyed hash (BLAKE2b, RFC 7693), so that
//! nobody else can have written it.

use super::text::with_bytes;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine;
use blake2::digest::block_api::{Block, Buffer, UpdateCore, VariableOutputCore};
use blake2::Blake2bVarCore;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// 64 bits: a forger needs 2**63 tries, each a packet to us.
const SEAL_BYTES: usize = 8;
const MARK_BYTES: usize = 4;
/// The longest key, and the longest person (RFC 7693 section 2.1 and the paper on BLAKE2).
const KEY_BYTES: usize = 64;
const PERSON_BYTES: usize = 16;

/// BLAKE2b of `N` bytes, its key taken in already: that is half of what a short text costs.
#[derive(Clone)]
struct Keyed<const N: usize> {
    begun: Blake2bVarCore,
}

impl<const N: usize> Keyed<N> {
    fn new(key: &[u8], person: &[u8]) -> PyResult<Self> {
        if key.is_empty() || key.len() > KEY_BYTES || person.len() > PERSON_BYTES {
            return Err(PyValueError::new_err("the key or the person is too long"));
        }
        let mut block = Block::<Blake2bVarCore>::default();
        block[..key.len()].copy_from_slice(key);
        let mut begun = Blake2bVarCore::new_with_params(&[], person, key.len(), N);
        begun.update_blocks(&[block]);
        Ok(Keyed { begun })
    }

    /// The hash of these parts, one after another. They are never empty all together: the block of the key would be the
    /// last one then, and is hashed as such by others.
    fn of(&self, parts: &[&[u8]]) -> [u8; N] {
        let (mut core, mut buffer) = (self.begun.clone(), Buffer::<Blake2bVarCore>::default());
        for part in parts {
            buffer.digest_blocks(part, |blocks| core.update_blocks(blocks));
        }
        let mut whole = Default::default();
        core.finalize_variable_core(&mut buffer, &mut whole);
        std::array::from_fn(|at| whole[at])
    }
}

/// Whether two hashes are the same, in a time that does not tell where they differ.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let differing = one.iter().zip(other).fold(0, |seen, (one, other)| std::hint::black_box(seen | (one ^ other)));
    one.len() == other.len() && differing == 0
}

/// Seals and opens tokens. `person` tells what is sealed from what else the key is used for.
#[pyclass(frozen, module = "talkpath._native")]
pub struct Seal {
    keyed: Keyed<SEAL_BYTES>,
}

#[pymethods]
impl Seal {
    /// Raises ValueError for a key or a person that is too long.
    #[new]
    fn new(key: &[u8], person: &[u8]) -> PyResult<Self> {
        Ok(Seal { keyed: Keyed::new(key, person)? })
    }

    /// The seal and the bytes as base64url; good with this name alone.
    fn token(&self, plain: &[u8], name: &Bound<'_, PyAny>) -> PyResult<String> {
        let seal = with_bytes(name, |name| self.keyed.of(&[plain, name]))?;
        Ok(URL_SAFE_NO_PAD.encode([&seal[..], plain].concat()))
    }

    /// The bytes of a token that was made with this name; None for any other text.
    fn opened<'py>(
        &self,
        py: Python<'py>,
        token: &Bound<'py, PyAny>,
        name: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let Ok(data) = with_bytes(token, |token| URL_SAFE_NO_PAD.decode(token))? else { return Ok(None) };
        let Some((seal, plain)) = data.split_at_checked(SEAL_BYTES) else { return Ok(None) };
        let is_ours = with_bytes(name, |name| is_same(&self.keyed.of(&[plain, name]), seal))?;
        Ok(is_ours.then(|| PyBytes::new(py, plain)))
    }
}

/// Marks of four bytes, in hexadecimal digits.
#[pyclass(frozen, module = "talkpath._native")]
pub struct Marks {
    keyed: Keyed<MARK_BYTES>,
}

#[pymethods]
impl Marks {
    /// See `Seal`.
    #[new]
    fn new(key: &[u8], person: &[u8]) -> PyResult<Self> {
        Ok(Marks { keyed: Keyed::new(key, person)? })
    }

    fn of(&self, told: &Bound<'_, PyAny>) -> PyResult<String> {
        let mark = with_bytes(told, |told| self.keyed.of(&[told]))?;
        Ok(mark.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(hexadecimal).collect())
    }
}

fn hexadecimal(digit: u8) -> char {
    char::from(b"0123456789abcdef"[usize::from(digit)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use blake2::digest::consts::U8;
    use blake2::digest::{FixedOutput, Update};
    use blake2::Blake2bMac;

    /// What the library says of the same key, person and text.
    fn plainly(key: &[u8], person: &[u8], text: &[u8]) -> Vec<u8> {
        let keyed = Blake2bMac::<U8>::new_with_salt_and_personal(Some(key), &[], person).unwrap();
        keyed.chain(text).finalize_fixed().to_vec()
    }

    #[test]
    fn a_key_taken_in_before_makes_the_same_hash() {
        let text: Vec<u8> = (0..400).map(|at| at as u8).collect();
        for key in [&b"k"[..], &[7; 32], &[255; 64]] {
            let keyed = Keyed::<SEAL_BYTES>::new(key, b"flows 2").unwrap();
            for length in [1, 2, 127, 128, 129, 255, 256, 257, 400] {
                let (one, other) = text[..length].split_at(length / 3);
                assert_eq!(keyed.of(&[one, other]).to_vec(), plainly(key, b"flows 2", &text[..length]), "{length}");
            }
        }
    }

    #[test]
    fn same_and_not_the_same() {
        assert!(is_same(b"abc", b"abc"));
        for other in ["abd", "xbc", "ab", "abcd", ""] {
            assert!(!is_same(b"abc", other.as_bytes()), "{other}");
        }
    }
}
