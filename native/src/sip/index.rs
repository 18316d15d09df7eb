//! Where everything of a SIP message lies in its bytes (RFC 3261 section 7).

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
    pub line: Span,
    /// Two names that differ in this are not the same.
    key: u16,
}

/// The length and the first letter of a name.
fn key_of(name: &[u8]) -> u16 {
    let first = name.first().map_or(0, |byte| byte | 0x20);
    u16::from_le_bytes([name.len() as u8, first])
}

/// Names that every message is asked for: where the first field of each stands is found while the fields are read.
const ASKED: [&str; 12] = [
    "Via",
    "From",
    "To",
    "Call-ID",
    "CSeq",
    "Contact",
    "Max-Forwards",
    "Content-Length",
    "Route",
    "Record-Route",
    "Authorization",
    "Proxy-Authorization",
];
/// There is no such field.
const NOWHERE: u16 = u16::MAX;

/// The place among `ASKED` of a name in its long form.
#[inline]
fn asked(name: &[u8]) -> Option<usize> {
    let at = match (name.len(), name.first().map(|byte| byte | 0x20)?) {
        (3, b'v') => 0,
        (4, b'f') => 1,
        (2, b't') => 2,
        (7, b'c') if name[1] | 0x20 == b'a' => 3,
        (4, b'c') => 4,
        (7, b'c') => 5,
        (12, b'm') => 6,
        (14, b'c') => 7,
        (5, b'r') => 8,
        (12, b'r') => 9,
        (13, b'a') => 10,
        (19, b'p') => 11,
        _ => return None,
    };
    // Nearly all write names as they stand here, which is told at once.
    let wanted = ASKED[at].as_bytes();
    (name == wanted || name.eq_ignore_ascii_case(wanted)).then_some(at)
}

/// What the first line says (RFC 3261 sections 7.1 and 7.2).
#[derive(Clone, Copy)]
pub enum StartLine {
    Request { method: Span, uri: Span },
    Status { code: u16, reason: Span },
}

/// Why bytes are no SIP message, as the code that `Malformed` carries.
pub type Refusal = &'static str;

/// Where everything of a message lies in its bytes.
pub struct Index {
    pub start: StartLine,
    /// The first line, line end included.
    pub start_line: Span,
    pub fields: Box<[Field]>,
    /// Some value goes on over several lines (RFC 3261 section 7.3.1).
    pub is_folded: bool,
    /// Some name is a single letter: a compact form.
    has_short_names: bool,
    /// Where the first field of each of `ASKED` stands; of use where no name is a single letter.
    first: [u16; ASKED.len()],
    pub body: Span,
}

impl Index {
    /// Indexes one message. Leading line ends are skipped (RFC 3261 section 7.5).
    pub fn of(data: &[u8], max_headers: usize) -> Result<Index, Refusal> {
        let begin = data.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).ok_or("empty")?;
        let (text_end, next) = line_end(data, begin).ok_or("start-line")?;
        let start = start_line(data, begin, text_end)?;
        let (fields, is_folded, body_start) = index_fields(data, next, max_headers)?;
        let (start_line, body) = (Span::new(begin, next), Span::new(body_start, data.len()));
        let has_short_names = fields.iter().any(|field| field.name.len() == 1);
        let mut first = [NOWHERE; ASKED.len()];
        for (place, field) in fields.iter().enumerate().rev() {
            if let Some(at) = asked(field.name.of(data)) {
                first[at] = place as u16;
            }
        }
        Ok(Index { start, start_line, fields: fields.into_boxed_slice(), is_folded, has_short_names, first, body })
    }

    /// The place of the first field of that name, in any spelling, at or after `from`.
    pub fn find(&self, data: &[u8], name: &str, from: usize) -> Option<usize> {
        if from == 0 && !self.has_short_names {
            if let Some(at) = asked(name.as_bytes()) {
                return Some(self.first[at]).filter(|place| *place != NOWHERE).map(usize::from);
            }
        }
        let fields = self.fields.get(from..)?;
        let found = if self.has_short_names {
            let compact = compact_of(name);
            fields.iter().position(|field| names_match(field.name.of(data), name, compact))
        } else {
            let key = key_of(name.as_bytes());
            let is_it = |field: &Field| field.key == key && field.name.of(data).eq_ignore_ascii_case(name.as_bytes());
            fields.iter().position(is_it)
        };
        found.map(|at| from + at)
    }

    /// The value of the first field of that name, as it is written; None where there is none.
    pub fn value<'a>(&self, data: &'a [u8], name: &str) -> Option<&'a [u8]> {
        self.find(data, name, 0).map(|at| self.fields[at].value.of(data))
    }
}

/// Where the line that begins at `from` ends: (end of its text, begin of the next line). LF alone is tolerated.
pub fn line_end(data: &[u8], from: usize) -> Option<(usize, usize)> {
    let newline = from + memchr::memchr(b'\n', &data[from..])?;
    let text_end = if newline > from && data[newline - 1] == b'\r' { newline - 1 } else { newline };
    Some((text_end, newline + 1))
}

pub fn is_token(byte: u8) -> bool {
    TOKEN[usize::from(byte)]
}

/// RFC 3261 section 25.1. Every byte of every field name is asked about.
static TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let others = b"-.!%*_+`'~";
    let mut at = 0;
    while at < others.len() {
        table[others[at] as usize] = true;
        at += 1;
    }
    table
};

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
    if !line[last + 1..].get(..4).is_some_and(|name| name.eq_ignore_ascii_case(b"SIP/")) {
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

/// The header fields from `at` on, whether one was folded, and where the body begins. A line that is no field is an error
/// (RFC 3261 7.3).
fn index_fields(data: &[u8], mut at: usize, most: usize) -> Result<(Vec<Field>, bool, usize), Refusal> {
    let mut fields: Vec<Field> = Vec::with_capacity(16);
    let mut is_folded = false;
    loop {
        let (text_end, next) = line_end(data, at).ok_or("no-end-of-headers")?;
        if text_end == at {
            return Ok((fields, is_folded, next));
        }
        if matches!(data[at], b' ' | b'\t') {
            // A folded line continues the value above it (RFC 3261 section 7.3.1).
            let field = fields.last_mut().ok_or("header-line")?;
            field.value = trimmed(data, field.value.start as usize, text_end);
            field.line.end = next as u32;
            is_folded = true;
        } else {
            if fields.len() >= most {
                return Err("too-many-headers");
            }
            let (name, colon) = field_name(data, at, text_end).ok_or("header-line")?;
            let (value, line, key) = (trimmed(data, colon + 1, text_end), Span::new(at, next), key_of(name.of(data)));
            fields.push(Field { name, value, line, key });
        }
        at = next;
    }
}

/// A token, and where the colon after it stands.
fn field_name(data: &[u8], at: usize, end: usize) -> Option<(Span, usize)> {
    let name = at + data[at..end].iter().position(|&byte| !matches!(byte, b'\r' | b'\t' | b' '))?;
    let name_end = name + data[name..end].iter().position(|&byte| !is_token(byte))?;
    let colon = name_end + data[name_end..end].iter().position(|&byte| !matches!(byte, b'\r' | b'\t' | b' '))?;
    (data[colon] == b':' && name < name_end).then(|| (Span::new(name, name_end), colon))
}

pub fn names_match(written: &[u8], asked: &str, compact: Option<u8>) -> bool {
    match compact {
        Some(letter) if written.len() == 1 => written[0].to_ascii_lowercase() == letter,
        _ => written.eq_ignore_ascii_case(asked.as_bytes()),
    }
}

/// The compact form of a field name (RFC 3261 section 7.3.3 and the registry of its successors).
pub fn compact_of(name: &str) -> Option<u8> {
    // By length first: this is asked for every field that is read.
    let candidates: &[(&str, u8)] = match name.len() {
        2 => &[("to", b't')],
        3 => &[("via", b'v')],
        4 => &[("from", b'f')],
        5 => &[("event", b'o')],
        7 => &[("call-id", b'i'), ("contact", b'm'), ("subject", b's')],
        8 => &[("refer-to", b'r'), ("identity", b'y')],
        9 => &[("supported", b'k')],
        11 => &[("referred-by", b'b')],
        12 => &[("content-type", b'c'), ("allow-events", b'u')],
        13 => &[("identity-info", b'n')],
        14 => &[("content-length", b'l'), ("accept-contact", b'a'), ("reject-contact", b'j')],
        15 => &[("session-expires", b'x')],
        16 => &[("content-encoding", b'e')],
        19 => &[("request-disposition", b'd')],
        _ => &[],
    };
    candidates.iter().find(|(long, _)| long.eq_ignore_ascii_case(name)).map(|&(_, letter)| letter)
}

/// A number of at most nine digits.
pub fn number(text: &[u8]) -> Option<usize> {
    let is_number = !text.is_empty() && text.len() < 10 && text.iter().all(u8::is_ascii_digit);
    is_number.then(|| text.iter().fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0')))
}
