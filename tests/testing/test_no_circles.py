"""What ends is gone by counting: nothing of a call or of a phone is left for the collector of cycles, which stops
everything else while it looks for them."""

import gc
from collections.abc import Awaitable, Callable, Iterator

import pytest
from tests.edge.lab import HOME, OFFER, Lab, call

from talkpath.base.address import Transport
from talkpath.testing import Network

# Longer than any timer of a transaction, and than the ledger lingers.
_OVER_S = 120.0


@pytest.fixture(autouse=True)
def _what_is_new_alone() -> Iterator[None]:
    """Looking through all that there is would take seconds."""
    gc.collect()
    gc.freeze()
    yield
    gc.enable()
    gc.unfreeze()


def left_over() -> list[str]:
    """What of ours only the collector found, since the last time; every circle has something of ours in it."""
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    gc.set_debug(0)
    named = [(f"{type(one).__module__}.{type(one).__qualname__}", _made_by(one)) for one in gc.garbage]
    gc.garbage.clear()
    gc.collect()
    return [" ".join(names) for names in named if any(_is_ours(name) for name in names)]


def _made_by(one: object) -> str:
    """Of functions and methods, whose they are."""
    return f"{getattr(one, '__module__', '')}.{getattr(one, '__qualname__', '')}" if callable(one) else ""


def _is_ours(name: str) -> bool:
    return name.startswith("talkpath.") and not name.startswith("talkpath.testing")


async def circles(network: Network, happens: Callable[[], Awaitable[None]]) -> list[str]:
    """What is left over when it happened a second time: the first time, much is made once."""
    for _ in range(2):
        await network.wait(_OVER_S)
        left_over()
        gc.disable()
        await happens()
        await network.wait(_OVER_S)
    return left_over()


@pytest.mark.parametrize(
    ("kinds", "callee"),
    [
        ("UDP UDP", "phone"),
        ("UDP UDP", "away"),
        ("TCP TLS", "phone"),
        ("TCP page", "busy"),
        ("page page", "phone"),
        ("page UDP", "echo"),
    ],
)
async def test_of_a_call_nothing_is_left(network: Network, kinds: str, callee: str) -> None:
    near, far = kinds.split()
    parties = []
    for user, kind in (("1001", near), ("1002", far)):
        party = await (network.browser(user) if kind == "page" else network.phone(user, transport=kind))
        parties.append(party)
    if callee == "busy":
        parties[1].status = 486
    if callee == "away":
        parties[1].rings_s = 1_000.0

    async def happens() -> None:
        made = parties[0].dial("echo" if callee == "echo" else "1002")
        await network.wait(5)
        if not made.is_over:
            await made.hang_up()
        for party in parties:
            party.calls.clear()

    assert await circles(network, happens) == []


async def test_of_a_forked_call_nothing_is_left(network: Network) -> None:
    alice = await network.phone("1001")
    phones = [await network.phone("1002", rings_s=2), await network.browser("1002", rings_s=3)]

    async def happens() -> None:
        made = await alice.call("1002")
        await network.wait(3)
        await made.hang_up()
        for party in (alice, *phones):
            party.calls.clear()

    assert await circles(network, happens) == []


def plain(lab: Lab) -> None:
    """A call without descriptions, with a transfer in it."""
    caller, callee = lab.phones[:2]
    invite, ok = call(caller, callee)
    callee.in_dialog("REFER", invite, extra=f"Refer-To: <sip:1003@{HOME}>")
    caller.answer(caller.last(), 202)
    caller.in_dialog("NOTIFY", ok, extra="Event: refer\nSubscription-State: terminated")
    callee.answer(callee.last(), 200)
    caller.in_dialog("BYE", ok)
    callee.answer(callee.last(), 200)


def anchored(lab: Lab) -> None:
    """A call that is held, and resumed."""
    caller, callee = lab.phones[:2]
    _, ok = call(caller, callee, body=OFFER)
    for direction in (b"sendonly", b"sendrecv"):
        caller.in_dialog("INVITE", ok, body=OFFER + b"a=" + direction + b"\r\n")
        callee.answer(callee.last(), 200, body=OFFER.replace(b"198.51.100.7", b"198.51.100.8"))
        caller.ack(caller.last(), callee.contact)
    caller.in_dialog("BYE", ok)
    callee.answer(callee.last(), 200)


def unanswered(lab: Lab) -> None:
    """A phone that says nothing at all."""
    lab.phones[0].invite(f"sip:1002@{HOME}", body=OFFER)
    lab.wait(200)


def comes_and_goes(lab: Lab, transport: Transport) -> None:
    """A phone that registers over a connection, which breaks."""
    phone = lab.phone("1003", "198.51.100.9", 5070, transport)
    phone.register()
    phone.register()
    lab.close(phone)
    lab.phones.remove(phone)
    lab.wait(700)


@pytest.mark.parametrize(
    "happens",
    [
        plain,
        anchored,
        unanswered,
        *(lambda lab, kind=kind: comes_and_goes(lab, kind) for kind in (Transport.TCP, Transport.TLS, Transport.WSS)),
    ],
)
def test_nothing_is_left(happens: Callable[[Lab], None]) -> None:
    lab = Lab(users=("1001", "1002", "1003"))
    lab.registered("1001", "198.51.100.7")
    lab.registered("1002", "198.51.100.8")
    for _ in range(2):
        lab.wait(_OVER_S)
        lab.ledger.close_all(lab.now)
        lab.ledger.drain()
        left_over()
        gc.disable()
        happens(lab)
        for phone in lab.phones:
            phone.inbox.clear()
        lab.media.clear()
        lab.wait(_OVER_S)
        lab.ledger.close_all(lab.now)
        lab.ledger.drain()
    assert left_over() == []
