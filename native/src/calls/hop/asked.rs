//! What Python asks of a hop (`src/talkpath/_native.pyi`).

use super::super::described::Shapes;
use super::super::head::Head;
use super::super::said::Said;
use super::super::seen::SipSeen;
use super::super::shelf::{Reading, Sheaf};
use super::{Hop, Words};
use crate::sip::{text, Frame};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyTuple, PyType};
use std::ops::Deref;

#[pymethods]
impl Hop {
    /// The hop that a message begins, for who calls `learn` with the others. Raises ValueError for what is no SIP.
    #[new]
    fn from_python(py: Python<'_>, seen: &SipSeen) -> PyResult<Hop> {
        let head = seen.head.as_ref().ok_or_else(|| pyo3::exceptions::PyValueError::new_err("not a SIP message"))?;
        let mut hop = Hop::new(py, seen, head);
        hop.conclude(seen.catch.time, &seen.raw, head, true);
        Ok(hop)
    }

    fn learn(&mut self, time: f64, raw: &[u8], from_caller: bool) {
        if let Some(head) = Head::of(raw) {
            self.conclude(time, raw, &head, from_caller);
        }
    }

    #[getter]
    fn caller(&self, py: Python<'_>) -> Py<PyAny> {
        self.caller_address.clone_ref(py)
    }

    #[getter]
    fn callee(&self, py: Python<'_>) -> Py<PyAny> {
        self.callee_address.clone_ref(py)
    }

    #[getter]
    fn call_id<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        text(py, &self.call_id)
    }

    #[getter(from_tag)]
    fn tag_of_caller<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        text(py, &self.from_tag)
    }

    #[getter]
    fn to_tag<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        let first = || self.to_tags.first().map_or(&b""[..], |tag| tag);
        text(py, if self.to_tag.is_empty() { first() } else { &self.to_tag })
    }

    #[getter]
    fn to_tags<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let tags: Vec<_> = self.to_tags.iter().map(|tag| text(py, tag)).collect::<PyResult<_>>()?;
        PyTuple::new(py, tags)
    }

    #[getter]
    fn reason<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        text(py, &self.reason)
    }

    #[getter]
    fn result(&self) -> &'static str {
        let status = self.status;
        if self.answered_at.is_some() || self.is_midway {
            return "answered";
        }
        if matches!(status, 486 | 600) {
            return "busy";
        }
        if self.cancelled_at.is_some() && (status < 300 || status == 487) {
            return "cancelled";
        }
        if matches!(status, 401 | 403 | 407 | 433 | 603 | 607 | 608) {
            return "rejected";
        }
        if status == 480 || (self.ringing_at.is_some() && matches!(status, 408 | 487)) {
            return "no-answer";
        }
        if status >= 300 {
            return "failed";
        }
        if self.ended_at.is_none() {
            return "ongoing";
        }
        match (self.ended_how, self.ringing_at) {
            ("bye", _) => "cancelled",
            (_, Some(_)) => "no-answer",
            (_, None) => "failed",
        }
    }

    /// What began the hop: its INVITE where it was seen.
    #[getter]
    fn first(&self, py: Python<'_>) -> PyResult<Option<Py<SipSeen>>> {
        if let Some(sheaf) = self.opened() {
            return Py::new(py, sheaf.first(py)?).map(Some);
        }
        Ok(self.said(py)?.first().map(|first| first.clone_ref(py)))
    }

    #[getter]
    fn opening(&self, py: Python<'_>) -> PyResult<Py<Frame>> {
        match self.opened() {
            Some(sheaf) => Py::new(py, Frame::of(sheaf.first_bytes()?.into())?),
            None => self.said(py)?.opening(py),
        }
    }

    #[getter]
    fn is_one_sided(&self) -> bool {
        match &self.words {
            Words::Here(said) => said.is_one_sided(),
            Words::Shelved(shelved) => shelved.is_one_sided,
        }
    }

    fn messages<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.said(py)?.messages(py)
    }

    fn media<'py>(
        &self,
        py: Python<'py>,
        medium: &Bound<'py, PyType>,
        address: &Bound<'py, PyType>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let said = self.said(py)?;
        let (media, _) = said.announced(py, &Shapes { medium, address })?;
        Ok(media.bind(py).clone())
    }

    fn offer<'py>(
        &self,
        py: Python<'py>,
        medium: &Bound<'py, PyType>,
        address: &Bound<'py, PyType>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let said = self.said(py)?;
        let (media, of_first) = said.announced(py, &Shapes { medium, address })?;
        Ok(media.bind(py).get_slice(0, *of_first))
    }

    fn ways<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.said(py)?.ways(py)
    }

    fn agent<'py>(&self, py: Python<'py>, from_caller: bool) -> PyResult<Bound<'py, PyString>> {
        match &self.words {
            Words::Here(said) => text(py, said.agent(from_caller)),
            Words::Shelved(shelved) => text(py, &shelved.agents[usize::from(!from_caller)]),
        }
    }

    fn signs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let signs = match &self.words {
            Words::Here(said) => said.signs(),
            Words::Shelved(shelved) => shelved.signs,
        };
        PyTuple::new(py, signs.names().map(|sign| PyString::intern(py, sign)).collect::<Vec<_>>())
    }

    fn requests<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        match &self.words {
            Words::Here(said) => said.requests().try_for_each(|(number, seen)| list.append((number, &seen.src)))?,
            Words::Shelved(shelved) => shelved.requests.iter().try_for_each(|one| list.append(one))?,
        }
        Ok(list)
    }
}

/// What was said, wherever it is.
enum Speech<'a> {
    Here(&'a Said),
    Unpacked(Reading),
}

impl Deref for Speech<'_> {
    type Target = Said;

    fn deref(&self) -> &Said {
        match self {
            Speech::Here(said) => said,
            Speech::Unpacked(reading) => reading.said(),
        }
    }
}

impl Hop {
    fn said(&self, py: Python<'_>) -> PyResult<Speech<'_>> {
        match &self.words {
            Words::Here(said) => Ok(Speech::Here(said)),
            Words::Shelved(shelved) => shelved.said(py).map(Speech::Unpacked),
        }
    }

    /// The packed call of which this hop's first message is the first.
    fn opened(&self) -> Option<&Sheaf> {
        match &self.words {
            Words::Here(_) => None,
            Words::Shelved(shelved) => shelved.opened(),
        }
    }
}
