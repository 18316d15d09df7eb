//! Framing of SIP messages and the index of their headers; no grammar beyond that.
use pyo3::prelude::*;

pub fn register(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
