"""From and To as a page can read them.

JsSIP and SIP.js throw a message away, without a word to anybody, whose From or To is not a sip URI by the letter of
RFC 3261's grammar: `tel:` URIs as carriers write them, a `#` that is not escaped, a host that ends in a dot or begins
its last label with a digit, a display name in Chinese without quotes. Phones read all of these. What a page is shown
instead is a function of what came, so that nothing need be remembered: both sides tell a dialog by its tags.
"""

import re
from urllib.parse import quote

from talkpath.base.errors import Malformed
from talkpath.sip.grammar import NameAddr
from talkpath.sip.uri import Uri, unescaped

_TOKEN = r"[A-Za-z0-9\-.!%*_+`'~]+"
_QUOTED = r'"(?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[\x01-\x7e])*+"'
_HOST = (
    r"(?:(?:[A-Za-z0-9][A-Za-z0-9\-]*\.)*[A-Za-z](?:[A-Za-z0-9\-]*[A-Za-z0-9])?"
    r"|(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)|\[[0-9A-Fa-f:.]+\])"
)
_PARAM = r"[A-Za-z0-9\[\]/:&+$\-_.!~*'()%]+"
_PLAIN_IN_USER = "-_.!~*'()&=+$,;?/"
_USER = r"(?:[A-Za-z0-9\-_.!~*'()&=+$,;?/]|%[0-9A-Fa-f]{2})+"
_URI = rf"sips?:(?:{_USER}(?::[A-Za-z0-9\-_.!~*'()&=+$,%]*)?@)?{_HOST}(?::\d{{1,5}})?(?:;{_PARAM}(?:={_PARAM})?)*"
_PARAMS = rf"(?:\s*;\s*{_TOKEN}(?:=(?:{_TOKEN}|{_QUOTED}))?)*"
_LEGIBLE = re.compile(
    rf"(?:(?:{_QUOTED}\s*|(?:{_TOKEN}\s+)*+)<{_URI}>|{_URI.removesuffix(f'(?:;{_PARAM}(?:={_PARAM})?)*')}){_PARAMS}",
    re.IGNORECASE,
)
_LEGIBLE_HOST = re.compile(_HOST)
_LEGIBLE_PARAM = re.compile(_PARAM)


def legible(value: str, domain: str) -> str:
    """How a page is to be shown this From or To; "" where it reads it as it is. `domain` is ours: numbers without
    one, and users of a host that no page can read, are shown as if they were here."""
    if _LEGIBLE.fullmatch(value):
        return ""
    try:
        address = NameAddr.parse(value)
        uri = _sip_uri(address.parsed_uri(), domain)
    except Malformed:
        return ""
    tag = address.params.get("tag")
    return str(NameAddr(str(uri), {} if tag is None else {"tag": tag}, address.display_name))


def _sip_uri(uri: Uri, domain: str) -> Uri:
    """The same by the letter: a number as RFC 3261 section 19.1.6 writes one, a user with its escapes."""
    named = uri.number if uri.is_number and not uri.is_sip else unescaped(uri.user)
    user = quote(named, safe=_PLAIN_IN_USER, errors="surrogateescape")
    if not uri.is_sip:
        return Uri("sip", user, domain, params={"user": "phone"} if uri.is_number else {})
    host = uri.host.rstrip(".")
    is_legible = ":" in host or _LEGIBLE_HOST.fullmatch(host)
    params = {
        name: text
        for name, text in uri.params.items()
        if _LEGIBLE_PARAM.fullmatch(name) and (text is None or _LEGIBLE_PARAM.fullmatch(text))
    }
    return Uri(uri.scheme, user, host if is_legible else domain, uri.port if is_legible else None, params)
