from collections.abc import Iterator

import pytest
from tests.media.in_memory import Call
from tests.native.rtp_peers import Peers, peers

from talkpath._native import Relay

# Modules and tests whose calls are handed over after each step.
HANDED_OVER = {
    "test_a_caller_of_each_profile_is_answered_in_it",
    "test_addresses",
    "test_bundle",
    "test_call",
    "test_dialect",
    "test_every_step",
    "test_exchanges",
    "test_fingerprints",
    "test_forks",
    "test_optional_srtp",
    "test_proposal",
    "test_sdes",
    "test_service",
    "test_silence",
    "test_transcoding",
    "test_trickle",
    "test_webrtc",
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Calls in memory are lived twice: by one session, and handed over to another after each step."""
    names = {metafunc.module.__name__.rpartition(".")[2], metafunc.function.__name__}
    if names & HANDED_OVER and metafunc.definition.get_closest_marker("one_session") is None:
        metafunc.parametrize("is_handed_over", [False, True], ids=["", "handed-over"], indirect=True)


@pytest.fixture(autouse=True)
def is_handed_over(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it is of the second kind."""
    monkeypatch.setattr(Call, "handed_over", getattr(request, "param", False))


@pytest.fixture
def call() -> Call:
    """A call between a caller and its branches, in memory."""
    return Call()


@pytest.fixture(name="relay", params=[False, True], ids=["sockets", "kernel"])
def a_relay(request: pytest.FixtureRequest) -> Iterator[Relay]:
    """The real relay; streams pass in the kernel from their third packet on, where we may."""
    relay = Relay(kernel=request.param, steady=1 if request.param else 50)
    yield relay
    relay.shutdown()


@pytest.fixture(name="peer")
def some_peers() -> Iterator[Peers]:
    """Makes phones on loopback."""
    with peers() as made:
        yield made
