"""A node is killed while two phones talk, and nobody gets its address: another asks both to follow, and they do."""

from pathlib import Path

import pytest

from conftest import Phones
from harness.nats import DEBIANS, Nats
from harness.talk import begin, listen
from test_cluster import nodes

pytestmark = pytest.mark.live


def test_two_phones_hear_each_other_through_another_node(tmp_path: Path) -> None:
    with Nats(tmp_path, DEBIANS) as nats:
        a, b = nodes(nats, tmp_path)
        phones = Phones(a, tmp_path)
        with a, b:
            first, second = phones.linphone("udp"), phones.baresip("udp")
            begin(first, second)
            listen(first, second, 2)
            a.kill()
            listen(first, second, 4)
            phones.stop()
            (row,) = b.calls()
            assert "Both sides send their media to this node now" in b.command("calls", row["id"])
            assert not b.complaints()
