import pytest

from harness import sound

pytestmark = pytest.mark.live


@pytest.mark.parametrize("caller", ["udp", "tcp", "tls"])
@pytest.mark.parametrize("callee", ["udp", "tcp", "tls"])
@pytest.mark.parametrize("who_hangs_up", ["caller", "callee"])
def test_audio_passes_both_ways_and_either_side_hangs_up(phones, caller, callee, who_hangs_up) -> None:
    alice, bob = phones.baresip(caller), phones.baresip(callee)
    alice.dial(bob.identity.user)
    bob.accept()
    alice.wait("CALL_ESTABLISHED")
    alice.wait_heard(2)
    bob.wait_heard(2)
    (alice if who_hangs_up == "caller" else bob).hang_up()
    (bob if who_hangs_up == "caller" else alice).wait("CALL_CLOSED")
    assert sound.compare(sound.read(bob.voice), alice.heard()).is_good
    assert sound.compare(sound.read(alice.voice), bob.heard()).is_good


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
@pytest.mark.parametrize("who_hangs_up", ["caller", "callee"])
def test_linphone_calls_baresip(phones, transport, who_hangs_up) -> None:
    alice, bob = phones.linphone(transport), phones.baresip("udp")
    alice.dial(bob.identity.user)
    bob.accept()
    alice.wait("StreamsRunning")
    alice.wait_heard(2)
    bob.wait_heard(2)
    if who_hangs_up == "caller":
        alice.hang_up()
        bob.wait("CALL_CLOSED")
    else:
        bob.hang_up()
        alice.wait("End")
    assert sound.compare(sound.read(bob.voice), alice.heard()).is_good
    assert sound.compare(sound.read(alice.voice), bob.heard()).is_good


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
@pytest.mark.parametrize("who_hangs_up", ["caller", "callee"])
def test_baresip_calls_linphone(phones, transport, who_hangs_up) -> None:
    alice, bob = phones.baresip("tcp"), phones.linphone(transport)
    alice.dial(bob.identity.user)
    bob.accept()
    alice.wait("CALL_ESTABLISHED")
    alice.wait_heard(2)
    bob.wait_heard(2)
    if who_hangs_up == "caller":
        alice.hang_up()
        bob.wait("End")
    else:
        bob.hang_up()
        alice.wait("CALL_CLOSED")
    assert sound.compare(sound.read(bob.voice), alice.heard()).is_good
    assert sound.compare(sound.read(alice.voice), bob.heard()).is_good
