"""Requests that do not fit into one datagram: real phones take them over TCP where they listen there, and with short
header names and a thinner description where they do not."""

import pytest

from harness.talk import assert_both_hear, begin, end, listen

pytestmark = [pytest.mark.live]

_LARGE = ";medianat=ice;mediaenc=dtls_srtp"


@pytest.mark.parametrize("ends", ["caller", "callee"])
def test_a_phone_that_registered_over_udp_is_called_over_tcp(phones, edge, ends: str) -> None:
    first, second = phones.baresip("udp", account=_LARGE), phones.baresip("udp", account=_LARGE)
    begin(first, second)
    listen(first, second, 2)
    end(first, second) if ends == "caller" else end(second, first)
    assert_both_hear(first, second)
    if not edge.is_reference:
        (row,) = [row for row in edge.calls() if second.identity.user in row["to"]]
        story = edge.command("calls", row["id"])
        assert "it goes over TCP" in story
        assert "compact header forms" not in story


def test_a_phone_without_tcp_takes_a_request_that_was_made_smaller(phones, edge) -> None:
    first, second = phones.baresip("udp", account=_LARGE), phones.linphone("udp")
    begin(first, second)
    listen(first, second, 2)
    end(first, second)
    assert_both_hear(first, second)
    if not edge.is_reference:
        (row,) = [row for row in edge.calls() if second.identity.user in row["to"]]
        assert "compact header forms" in edge.command("calls", row["id"])
