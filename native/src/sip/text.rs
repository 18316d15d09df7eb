//! Bytes of a message as text of Python, and back.

use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use std::borrow::Cow;

/// Text of a field: UTF-8 where it is, other bytes as lone surrogates so that they can be written back.
pub fn text<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyString>> {
    unsafe {
        let object = ffi::PyUnicode_DecodeUTF8(
            bytes.as_ptr().cast(),
            bytes.len() as ffi::Py_ssize_t,
            c"surrogateescape".as_ptr(),
        );
        Ok(Bound::from_owned_ptr_or_err(py, object)?.cast_into_unchecked())
    }
}

/// Text of a field value; a folded value is given on one line.
pub fn value_text<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyString>> {
    text(py, &unfolded(bytes))
}

/// A field value on one line (RFC 3261 section 7.3.1).
pub fn unfolded(bytes: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\n', bytes).is_none() {
        return Cow::Borrowed(bytes);
    }
    let mut flat = Vec::with_capacity(bytes.len());
    for part in bytes.split(|&byte| byte == b'\n') {
        if !flat.is_empty() {
            flat.push(b' ');
        }
        flat.extend_from_slice(part.trim_ascii());
    }
    Cow::Owned(flat)
}

/// The bytes of a str (lone surrogates turned back) or of a bytes object.
pub fn with_bytes<R>(object: &Bound<'_, PyAny>, use_bytes: impl FnOnce(&[u8]) -> R) -> PyResult<R> {
    if let Ok(bytes) = object.cast::<PyBytes>() {
        return Ok(use_bytes(bytes.as_bytes()));
    }
    let string = object.cast::<PyString>().map_err(|_| PyTypeError::new_err("str or bytes"))?;
    if let Ok(plain) = string.to_str() {
        return Ok(use_bytes(plain.as_bytes()));
    }
    let encoded = string.call_method1("encode", ("utf-8", "surrogateescape"))?;
    Ok(use_bytes(encoded.cast::<PyBytes>()?.as_bytes()))
}
