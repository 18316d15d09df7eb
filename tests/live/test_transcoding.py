"""Real phones without a common codec talk; what is played into one is compared with what the other hears."""

import pytest

from harness.talk import assert_both_hear, begin, end, listen

pytestmark = pytest.mark.live

OPUS, G722, PCMA, PCMU = "opus/48000/2", "G722/16000/1", "PCMA/8000/1", "PCMU/8000/1"


@pytest.mark.parametrize(
    ("caller", "callee"),
    [(OPUS, PCMA), (PCMA, OPUS), (G722, PCMU), (PCMU, G722), (OPUS, G722), (PCMA, PCMU)],
    ids=lambda codec: codec.split("/")[0],
)
def test_baresips_without_a_common_codec_hear_each_other(phones, caller, callee) -> None:
    first, second = phones.baresip("udp", codec=caller), phones.baresip("tcp", codec=callee)
    begin(first, second)
    listen(first, second, 3)
    end(first, second)
    assert_both_hear(first, second)
