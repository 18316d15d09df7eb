"""Requests that do not fit into one datagram: real phones take short header names and a thinner description."""

import pytest

from harness.talk import assert_both_hear, begin, end, listen

pytestmark = [pytest.mark.live]


@pytest.mark.parametrize("kind", ["baresip", "linphone"])
def test_a_phone_takes_a_request_that_was_made_smaller(phones, edge, kind: str) -> None:
    encrypted = ";medianat=ice;mediaenc=dtls_srtp"
    first = phones.baresip("udp", account=encrypted)
    second = phones.linphone("udp") if kind == "linphone" else phones.baresip("udp", account=encrypted)
    begin(first, second)
    listen(first, second, 2)
    end(first, second)
    assert_both_hear(first, second)
    if not edge.is_reference:
        (row,) = [row for row in edge.calls() if second.identity.user in row["to"]]
        assert "compact header forms" in edge.command("calls", row["id"])
