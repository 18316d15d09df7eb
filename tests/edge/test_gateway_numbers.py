"""Numbers in the form that a gateway wants."""

import pytest

from talkpath.edge.gateways.numbering import written
from talkpath.edge.gateways.settings import Numbers


@pytest.mark.parametrize(
    ("number", "wanted", "expected"),
    [
        ("+4930123456", Numbers.AS_DIALLED, "+4930123456"),
        ("004930123456", Numbers.PLUS, "+4930123456"),
        ("+4930123456", Numbers.DIGITS, "4930123456"),
        ("+4930123456", Numbers.ZEROS, "004930123456"),
        # No country code, and nobody can tell which: an own number, a short one, a national one, a name.
        ("1001", Numbers.PLUS, "1001"),
        ("030123456", Numbers.PLUS, "030123456"),
        ("+123", Numbers.DIGITS, "+123"),
        ("alice", Numbers.DIGITS, "alice"),
        ("+" + "1" * 10_000, Numbers.ZEROS, "+" + "1" * 10_000),
    ],
)
def test_a_number_is_written_as_the_gateway_wants_it(number: str, wanted: Numbers, expected: str) -> None:
    assert written(number, wanted) == expected
