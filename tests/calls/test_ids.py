"""The short names of calls."""

from hypothesis import given
from hypothesis import strategies as st

from talkpath.calls.ids import id_of, span_of


@given(call_id=st.text(), start=st.floats(0, 4e9), length=st.integers(1, 12))
def test_the_beginning_of_an_id_is_a_span_of_time(call_id: str, start: float, length: int) -> None:
    name = id_of(call_id, start)
    span = span_of(name[:length])
    assert len(name) == 12
    assert span is not None
    assert span[0] <= start < span[1]


@given(starts=st.lists(st.integers(0, 4_000_000_000), max_size=10))
def test_ids_sort_by_time(starts: list[int]) -> None:
    names = [id_of("a@x", float(start)) for start in sorted(starts)]
    assert names == sorted(names)


def test_what_begins_no_id_is_no_span() -> None:
    assert span_of("") is None
    assert span_of("a@x") is None
    assert span_of("ilou") is None


def test_two_calls_of_one_second_have_two_ids() -> None:
    assert id_of("a@x", 10.0) != id_of("b@x", 10.0)
    assert id_of("a@x", 10.0) != id_of("a@x", 10.1)


def test_bytes_of_a_call_id_that_are_no_text_still_name_it() -> None:
    assert id_of("a\udc80@x", 10.0) != id_of("a\udc81@x", 10.0)
