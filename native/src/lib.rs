//! talkpath's native core: what happens thousands of times a second. Each module registers its own
//! classes; `src/talkpath/_native.pyi` is the typed picture of all of them.

use pyo3::prelude::*;

mod audio;
mod backlog;
mod bell;
mod calls;
mod capture;
mod codec;
mod datagram;
mod extension;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod guard;
mod kernel;
mod meter;
mod relay;
mod rtcp;
mod rtp;
mod sip;
mod sound;
pub mod srtp;
mod stun;
mod tee;

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    calls::register(module)?;
    capture::register(module)?;
    datagram::register(module)?;
    guard::python::register(module)?;
    relay::register(module)?;
    sip::register(module)?;
    sound::python::register(module)?;
    srtp::register(module)?;
    stun::register(module)?;
    tee::register(module)?;
    Ok(())
}
