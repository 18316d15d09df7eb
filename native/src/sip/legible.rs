//! Whether an address is by the letter of RFC 3261's grammar (section 25.1), as some that read it want it.

use super::index::is_token;
use memchr::{memchr, memrchr};

/// Whether a From, To or Refer-To can be read by everybody; by pages, which know of no URIs but `sip` and `sips`.
pub fn is_legible(value: &[u8], page: bool) -> bool {
    let Some(name) = display_name(value) else { return false };
    let (is_read, after) = match value[name..].strip_prefix(b"<") {
        Some(rest) => {
            let Some(end) = memchr(b'>', rest) else { return false };
            (is_uri(&rest[..end], page, true), &rest[end + 1..])
        }
        None if name > 0 => return false,
        None => {
            let (uri, params) = value.split_at(memchr(b';', value).unwrap_or(value.len()));
            (is_uri(uri, page, false), params)
        }
    };
    is_read && are_params(after)
}

/// Where the display name ends and `<` stands; 0 where none begins.
fn display_name(value: &[u8]) -> Option<usize> {
    if value.first() == Some(&b'"') {
        let end = quoted(value)?;
        let blanks = value[end..].iter().take_while(|byte| is_blank(**byte)).count();
        return (value.get(end + blanks) == Some(&b'<')).then_some(end + blanks);
    }
    let Some(end) = memchr(b'<', value) else { return Some(0) };
    value[..end].iter().all(|byte| is_token(*byte) || is_blank(*byte)).then_some(end)
}

/// How long the quoted string is that begins here.
fn quoted(value: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += match *value.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => value.get(at + 1).filter(|byte| byte.is_ascii() && !b"\r\n".contains(byte)).map(|_| 2)?,
            byte if byte != b'\t' && byte.is_ascii_control() => return None,
            _ => 1,
        };
    }
}

fn is_uri(uri: &[u8], page: bool, in_brackets: bool) -> bool {
    let Some(end) = memchr(b':', uri) else { return false };
    let (scheme, rest) = (&uri[..end], &uri[end + 1..]);
    if scheme.eq_ignore_ascii_case(b"sip") || scheme.eq_ignore_ascii_case(b"sips") {
        return is_sip(rest, in_brackets);
    }
    let is_of_scheme = |byte: &u8| byte.is_ascii_alphanumeric() || b"+.-".contains(byte);
    let is_of_bare = |byte: &u8| byte.is_ascii_graphic() && !b"<>".contains(byte) && (in_brackets || *byte != b'?');
    !page
        && scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme.iter().all(is_of_scheme)
        && !rest.is_empty()
        && rest.iter().all(is_of_bare)
}

/// What stands behind `sip:`. A bare address has no parameters or header fields of its own.
fn is_sip(rest: &[u8], in_brackets: bool) -> bool {
    let place = match memchr(b'@', rest) {
        None => rest,
        Some(at) => {
            let (user, password) = rest[..at].split_at(memchr(b':', &rest[..at]).unwrap_or(at));
            if !is_user(user) || !password.iter().skip(1).all(|byte| is_of(PASSWORD, *byte)) {
                return false;
            }
            &rest[at + 1..]
        }
    };
    let length = match place.strip_prefix(b"[") {
        Some(inner) => memchr(b']', inner).map_or(0, |end| end + 2),
        None => place.iter().take_while(|byte| is_of(HOST, **byte)).count(),
    };
    let (host, mut rest) = place.split_at(length);
    if !is_host(host) {
        return false;
    }
    if let Some(port) = rest.strip_prefix(b":") {
        let digits = port.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if !(1..=5).contains(&digits) {
            return false;
        }
        rest = &port[digits..];
    }
    if !in_brackets {
        return rest.is_empty();
    }
    let (params, headers) = rest.split_at(memchr(b'?', rest).unwrap_or(rest.len()));
    let are_headers = headers.is_empty() || headers.len() > 1 && headers.iter().all(|byte| !b"\" \t".contains(byte));
    are_headers && (params.is_empty() || params[0] == b';' && params[1..].split(|byte| *byte == b';').all(is_param))
}

fn is_param(param: &[u8]) -> bool {
    let is_plain = |part: &[u8]| !part.is_empty() && part.iter().all(|byte| is_of(PARAM, *byte));
    match memchr(b'=', param) {
        Some(at) => is_plain(&param[..at]) && is_plain(&param[at + 1..]),
        None => is_plain(param),
    }
}

fn is_user(user: &[u8]) -> bool {
    let mut at = user.iter().take_while(|byte| is_of(USER, **byte)).count();
    while let Some(&byte) = user.get(at) {
        at += match byte {
            _ if is_of(USER, byte) => 1,
            b'%' if user.get(at + 1..at + 3).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit)) => 3,
            _ => return false,
        };
    }
    !user.is_empty()
}

/// A name whose last label begins with a letter, an IPv4 address, or an IPv6 address without a zone.
fn is_host(host: &[u8]) -> bool {
    if let Some(inner) = host.strip_prefix(b"[") {
        let is_of_ipv6 = |byte: &u8| byte.is_ascii_hexdigit() || b":.".contains(byte);
        return inner.len() > 1 && inner[..inner.len() - 1].iter().all(is_of_ipv6);
    }
    let last = memrchr(b'.', host).map_or(host, |dot| &host[dot + 1..]);
    if last.first().is_some_and(u8::is_ascii_digit) {
        return is_ipv4(host);
    }
    let begins_well = |label: &[u8]| label.first().is_some_and(u8::is_ascii_alphanumeric);
    last.first().is_some_and(u8::is_ascii_alphabetic)
        && last.last().is_some_and(u8::is_ascii_alphanumeric)
        && host.split(|byte| *byte == b'.').all(begins_well)
}

fn is_ipv4(host: &[u8]) -> bool {
    let (mut dots, mut digits, mut octet) = (0, 0, 0_u32);
    for byte in host {
        if byte.is_ascii_digit() {
            digits += 1;
            octet = octet * 10 + u32::from(byte - b'0');
        } else if *byte == b'.' && digits > 0 {
            (dots, digits, octet) = (dots + 1, 0, 0);
        } else {
            return false;
        }
        if digits > 3 || octet > 255 {
            return false;
        }
    }
    dots == 3 && digits > 0
}

/// `;name`, `;name=token` and `;name="text"`, with blanks where the grammar bears them.
fn are_params(mut rest: &[u8]) -> bool {
    let blanks = |rest: &[u8]| rest.iter().take_while(|byte| is_blank(**byte)).count();
    let token = |rest: &[u8]| rest.iter().take_while(|byte| is_token(**byte)).count();
    while !rest.is_empty() {
        let Some(param) = rest[blanks(rest)..].strip_prefix(b";") else { return false };
        let param = &param[blanks(param)..];
        let name = token(param);
        rest = &param[name..];
        if let Some(value) = rest.strip_prefix(b"=") {
            let length = if value.first() == Some(&b'"') { quoted(value).unwrap_or(0) } else { token(value) };
            if length == 0 {
                return false;
            }
            rest = &value[length..];
        }
        if name == 0 {
            return false;
        }
    }
    true
}

fn is_of(part: u8, byte: u8) -> bool {
    PARTS[usize::from(byte)] & part != 0
}

const USER: u8 = 1;
const PASSWORD: u8 = 2;
const PARAM: u8 = 4;
const HOST: u8 = 8;

/// In which parts of a URI a byte may stand as it is: all names of all messages are asked about.
static PARTS: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        if (byte as u8).is_ascii_alphanumeric() {
            table[byte] = USER | PASSWORD | PARAM | HOST;
        }
        byte += 1;
    }
    let unreserved = USER | PASSWORD | PARAM;
    add(&mut table, b"-_.!~*'()", unreserved);
    add(&mut table, b"&=+$,;?/", USER);
    add(&mut table, b"&=+$,%", PASSWORD);
    add(&mut table, b"[]/:&+$%", PARAM);
    add(&mut table, b".-", HOST);
    table
};

const fn add(table: &mut [u8; 256], bytes: &[u8], part: u8) {
    let mut at = 0;
    while at < bytes.len() {
        table[bytes[at] as usize] |= part;
        at += 1;
    }
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

#[cfg(test)]
mod tests {
    use super::is_legible;

    #[test]
    fn who_reads_by_the_letter_reads_these() {
        for value in [
            "<sip:a@b.example>;tag=1",
            "sip:a@b.example;tag=1",
            "\"李雷\"<sip:a@b.example>;tag=1",
            "\"a \\\" b\" <sips:a:p@b.example:5061;transport=tcp>;tag=1 ; x=\"q r\"",
            "caller<sip:a@192.0.2.1>;tag=a.b-~1",
            "J. Smith <sip:+1;phone-context=x@[2001:db8::1]:5060;user=phone>",
            "<sip:b.example?Replaces=x%3Bto-tag%3D1>",
            "<sip:gateway>",
        ] {
            assert!(is_legible(value.as_bytes(), true) && is_legible(value.as_bytes(), false), "{value}");
        }
    }

    #[test]
    fn pages_read_no_other_uris() {
        for value in ["<tel:+86-138>;tag=1", "tel:+1;tag=2", "A <urn:service:sos>", "<http://x/y?z=1>"] {
            assert!(!is_legible(value.as_bytes(), true) && is_legible(value.as_bytes(), false), "{value}");
        }
    }

    #[test]
    fn nobody_reads_these() {
        for value in [
            "",
            "<",
            "<>",
            "<sip:>",
            "<sip:@b.example>",
            "<sip:a#@b.example>",
            "<sip:a@b.example.>",
            "<sip:a@host.1>",
            "<sip:a@999.0.2.1>",
            "<sip:a@1.2.3>",
            "<sip:a@1.2.3.>",
            "<sip:a@1..3.4>",
            "<sip:a@1.2.3.4.5>",
            "<sip:a@1.2.3.0004>",
            "<sip:a@b..example>",
            "<sip:a@[fe80::1%25eth0]>",
            "<sip:a@[]>",
            "<sip:a@b:>",
            "<sip:a@b:999999>",
            "<sip:a@b;x=y=z>",
            "<sip:a@b;>",
            "<sip:a@b?>",
            "<sip:a@b>;",
            "<sip:a@b>;x=",
            "<sip:a@b>;x=\"",
            "<sip:a@b> x",
            "\"a <sip:a@b>",
            "\"a\" x <sip:a@b>",
            "Smith, J <sip:a@b>",
            "a sip:a@b",
            "sip:a@b?x=y",
            "< sip:a@b >",
            "sip",
            "<sip:%4@b>",
            "<sip:a@-b.example>",
            "<sip:李@b>",
            "<sip:a@b",
            "<:a>",
            "tel:",
        ] {
            assert!(!is_legible(value.as_bytes(), false) && !is_legible(value.as_bytes(), true), "{value}");
        }
    }
}
