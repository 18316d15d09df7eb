//! The short names of calls (`src/talkpath/calls/ids.py` says what they are made of).

use blake2::digest::consts::U4;
use blake2::{Blake2s, Digest};
use pyo3::prelude::*;

/// Crockford's: without the letters that are mistaken for digits.
const ALPHABET: [u8; 32] = *b"0123456789abcdefghjkmnpqrstvwxyz";
const TIME_CHARACTERS: u32 = 7;
const HASH_CHARACTERS: u32 = 5;

/// The id of the call that began at `start` with this Call-ID (its text in UTF-8).
#[pyfunction]
pub fn id_of(call_id: &[u8], start: f64) -> String {
    let digest = Blake2s::<U4>::new_with_prefix(format!("{start:.6} ")).chain_update(call_id).finalize();
    let hash = digest.iter().fold(0, |number, byte| number << 8 | i64::from(*byte));
    characters(start as i64, TIME_CHARACTERS).chain(characters(hash, HASH_CHARACTERS)).collect()
}

/// The lowest bits of a number, five a character.
fn characters(number: i64, count: u32) -> impl Iterator<Item = char> {
    (0..count).rev().map(move |place| char::from(ALPHABET[(number >> (5 * place) & 31) as usize]))
}
