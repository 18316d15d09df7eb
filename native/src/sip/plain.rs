//! What nearly every message is, told in one pass.

use super::index::{is_token, names_match, number, Index, StartLine};

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

/// `<sip:...>;tag=...`: one URI in angle brackets, no display name, nothing quoted.
fn is_plain_address(value: &[u8]) -> bool {
    value.starts_with(b"<sip")
        && memchr::memrchr(b'<', value) == Some(0)
        && memchr::memchr(b'>', value).is_some_and(|end| end > 5)
        && memchr::memchr(b'"', value).is_none()
}

impl Index {
    /// Whether each field that a message needs stands there once and in its simplest form.
    pub fn is_plain(&self, data: &[u8]) -> bool {
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
                    (&mut length, number(value).is_some_and(|length| length <= self.body.len()))
                }
                None => {
                    via = via || names_match(field.name.of(data), "via", Some(b'v')) && !value.is_empty();
                    continue;
                }
            };
            if *seen || !is_good {
                return false;
            }
            *seen = true;
        }
        from && to && call_id && cseq && via
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
}
