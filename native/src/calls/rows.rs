//! The messages of one call as the running edge saw them: a list for `src/talkpath/calls/trace.py` whose rows are no objects
//! of Python while nobody reads them, so that its collector does not look through them.

use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

struct Row {
    time: f64,
    flow: Py<PyAny>,
    raw: Py<PyBytes>,
    is_sent: bool,
}

type Seen<'py> = (f64, Bound<'py, PyAny>, Bound<'py, PyBytes>, bool);

/// Rows of (time, flow, bytes, sent).
#[pyclass(module = "talkpath._native")]
pub struct Rows {
    rows: Vec<Row>,
}

#[pymethods]
impl Rows {
    #[new]
    fn new(seen: Vec<Seen<'_>>) -> Self {
        let row = |(time, flow, raw, is_sent): Seen<'_>| Row { time, flow: flow.unbind(), raw: raw.unbind(), is_sent };
        Rows { rows: seen.into_iter().map(row).collect() }
    }

    fn add(&mut self, time: f64, flow: Py<PyAny>, raw: Py<PyBytes>, is_sent: bool) {
        self.rows.push(Row { time, flow, raw, is_sent });
    }

    fn __len__(&self) -> usize {
        self.rows.len()
    }

    /// The time of the first row. Raises IndexError where there is none.
    #[getter]
    fn start(&self) -> PyResult<f64> {
        self.rows.first().map(|row| row.time).ok_or_else(|| PyIndexError::new_err("there is no row"))
    }

    fn listed<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.rows.iter().map(|row| (row.time, &row.flow, &row.raw, row.is_sent)))
    }

    fn copy(&self, py: Python<'_>) -> Rows {
        let copied = |row: &Row| {
            let (flow, raw) = (row.flow.clone_ref(py), row.raw.clone_ref(py));
            Row { time: row.time, flow, raw, is_sent: row.is_sent }
        };
        Rows { rows: self.rows.iter().map(copied).collect() }
    }
}
