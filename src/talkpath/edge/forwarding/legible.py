"""From and To as everybody can read them.

Who calls by a name that is not by the letter of RFC 3261's grammar (a `#` that is not escaped, a display name in
Chinese without quotes, a host whose last label begins with a digit) rings no linphone, which says 400, and no page:
JsSIP and SIP.js throw the message away without a word to anybody. Pages do so with `tel:` URIs too, as carriers write
them. What they are shown instead is a function of what came, so that nothing need be remembered: both sides tell a
dialog by its tags.
"""

import re
from functools import lru_cache
from urllib.parse import quote

from talkpath.base.errors import Malformed
from talkpath.sip.grammar import NameAddr
from talkpath.sip.uri import Uri, unescaped

_TOKEN = r"[A-Za-z0-9\-.!%*_+`'~]+"
_QUOTED = r'"(?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[\x00-\x09\x0b\x0c\x0e-\x7f])*+"'
_HOST = (
    r"(?:(?:[A-Za-z0-9][A-Za-z0-9\-]*\.)*[A-Za-z](?:[A-Za-z0-9\-]*[A-Za-z0-9])?"
    r"|(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)|\[[0-9A-Fa-f:.]+\])"
)
_PARAM = r"[A-Za-z0-9\[\]/:&+$\-_.!~*'()%]+"
_PLAIN_IN_USER = "-_.!~*'()&=+$,;?/"
_USER = r"(?:[A-Za-z0-9\-_.!~*'()&=+$,;?/]|%[0-9A-Fa-f]{2})+"
_BARE = rf"sips?:(?:{_USER}(?::[A-Za-z0-9\-_.!~*'()&=+$,%]*)?@)?{_HOST}(?::\d{{1,5}})?"
_SIP = rf"{_BARE}(?:;{_PARAM}(?:={_PARAM})?)*(?:\?[^<>\s\"]+)?"
_OTHER = r"(?!sips?:)[a-z][a-z0-9+.\-]*:[!-;=?-~]+"
_NAME = rf"(?:{_QUOTED}\s*|(?:{_TOKEN}\s+)*+(?:{_TOKEN})?)"
_FOR_PAGES = re.compile(rf"{_NAME}<{_SIP}|{_BARE}", re.IGNORECASE)
_FOR_PHONES = re.compile(rf"{_NAME}<(?:{_SIP}|{_OTHER})|{_BARE}|[a-z][a-z0-9+.\-]*:[!-:=@-~]+", re.IGNORECASE)
_PARAMS = re.compile(rf"(?:\s*;\s*{_TOKEN}(?:=(?:{_TOKEN}|{_QUOTED}))?)*")
_LEGIBLE_HOST = re.compile(_HOST)
_LEGIBLE_PARAM = re.compile(_PARAM)


def legible(value: str, domain: str, *, is_page: bool) -> str:
    """How this From, To or Refer-To is written for who cannot read it; "" where it is read as it is. `domain` is
    ours: numbers without one, and users of a host that nobody can read, are written as if they were here."""
    name, bracket, params = value.partition(">")
    if not bracket:
        name, _, params = value.partition(";")
        params = params and f";{params}"
    if _is_legible(name, is_page) and _PARAMS.fullmatch(params):
        return ""
    try:
        address = NameAddr.parse(value)
        uri = _spelt(address.parsed_uri(), domain, is_page)
    except Malformed:
        return ""
    tag = address.params.get("tag")
    return str(NameAddr(uri, {} if tag is None else {"tag": tag}, address.display_name))


@lru_cache(4096)
def _is_legible(name: str, is_page: bool) -> bool:
    """What stands before the parameters; the same callers call again and again."""
    return (_FOR_PAGES if is_page else _FOR_PHONES).fullmatch(name) is not None


def _spelt(uri: Uri, domain: str, is_page: bool) -> str:
    """The same by the letter: a number as RFC 3261 section 19.1.6 writes one, a user with its escapes."""
    if not uri.is_sip and not is_page:
        return str(uri)
    named = uri.number if uri.is_number and not uri.is_sip else unescaped(uri.user)
    user = quote(named, safe=_PLAIN_IN_USER, errors="surrogateescape")
    if not uri.is_sip:
        return str(Uri("sip", user, domain, params={"user": "phone"} if uri.is_number else {}))
    host = uri.host.rstrip(".")
    is_legible = ":" in host or _LEGIBLE_HOST.fullmatch(host)
    params = {
        name: text
        for name, text in uri.params.items()
        if _LEGIBLE_PARAM.fullmatch(name) and (text is None or _LEGIBLE_PARAM.fullmatch(text))
    }
    port = uri.port if is_legible else None
    return str(Uri(uri.scheme, user, host if is_legible else domain, port, params, uri.headers))
