"""A node is killed while two phones talk, and nobody gets its address: another asks both to follow, and they do."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from conftest import Phones
from harness.edge import Edge
from harness.nats import DEBIANS, Nats
from harness.process import wait_until
from harness.talk import Phone, begin, listen
from harness.webphone import WebPhone
from test_cluster import nodes

pytestmark = pytest.mark.live


class Two:
    """Two nodes without an address that moves, and phones of the first."""

    def __init__(self, first: Edge, second: Edge, place: Path) -> None:
        self.first = first
        self.second = second
        self.phones = Phones(first, place)

    def outlives(self, *pair: Phone) -> None:
        """Both hear each other before the first node is killed, and after."""
        listen(*pair, 2)
        self.first.kill()
        listen(*pair, 4)

    def is_rescued(self) -> None:
        """Both have agreed, which may be a moment after they hear each other."""
        (row,) = self.second.calls()

        def story() -> str:
            return self.second.command("calls", row["id"])

        assert wait_until(lambda: "Both sides send their media to this node now" in story(), 10), story()
        assert not self.second.complaints()


@pytest.fixture(name="two")
def two_nodes(tmp_path: Path) -> Iterator[Two]:
    with Nats(tmp_path, DEBIANS) as nats:
        a, b = nodes(nats, tmp_path)
        with a, b:
            two = Two(a, b, tmp_path)
            yield two
            two.phones.stop()


def test_two_phones_hear_each_other_through_another_node(two: Two) -> None:
    first, second = two.phones.linphone("udp"), two.phones.baresip("udp")
    begin(first, second)
    two.outlives(first, second)
    two.is_rescued()


@pytest.mark.parametrize("calls", [True, False], ids=["calls", "is called"])
@pytest.mark.parametrize(
    "account", [";mediaenc=srtp-mand", ";mediaenc=dtls_srtp", ";mediaenc=dtls_srtp;rtcp_mux=yes"]
)
def test_a_phone_whose_keys_end_at_the_node_keeps_them(two: Two, account: str, calls: bool) -> None:
    """The other side speaks plain RTP."""
    keyed, plain = two.phones.baresip("udp", account=account), two.phones.linphone("udp")
    begin(*((keyed, plain) if calls else (plain, keyed)))
    two.outlives(keyed, plain)
    two.is_rescued()


def test_keys_of_two_phones_pass_unread(two: Two) -> None:
    account = ";mediaenc=srtp-mand"
    first, second = (two.phones.baresip("udp", account=account) for _ in range(2))
    begin(first, second)
    two.outlives(first, second)
    two.is_rescued()


def test_two_codecs_are_converted_by_another_node(two: Two) -> None:
    first = two.phones.baresip("udp", codec="PCMA/8000/1", account=";mediaenc=srtp-mand")
    second = two.phones.baresip("udp", codec="PCMU/8000/1")
    begin(first, second)
    two.outlives(first, second)
    two.is_rescued()


def test_a_page_that_knows_both_nodes_keeps_its_association(two: Two, browser, tmp_path: Path) -> None:
    """Its connection ends with the node: JsSIP goes to the next of its servers, and registers there."""
    who = two.first.identity("wss")
    there = replace(who, port=two.second.doors.wss)
    place = tmp_path / "page"
    place.mkdir()
    phone = two.phones.baresip("udp")
    with WebPhone(browser, who, place, hertz=440, others=[there]) as page:
        page.registered()
        begin(page, phone)
        two.outlives(page, phone)
        two.is_rescued()
