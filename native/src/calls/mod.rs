//! What SIP messages mean together: which of them make a hop of a call, and what became of it. The model that Python
//! builds of it is `src/talkpath/calls/`.

mod described;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod head;
mod heard;
mod hop;
mod hops;
mod id;
mod ledger;
mod rows;
mod said;
mod seen;
mod shelf;

use pyo3::prelude::*;
pub use seen::{Catch, Place, SipSeen, Wire};

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<SipSeen>()?;
    module.add_class::<hop::Hop>()?;
    module.add_class::<ledger::SipLedger>()?;
    module.add_class::<rows::Rows>()?;
    module.add_function(wrap_pyfunction!(hops::fold, module)?)?;
    module.add_function(wrap_pyfunction!(heard::heard, module)?)?;
    module.add_function(wrap_pyfunction!(id::id_of, module)?)?;
    Ok(())
}
