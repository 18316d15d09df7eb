"""From, To and Contact as everybody can read them.

Who calls by a name that is not by the letter of RFC 3261's grammar (a `#` that is not escaped, a display name in
Chinese without quotes, a host whose last label begins with a digit) rings no linphone, which says 400, and no page:
JsSIP and SIP.js throw the message away without a word to anybody. Pages do so with `tel:` URIs too, as carriers write
them. What they are shown instead is a function of what came, so that nothing need be remembered: both sides tell a
dialog by its tags.
"""

from talkpath._native import is_legible
from talkpath.base.errors import Malformed
from talkpath.sip.grammar import NameAddr
from talkpath.sip.message import Message
from talkpath.sip.uri import Uri, escaped, unescaped


def legible(value: str, domain: str, *, is_page: bool) -> str:
    """How this From, To or Refer-To is written for who cannot read it; "" where it is read as it is. `domain` is
    ours: numbers without one, and users of a host that nobody can read, are written as if they were here."""
    if _is_legible(value, is_page):
        return ""
    try:
        address = NameAddr.parse(value)
        uri = _spelt(address.parsed_uri(), domain, is_page)
    except Malformed:
        return ""
    tag = address.params.get("tag")
    return str(NameAddr(uri, {} if tag is None else {"tag": tag}, address.display_name))


def legible_contact(message: Message, domain: str, *, is_page: bool) -> str:
    """The same of the Contact of a message; "" too where it is not alone. What is then sent to it goes to the Contact
    itself (`remote_target`)."""
    values = message.all("Contact")
    return legible(values[0], domain, is_page=is_page) if len(values) == 1 else ""


def remote_target(uri: str, contact: str, *, is_page: bool) -> str:
    """Where a request within a dialog goes that names `uri`, from one whose peer's Contact is this."""
    return uri if not contact or _is_legible(f"<{contact}>", is_page) else contact


def _is_legible(value: str, is_page: bool) -> bool:
    return is_legible(value.encode("utf-8", "surrogateescape"), is_page)


def _spelt(uri: Uri, domain: str, is_page: bool) -> str:
    """The same by the letter: a number as RFC 3261 section 19.1.6 writes one, a user with its escapes."""
    if not uri.is_sip and not is_page:
        return str(uri)
    named = uri.number if uri.is_number and not uri.is_sip else unescaped(uri.user)
    user = escaped(named, is_whole=True)
    if not uri.is_sip:
        return str(Uri("sip", user, domain, params={"user": "phone"} if uri.is_number else {}))
    host = uri.host.rstrip(".")
    here = Uri(uri.scheme, user, host, uri.port)
    if not _is_legible(f"<{here}>", is_page):
        here = Uri(uri.scheme, user, domain)
    params = {name: text for name, text in uri.params.items() if _is_param(name, text)}
    return str(Uri(here.scheme, user, here.host, here.port, params, uri.headers))


def _is_param(name: str, text: str | None) -> bool:
    return _is_legible(f"<sip:x;{name}>" if text is None else f"<sip:x;{name}={text}>", is_page=True)
