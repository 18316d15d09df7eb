"""One thing is wrong with a host or a link."""

from ..generator.wire import At
from .messages import Sip
from .plan import CALLEE, CALLER, World, is_media, is_sip, plan
from .proxies import Manners, Proxy


@plan("packet-loss", beyond=CALLER)
def a_lossy_uplink(world: World) -> None:
    dice = world.net.dice
    share, host = dice.uniform(0.05, 0.2), CALLER

    def line(_now: float, src: At, _dst: At, data: bytes) -> float | None:
        return None if is_media(data) and src.host == host and dice.random() < share else 0.0

    world.net.filters.append(line)


@plan("packet-loss", "media-cut", beyond=CALLER)
def loss_in_bursts(world: World) -> None:
    dice, host = world.net.dice, CALLER
    state = [False]

    def line(_now: float, src: At, _dst: At, data: bytes) -> float | None:
        if not is_media(data) or src.host != host:
            return 0.0
        state[0] = dice.random() < (0.8 if state[0] else 0.03)
        return None if state[0] else 0.0

    world.net.filters.append(line)


@plan("packet-loss", beyond=CALLER)
def a_short_call_over_a_bad_line(world: World) -> None:
    a_lossy_uplink(world)
    world.talk_s = world.net.dice.uniform(2, 4)


@plan("jitter", beyond=CALLER)
def a_queue_on_the_way(world: World) -> None:
    dice, host = world.net.dice, CALLER
    state = [0.0, 0.0]

    def line(now: float, src: At, _dst: At, data: bytes) -> float | None:
        if not is_media(data) or src.host != host:
            return 0.0
        if now > state[1]:
            state[0], state[1] = (dice.uniform(0.1, 0.4), now + dice.uniform(0.2, 0.6))
        state[0] = max(0.0, state[0] - dice.uniform(0, 0.05))
        return state[0]

    world.net.filters.append(line)


@plan("one-way-rtp", beyond=CALLEE)
def a_firewall_lets_no_audio_of_the_callee_out(world: World) -> None:
    host = CALLEE
    world.net.filters.append(lambda _n, src, _d, data: None if is_media(data) and src.host == host else 0.0)


@plan("media-cut", beyond=CALLEE)
def a_firewall_forgets_a_stream(world: World) -> None:
    host, at = CALLEE, world.net.now + 14
    world.talk_s = 24.0
    world.net.filters.append(
        lambda now, src, _d, data: None if is_media(data) and src.host == host and now > at else 0.0
    )


@plan("media-cut", beyond=CALLER)
def a_hole_of_seconds(world: World) -> None:
    host, at = CALLER, world.net.now + 12
    world.talk_s = 24.0
    world.net.filters.append(
        lambda now, src, _d, data: None if is_media(data) and src.host == host and at < now < at + 5 else 0.0
    )


@plan("digital-silence")
def a_microphone_that_is_off(world: World) -> None:
    world.caller.sound, world.talk_s = "dead", 15.0


@plan("near-silence")
def a_microphone_that_is_covered(world: World) -> None:
    world.callee.sound, world.talk_s = "faint", 15.0


@plan("near-silence")
def two_microphones_that_are_covered(world: World) -> None:
    world.caller.sound, world.callee.sound, world.talk_s = "faint", "faint", 15.0


@plan("media-late")
def a_phone_that_begins_to_send_late(world: World) -> None:
    world.callee.waits_for_media_s, world.talk_s = world.net.dice.uniform(3.2, 6), 15.0


@plan("clock-drift")
def a_sound_card_that_runs_fast(world: World) -> None:
    world.caller.skew_ppm, world.talk_s = -world.net.dice.uniform(4000, 9000), 40.0


@plan("ptime-mismatch")
def packets_three_times_as_long_as_asked(world: World) -> None:
    world.caller.says_ptime = world.callee.says_ptime = 20
    world.callee.ptime_ms = 60


@plan("dtmf-mismatch")
def keys_in_a_number_of_ones_own(world: World) -> None:
    world.caller.presses = ((3.0, 96), (4.0, 96), (5.0, 96))


@plan("dtmf-mismatch")
def keys_though_they_were_not_agreed(world: World) -> None:
    world.callee.types = [0, 8]
    world.callee.presses = ((3.0, 101), (4.0, 101))


@plan("media-astray", "one-way-rtp")
def a_phone_that_reads_the_wrong_connection_line(world: World) -> None:
    world.callee.session_address, world.caller.reads_session_address = "10.99.0.9", True


@plan("codec-refused")
def no_codec_in_common(world: World) -> None:
    world.caller.types, world.callee.answer = [18, 101], 488


@plan("auth-loop", beyond=CALLEE)
def a_wrong_password(world: World) -> None:
    world.manners.challenges, world.caller.credentials_work = True, False
    world.before.append(refuse_credentials)


def refuse_credentials(world: World) -> None:
    proxy = world.proxy
    assert proxy is not None
    challenged = proxy._is_challenged

    def always(src: At, message: Sip, name: str = "Proxy-Authenticate", status: int = 407) -> bool:
        given = message.first("Authorization") or message.first("Proxy-Authorization")
        if 'username="1001"' in given:
            message.fields = [one for one in message.fields if "Authorization" not in one[0]]
        return challenged(src, message, name, status)

    proxy._is_challenged = always  # type: ignore[method-assign]


@plan("gateway-down", beyond=CALLEE)
def a_phone_that_is_gone(world: World) -> None:
    world.before.append(lambda one: one.net.dead.add(CALLEE))


@plan("fragments-lost", "gateway-down")
def a_firewall_that_takes_no_fragments(world: World) -> None:
    world.manners.extra = 14
    world.net.no_fragments.add(CALLEE)


@plan("ack-missing")
def an_ack_that_is_lost(world: World) -> None:
    world.talk_s = 60.0
    host = CALLER
    world.net.filters.append(lambda _n, src, _d, data: None if is_sip(data, b"ACK ") and src.host == host else 0.0)


@plan("response-undelivered", beyond=CALLER)
def an_answer_that_does_not_reach_the_caller(world: World) -> None:
    host = CALLER
    world.net.filters.append(
        lambda _n, _s, dst, data: (
            None if is_sip(data, b"SIP/2.0 200") and b"INVITE" in data and dst.host == host else 0.0
        )
    )


@plan("record-route-unreachable", everywhere=True)
def a_proxy_that_writes_its_inside_address(world: World) -> None:
    world.manners.record_route, world.talk_s = "sip:192.168.77.1:5060;lr", 60.0


@plan("contact-unreachable")
def a_private_contact_that_nobody_mends(world: World) -> None:
    world.callee.contact, world.talk_s = "sip:1002@192.168.44.12:5060", 45.0
    world.before.append(know_the_callee)


def know_the_callee(world: World) -> None:
    """The proxy rings it by where it registered, and leaves the rest as it is."""
    proxy, phones = world.proxy, world.phones
    assert proxy is not None
    assert phones is not None
    proxy.where["1002"] = (f"sip:1002@{phones[1].at}", phones[1].at)
    proxy.manners.mends_contacts = False


@plan("contact-unreachable", "media-cut", beyond=CALLEE)
def a_phone_that_loses_its_power(world: World) -> None:
    world.talk_s = 14.0
    at = world.net.now + 11
    world.net.at(at, lambda: world.net.dead.add(CALLEE))


@plan("session-expired")
def a_session_that_nobody_refreshes(world: World) -> None:
    world.caller.expires, world.caller.refreshes, world.talk_s = 90, False, 200.0


@plan("bye-refused")
def a_bye_that_is_refused(world: World) -> None:
    world.callee.refuses_bye = 500


@plan("routing-loop", everywhere=True, beyond=CALLEE)
def two_proxies_that_send_it_to_each_other(world: World) -> None:
    other = At("10.0.0.2", 5060)
    world.manners.sends_on_to = other
    world.before.append(lambda one: build_the_other(one, other))


def build_the_other(world: World, other: At) -> None:
    assert world.proxy is not None
    Proxy(world.net, other.host, Manners(sends_on_to=world.proxy.at))


@plan("ack-missing", beyond=CALLEE)
def a_caller_that_acknowledges_the_number(world: World) -> None:
    """Its ACK asks for what it dialled; the proxy that gets it has no Contact to go to."""
    world.talk_s = 60.0
    world.caller.acknowledges_number = True
    world.before.append(know_the_callee)


@plan("connection-gone", "contact-unreachable", "gateway-down", beyond=CALLEE)
def a_phone_that_was_switched_off_in_its_registration(world: World) -> None:
    world.before.append(lambda one: one.net.dead.add(CALLEE))
    world.gives_up_s = 20.0
