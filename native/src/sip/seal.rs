//! What we write into messages and read again when they come back: sealed by a keyed hash (BLAKE2b, RFC 7693), so that
//! nobody else can have written it.

use super::text::with_bytes;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine;
use blake2::digest::consts::{U4, U8};
use blake2::digest::{FixedOutput, Mac, Update};
use blake2::Blake2bMac;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// 64 bits: a forger needs 2**63 tries, each a packet to us.
const SEAL_BYTES: usize = 8;

/// Seals and opens tokens. `person` tells what is sealed from what else the key is used for.
#[pyclass(frozen, module = "talkpath._native")]
pub struct Seal {
    keyed: Blake2bMac<U8>,
}

#[pymethods]
impl Seal {
    /// Raises ValueError for a key or a person that is too long.
    #[new]
    fn new(key: &[u8], person: &[u8]) -> PyResult<Self> {
        let keyed = Blake2bMac::new_with_salt_and_personal(Some(key), &[], person).map_err(too_long)?;
        Ok(Seal { keyed })
    }

    /// The seal and the bytes as base64url; good with this name alone.
    fn token(&self, plain: &[u8], name: &Bound<'_, PyAny>) -> PyResult<String> {
        let seal = with_bytes(name, |name| self.of(plain, name).finalize_fixed())?;
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
        let is_ours = with_bytes(name, |name| self.of(plain, name).verify_slice(seal).is_ok())?;
        Ok(is_ours.then(|| PyBytes::new(py, plain)))
    }
}

impl Seal {
    fn of(&self, plain: &[u8], name: &[u8]) -> Blake2bMac<U8> {
        self.keyed.clone().chain(plain).chain(name)
    }
}

/// Marks of four bytes, in hexadecimal digits.
#[pyclass(frozen, module = "talkpath._native")]
pub struct Marks {
    keyed: Blake2bMac<U4>,
}

#[pymethods]
impl Marks {
    /// See `Seal`.
    #[new]
    fn new(key: &[u8], person: &[u8]) -> PyResult<Self> {
        let keyed = Blake2bMac::new_with_salt_and_personal(Some(key), &[], person).map_err(too_long)?;
        Ok(Marks { keyed })
    }

    fn of(&self, told: &Bound<'_, PyAny>) -> PyResult<String> {
        let mark = with_bytes(told, |told| self.keyed.clone().chain(told).finalize_fixed())?;
        Ok(mark.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(hexadecimal).collect())
    }
}

fn hexadecimal(digit: u8) -> char {
    char::from(b"0123456789abcdef"[usize::from(digit)])
}

fn too_long(_: blake2::digest::InvalidLength) -> PyErr {
    PyValueError::new_err("the key or the person is too long")
}
