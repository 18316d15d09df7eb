"""A ClientHello in fragments, as browsers send it since they offer post-quantum keys."""

import itertools
from dataclasses import dataclass

import pytest

from talkpath.base.address import Address
from talkpath.base.limits import DTLS_HANDSHAKES
from talkpath.secure.assembly import HelloAssembly
from talkpath.secure.events import ClientHelloArrived, DtlsArrived, SendDtls
from talkpath.secure.records import split

from .test_endpoint import AT_BROWSER, AT_US, BROWSER, OURS, agreed, begin, end
from .wire import Wire


def cut(hello: bytes, *, pieces: int) -> list[bytes]:
    """One record a fragment."""
    body, size = hello[25:], len(hello[25:])
    edges = [size * at // pieces for at in range(pieces + 1)]
    return [
        hello[:11]
        + (12 + to - frm).to_bytes(2, "big")
        + hello[13:19]
        + frm.to_bytes(3, "big")
        + (to - frm).to_bytes(3, "big")
        + body[frm:to]
        for frm, to in itertools.pairwise(edges)
    ]


@dataclass
class Cutting(Wire):
    """Cuts every ClientHello into three, and brings them in this order."""

    order: tuple[int, ...] = (0, 1, 2)

    def send(self, data: bytes, source: Address, destination: Address) -> None:
        if split(data)[0].is_client_hello:
            pieces = cut(data, pieces=3)
            for at in self.order:
                super().send(pieces[at], source, destination)
        else:
            super().send(data, source, destination)


@pytest.mark.parametrize("cookie", [False, True])
@pytest.mark.parametrize("order", [*itertools.permutations(range(3)), (0, 0, 2, 2, 1), (0, 2, 1, 0, 1, 2)])
def test_a_hello_in_pieces_is_read_whole_and_answered(order: tuple[int, ...], cookie: bool) -> None:
    us, browser = end(OURS, AT_US, BROWSER, cookie=cookie), end(BROWSER, AT_BROWSER, OURS)
    net = Cutting([us, browser], order=order)
    begin(net, browser, us)
    net.run(5, lambda: agreed(us, browser))
    assert agreed(us, browser)
    (arrived,) = us.seen(ClientHelloArrived)
    assert isinstance(arrived, ClientHelloArrived)
    assert arrived.hello is not None
    assert arrived.hello.versions == ("1.2",)
    assert arrived.hello.profiles[0] == "AEAD_AES_256_GCM"


def test_pieces_that_never_become_whole_are_bounded() -> None:
    us, browser = end(OURS, AT_US, BROWSER), end(BROWSER, AT_BROWSER, OURS)
    net = Wire([us, browser])
    begin(net, browser, us)
    (hello,) = browser.seen(SendDtls)
    assert isinstance(hello, SendDtls)
    first, _ = cut(hello.data, pieces=2)
    for port in range(5 * DTLS_HANDSHAKES):
        net.tell(us, DtlsArrived((0, Address("198.51.100.1", port)), first))
    assert len(us.endpoint._partial) == DTLS_HANDSHAKES
    assert us.seen(ClientHelloArrived) == []
    net.run(5, lambda: agreed(us, browser))
    assert agreed(us, browser)


@pytest.mark.parametrize("length", range(0, 60, 7))
def test_a_cut_record_is_left_to_openssl(length: int) -> None:
    net = Wire([end(OURS, AT_US, BROWSER), end(BROWSER, AT_BROWSER, OURS)])
    begin(net, net.ends[1], net.ends[0])
    (hello,) = net.ends[1].seen(SendDtls)
    assert isinstance(hello, SendDtls)
    record = split(hello.data)[0]._replace(data=hello.data[: 13 + length])
    whole = HelloAssembly().take(record)
    assert whole is None or whole == record
