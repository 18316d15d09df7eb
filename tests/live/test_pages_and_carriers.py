"""Carriers that write From and To as `tel:` URIs, or as no grammar has them; pages and phones must ring."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import Phones, WebPhones
from harness.agent import Agent, Call
from harness.browser import Browser
from harness.edge import Edge
from harness.linphone import Linphone
from harness.network import HOME
from harness.rtp import Talker
from harness.sip import Request
from harness.sound import assert_tone, tone
from harness.webphone import WebPhone

pytestmark = pytest.mark.live

HERTZ = 620.0


@pytest.fixture(scope="module")
def open_edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """One that asks nobody at this host for a password."""
    with Edge(tmp_path_factory.mktemp("open"), settings=f'[authentication]\ntrusted = ["{HOME}"]\n', users=24) as one:
        yield one


@pytest.mark.parametrize("library", ["jssip", "sipjs"])
@pytest.mark.parametrize("who", ["tel:+8613800138000", "sip:*21#@carrier.example", "sip:4930@host.1"])
def test_a_page_rings_and_talks_whatever_the_caller_is_called(
    who: str, library: str, open_edge: Edge, browser: Browser, tmp_path: Path
) -> None:
    pages = WebPhones(open_edge, browser, tmp_path)
    page = pages.of(library)
    try:
        talks(open_edge, page, who)
    finally:
        pages.stop()


@pytest.mark.parametrize("who", ["tel:+8613800138000", "sip:*21#@carrier.example", "sip:4930@host.1"])
def test_linphone_rings_and_talks_whatever_the_caller_is_called(who: str, open_edge: Edge, tmp_path: Path) -> None:
    phones = Phones(open_edge, tmp_path)
    phone = phones.linphone()
    try:
        talks(open_edge, phone, who)
    finally:
        phones.stop()


def talks(edge: Edge, phone: Linphone | WebPhone, who: str) -> None:
    """The carrier calls in this name, and is heard."""
    carrier = Agent(edge.identity())
    talker = Talker(HOME, tone(HERTZ, 20.0))
    try:
        request = Request("INVITE", phone.identity.aor, who, f"tel:{phone.identity.user};phone-context=+86")
        # To be called back by a name that is as odd.
        request.extra = [carrier.endpoint.contact("#1"), "Content-Type: application/sdp"]
        request.body = talker.offer()
        carrier.endpoint.send(request)
        call = Call(carrier, request)
        phone.accept()
        answer = call.established()
        phone.established()
        talker.start(answer)
        phone.wait_heard(1.5)
        assert call.dialog is not None
        phone.hang_up()
        bye = call.dialog.wait_bye()
        assert isinstance(phone, Linphone) or "#1@" in bye.start
        assert_tone(HERTZ, phone.heard())
    finally:
        talker.stop()
        carrier.stop()
