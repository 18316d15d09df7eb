//! Recordings as Python sees them; `_native.pyi` says what each thing means.

use std::os::fd::RawFd;
use std::path::PathBuf;
use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use super::{Link, Recorder, Recording, What};

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyRecorder>()?;
    module.add_class::<PyRecording>()?;
    module.add_class::<RecordingFailing>()?;
    module.add_class::<RecordingRecovered>()?;
    module.add_class::<RecordingClosed>()
}

#[pyclass(frozen, get_all, module = "talkpath._native")]
struct RecordingFailing {
    recording: u64,
    errno: i32,
}

#[pyclass(frozen, get_all, module = "talkpath._native")]
struct RecordingRecovered {
    recording: u64,
}

#[pyclass(frozen, get_all, module = "talkpath._native")]
struct RecordingClosed {
    recording: u64,
    packets: u64,
    length: u64,
    dropped: u64,
    sha256: Py<PyBytes>,
    errno: i32,
}

#[pyclass(frozen, name = "Recording", module = "talkpath._native")]
pub struct PyRecording(Arc<Recording>);

impl PyRecording {
    pub fn handle(&self) -> Arc<Recording> {
        self.0.clone()
    }
}

#[pymethods]
impl PyRecording {
    #[getter]
    fn id(&self) -> u64 {
        self.0.id
    }

    #[getter]
    fn packets(&self) -> u64 {
        self.0.counts().0
    }

    #[getter]
    fn dropped(&self) -> u64 {
        self.0.counts().1
    }

    fn pause(&self) {
        self.0.pause(true);
    }

    fn resume(&self) {
        self.0.pause(false);
    }

    fn close(&self) {
        self.0.close();
    }
}

#[pyclass(frozen, name = "Recorder", module = "talkpath._native")]
struct PyRecorder(Recorder);

#[pymethods]
impl PyRecorder {
    #[new]
    #[pyo3(signature = (*, epoch = 0.0, descriptors = RawFd::MAX))]
    fn new(epoch: f64, descriptors: RawFd) -> PyResult<PyRecorder> {
        Ok(PyRecorder(Recorder::new((epoch * 1e9) as u64, descriptors)?))
    }

    fn open(&self, path: PathBuf, link_type: &str) -> PyResult<PyRecording> {
        let link = match link_type {
            "raw" => Link::Raw,
            "ethernet" => Link::Ethernet,
            _ => return Err(PyValueError::new_err("link_type is raw or ethernet")),
        };
        Ok(PyRecording(self.0.open(path, link)))
    }

    fn fileno(&self) -> i32 {
        self.0.descriptor()
    }

    fn events(&self, py: Python<'_>) -> PyResult<Vec<Py<PyAny>>> {
        let told = self.0.take_told().into_iter();
        told.map(|(recording, what)| {
            Ok(match what {
                What::Failing { errno } => Py::new(py, RecordingFailing { recording, errno })?.into_any(),
                What::Recovered => Py::new(py, RecordingRecovered { recording })?.into_any(),
                What::Closed(end) => {
                    let sha256 = PyBytes::new(py, &end.sha256).unbind();
                    let (packets, length, dropped, errno) = (end.packets, end.length, end.dropped, end.errno);
                    Py::new(py, RecordingClosed { recording, packets, length, dropped, sha256, errno })?.into_any()
                }
            })
        })
        .collect()
    }

    fn counters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let counters = PyDict::new(py);
        let names = ["opened", "written_bytes", "queued_bytes", "dropped", "failures"];
        for (name, count) in names.into_iter().zip(self.0.counts()) {
            counters.set_item(name, count)?;
        }
        Ok(counters)
    }

    fn shutdown(&self, py: Python<'_>) {
        py.detach(|| self.0.shutdown());
    }
}
