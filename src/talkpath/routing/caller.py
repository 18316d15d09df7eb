"""Who calls, from where, and numbers: what From says, what is vouched for, how a number is written in full."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from talkpath.base.errors import Malformed
from talkpath.routing.headers import Headers
from talkpath.sip.grammar import NameAddr, split_list
from talkpath.sip.message import Message
from talkpath.sip.uri import Uri, escaped

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

# Control characters, and surrogates that stand for no byte of a peer (PEP 383).
_CONTROL = re.compile("[\x00-\x1f\x7f\ud800-\udc7f\udd00-\udfff]")
_ANONYMOUS = NameAddr("sip:anonymous@anonymous.invalid", {}, "Anonymous")


class Origin(str):
    """The name of the gateway that a call comes from, "" for none; it knows the group in which that stands."""

    __slots__ = ("_group",)

    _group: str

    def __new__(cls, name: str = "", group: str = "") -> "Origin":
        origin = super().__new__(cls, name)
        origin._group = group
        return origin

    @property
    def group(self) -> str:
        """The group of the gateway, "" where the call comes from none: `call.gateway.group == "branches"`."""
        return self._group


class Number(str):
    """A number or name as it was dialled: text, which knows how it is written in full."""

    __slots__ = ("_region",)

    _region: str

    def __new__(cls, text: str, region: str = "") -> "Number":
        number = super().__new__(cls, text)
        number._region = region
        return number

    @property
    def e164(self) -> str:
        """`+493012345`: the number with its country code (E.164). "" for what is no number.

        A number without + is read as it is dialled in `[routing] region`; without a region it is none. Where that
        needs a prefix (0 in Germany), what bears none is no number of the world: 1002 is somebody's extension.
        """
        return _e164(str(self), self._region)

    @property
    def country(self) -> str:
        """The country of the number in two letters ("DE"), "" for none, or for several (+1 800, +800)."""
        return _country(str(self), self._region)


@lru_cache(8192)
def _e164(text: str, region: str) -> str:
    number = _phone_number(text, region)
    if number is None:
        return ""
    from phonenumbers import PhoneNumberFormat, format_number

    return str(format_number(number, PhoneNumberFormat.E164))


@lru_cache(8192)
def _country(text: str, region: str) -> str:
    number = _phone_number(text, region)
    if number is None:
        return ""
    from phonenumbers import region_code_for_number

    found = region_code_for_number(number)
    return "" if found is None or found == "001" else str(found)


def _phone_number(text: str, region: str) -> "PhoneNumber | None":
    # The library finds a number anywhere in a text; who is named `info030123456` has none.
    if len(text) > 64 or not (text[:1] in {"+", "("} or text[:1].isdigit()):
        return None
    # Its tables take a tenth of a second to load: only scripts that ask pay for them.
    from phonenumbers import NumberParseException, is_possible_number, parse

    try:
        number = parse(text, region or None, keep_raw_input=True)
    except NumberParseException:
        return None
    return number if is_possible_number(number) and not _is_extension(text, number) else None


def _is_extension(text: str, number: "PhoneNumber") -> bool:
    """Whether nobody outside the house dials this so: without the national prefix that its country wants, or, where
    none is wanted, as no number of its plan."""
    from phonenumbers import (
        CountryCodeSource,
        PhoneNumberFormat,
        format_number,
        is_valid_number,
        national_significant_number,
    )

    dialled, bare = _digits(text), national_significant_number(number)
    if number.country_code_source != CountryCodeSource.FROM_DEFAULT_COUNTRY or dialled != bare:
        return False
    return _digits(format_number(number, PhoneNumberFormat.NATIONAL)) != bare or not is_valid_number(number)


def _digits(text: str) -> str:
    return "".join(char for char in text if char.isdigit())


class Caller:
    """Who calls, by From. Setting `name` or `number` changes what the other side is shown, in every message of the
    call; the caller itself is spoken to as before."""

    __slots__ = ("_address", "_message", "_name", "_number", "_region", "_uri")

    def __init__(self, message: Message, region: str) -> None:
        self._message = message
        self._region = region
        self._address: NameAddr | None = None
        self._uri: Uri | None = None
        self._name: str | None = None
        self._number: str | None = None

    def _from(self) -> NameAddr:
        if self._address is None:
            self._address = self._message.address("From")
        return self._address

    @property
    def uri(self) -> Uri:
        """The URI of From, as it came."""
        if self._uri is None:
            try:
                self._uri = self._from().parsed_uri()
            except Malformed:
                self._uri = Uri("sip", "", "anonymous.invalid")
        return self._uri

    @property
    def name(self) -> str:
        """The display name."""
        return self._from().display_name if self._name is None else self._name

    @name.setter
    def name(self, name: str) -> None:
        self._name = _line(name, "call.caller.name")

    @property
    def number(self) -> Number:
        """The number, or the user name."""
        return Number(self.uri.number if self._number is None else self._number, self._region)

    @number.setter
    def number(self, number: str) -> None:
        number = _line(number, "call.caller.number")
        if not number or any(char.isspace() for char in number):
            raise ValueError(f"{number[:40]!r} is no number for a caller; to hide it call identity.hide()")
        self._number = number

    @property
    def domain(self) -> str:
        """The host of From."""
        return self.uri.host

    def hide(self) -> None:
        """As RFC 3323 section 4.1 writes who is not to be known."""
        self._address, self._uri = _ANONYMOUS, _ANONYMOUS.parsed_uri()
        self._name, self._number = _ANONYMOUS.display_name, None

    @property
    def sender(self) -> str:
        """The new From without its tag; "" where it stays."""
        if self._name is None and self._number is None:
            return ""
        uri = self.uri
        if self._number is not None:
            user = escaped(self._number)
            uri = Uri(uri.scheme, user, uri.host, uri.port, uri.params, uri.headers, uri.password)
        return str(NameAddr(str(uri), {}, self.name))


class Identity:
    """What is said of the caller and of the way the call came, between networks that trust each other."""

    __slots__ = ("_caller", "_headers")

    def __init__(self, headers: Headers, caller: Caller) -> None:
        self._headers = headers
        self._caller = caller

    @property
    def asserted(self) -> str:
        """The first URI of P-Asserted-Identity (RFC 3325), "" for none. Set it to say who the caller is; set it to ""
        to say nothing."""
        value = self._headers.get("P-Asserted-Identity")
        return _uri_of(value) if value else ""

    @asserted.setter
    def asserted(self, uri: str) -> None:
        if uri:
            self._headers.set("P-Asserted-Identity", f"<{_callable(uri, 'identity.asserted')}>")
        else:
            self._headers.remove("P-Asserted-Identity")

    @property
    def privacy(self) -> tuple[str, ...]:
        """The wishes in Privacy (RFC 3323): id, header, session, user, none ..."""
        wishes = (wish.strip().lower() for value in self._headers.all("Privacy") for wish in value.split(";"))
        return tuple(wish for wish in wishes if wish)

    @privacy.setter
    def privacy(self, wishes: Iterable[str]) -> None:
        if isinstance(wishes, str):
            raise TypeError(f"identity.privacy takes a tuple of wishes: ({wishes!r},)")
        wishes = tuple(wishes)
        if wishes:
            self._headers.set("Privacy", ";".join(_token(wish) for wish in wishes))
        else:
            self._headers.remove("Privacy")

    def hide(self) -> None:
        """Show nobody who calls: From is anonymous, and who is trusted is asked to keep what is asserted."""
        self._caller.hide()
        self.privacy = tuple(dict.fromkeys((*(one for one in self.privacy if one != "none"), "id")))

    @property
    def diversions(self) -> list[str]:
        """The URIs that the call was diverted from, the last first (RFC 5806)."""
        return [_uri_of(value) for value in _items(self._headers.all("Diversion"))]

    def divert(self, uri: str, reason: str = "unconditional") -> None:
        """Say that the call is diverted from this URI, on top of those it was diverted from before."""
        value = f"<{_callable(uri, 'identity.divert()')}>;reason={_token(reason)}"
        self._headers.put_first("Diversion", value)

    @property
    def history(self) -> list[str]:
        """The URIs that the request was sent to before, the first first (History-Info, RFC 7044)."""
        return [_uri_of(value) for value in _items(self._headers.all("History-Info"))]

    def remember(self, uri: str) -> None:
        """Add a URI to History-Info, as the step after those that are there."""
        index = _next_index(_items(self._headers.all("History-Info")))
        self._headers.add("History-Info", f"<{_callable(uri, 'identity.remember()')}>;index={index}")


def _items(values: list[str]) -> list[str]:
    return [item for value in values for item in split_list(value)]


def _uri_of(value: str) -> str:
    try:
        return NameAddr.parse(next(iter(_items([value])), "")).uri
    except Malformed:
        return ""


def _next_index(items: list[str]) -> str:
    """One level deeper than the last entry: whoever retargets writes a child of it (RFC 7044 section 10.3)."""
    if not items:
        return "1"
    try:
        last = NameAddr.parse(items[-1]).params.get("index") or ""
    except Malformed:
        last = ""
    return f"{last}.1" if re.fullmatch(r"[0-9]+(\.[0-9]+)*", last) else str(len(items) + 1)


def _callable(uri: str, where: str) -> str:
    if not isinstance(uri, str):
        raise TypeError(f"{where} takes a URI, not {type(uri).__name__}")
    try:
        Uri.parse(uri)
    except Malformed:
        raise ValueError(f"{where}: {uri[:80]!r} is no URI; write sip:user@host") from None
    return uri


def _token(text: str) -> str:
    if not isinstance(text, str) or not re.fullmatch(r"[A-Za-z0-9\-]{1,40}", text):
        raise ValueError(f"{str(text)[:40]!r} is no word for a header field")
    return text


def _line(text: object, where: str) -> str:
    if not isinstance(text, str):
        raise TypeError(f"{where} takes text, not {type(text).__name__}")
    if _CONTROL.search(text):
        raise ValueError(f"{where}: {text[:40]!r} holds a line break or another character that can not be written")
    return str(text)
