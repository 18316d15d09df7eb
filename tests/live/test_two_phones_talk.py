"""Real phones call each other; what is played into one is compared with what comes out of the other."""

import itertools

import pytest

from harness.network import HOME6
from harness.talk import assert_both_hear, begin, end, listen

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("healthy")]

TRANSPORTS = ("udp", "tcp", "tls")


@pytest.mark.parametrize(("caller", "callee"), list(itertools.product(TRANSPORTS, TRANSPORTS)))
@pytest.mark.parametrize("who_hangs_up", ["caller", "callee"])
def test_audio_passes_both_ways_and_either_side_hangs_up(phones, caller, callee, who_hangs_up) -> None:
    _talk(phones.baresip(caller), phones.baresip(callee), who_hangs_up)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("who_hangs_up", ["caller", "callee"])
def test_linphone_calls_baresip(phones, transport, who_hangs_up) -> None:
    _talk(phones.linphone(transport), phones.baresip("udp"), who_hangs_up)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("who_hangs_up", ["caller", "callee"])
def test_baresip_calls_linphone(phones, transport, who_hangs_up) -> None:
    _talk(phones.baresip("tcp"), phones.linphone(transport), who_hangs_up)


def test_linphone_calls_linphone_with_its_own_choice_of_codecs(phones) -> None:
    """Opus first, speex, PCMU, PCMA: what both have is used, and not one of the lines is lost."""
    codecs = ("opus/48000", "speex/16000", "speex/8000", "PCMU/8000", "PCMA/8000")
    first, second = phones.linphone("tls", codecs=codecs), phones.linphone("udp", codecs=codecs)
    begin(first, second)
    listen(first, second)
    end(first, second)


@pytest.mark.parametrize(("caller", "callee"), [("6", "6"), ("6", "4"), ("4", "6")])
def test_calls_over_ipv6_and_between_the_families(edge, phones, caller, callee) -> None:
    if edge.is_reference:
        pytest.skip("the reference is set up for IPv4")
    first, second = (_phone_of(edge, phones, family) for family in (caller, callee))
    _talk(first, second, "callee")


def test_baresip_holds_and_resumes(phones) -> None:
    """Only linphone is listened to: baresip 1.0 stops writing its recording at a re-INVITE."""
    first, second = phones.baresip("udp"), phones.linphone("tcp")
    begin(first, second)
    listen(first, second)
    first.command("hold")
    second.wait("PausedByRemote")
    first.command("resume")
    second.wait("StreamsRunning")
    second.wait_heard(2)
    end(second, first)
    assert_both_hear(first, second)


def test_linphone_pauses_and_resumes(phones) -> None:
    first, second = phones.linphone("udp"), phones.linphone("tls")
    begin(first, second)
    listen(first, second)
    first.hold()
    second.wait("PausedByRemote")
    first.resume()
    second.wait("StreamsRunning")
    listen(first, second)
    end(first, second)


def test_a_call_is_transferred_blindly(phones) -> None:
    """REFER passes; the third phone talks with the one that was transferred."""
    operator, guest, expert = phones.baresip("udp"), phones.baresip("tcp"), phones.baresip("udp")
    begin(guest, operator)
    listen(guest, operator, 1)
    operator.command("transfer", expert.identity.aor)
    expert.accept()
    expert.established()
    expert.wait_heard(1.5)
    guest.wait_heard(1.5)
    end(expert, guest)


def test_unanswered_and_refused_calls_end_for_both_phones(phones) -> None:
    first, second = phones.baresip("tls"), phones.baresip("udp")
    first.dial(second.identity.user)
    second.ring()
    first.hang_up()
    second.closed()
    first.closed()
    first.dial(second.identity.user)
    second.ring()
    second.hang_up()
    assert first.closed()


def _talk(caller, callee, who_hangs_up: str) -> None:
    begin(caller, callee)
    listen(caller, callee)
    if who_hangs_up == "caller":
        end(caller, callee)
    else:
        end(callee, caller)
    assert_both_hear(caller, callee)


def _phone_of(edge, phones, family: str):
    host = HOME6 if family == "6" else edge.host
    return phones.baresip(identity=edge.identity("udp", host), listen="[::]" if family == "6" else "0.0.0.0")
