//! Framing of SIP messages and the index of their headers (RFC 3261 section 7); no grammar beyond that.
//!
//! A `Frame` keeps the datagram as it came and remembers where each header field lies, so that reading one costs a
//! slice and writing a changed message is one pass over the old one.

mod auth;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod index;
mod legible;
mod list;
mod parts;
mod plain;
mod seal;
mod stream;
mod text;

pub use index::{Field, Index, Span, StartLine};
pub use stream::content_length;
#[cfg(any(test, feature = "fuzz"))]
pub use stream::stream_message_length;
pub use text::{text, unfolded, with_bytes};

use index::{names_match, number};
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};
use std::sync::Arc;
use text::value_text;

/// Header fields of one message (`base/limits.py` SIP_HEADERS).
pub const MAX_HEADERS: usize = 256;
/// What a request without it is taken to say (RFC 3261 section 16.3 step 3 forgives it).
const MAX_FORWARDS: usize = 70;

/// A text that only the grammar in Python can read is None.
type Start<'py> = (
    bool,
    u16,
    Bound<'py, PyString>,
    Bound<'py, PyString>,
    Option<Bound<'py, PyString>>,
    Option<Bound<'py, PyString>>,
    i64,
    Option<Bound<'py, PyString>>,
);
/// Places of fields in rising order, each with its new value, or None where it goes.
type Edits<'py> = Vec<(usize, Option<Bound<'py, PyAny>>)>;
type PlainVia<'py> = (Bound<'py, PyString>, Bound<'py, PyString>, Option<u16>, Bound<'py, PyDict>);

/// One SIP message and the index of its header fields. Immutable.
#[pyclass(frozen, module = "talkpath._native")]
pub struct Frame {
    raw: Raw,
    index: Index,
}

/// The bytes of a message: Python's, or those that a capture keeps.
enum Raw {
    Python(Py<PyBytes>),
    Kept(Arc<[u8]>),
}

impl Raw {
    fn as_bytes<'a>(&'a self, py: Python<'a>) -> &'a [u8] {
        match self {
            Raw::Python(bytes) => bytes.as_bytes(py),
            Raw::Kept(bytes) => bytes,
        }
    }
}

/// Names of methods: those of nearly all messages exist already.
fn method_text<'py>(py: Python<'py>, method: &[u8]) -> PyResult<Bound<'py, PyString>> {
    Ok(match method {
        b"INVITE" => intern!(py, "INVITE").clone(),
        b"ACK" => intern!(py, "ACK").clone(),
        b"BYE" => intern!(py, "BYE").clone(),
        b"CANCEL" => intern!(py, "CANCEL").clone(),
        b"OPTIONS" => intern!(py, "OPTIONS").clone(),
        b"REGISTER" => intern!(py, "REGISTER").clone(),
        other => return text(py, other),
    })
}

fn write_parts(parts: &[&[u8]], out: &mut Vec<u8>) {
    for part in parts {
        out.extend_from_slice(part);
    }
}

impl Frame {
    /// Of a message that a capture keeps.
    pub fn of(raw: Arc<[u8]>) -> PyResult<Frame> {
        let index = Index::of(&raw, MAX_HEADERS).map_err(PyValueError::new_err)?;
        Ok(Frame { index, raw: Raw::Kept(raw) })
    }
}

#[pymethods]
impl Frame {
    /// Index one message. Leading line ends are skipped (RFC 3261 section 7.5). Raises ValueError(code).
    #[new]
    fn new(raw: Bound<'_, PyBytes>) -> PyResult<Self> {
        let index = Index::of(raw.as_bytes(), MAX_HEADERS).map_err(PyValueError::new_err)?;
        Ok(Frame { index, raw: Raw::Python(raw.unbind()) })
    }

    #[getter]
    fn raw(&self, py: Python<'_>) -> Py<PyBytes> {
        match &self.raw {
            Raw::Python(bytes) => bytes.clone_ref(py),
            Raw::Kept(bytes) => PyBytes::new(py, bytes).unbind(),
        }
    }

    #[getter]
    fn uri<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        match self.index.start {
            StartLine::Request { uri, .. } => text(py, uri.of(self.raw.as_bytes(py))),
            StartLine::Status { .. } => text(py, b""),
        }
    }

    #[getter]
    fn reason<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        match self.index.start {
            StartLine::Request { .. } => text(py, b""),
            StartLine::Status { reason, .. } => text(py, reason.of(self.raw.as_bytes(py))),
        }
    }

    /// All that follows the empty line; what Content-Length says of it is the caller's to judge.
    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.index.body.of(self.raw.as_bytes(py)))
    }

    #[getter]
    fn body_length(&self) -> usize {
        self.index.body.len()
    }

    #[getter]
    fn count(&self) -> usize {
        self.index.fields.len()
    }

    /// The value of the first field of that name in any spelling, compact form included, or None.
    fn first<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Option<Bound<'py, PyString>>> {
        let data = self.raw.as_bytes(py);
        match self.index.find(data, name, 0) {
            Some(index) => value_text(py, self.index.fields[index].value.of(data)).map(Some),
            None => Ok(None),
        }
    }

    /// The values of all fields of that name, one a field line, in order.
    fn all<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyList>> {
        let data = self.raw.as_bytes(py);
        let list = PyList::empty(py);
        let mut from = 0;
        while let Some(index) = self.index.find(data, name, from) {
            list.append(value_text(py, self.index.fields[index].value.of(data))?)?;
            from = index + 1;
        }
        Ok(list)
    }

    /// The items of all fields of that name, lines and commas taken apart.
    fn listed<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyList>> {
        let data = self.raw.as_bytes(py);
        let list = PyList::empty(py);
        let mut from = 0;
        while let Some(index) = self.index.find(data, name, from) {
            for item in list::items(&unfolded(self.index.fields[index].value.of(data))) {
                list.append(text(py, item)?)?;
            }
            from = index + 1;
        }
        Ok(list)
    }

    /// What stands behind the first item of the list in the field at a place; None where nothing does.
    fn behind_first<'py>(&self, py: Python<'py>, at: usize) -> PyResult<Option<Bound<'py, PyString>>> {
        let field = self.index.fields.get(at).ok_or_else(|| PyIndexError::new_err(at))?;
        let value = unfolded(field.value.of(self.raw.as_bytes(py)));
        let rest: Vec<&[u8]> = list::items(&value).skip(1).collect();
        (!rest.is_empty()).then(|| text(py, &rest.join(&b", "[..]))).transpose()
    }

    /// The place of the first field of that name at or after `start`, or -1.
    #[pyo3(signature = (name, start = 0))]
    fn index(&self, py: Python<'_>, name: &str, start: usize) -> isize {
        self.index.find(self.raw.as_bytes(py), name, start).map_or(-1, |index| index as isize)
    }

    /// How often fields of each of these names stand in the message.
    fn occurrences(&self, py: Python<'_>, names: Vec<PyBackedStr>) -> Vec<usize> {
        let data = self.raw.as_bytes(py);
        let count = |name: &PyBackedStr| {
            let compact = index::compact_of(name);
            self.index.fields.iter().filter(|field| names_match(field.name.of(data), name, compact)).count()
        };
        names.iter().map(count).collect()
    }

    /// The values of all fields whose name begins with one of these, in any case.
    fn beginning<'py>(&self, py: Python<'py>, prefixes: Vec<PyBackedStr>) -> PyResult<Bound<'py, PyList>> {
        let data = self.raw.as_bytes(py);
        let list = PyList::empty(py);
        for field in &self.index.fields {
            let begins = |name: &PyBackedStr| {
                let start = field.name.of(data).get(..name.len());
                start.is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
            };
            if prefixes.iter().any(begins) {
                list.append(value_text(py, field.value.of(data))?)?;
            }
        }
        Ok(list)
    }

    /// Whether anything is said of the sender but From.
    fn names_sender(&self, py: Python<'_>) -> bool {
        let data = self.raw.as_bytes(py);
        self.index.fields.iter().any(|field| parts::names_sender(field.name.of(data)))
    }

    /// Whether From, To and, where it is there, Contact can be read by everybody, or by pages (`is_legible`).
    fn names_are_legible(&self, py: Python<'_>, page: bool) -> bool {
        let data = self.raw.as_bytes(py);
        let is_read = |name| self.index.value(data, name).is_some_and(|value| legible::is_legible(value, page));
        is_read("From") && is_read("To") && (self.index.value(data, "Contact").is_none() || is_read("Contact"))
    }

    /// Whether anybody proves by it who they are, to us or to others.
    fn bears_credentials(&self, py: Python<'_>) -> bool {
        let data = self.raw.as_bytes(py);
        ["Authorization", "Proxy-Authorization"].iter().any(|name| self.index.find(data, name, 0).is_some())
    }

    /// The URI of an address that stands alone in its field, in angle brackets and without a name; None for what only
    /// the grammar can tell, and for none.
    fn plain_uri<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Option<Bound<'py, PyString>>> {
        let data = self.raw.as_bytes(py);
        self.index.value(data, name).and_then(parts::plain_uri).map(|uri| text(py, uri)).transpose()
    }

    /// (transport, host, port, parameters) of a first Via that is written as nearly all are, alone in its field or before
    /// others; None for others and for none.
    fn plain_via<'py>(&self, py: Python<'py>) -> PyResult<Option<PlainVia<'py>>> {
        let Some(via) = self.first_via(self.raw.as_bytes(py)) else { return Ok(None) };
        let params = PyDict::new(py);
        for (name, value) in via.params() {
            let name = if name == b"branch" { intern!(py, "branch").clone() } else { text(py, name)? };
            if !params.contains(&name)? {
                params.set_item(name, value.map(|value| text(py, value)).transpose()?)?;
            }
        }
        Ok(Some((text(py, via.transport)?, text(py, via.host)?, via.port, params)))
    }

    /// What every message is asked for: (whether it is a request, its status or 0, its method or the one that its CSeq
    /// names, Call-ID, the tags of From and To, the number of a CSeq that names this method, and of a response the branch
    /// of its first Via). "" for what is not there; None, or -1, for what only the grammar can tell.
    fn start<'py>(&self, py: Python<'py>) -> PyResult<Start<'py>> {
        let data = self.raw.as_bytes(py);
        let value = |name| self.index.value(data, name);
        let tag = |name| value(name).and_then(parts::plain_tag).map(|tag| text(py, tag)).transpose();
        let call_id = value_text(py, value("Call-ID").unwrap_or_default())?;
        let cseq = unfolded(value("CSeq").unwrap_or_default());
        let (is_request, status, method) = match self.index.start {
            StartLine::Request { method, .. } => (true, 0, method.of(data)),
            StartLine::Status { code, .. } => {
                (false, code, cseq.rsplit(|byte| matches!(byte, b' ' | b'\t')).next().unwrap_or_default())
            }
        };
        let numbered = parts::plain_cseq(&cseq).filter(|(_, named)| *named == method);
        let number = numbered.map_or(-1, |(number, _)| number as i64);
        let via = if is_request { None } else { self.first_via(data) };
        let branch = via.map(|via| text(py, via.param(b"branch").unwrap_or_default())).transpose()?;
        Ok((is_request, status, method_text(py, method)?, call_id, tag("From")?, tag("To")?, number, branch))
    }

    /// Whether nothing that `fault_of` looks for can be wrong: what nearly every message is, told in one pass. False says
    /// only that Python must look.
    fn is_plain(&self, py: Python<'_>) -> bool {
        self.index.is_plain(self.raw.as_bytes(py))
    }

    /// (name as written, value) of the field at a place.
    fn field<'py>(&self, py: Python<'py>, at: usize) -> PyResult<(Bound<'py, PyString>, Bound<'py, PyString>)> {
        let data = self.raw.as_bytes(py);
        let field = self.index.fields.get(at).ok_or_else(|| PyIndexError::new_err(at))?;
        Ok((text(py, field.name.of(data))?, value_text(py, field.value.of(data))?))
    }

    /// Write a response to this request (RFC 3261 section 8.2.6.2).
    ///
    /// `via` is the first Via as it is to be answered, None to repeat it as it stands; `to_tag` is added to To unless it
    /// is empty; `fields` are whole lines.
    #[pyo3(signature = (status, reason, via, to_tag, fields, body))]
    fn answer<'py>(
        &self,
        py: Python<'py>,
        status: u16,
        reason: &Bound<'py, PyAny>,
        via: Option<&Bound<'py, PyAny>>,
        to_tag: &str,
        fields: &Bound<'py, PyAny>,
        body: &[u8],
    ) -> PyResult<Bound<'py, PyBytes>> {
        let mut out = Vec::with_capacity(self.raw.as_bytes(py).len() + 256);
        out.extend_from_slice(format!("SIP/2.0 {status} ").as_bytes());
        with_bytes(reason, |bytes| out.extend_from_slice(bytes))?;
        out.extend_from_slice(b"\r\n");
        match via {
            Some(via) => with_bytes(via, |via| self.write_mirrored(py, Some(via), to_tag, &mut out))?,
            None => self.write_mirrored(py, None, to_tag, &mut out),
        }
        with_bytes(fields, |bytes| out.extend_from_slice(bytes))?;
        out.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
        out.extend_from_slice(body);
        Ok(PyBytes::new(py, &out))
    }

    /// Write a changed message in one pass.
    ///
    /// `start_line` without its line end, or None to keep it; `head` are whole field lines put before the first
    /// field; `edits` are (place, new value, or None to drop the field) in rising order of places; `tail` are
    /// whole lines put after the last field; `body` replaces the body and sets Content-Length, None keeps both.
    #[pyo3(signature = (start_line, head, edits, tail, body))]
    fn rewrite<'py>(
        &self,
        py: Python<'py>,
        start_line: Option<&Bound<'py, PyAny>>,
        head: &Bound<'py, PyAny>,
        edits: Edits<'py>,
        tail: &Bound<'py, PyAny>,
        body: Option<&[u8]>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let data = self.raw.as_bytes(py);
        let mut out = Vec::with_capacity(data.len() + 512);
        match start_line {
            Some(line) => {
                with_bytes(line, |bytes| out.extend_from_slice(bytes))?;
                out.extend_from_slice(b"\r\n");
            }
            None => out.extend_from_slice(self.index.start_line.of(data)),
        }
        with_bytes(head, |bytes| out.extend_from_slice(bytes))?;
        let mut changed = Changed { via: None, gone: &[], hops: None, edits: &edits };
        self.write_fields(data, &mut changed, body.is_some(), &mut out)?;
        with_bytes(tail, |bytes| out.extend_from_slice(bytes))?;
        if let Some(bytes) = body {
            out.extend_from_slice(format!("Content-Length: {}\r\n", bytes.len()).as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(body.unwrap_or_else(|| self.index.body.of(data)));
        Ok(PyBytes::new(py, &out))
    }

    /// Write a request on (RFC 3261 section 16.6): to `uri`, with one hop less in Max-Forwards, without the fields named
    /// in `gone`, and with a Content-Length.
    ///
    /// `via` replaces the first Via field, None keeps it; the rest is as in `rewrite`.
    #[allow(clippy::too_many_arguments)]
    #[pyo3(signature = (uri, head, via, gone, edits, tail, body))]
    fn onward<'py>(
        &self,
        py: Python<'py>,
        uri: &Bound<'py, PyAny>,
        head: &Bound<'py, PyAny>,
        via: Option<Bound<'py, PyAny>>,
        gone: Vec<PyBackedStr>,
        edits: Edits<'py>,
        tail: &Bound<'py, PyAny>,
        body: Option<&[u8]>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let data = self.raw.as_bytes(py);
        let StartLine::Request { method, .. } = self.index.start else {
            return Err(PyValueError::new_err("a response goes back"));
        };
        let hops = match self.index.value(data, "Max-Forwards") {
            Some(value) => number(value).ok_or_else(|| PyValueError::new_err("Max-Forwards is no number"))?,
            None => MAX_FORWARDS,
        };
        let mut out = Vec::with_capacity(data.len() + 512);
        write_parts(&[method.of(data), b" "], &mut out);
        with_bytes(uri, |bytes| out.extend_from_slice(bytes))?;
        out.extend_from_slice(b" SIP/2.0\r\n");
        with_bytes(head, |bytes| out.extend_from_slice(bytes))?;
        let mut changed = Changed { via: via.map(Some), gone: &gone, hops: Some(hops as i64 - 1), edits: &edits };
        self.write_fields(data, &mut changed, body.is_some(), &mut out)?;
        if let Some(hops) = changed.hops {
            write_parts(&[b"Max-Forwards: ", hops.to_string().as_bytes(), b"\r\n"], &mut out);
        }
        self.write_end(data, tail, body, out).map(|out| PyBytes::new(py, &out))
    }

    /// Write a response back (section 16.7): without the first Via, without the fields named in `gone`, and with a
    /// Content-Length. The rest is as in `rewrite`.
    #[pyo3(signature = (gone, edits, tail, body))]
    fn backward<'py>(
        &self,
        py: Python<'py>,
        gone: Vec<PyBackedStr>,
        edits: Edits<'py>,
        tail: &Bound<'py, PyAny>,
        body: Option<&[u8]>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let data = self.raw.as_bytes(py);
        let mut out = Vec::with_capacity(data.len() + 256);
        out.extend_from_slice(self.index.start_line.of(data));
        let via = self.index.find(data, "Via", 0).map(|at| self.behind_first(py, at)).transpose()?;
        let via = via.map(|others| others.map(Bound::into_any));
        let mut changed = Changed { via, gone: &gone, hops: None, edits: &edits };
        self.write_fields(data, &mut changed, body.is_some(), &mut out)?;
        self.write_end(data, tail, body, out).map(|out| PyBytes::new(py, &out))
    }
}

/// What is not as it came in a message that goes on. What is taken out of it has been written.
struct Changed<'a, 'py> {
    /// What stands in the first Via field instead, or that it goes; None where it stays.
    via: Option<Option<Bound<'py, PyAny>>>,
    gone: &'a [PyBackedStr],
    hops: Option<i64>,
    edits: &'a Edits<'py>,
}

impl Frame {
    /// The first Via, where it is written as nearly all are.
    fn first_via<'a>(&self, data: &'a [u8]) -> Option<parts::PlainVia<'a>> {
        let at = self.index.find(data, "Via", 0)?;
        parts::PlainVia::of(list::plain_first(self.index.fields[at].value.of(data))?)
    }

    /// The lines that a response has from its request.
    fn write_mirrored(&self, py: Python<'_>, mut via: Option<&[u8]>, to_tag: &str, out: &mut Vec<u8>) {
        let data = self.raw.as_bytes(py);
        let mut at = 0;
        while let Some(index) = self.index.find(data, "Via", at) {
            let written = unfolded(self.index.fields[index].value.of(data));
            write_parts(&[b"Via: ", via.take().unwrap_or(&written), b"\r\n"], out);
            at = index + 1;
        }
        for name in ["From", "To", "Call-ID", "CSeq"] {
            let value = self.index.find(data, name, 0).map_or(&b""[..], |at| self.index.fields[at].value.of(data));
            write_parts(&[name.as_bytes(), b": ", &unfolded(value)], out);
            if name == "To" && !to_tag.is_empty() {
                write_parts(&[b";tag=", to_tag.as_bytes()], out);
            }
            out.extend_from_slice(b"\r\n");
        }
    }

    /// The fields, but for what is changed of them.
    fn write_fields(
        &self,
        data: &[u8],
        changed: &mut Changed<'_, '_>,
        drop_length: bool,
        out: &mut Vec<u8>,
    ) -> PyResult<()> {
        let gone: Vec<_> = changed.gone.iter().map(|name| (name, index::compact_of(name))).collect();
        let mut pending = changed.edits.iter().peekable();
        for (at, field) in self.index.fields.iter().enumerate() {
            let name = field.name.of(data);
            let mut edit = pending.next_if(|(place, _)| *place == at).map(|(_, value)| value.clone());
            if changed.via.is_some() && names_match(name, "Via", Some(b'v')) {
                edit = changed.via.take();
            } else if changed.hops.is_some() && names_match(name, "Max-Forwards", None) {
                let hops = changed.hops.take().unwrap_or_default();
                write_parts(&[name, b": ", hops.to_string().as_bytes(), b"\r\n"], out);
                continue;
            } else if gone.iter().any(|(long, compact)| names_match(name, long, *compact)) {
                continue;
            }
            match edit {
                Some(Some(value)) => {
                    write_parts(&[name, b": "], out);
                    with_bytes(&value, |bytes| out.extend_from_slice(bytes))?;
                    out.extend_from_slice(b"\r\n");
                }
                Some(None) => {}
                None if drop_length && names_match(name, "content-length", Some(b'l')) => {}
                None => out.extend_from_slice(field.line.of(data)),
            }
        }
        if pending.peek().is_some() {
            return Err(PyIndexError::new_err("edits are out of order or beyond the last field"));
        }
        Ok(())
    }

    /// What stands behind the fields that came: `tail`, Content-Length where there is none, and the body.
    fn write_end(
        &self,
        data: &[u8],
        tail: &Bound<'_, PyAny>,
        body: Option<&[u8]>,
        mut out: Vec<u8>,
    ) -> PyResult<Vec<u8>> {
        with_bytes(tail, |bytes| out.extend_from_slice(bytes))?;
        let content = body.unwrap_or_else(|| self.index.body.of(data));
        if body.is_some() || self.index.find(data, "Content-Length", 0).is_none() {
            write_parts(&[b"Content-Length: ", content.len().to_string().as_bytes(), b"\r\n"], &mut out);
        }
        write_parts(&[b"\r\n", content], &mut out);
        Ok(out)
    }
}

/// Whether a From, To or Refer-To can be read by everybody, or by pages, which know of no URIs but `sip` and `sips`.
#[pyfunction]
fn is_legible(value: &[u8], page: bool) -> bool {
    legible::is_legible(value, page)
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Frame>()?;
    module.add_class::<seal::Marks>()?;
    module.add_class::<seal::Seal>()?;
    module.add_function(wrap_pyfunction!(list::list_items, module)?)?;
    module.add_function(wrap_pyfunction!(auth::auth_params, module)?)?;
    module.add_function(wrap_pyfunction!(is_legible, module)?)?;
    module.add_function(wrap_pyfunction!(stream::stream_message_length, module)?)?;
    Ok(())
}
