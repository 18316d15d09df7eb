//! The parts of common header values that every message is asked for, where they are written as nearly everybody does.
//! What is written in another way is left to the grammar in Python (`sip/grammar.py`), which says the same of these.

use super::index::is_token;

/// Fields that say who a sender is, beside From (`edge/admission/identity.py`).
const OF_SENDER: [&[u8]; 3] = [b"p-asserted-", b"p-preferred-", b"remote-party-"];

pub fn names_sender(name: &[u8]) -> bool {
    let begins = |start: &&[u8]| name.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start));
    name.len() > 12 && OF_SENDER.iter().any(begins)
}

/// The tag of `...<...>;tag=...`, b"" of `...<...>`; None for what only the grammar can tell.
pub fn plain_tag(value: &[u8]) -> Option<&[u8]> {
    let after = &value[memchr::memrchr(b'>', value)? + 1..];
    if after.is_empty() {
        return Some(after);
    }
    let tag = after.strip_prefix(b";tag=")?;
    (!tag.is_empty() && tag.iter().copied().all(is_token)).then_some(tag)
}

/// Number and method of `1 INVITE`; None for what only the grammar can tell.
pub fn plain_cseq(value: &[u8]) -> Option<(usize, &[u8])> {
    let (digits, method) = split(value, b' ');
    let method = method.filter(|method| !method.is_empty() && method.iter().all(u8::is_ascii_alphabetic))?;
    Some((super::index::number(digits)?, method))
}

/// The URI of `<...>;...`, alone in its field; None for what only the grammar can tell.
pub fn plain_uri(value: &[u8]) -> Option<&[u8]> {
    let rest = value.strip_prefix(b"<")?;
    let end = memchr::memchr(b'>', rest)?;
    let (uri, after) = (&rest[..end], &rest[end + 1..]);
    let is_plain = |byte: &u8| byte.is_ascii_graphic() && !b"\",<".contains(byte);
    let ends_so = after.is_empty() || after.starts_with(b";");
    (ends_so && !uri.is_empty() && rest.iter().all(is_plain)).then_some(uri)
}

/// `SIP/2.0/UDP host:port;name=value;name`, alone in its field.
pub struct PlainVia<'a> {
    pub transport: &'a [u8],
    pub host: &'a [u8],
    pub port: Option<u16>,
    params: &'a [u8],
}

impl<'a> PlainVia<'a> {
    pub fn of(value: &'a [u8]) -> Option<PlainVia<'a>> {
        let rest = value.strip_prefix(b"SIP/2.0/")?;
        let (sent, params) = rest.split_at(memchr::memchr(b';', rest).unwrap_or(rest.len()));
        let (transport, place) = split(sent, b' ');
        let (host, port) = split(place?, b':');
        let is_upper = |byte: &u8| byte.is_ascii_uppercase();
        let is_of_host = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(byte);
        if transport.is_empty() || host.is_empty() || !transport.iter().all(is_upper) || !host.iter().all(is_of_host)
        {
            return None;
        }
        let via =
            PlainVia { transport, host, port: port.map_or(Some(None), |text| port_of(text).map(Some))?, params };
        via.params().all(|(name, value)| is_plain_name(name) && value.is_none_or(is_plain_value)).then_some(via)
    }

    /// The first parameter of that name that says something.
    pub fn param(&self, wanted: &[u8]) -> Option<&'a [u8]> {
        self.params().find(|(name, _)| *name == wanted)?.1
    }

    /// Name and value of each parameter.
    pub fn params(&self) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> {
        self.params.split(|&byte| byte == b';').skip(1).map(|part| split(part, b'='))
    }
}

/// What stands before a byte, and behind it where it stands there.
fn split(text: &[u8], at: u8) -> (&[u8], Option<&[u8]>) {
    memchr::memchr(at, text).map_or((text, None), |place| (&text[..place], Some(&text[place + 1..])))
}

fn port_of(text: &[u8]) -> Option<u16> {
    let number = super::index::number(text)?;
    u16::try_from(number).ok().filter(|port| *port > 0)
}

fn is_plain_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| is_token(*byte) && !byte.is_ascii_uppercase())
}

/// A token or a host: nothing that has to be taken apart, and no comma, behind which another Via would stand.
fn is_plain_value(value: &[u8]) -> bool {
    value.iter().all(|byte| is_token(*byte) || b":[]/".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(value: &str) -> Option<(String, String, Option<u16>, Vec<(String, Option<String>)>)> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        PlainVia::of(value.as_bytes()).map(|via| {
            let params = via.params().map(|(name, value)| (text(name), value.map(text))).collect();
            (text(via.transport), text(via.host), via.port, params)
        })
    }

    #[test]
    fn a_via_as_most_write_it() {
        let params = vec![("branch".into(), Some("z9hG4bK-1".into())), ("rport".into(), None)];
        let whole = "SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bK-1;rport";
        assert_eq!(told(whole), Some(("UDP".into(), "192.0.2.1".into(), Some(5062), params)));
        assert_eq!(told("SIP/2.0/TCP host.invalid"), Some(("TCP".into(), "host.invalid".into(), None, vec![])));
    }

    #[test]
    fn what_only_the_grammar_can_tell() {
        let odd = [
            "SIP / 2.0 / UDP a",
            "SIP/2.0/udp a",
            "SIP/2.0/UDP A",
            "SIP/2.0/UDP a:0",
            "SIP/2.0/UDP a:65536",
            "SIP/2.0/UDP a:",
            "SIP/2.0/UDP [::1]:5060",
            "SIP/2.0/UDP  a",
            "SIP/2.0/UDP a ;b",
            "SIP/2.0/UDP a;",
            "SIP/2.0/UDP a;;b=1",
            "SIP/2.0/UDP a;b=1, SIP/2.0/UDP c",
            "SIP/2.0/UDP a;b=\"c;d\"",
            "SIP/2.0/UDP a; b=1",
            "SIP/2.0/UDP a;B=1",
            "SIP/2.0/UDP a;b= 1",
            "SIP/2.0/UDP",
            "SIP/2.0/UDP a:5060:1",
            "SIP/2.0/UDP a;b=\u{e9}",
        ];
        for value in odd {
            assert_eq!(told(value), None, "{value}");
        }
    }

    #[test]
    fn tags() {
        for (value, tag) in [
            ("<sip:a@b>;tag=1-x", Some("1-x")),
            ("\"A > B\" <sip:a@b>", Some("")),
            ("<sip:a@b>;x=1;tag=2", None),
            ("sip:a@b;tag=3", None),
            ("<sip:a@b>;tag=", None),
            ("<sip:a@b>;tag=a;b", None),
            ("<sip:a@b> ;tag=1", None),
        ] {
            assert_eq!(plain_tag(value.as_bytes()), tag.map(str::as_bytes), "{value}");
        }
    }

    #[test]
    fn cseq() {
        assert_eq!(plain_cseq(b"1 INVITE"), Some((1, &b"INVITE"[..])));
        for odd in ["", "1", "1 ", " INVITE", "1  INVITE", "1\tINVITE", "1 X-Y", "-1 INVITE", "4294967296 INVITE"] {
            assert_eq!(plain_cseq(odd.as_bytes()), None, "{odd}");
        }
    }

    #[test]
    fn uri_of_an_address() {
        assert_eq!(plain_uri(b"<sip:a@b:5060;x=y>"), Some(&b"sip:a@b:5060;x=y"[..]));
        assert_eq!(plain_uri(b"<sip:a@b>;expires=5"), Some(&b"sip:a@b"[..]));
        let odd = ["", "<", "<>", "sip:a@b", "\"A\" <sip:a@b>", "<sip:a@b> ;x", "<sip:a@b>, <sip:c@d>", "<sip: a>"];
        for value in odd.iter().chain(&["<sip:a@b>;x=\"y\"", "<sip:a@b>x", "<<sip:a@b>", "<sip:a@b>;\u{e9}"]) {
            assert_eq!(plain_uri(value.as_bytes()), None, "{value}");
        }
    }

    #[test]
    fn fields_that_name_the_sender() {
        let [yes, no] = [
            ["P-Asserted-Identity", "remote-party-id", "P-PREFERRED-Identity"],
            ["From", "P-Early-Media", "Privacy"],
        ];
        assert!(yes.iter().all(|name| names_sender(name.as_bytes())));
        assert!(!no.iter().any(|name| names_sender(name.as_bytes())));
    }
}
