//! What of a message decides where it belongs: its transaction, its dialog, and what it describes (RFC 3261 17.1.3, 12).

use crate::sip::{unfolded, Field, Index, Span, StartLine, MAX_HEADERS};
use std::borrow::Cow;

/// Where the values lie in the text of the message; empty where there is none.
#[derive(Default)]
pub struct Head {
    /// The message with the fields that were folded on one line each; None where the bytes themselves will do.
    flat: Option<Box<[u8]>>,
    pub is_request: bool,
    method: Span,
    pub status: u16,
    reason: Span,
    call_id: Span,
    /// The number of CSeq, -1 where it is unreadable.
    pub cseq: i64,
    branch: Span,
    from_tag: Span,
    to_tag: Span,
    content_type: Span,
    /// What the sender calls itself: User-Agent, or else Server.
    agent: Span,
    /// Of the bytes, not of the unfolded text.
    pub body: Span,
    pub content_length: Option<usize>,
    pub has_session_timer: bool,
}

impl Head {
    /// None for what is no SIP message.
    pub fn of(raw: &[u8]) -> Option<Head> {
        let index = Index::of(raw, MAX_HEADERS).ok()?;
        let is_folded = |field: &Field| is_read(field.name.of(raw)) && field.value.of(raw).contains(&b'\n');
        if index.is_folded && index.fields.iter().any(is_folded) {
            let flat = flattened(raw, &index);
            let head = Head::read(&flat, &Index::of(&flat, MAX_HEADERS).ok()?);
            return Some(Head { flat: Some(flat.into()), body: index.body, ..head });
        }
        Some(Head::read(raw, &index))
    }

    fn read(text: &[u8], index: &Index) -> Head {
        let mut head = Head { cseq: -1, body: index.body, ..Head::default() };
        let (mut via, mut from, mut to, mut cseq, mut length) = (None, None, None, None, None);
        let (mut agent, mut server) = (None, None);
        for field in &index.fields {
            let value = field.value;
            match kind(field.name.of(text)) {
                Kind::Via => drop(via.get_or_insert(value)),
                Kind::From => drop(from.get_or_insert(value)),
                Kind::To => drop(to.get_or_insert(value)),
                Kind::CSeq => drop(cseq.get_or_insert(value)),
                Kind::ContentLength => drop(length.get_or_insert(value)),
                Kind::CallId if head.call_id.is_empty() => head.call_id = value,
                Kind::ContentType if head.content_type.is_empty() => head.content_type = value,
                Kind::UserAgent => drop(agent.get_or_insert(value)),
                Kind::Server => drop(server.get_or_insert(value)),
                Kind::SessionExpires => head.has_session_timer = true,
                _ => {}
            }
        }
        head.agent = agent.filter(|value| !value.is_empty()).or(server).unwrap_or_default();
        let cseq = cseq.unwrap_or_default();
        match index.start {
            StartLine::Request { method, .. } => (head.is_request, head.method) = (true, method),
            StartLine::Status { code, reason } => {
                (head.status, head.reason) = (code, reason);
                let name = memchr::memrchr2(b' ', b'\t', cseq.of(text)).map_or(0, |at| at + 1);
                head.method = cseq.from(name);
            }
        }
        head.cseq = number(cseq.of(text));
        head.branch = via.map(|value| branch(text, value)).unwrap_or_default();
        head.from_tag = from.map(|value| tag(text, value)).unwrap_or_default();
        head.to_tag = to.map(|value| tag(text, value)).unwrap_or_default();
        head.content_length = length.and_then(|value| decimal(value.of(text)));
        head
    }

    fn text<'a>(&'a self, raw: &'a [u8]) -> &'a [u8] {
        self.flat.as_deref().unwrap_or(raw)
    }

    /// The method; of a response the one that its CSeq names.
    pub fn method<'a>(&'a self, raw: &'a [u8]) -> &'a [u8] {
        self.method.of(self.text(raw))
    }

    pub fn reason<'a>(&'a self, raw: &'a [u8]) -> &'a [u8] {
        self.reason.of(self.text(raw))
    }

    pub fn call_id<'a>(&'a self, raw: &'a [u8]) -> &'a [u8] {
        self.call_id.of(self.text(raw))
    }

    /// The branch of the top Via, as it stands.
    pub fn branch<'a>(&'a self, raw: &'a [u8]) -> &'a [u8] {
        self.branch.of(self.text(raw))
    }

    /// Of From.
    pub fn sender_tag<'a>(&'a self, raw: &'a [u8]) -> &'a [u8] {
        self.from_tag.of(self.text(raw))
    }

    /// Of To.
    pub fn receiver_tag<'a>(&'a self, raw: &'a [u8]) -> &'a [u8] {
        self.to_tag.of(self.text(raw))
    }

    /// What the sender calls itself, empty where it does not say.
    pub fn agent<'a>(&'a self, raw: &'a [u8]) -> &'a [u8] {
        self.agent.of(self.text(raw))
    }

    /// Everything behind the empty line.
    pub fn whole_body<'a>(&self, raw: &'a [u8]) -> &'a [u8] {
        self.body.of(raw)
    }

    /// The session description it carries (RFC 2046 for those in several parts), empty where there is none.
    pub fn description<'a>(&self, raw: &'a [u8]) -> &'a [u8] {
        let body = self.body.of(raw);
        let body = self.content_length.and_then(|length| body.get(..length)).unwrap_or(body);
        let kind = self.content_type.of(self.flat.as_deref().unwrap_or(raw));
        let name = kind.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
        if name.eq_ignore_ascii_case(b"application/sdp") {
            return body;
        }
        if !name.get(..10).is_some_and(|start| start.eq_ignore_ascii_case(b"multipart/")) {
            return b"";
        }
        memchr::memmem::find(body, b"\nv=0").map_or(b"", |at| &body[at + 1..])
    }

    /// The branches of all Vias, the top one first; those that have none are left out.
    pub fn branches(&self, raw: &[u8]) -> Vec<Box<[u8]>> {
        let text = self.text(raw);
        let Ok(index) = Index::of(text, MAX_HEADERS) else { return Vec::new() };
        let vias = index.fields.iter().filter(|field| kind(field.name.of(text)) == Kind::Via);
        vias.flat_map(|field| field.value.of(text).split(|&byte| byte == b','))
            .filter_map(|via| branch_in(via).map(|(start, end)| via[start..end].into()))
            .collect()
    }
}

#[derive(PartialEq, Eq, Clone, Copy)]
enum Kind {
    Via,
    From,
    To,
    CallId,
    CSeq,
    ContentType,
    ContentLength,
    UserAgent,
    Server,
    SessionExpires,
    Other,
}

/// Long and compact forms (RFC 3261 section 7.3.3, RFC 4028).
fn kind(name: &[u8]) -> Kind {
    let is = |long: &[u8]| name.eq_ignore_ascii_case(long);
    match (name.len(), name.first().map(u8::to_ascii_lowercase)) {
        (1, Some(b'v')) => Kind::Via,
        (1, Some(b'f')) => Kind::From,
        (1, Some(b't')) => Kind::To,
        (1, Some(b'i')) => Kind::CallId,
        (1, Some(b'c')) => Kind::ContentType,
        (1, Some(b'l')) => Kind::ContentLength,
        (1, Some(b'x')) => Kind::SessionExpires,
        (2, _) if is(b"to") => Kind::To,
        (3, _) if is(b"via") => Kind::Via,
        (4, _) if is(b"from") => Kind::From,
        (4, _) if is(b"cseq") => Kind::CSeq,
        (6, _) if is(b"server") => Kind::Server,
        (7, _) if is(b"call-id") => Kind::CallId,
        (10, _) if is(b"user-agent") => Kind::UserAgent,
        (12, _) if is(b"content-type") => Kind::ContentType,
        (14, _) if is(b"content-length") => Kind::ContentLength,
        (15, _) if is(b"session-expires") => Kind::SessionExpires,
        _ => Kind::Other,
    }
}

fn is_read(name: &[u8]) -> bool {
    kind(name) != Kind::Other
}

/// The same head with every field on one line, without the body.
fn flattened(raw: &[u8], index: &Index) -> Vec<u8> {
    let first = index.fields.first().map_or(0, |field| field.name.start());
    let mut flat = raw[..first].to_vec();
    for field in &index.fields {
        let value: Cow<'_, [u8]> = unfolded(field.value.of(raw));
        for part in [field.name.of(raw), b": ", &value, b"\r\n"] {
            flat.extend_from_slice(part);
        }
    }
    flat.extend_from_slice(b"\r\n");
    flat
}

/// RFC 3261 section 8.1.1.5: "4711 INVITE", the number below 2**31.
fn number(cseq: &[u8]) -> i64 {
    let digits = cseq.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = &cseq[digits..];
    let method = rest.trim_ascii_start();
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(byte);
    if !(1..=10).contains(&digits) || method.len() == rest.len() || method.is_empty() || !method.iter().all(is_token)
    {
        return -1;
    }
    let number = cseq[..digits].iter().fold(0i64, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    if number < 1 << 31 {
        number
    } else {
        -1
    }
}

/// What `Message.content_length` takes for a number.
fn decimal(text: &[u8]) -> Option<usize> {
    if text.is_empty() || text.len() > 9 || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(text.iter().fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0')))
}

/// The branch in the first Via of a field value.
fn branch(text: &[u8], value: Span) -> Span {
    let first = value.of(text).split(|&byte| byte == b',').next().unwrap_or_default();
    branch_in(first).map_or(Span::default(), |(start, end)| value.slice(start, end))
}

/// From where to where the branch of one Via goes. Much read, so cut out and not parsed.
fn branch_in(via: &[u8]) -> Option<(usize, usize)> {
    let start = match memchr::memmem::find(via, b";branch=") {
        Some(at) => at + 8,
        None => branch_oddly_written(via)?,
    };
    let end = memchr::memchr(b';', &via[start..]).map_or(via.len(), |at| start + at);
    let lead = via[start..end].len() - via[start..end].trim_ascii_start().len();
    Some((start + lead, start + lead + via[start..end].trim_ascii().len()))
}

/// Where the value begins after a name in capitals, or with white space around it (RFC 3261 sections 7.3.1 and 25.1).
fn branch_oddly_written(via: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b';', via).find_map(|semicolon| {
        let end = memchr::memchr(b';', &via[semicolon + 1..]).map_or(via.len(), |at| semicolon + 1 + at);
        let equals = semicolon + memchr::memchr(b'=', &via[semicolon..end])?;
        via[semicolon + 1..equals].trim_ascii().eq_ignore_ascii_case(b"branch").then_some(equals + 1)
    })
}

/// The tag of a From or To value (`grammar.tag_of`).
fn tag(text: &[u8], value: Span) -> Span {
    let bytes = value.of(text);
    let mut at = memchr::memrchr(b'>', bytes).map_or(0, |at| at + 1);
    while let Some(found) = memchr::memchr(b';', &bytes[at..]) {
        at += found + 1;
        let skip = |from: usize| from + bytes[from..].len() - bytes[from..].trim_ascii_start().len();
        let name = skip(at);
        if !bytes[name..].get(..3).is_some_and(|name| name.eq_ignore_ascii_case(b"tag")) {
            continue;
        }
        let equals = skip(name + 3);
        if bytes.get(equals) != Some(&b'=') {
            continue;
        }
        let start = skip(equals + 1);
        let is_tag = |byte: &u8| !byte.is_ascii_whitespace() && !b";,?>\"".contains(byte);
        let length = bytes[start..].iter().take_while(|byte| is_tag(byte)).count();
        if length > 0 {
            return value.slice(start, start + length);
        }
    }
    Span::default()
}
