"""Finds the calls that are one call: the two sides of a back-to-back agent, which share no Call-ID.

Certain ties come first: a header that names the other Call-ID, an identifier made for this purpose (RFC 7989, IMS
charging, Cisco), media that both sides announce. Where there are none, the numbers, the box in the middle and the
time decide, and only when they leave no doubt: two calls joined wrongly are worse than one call shown as two.
"""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator

from talkpath._native import Hop
from talkpath.base.address import Address
from talkpath.calls.build import number_of
from talkpath.calls.legs import Placed
from talkpath.calls.model import Joined, Medium, Result
from talkpath.sip.message import Message

# The second side follows the first at once; a box that looks up a number in a slow database needs some seconds.
_FOLLOWS_S = 10.0
# Clocks of two captures that were merged may differ by this much.
_SKEW_S = 0.1
# Both sides of a call that was answered are answered within a round trip or two.
_ANSWERS_TOGETHER_S = 3.0
# A border controller answers from another address than it is called at. What passes it does so within this time.
_PASSES_S = 1.0
_AT_ONCE_S = 0.1
# Digits that must be equal at the end of two numbers, whatever prefixes stand before (+49 30 1234567, 0301234567).
_DIGITS = 6

# Calls looked at for one: under a flood of calls between the same two numbers nothing could be told apart anyway.
_LOOK = 50

# Likeness of a call with both numbers, from the socket where another ended that led nowhere yet. Of several such (a
# load test) the first is meant.
_ALL_ALIKE = 11

# Headers that carry an identifier which a back-to-back agent passes on unchanged, and the part that counts.
_IDENTIFIERS = (
    ("Session-ID", re.compile(r"^\s*([0-9a-fA-F]{32})")),  # RFC 7989 section 5; the older RFC 7329 is alike
    ("P-Charging-Vector", re.compile(r'icid-value="?([^;",\s]+)')),  # RFC 7315 section 4.6
    ("Cisco-Guid", re.compile(r"^\s*([\d-]+)\s*$")),
)
_NO_SESSION = "0" * 32
_VENDOR = ("X-", "P-")
_TAILED = re.compile(r"^(\+?\d{6,})[-_#*~][\w.-]*$")
_TOKEN = re.compile(r"[^\s;,<>\"=]+")


class Part:
    """What one Call-ID shows of a call: its hops, and what they can be recognised by."""

    def __init__(self, hops: list[Placed]) -> None:
        self.hops = hops
        self.first: Hop = hops[0][0]
        invite = Message(self.first.opening)
        self.start = self.first.start
        self.numbers = (number_of(invite, "From"), _called(invite))
        #: what is known to lead from one side of such an agent to the other, and what may name a Call-ID there
        self.identifiers = tuple(_identifiers(invite))
        self.named = tuple(invite.frame.beginning(_VENDOR))
        #: what numbers that may be the same have in common
        self.endings = (_ending(self.numbers[0]), _ending(self.numbers[1]))
        self.offered = _offered(self.first)
        parents = {parent for _, parent, _ in hops}
        #: where the call left what was seen of it
        self.box = tuple({hop.callee: 0 for index, (hop, _, _) in enumerate(hops) if index not in parents})

    @property
    def ended_at(self) -> float | None:
        return self.first.ended_at


def joined(parts: list[Part]) -> list[list[Placed]]:
    """The hops of each whole call, in the order in which the calls began."""
    parts = sorted(parts, key=lambda part: part.start)
    ties = _Ties(parts)
    children: dict[int, list[Part]] = defaultdict(list)
    roots: list[Part] = []
    for part in parts:
        parent = ties.parent_of(part)
        if parent is None:
            roots.append(part)
        else:
            children[id(parent)].append(part)
    return [_merged(root, children) for root in roots]


def _merged(root: Part, children: dict[int, list[Part]]) -> list[Placed]:
    """The hops of a call and of everything that was made from it; the first hop of a part hangs on its parent."""
    hops = list(root.hops)
    waiting = [(root, 0)]
    while waiting:
        part, base = waiting.pop(0)
        for child in children[id(part)]:
            at = len(hops)
            for hop, parent, how in child.hops:
                if parent is None:
                    hops.append((hop, base + _exit_of(part, child), Joined.B2BUA))
                else:
                    hops.append((hop, at + parent, how))
            waiting.append((child, at))
    return hops


def _exit_of(parent: Part, child: Part) -> int:
    """The hop of the parent that ends at the box from which the child comes."""
    sender = child.first.caller
    ends = [(index, hop.callee) for index, (hop, _, _) in enumerate(parent.hops)]
    at_address = [index for index, callee in ends if callee == sender]
    at_host = [index for index, callee in ends if callee.host == sender.host]
    return (at_address or at_host or [ends[-1][0]])[-1]


class _Ties:
    """What ties parts together. Parts are asked about in the order of time, so every list here is in that order."""

    def __init__(self, parts: list[Part]) -> None:
        self._by_call_id = {part.first.call_id: part for part in parts}
        self._by_identifier: dict[str, list[Part]] = defaultdict(list)
        self._by_media: dict[Address, list[Part]] = defaultdict(list)
        self._by_number: dict[tuple[str, int, str], list[Part]] = defaultdict(list)
        self._targets: dict[int, set[Address]] = defaultdict(set)
        #: all parts, by whom they call and by where their callers wait for media
        self._by_called: dict[str, list[Part]] = defaultdict(list)
        self._announcing: dict[Address, list[Part]] = defaultdict(list)
        for part in parts:
            self._by_called[part.endings[1]].append(part)
            for address in part.offered:
                self._announcing[address].append(part)

    def parent_of(self, part: Part) -> Part | None:
        """The part that this one was made from, among those that were asked about before."""
        certain = self._named(part) or self._alike(part) or self._same_media(part)
        parent = certain or self._likely(part) or self._in_step(part)
        for identifier in part.identifiers:
            self._by_identifier[identifier].append(part)
        for address in part.offered:
            self._by_media[address].append(part)
        for host in {address.host for address in part.box}:
            for side, ending in enumerate(part.endings):
                self._by_number[host, side, ending].append(part)
        if parent is not None:
            self._targets[id(parent)].add(part.first.callee)
        return parent

    def _named(self, part: Part) -> Part | None:
        """A header of a vendor (X-CID, X-Orig-Call-ID ...) names the other side's Call-ID."""
        for value in part.named:
            for token in _TOKEN.findall(value):
                other = self._by_call_id.get(token)
                if other is not None and _may_lead_to(other, part):
                    return other
        return None

    def _alike(self, part: Part) -> Part | None:
        """An identifier that such agents pass on is the same."""
        found = (other for name in part.identifiers for other in reversed(self._by_identifier[name][-_LOOK:]))
        return next((other for other in found if _may_lead_to(other, part)), None)

    def _same_media(self, part: Part) -> Part | None:
        """The offer was passed on untouched: both sides wait for media at the same address.

        An address that more than two announce (a load generator, a retry) is no proof by itself.
        """
        recent = (other for address in part.offered for other in _recent(self._by_media[address], part.start))
        found = [other for other in recent if _may_lead_to(other, part)]
        if any(len(_around(self._announcing[address], part.start, _FOLLOWS_S)) > 2 for address in part.offered):
            found = [other for other in found if _is_kin(other, part)]
        waiting = [other for other in found if not self._targets[id(other)]]
        return next(reversed(waiting or found), None)

    def _likely(self, part: Part) -> Part | None:
        """By box, numbers and time; None where two others would do equally well."""
        host = part.first.caller.host
        known = (self._by_number[host, side, ending] for side, ending in enumerate(part.endings))
        recent = {id(other): other for others in known for other in _recent(others, part.start)}
        likely = [(self._likeness(other, part), other) for other in recent.values()]
        best = max((likeness for likeness, _ in likely), default=0)
        found = [other for likeness, other in likely if likeness == best]
        is_certain = len(found) == 1 or best == _ALL_ALIKE
        return min(found, key=lambda other: other.start) if best > 0 and is_certain else None

    def _in_step(self, part: Part) -> Part | None:
        """Through a box with an address for each side: both numbers, and every step at the same time.

        Only where exactly one other walks in step, so that calls of a load test stay what they are.
        """
        peers = _around(self._by_called[part.endings[1]], part.start, _PASSES_S)
        if len(peers) > _LOOK:
            return None
        found = [other for other in peers if _walks_with(other, part)]
        is_parent = len(found) == 1 and not self._targets[id(found[0])] and _may_lead_to(found[0], part)
        return found[0] if is_parent and found[0].start <= part.start else None

    def _likeness(self, other: Part, part: Part) -> int:
        """0 for strangers. Both numbers, or one from the very socket where the other side ended, make kin.

        Where caller and box are the same host (a test on one machine), only the socket tells them apart.
        """
        if not (_may_lead_to(other, part) and _is_consistent(other, part)):
            return 0
        numbers = sum(_same_number(a, b) for a, b in zip(other.numbers, part.numbers, strict=True))
        is_same_socket = part.first.caller in other.box
        needs_socket = numbers < 2 or other.first.caller.host == part.first.caller.host
        if numbers == 0 or (needs_socket and not is_same_socket):
            return 0
        is_new_target = part.first.callee not in self._targets[id(other)]
        return 4 * numbers + 2 * is_same_socket + is_new_target  # at most _ALL_ALIKE


def _start_of(part: Part) -> float:
    return part.start


def _around(others: list[Part], start: float, within_s: float) -> list[Part]:
    """Those that began at most so long before or after."""
    first, last = (bisect_left(others, start + by, key=_start_of) for by in (-within_s, within_s))
    return others[first:last]


def _recent(others: list[Part], start: float) -> Iterator[Part]:
    """Those that began shortly before, the latest first."""
    for other in reversed(others[-_LOOK:]):
        if other.start < start - _FOLLOWS_S:
            return
        yield other


def _walks_with(other: Part, part: Part) -> bool:
    """Same numbers, no address in common, and answered or refused alike and at the same time."""
    one, two = other.first, part.first
    if {one.caller.host, one.callee.host} & {two.caller.host, two.callee.host} or one.status != two.status:
        return False
    if not all(_same_number(_bare(a), _bare(b)) for a, b in zip(other.numbers, part.numbers, strict=True)):
        return False
    steps = [(one.answered_at, two.answered_at), (one.ringing_at, two.ringing_at), (one.ended_at, two.ended_at)]
    if any((a is None) != (b is None) or abs((a or 0.0) - (b or 0.0)) > _AT_ONCE_S for a, b in steps):
        return False
    return one.status >= 200


def _may_lead_to(other: Part, part: Part) -> bool:
    """The other began first and was not over yet, and this one comes from somebody else."""
    if other.start > part.start + _SKEW_S or other.first.call_id == part.first.call_id:
        return False
    if other.first.caller == part.first.caller:
        return False
    return other.ended_at is None or other.ended_at >= part.start - _SKEW_S


def _is_kin(other: Part, part: Part) -> bool:
    """This one comes from the box where the other ended, or from elsewhere than the other and with a number of it."""
    if part.first.caller in other.box:
        return True
    host = part.first.caller.host
    if host == other.first.caller.host:
        return False
    is_same_box = host in [address.host for address in other.box]
    return is_same_box or any(_same_number(a, b) for a, b in zip(other.numbers, part.numbers, strict=True))


def _is_consistent(other: Part, part: Part) -> bool:
    """What became of the two sides fits: if both were answered, then together; if both ended, then together."""
    one, two = other.first, part.first
    if one.answered_at is not None and two.answered_at is not None:
        return abs(one.answered_at - two.answered_at) <= _ANSWERS_TOGETHER_S or one.answered_at <= part.start
    return two.answered_at is None or one.result in (Result.ONGOING, Result.CANCELLED, Result.FAILED)


def _identifiers(invite: Message) -> Iterator[str]:
    for name, pattern in _IDENTIFIERS:
        match = pattern.search(invite.first(name) or "")
        if match is not None and match[1] != _NO_SESSION:
            yield f"{name}:{match[1].lower()}"


def _offered(first: Hop) -> tuple[Address, ...]:
    """Where the caller of a part waits for media; unspecified addresses tell nothing."""
    announced = (medium.address for medium in first.offer(Medium, Address))
    return tuple({address: 0 for address in announced if address.port and address.host not in ("0.0.0.0", "::")})


def _ending(number: str) -> str:
    """What numbers that may be the same have in common."""
    number = _bare(number)
    return number[-_DIGITS:] if number.lstrip("+").isdigit() else number


def _bare(number: str) -> str:
    """A number without what a box hangs on it for itself (061963177-ikhuuep5bi123)."""
    found = _TAILED.match(number)
    return found[1] if found else number


def _called(invite: Message) -> str:
    """Who is called: the Request-URI says it after all translations, To where that has no user."""
    _, found, rest = invite.uri.partition(":")
    user = rest.partition("@")[0] if found and "@" in rest else ""
    return user.partition(";")[0] or number_of(invite, "To")


def _same_number(one: str, two: str) -> bool:
    """Equal names; or numbers that are equal but for their prefixes."""
    if not one or not two:
        return False
    if one == two:
        return True
    a, b = one.lstrip("+"), two.lstrip("+")
    if not (a.isdigit() and b.isdigit()) or min(len(a), len(b)) < _DIGITS:
        return False
    shorter, longer = sorted((a.lstrip("0"), b.lstrip("0")), key=len)
    return len(shorter) >= _DIGITS and longer.endswith(shorter)
