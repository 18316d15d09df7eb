"""A page is not rung for codecs that no browser speaks and nobody here converts; other phones of the user are."""

import os

from tests.edge.lab import HOME, OFFER, Lab, Phone
from tests.media.browser import OURS

from talkpath.base.address import Transport
from talkpath.base.texts import Language
from talkpath.explain.judging.own import explain_own
from talkpath.explain.reading.sites import Sites
from talkpath.media.keying import Security

G729 = OFFER.replace(b"RTP/AVP 0 8", b"RTP/AVP 18 101").replace(
    b"a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n",
    b"a=rtpmap:18 G729/8000\r\na=rtpmap:101 telephone-event/8000\r\n",
)


def page_of(lab: Lab, user: str) -> Phone:
    lab.security = Security(lab.engine, OURS, os.urandom)
    page = lab.phone(user, "198.51.100.20", 40_000, Transport.WSS)
    page.register()
    return page


def test_the_call_is_refused_at_once_and_the_page_does_not_ring(lab: Lab, caller: Phone) -> None:
    page = page_of(lab, "1002")
    caller.invite(f"sip:1002@{HOME}", body=G729)
    assert caller.statuses()[-1] == 488
    assert page.inbox == []
    assert "media.no-common-codec" in lab.kinds("c1")
    assert lab.edge.core.calls == {}
    assert lab.engine.open_ports == []
    trace = lab.ledger.trace("c1")
    assert trace is not None
    (one,) = explain_own([trace], Sites(), lab.now + 60).calls
    (finding,) = one.findings
    assert finding.code == "codec-refused"
    assert "1002" in finding.title.say(Language.EN)
    assert "G729" in finding.title.say(Language.EN)


def test_a_phone_of_the_same_user_rings(lab: Lab, caller: Phone, callee: Phone) -> None:
    page = page_of(lab, "1002")
    caller.invite(f"sip:1002@{HOME}", body=G729)
    assert callee.methods() == ["INVITE"]
    assert page.inbox == []
    callee.answer(callee.last(), 180)
    assert caller.statuses() == [100, 180]


def test_a_page_that_spoke_such_a_codec_rings(lab: Lab, caller: Phone) -> None:
    """What comes over a WebSocket is no browser always."""
    page = page_of(lab, "1002")
    page.invite(f"sip:1001@{HOME}", call_id="c0", body=G729)
    page.inbox.clear()
    caller.inbox.clear()
    caller.invite(f"sip:1002@{HOME}", call_id="c2", body=G729)
    assert page.methods() == ["INVITE"]


def test_a_codec_that_is_converted_rings_the_page(lab: Lab, caller: Phone) -> None:
    page = page_of(lab, "1002")
    caller.invite(f"sip:1002@{HOME}", body=OFFER)
    assert page.methods() == ["INVITE"]
