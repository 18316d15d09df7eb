//! Framing of SIP messages and the index of their headers (RFC 3261 section 7); no grammar beyond that.
//!
//! A `Frame` keeps the datagram as it came and remembers where each header field lies, so that reading one costs a
//! slice and writing a changed message is one pass over the old one.

use pyo3::exceptions::{PyIndexError, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};
use std::borrow::Cow;

/// Field names with a compact form (RFC 3261 section 7.3.3 and the registry of its successors).
const COMPACT: [(&str, u8); 20] = [
    ("accept-contact", b'a'),
    ("referred-by", b'b'),
    ("content-type", b'c'),
    ("request-disposition", b'd'),
    ("content-encoding", b'e'),
    ("from", b'f'),
    ("call-id", b'i'),
    ("reject-contact", b'j'),
    ("supported", b'k'),
    ("content-length", b'l'),
    ("contact", b'm'),
    ("identity-info", b'n'),
    ("event", b'o'),
    ("refer-to", b'r'),
    ("subject", b's'),
    ("to", b't'),
    ("allow-events", b'u'),
    ("via", b'v'),
    ("session-expires", b'x'),
    ("identity", b'y'),
];

#[derive(Clone, Copy, Default)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Span {
    pub fn new(start: usize, end: usize) -> Self {
        Span { start: start as u32, end: end as u32 }
    }

    pub fn of(self, data: &[u8]) -> &[u8] {
        &data[self.start as usize..self.end as usize]
    }

    pub fn start(self) -> usize {
        self.start as usize
    }

    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// A part of it: from where to where, counted from its beginning.
    pub fn slice(self, from: usize, to: usize) -> Span {
        Span::new(self.start() + from, self.start() + to)
    }

    /// Its rest.
    pub fn from(self, from: usize) -> Span {
        self.slice(from, self.len())
    }
}

#[derive(Clone, Copy)]
pub struct Field {
    pub name: Span,
    pub value: Span,
    /// The whole line or lines, line end included.
    line: Span,
}

/// What the first line says (RFC 3261 sections 7.1 and 7.2).
#[derive(Clone, Copy)]
pub enum StartLine {
    Request { method: Span, uri: Span },
    Status { code: u16, reason: Span },
}

/// One SIP message and the index of its header fields. Immutable.
#[pyclass(frozen, module = "talkpath._native")]
pub struct Frame {
    raw: Py<PyBytes>,
    start: StartLine,
    /// The first line, line end included.
    start_line: Span,
    fields: Box<[Field]>,
    body: Span,
}

/// Why bytes are no SIP message, as the code that `Malformed` carries.
type Refusal = &'static str;

/// Where everything of a message lies in its bytes.
pub struct Index {
    pub start: StartLine,
    start_line: Span,
    pub fields: Vec<Field>,
    pub body: Span,
}

impl Index {
    /// Indexes one message. Leading line ends are skipped (RFC 3261 section 7.5).
    pub fn of(data: &[u8], max_headers: usize) -> Result<Index, Refusal> {
        let begin = data.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).ok_or("empty")?;
        let (text_end, next) = line_end(data, begin).ok_or("start-line")?;
        let start = start_line(data, begin, text_end)?;
        let (fields, body_start) = index_fields(data, next, max_headers)?;
        let body = Span::new(body_start, data.len());
        Ok(Index { start, start_line: Span::new(begin, next), fields, body })
    }
}

/// Where the line that begins at `from` ends: (end of its text, begin of the next line). LF alone is tolerated.
fn line_end(data: &[u8], from: usize) -> Option<(usize, usize)> {
    let newline = from + memchr::memchr(b'\n', &data[from..])?;
    let text_end = if newline > from && data[newline - 1] == b'\r' { newline - 1 } else { newline };
    Some((text_end, newline + 1))
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte)
}

fn trimmed(data: &[u8], mut start: usize, mut end: usize) -> Span {
    while start < end && matches!(data[start], b' ' | b'\t' | b'\r' | b'\n') {
        start += 1;
    }
    while end > start && matches!(data[end - 1], b' ' | b'\t' | b'\r' | b'\n') {
        end -= 1;
    }
    Span::new(start, end)
}

fn start_line(data: &[u8], from: usize, end: usize) -> Result<StartLine, Refusal> {
    let line = &data[from..end];
    let first = memchr::memchr(b' ', line).ok_or("start-line")?;
    if line[..first].eq_ignore_ascii_case(b"SIP/2.0") {
        return status_line(line, from, first);
    }
    let last = memchr::memrchr(b' ', line).ok_or("start-line")?;
    if !line[last + 1..].to_ascii_uppercase().starts_with(b"SIP/") {
        return Err("start-line");
    }
    if first == 0 || !line[..first].iter().copied().all(is_token) {
        return Err("method");
    }
    if !line[last + 1..].eq_ignore_ascii_case(b"SIP/2.0") {
        return Err("version");
    }
    let uri = trimmed(data, from + first + 1, (from + last).max(from + first + 1));
    if uri.start == uri.end {
        return Err("request-uri");
    }
    Ok(StartLine::Request { method: Span::new(from, from + first), uri })
}

fn status_line(line: &[u8], from: usize, first: usize) -> Result<StartLine, Refusal> {
    let rest = &line[first + 1..];
    if rest.len() < 3 || !rest[..3].iter().all(u8::is_ascii_digit) || rest.get(3).is_some_and(|&b| b != b' ') {
        return Err("status-code");
    }
    let code = rest[..3].iter().fold(0u16, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    if !(100..700).contains(&code) {
        return Err("status-code");
    }
    let reason = Span::new(from + (first + 5).min(line.len()), from + line.len());
    Ok(StartLine::Status { code, reason })
}

/// The header fields from `at` on and where the body begins. A line that is no field is an error (RFC 3261 7.3).
fn index_fields(data: &[u8], mut at: usize, most: usize) -> Result<(Vec<Field>, usize), Refusal> {
    let mut fields: Vec<Field> = Vec::with_capacity(16);
    loop {
        let (text_end, next) = line_end(data, at).ok_or("no-end-of-headers")?;
        if text_end == at {
            return Ok((fields, next));
        }
        if matches!(data[at], b' ' | b'\t') {
            // A folded line continues the value above it (RFC 3261 section 7.3.1).
            let field = fields.last_mut().ok_or("header-line")?;
            field.value = trimmed(data, field.value.start as usize, text_end);
            field.line.end = next as u32;
        } else {
            if fields.len() >= most {
                return Err("too-many-headers");
            }
            let colon = at + memchr::memchr(b':', &data[at..text_end]).ok_or("header-line")?;
            let name = trimmed(data, at, colon);
            if name.start == name.end || !name.of(data).iter().copied().all(is_token) {
                return Err("header-line");
            }
            fields.push(Field { name, value: trimmed(data, colon + 1, text_end), line: Span::new(at, next) });
        }
        at = next;
    }
}

/// Fields that may stand once.
enum Single {
    From,
    To,
    CallId,
    CSeq,
    MaxForwards,
    ContentLength,
}

fn single_of(name: &[u8]) -> Option<Single> {
    let is = |long: &[u8]| name.eq_ignore_ascii_case(long);
    match name.len() {
        1 => match name[0].to_ascii_lowercase() {
            b'f' => Some(Single::From),
            b't' => Some(Single::To),
            b'i' => Some(Single::CallId),
            b'l' => Some(Single::ContentLength),
            _ => None,
        },
        2 => is(b"to").then_some(Single::To),
        4 if is(b"from") => Some(Single::From),
        4 => is(b"cseq").then_some(Single::CSeq),
        7 => is(b"call-id").then_some(Single::CallId),
        12 => is(b"max-forwards").then_some(Single::MaxForwards),
        14 => is(b"content-length").then_some(Single::ContentLength),
        _ => None,
    }
}

/// A number of at most nine digits.
fn number(text: &[u8]) -> Option<usize> {
    let is_number = !text.is_empty() && text.len() < 10 && text.iter().all(u8::is_ascii_digit);
    is_number.then(|| text.iter().fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0')))
}

/// `<sip:...>;tag=...`: one URI in angle brackets, no display name, nothing quoted.
fn is_plain_address(value: &[u8]) -> bool {
    value.starts_with(b"<sip")
        && memchr::memrchr(b'<', value) == Some(0)
        && memchr::memchr(b'>', value).is_some_and(|end| end > 5)
        && memchr::memchr(b'"', value).is_none()
}

/// A challenge or credentials taken apart (RFC 7235 section 2.1): (scheme in lower case, parameters without quotes; of a
/// name that comes twice the first).
#[pyfunction]
fn auth_params<'py>(py: Python<'py>, value: &str) -> PyResult<(String, Bound<'py, PyDict>)> {
    let (scheme, mut rest) = value.trim().split_once(' ').unwrap_or((value.trim(), ""));
    let found = PyDict::new(py);
    while let Some(start) = rest.find(is_auth_name) {
        rest = &rest[start..];
        let end = rest.find(|character| !is_auth_name(character)).unwrap_or(rest.len());
        let name = &rest[..end];
        rest = rest[end..].trim_start();
        let Some(after) = rest.strip_prefix('=') else { continue };
        let (text, left) = auth_value(after.trim_start());
        rest = left;
        let name = name.to_ascii_lowercase();
        if !found.contains(&name)? {
            found.set_item(name, text)?;
        }
    }
    Ok((scheme.to_lowercase(), found))
}

fn is_auth_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-')
}

/// (a token or a quoted string without its quotes and escapes, what follows it).
fn auth_value(text: &str) -> (Cow<'_, str>, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(|character: char| character == ',' || character.is_whitespace()).unwrap_or(text.len());
        return (Cow::Borrowed(&text[..end]), &text[end..]);
    };
    match quoted.find(['"', '\\']) {
        Some(end) if quoted.as_bytes()[end] == b'"' => (Cow::Borrowed(&quoted[..end]), &quoted[end + 1..]),
        _ => unescaped(quoted),
    }
}

fn unescaped(quoted: &str) -> (Cow<'_, str>, &str) {
    let mut plain = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (Cow::Owned(plain), &quoted[at + 1..]),
            '\\' => plain.extend(characters.next().map(|(_, escaped)| escaped)),
            _ => plain.push(character),
        }
    }
    (Cow::Owned(plain), "")
}

fn names_match(written: &[u8], asked: &str, compact: Option<u8>) -> bool {
    match compact {
        Some(letter) if written.len() == 1 => written[0].to_ascii_lowercase() == letter,
        _ => written.eq_ignore_ascii_case(asked.as_bytes()),
    }
}

fn compact_of(name: &str) -> Option<u8> {
    COMPACT.iter().find(|(long, _)| long.eq_ignore_ascii_case(name)).map(|&(_, letter)| letter)
}

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
fn value_text<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyString>> {
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

#[pymethods]
impl Frame {
    /// Index one message. Leading line ends are skipped (RFC 3261 section 7.5). Raises ValueError(code).
    #[new]
    #[pyo3(signature = (raw, max_headers = 256))]
    fn new(raw: Bound<'_, PyBytes>, max_headers: usize) -> PyResult<Self> {
        Frame::index_message(raw, max_headers).map_err(|code| PyValueError::new_err(code))
    }

    #[getter]
    fn raw(&self, py: Python<'_>) -> Py<PyBytes> {
        self.raw.clone_ref(py)
    }

    #[getter]
    fn is_request(&self) -> bool {
        matches!(self.start, StartLine::Request { .. })
    }

    /// The method of a request; empty for a response.
    #[getter]
    fn method<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        match self.start {
            StartLine::Request { method, .. } => text(py, method.of(self.raw.as_bytes(py))),
            StartLine::Status { .. } => text(py, b""),
        }
    }

    #[getter]
    fn uri<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        match self.start {
            StartLine::Request { uri, .. } => text(py, uri.of(self.raw.as_bytes(py))),
            StartLine::Status { .. } => text(py, b""),
        }
    }

    /// The status code of a response; 0 for a request.
    #[getter]
    fn status(&self) -> u16 {
        match self.start {
            StartLine::Request { .. } => 0,
            StartLine::Status { code, .. } => code,
        }
    }

    #[getter]
    fn reason<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        match self.start {
            StartLine::Request { .. } => text(py, b""),
            StartLine::Status { reason, .. } => text(py, reason.of(self.raw.as_bytes(py))),
        }
    }

    /// All that follows the empty line; what Content-Length says of it is the caller's to judge.
    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.body.of(self.raw.as_bytes(py)))
    }

    #[getter]
    fn body_length(&self) -> usize {
        (self.body.end - self.body.start) as usize
    }

    #[getter]
    fn count(&self) -> usize {
        self.fields.len()
    }

    /// The value of the first field of that name in any spelling, compact form included, or None.
    fn first<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Option<Bound<'py, PyString>>> {
        let data = self.raw.as_bytes(py);
        match self.find(data, name, 0) {
            Some(index) => value_text(py, self.fields[index].value.of(data)).map(Some),
            None => Ok(None),
        }
    }

    /// The values of all fields of that name, one a field line, in order.
    fn all<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyList>> {
        let data = self.raw.as_bytes(py);
        let list = PyList::empty(py);
        let mut from = 0;
        while let Some(index) = self.find(data, name, from) {
            list.append(value_text(py, self.fields[index].value.of(data))?)?;
            from = index + 1;
        }
        Ok(list)
    }

    /// The place of the first field of that name at or after `start`, or -1.
    #[pyo3(signature = (name, start = 0))]
    fn index(&self, py: Python<'_>, name: &str, start: usize) -> isize {
        self.find(self.raw.as_bytes(py), name, start).map_or(-1, |index| index as isize)
    }

    /// How often fields of each of these names stand in the message.
    fn occurrences(&self, py: Python<'_>, names: Vec<PyBackedStr>) -> Vec<usize> {
        let data = self.raw.as_bytes(py);
        let count = |name: &PyBackedStr| {
            let compact = compact_of(name);
            self.fields.iter().filter(|field| names_match(field.name.of(data), name, compact)).count()
        };
        names.iter().map(count).collect()
    }

    /// The values of all fields whose name begins with one of these, in any case.
    fn beginning<'py>(&self, py: Python<'py>, prefixes: Vec<PyBackedStr>) -> PyResult<Bound<'py, PyList>> {
        let data = self.raw.as_bytes(py);
        let list = PyList::empty(py);
        for field in &self.fields {
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

    /// Whether nothing that `fault_of` looks for can be wrong: what nearly every message is, told in one pass. False says
    /// only that Python must look.
    fn is_plain(&self, py: Python<'_>) -> bool {
        self.plainness(self.raw.as_bytes(py)).is_some()
    }

    /// (name as written, value) of the field at a place.
    fn field<'py>(&self, py: Python<'py>, at: usize) -> PyResult<(Bound<'py, PyString>, Bound<'py, PyString>)> {
        let data = self.raw.as_bytes(py);
        let field = self.fields.get(at).ok_or_else(|| PyIndexError::new_err(at))?;
        Ok((text(py, field.name.of(data))?, value_text(py, field.value.of(data))?))
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
        edits: Vec<(usize, Option<Bound<'py, PyAny>>)>,
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
            None => out.extend_from_slice(self.start_line.of(data)),
        }
        with_bytes(head, |bytes| out.extend_from_slice(bytes))?;
        self.write_fields(data, &edits, body.is_some(), &mut out)?;
        with_bytes(tail, |bytes| out.extend_from_slice(bytes))?;
        if let Some(bytes) = body {
            out.extend_from_slice(format!("Content-Length: {}\r\n", bytes.len()).as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(body.unwrap_or_else(|| self.body.of(data)));
        Ok(PyBytes::new(py, &out))
    }
}

impl Frame {
    fn index_message(raw: Bound<'_, PyBytes>, max_headers: usize) -> Result<Self, Refusal> {
        let index = Index::of(raw.as_bytes(), max_headers)?;
        let Index { start, start_line, fields, body } = index;
        Ok(Frame { start, start_line, fields: fields.into_boxed_slice(), body, raw: raw.unbind() })
    }

    /// Some when each field that a message needs stands there once and in its simplest form.
    fn plainness(&self, data: &[u8]) -> Option<()> {
        let [mut from, mut to, mut call_id, mut cseq, mut via] = [false; 5];
        let [mut hops, mut length] = [false; 2];
        for field in &self.fields {
            let value = field.value.of(data);
            let (seen, is_good) = match single_of(field.name.of(data)) {
                Some(Single::From) => (&mut from, is_plain_address(value)),
                Some(Single::To) => (&mut to, is_plain_address(value)),
                Some(Single::CallId) => (&mut call_id, !value.is_empty()),
                Some(Single::CSeq) => (&mut cseq, self.is_plain_cseq(data, value)),
                Some(Single::MaxForwards) => (&mut hops, number(value).is_some_and(|hops| hops < 256)),
                Some(Single::ContentLength) => {
                    let room = (self.body.end - self.body.start) as usize;
                    (&mut length, number(value).is_some_and(|length| length <= room))
                }
                None => {
                    via = via || names_match(field.name.of(data), "via", Some(b'v')) && !value.is_empty();
                    continue;
                }
            };
            if *seen || !is_good {
                return None;
            }
            *seen = true;
        }
        (from && to && call_id && cseq && via).then_some(())
    }

    /// `1 INVITE`, with the method of the first line.
    fn is_plain_cseq(&self, data: &[u8], value: &[u8]) -> bool {
        let Some(space) = memchr::memchr(b' ', value) else { return false };
        let named = &value[space + 1..];
        number(&value[..space]).is_some()
            && match self.start {
                StartLine::Request { method, .. } => named == method.of(data),
                StartLine::Status { .. } => !named.is_empty() && named.iter().copied().all(is_token),
            }
    }

    fn find(&self, data: &[u8], name: &str, from: usize) -> Option<usize> {
        let compact = compact_of(name);
        (from..self.fields.len()).find(|&index| names_match(self.fields[index].name.of(data), name, compact))
    }

    fn write_fields(
        &self,
        data: &[u8],
        edits: &[(usize, Option<Bound<'_, PyAny>>)],
        drop_length: bool,
        out: &mut Vec<u8>,
    ) -> PyResult<()> {
        let mut pending = edits.iter().peekable();
        for (index, field) in self.fields.iter().enumerate() {
            match pending.next_if(|(at, _)| *at == index) {
                Some((_, Some(value))) => {
                    out.extend_from_slice(field.name.of(data));
                    out.extend_from_slice(b": ");
                    with_bytes(value, |bytes| out.extend_from_slice(bytes))?;
                    out.extend_from_slice(b"\r\n");
                }
                Some((_, None)) => {}
                None if drop_length && names_match(field.name.of(data), "content-length", Some(b'l')) => {}
                None => out.extend_from_slice(field.line.of(data)),
            }
        }
        if pending.peek().is_some() {
            return Err(PyIndexError::new_err("edits are out of order or beyond the last field"));
        }
        Ok(())
    }
}

/// How long the message at the head of a stream is: None while its end has not arrived.
///
/// Content-Length tells (RFC 3261 section 18.3). Raises ValueError(code) when the stream can not be framed any more:
/// no Content-Length, an unreadable one, or more than `limit` bytes.
#[pyfunction]
fn stream_message_length(data: &[u8], limit: usize) -> PyResult<Option<usize>> {
    let Some(header_end) = end_of_headers(data) else {
        return if data.len() > limit { Err(PyValueError::new_err("too-large")) } else { Ok(None) };
    };
    let length = content_length(&data[..header_end]).map_err(PyValueError::new_err)?;
    let total = header_end.saturating_add(length);
    if total > limit {
        return Err(PyValueError::new_err("too-large"));
    }
    Ok((data.len() >= total).then_some(total))
}

fn end_of_headers(data: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let (text_end, next) = line_end(data, at)?;
        if text_end == at {
            return Some(next);
        }
        at = next;
    }
}

fn content_length(headers: &[u8]) -> Result<usize, Refusal> {
    let mut found = None;
    let mut at = 0;
    while let Some((text_end, next)) = line_end(headers, at) {
        let line = &headers[at..text_end];
        at = next;
        let Some(colon) = memchr::memchr(b':', line) else { continue };
        let name = line[..colon].trim_ascii();
        if names_match(name, "content-length", Some(b'l')) {
            let digits = line[colon + 1..].trim_ascii();
            if digits.is_empty() || digits.len() > 9 || !digits.iter().all(u8::is_ascii_digit) {
                return Err("content-length");
            }
            let length = digits.iter().fold(0usize, |sum, digit| sum * 10 + usize::from(digit - b'0'));
            if found.is_some_and(|earlier| earlier != length) {
                return Err("content-length");
            }
            found = Some(length);
        }
    }
    found.ok_or("no-content-length")
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Frame>()?;
    module.add_function(wrap_pyfunction!(auth_params, module)?)?;
    module.add_function(wrap_pyfunction!(stream_message_length, module)?)?;
    Ok(())
}
