"""What may go on in a world: calls in which nothing is wrong, and one thing that is wrong with a host or a link.

A plan changes a world before it runs and says what an engineer who was told of the fault would call it: any of its
codes is right on that call, and nothing else is.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from ..generator.wire import At
from .guises import OverIpv6, OverTcp
from .messages import Sip
from .network import Network
from .phones import Habits, Phone
from .proxies import Manners, Proxy

CALLER, CALLEE = "10.1.0.11", "10.2.0.12"


@dataclass
class World:
    """A caller, a callee and what is between them; `calls` are the Call-IDs of the call that the plan is about."""

    net: Network
    caller: Habits = field(default_factory=Habits)
    callee: Habits = field(default_factory=Habits)
    manners: Manners = field(default_factory=Manners)
    caller_public: str = ""
    callee_public: str = ""
    talk_s: float = 12.0
    gives_up_s: float = 0.0
    callee_hangs_up_s: float = 0.0
    before: list[Callable[["World"], None]] = field(default_factory=list)
    #: set when the world is built
    phones: tuple[Phone, Phone] | None = None
    proxy: Proxy | None = None
    number: str = "1002"


Change = Callable[[World], None]


@dataclass(frozen=True)
class Plan:
    """`codes` are empty where nothing is wrong. `everywhere`: the other calls of the world have it too. `beyond` is
    whose packets suffer on their way: beside that phone a capture does not show it."""

    name: str
    codes: frozenset[str]
    change: Change
    everywhere: bool = False
    beyond: str = ""


PLANS: list[Plan] = []


def plan(*codes: str, everywhere: bool = False, beyond: str = "") -> Callable[[Change], Change]:
    def register(change: Change) -> Change:
        PLANS.append(Plan(change.__name__, frozenset(codes), change, everywhere, beyond))
        return change

    return register


def is_media(data: bytes) -> bool:
    return bool(data) and data[0] >> 6 == 2


def is_sip(data: bytes, start: bytes) -> bool:
    return not is_media(data) and data.startswith(start)


# --- nothing is wrong


@plan()
def an_ordinary_call(world: World) -> None:
    world.talk_s = world.net.dice.uniform(6, 20)


@plan()
def a_short_call(world: World) -> None:
    world.talk_s = world.net.dice.uniform(1, 5)


@plan()
def the_callee_listens(world: World) -> None:
    world.callee.sound = "listener"


@plan()
def a_call_through_a_relay_behind_two_nats(world: World) -> None:
    world.manners.relays = True
    world.caller_public, world.callee_public = "198.51.100.21", "198.51.100.22"


@plan()
def a_call_that_is_held_for_a_while(world: World) -> None:
    world.caller.holds, world.talk_s = (4.0, 6.0), 16.0


@plan()
def an_announcement_before_the_answer(world: World) -> None:
    world.callee.early_media, world.callee.ring_s = True, 4.0


@plan()
def a_call_with_credentials(world: World) -> None:
    world.manners.challenges = True


@plan()
def nobody_is_at_home(world: World) -> None:
    world.callee.ring_s, world.gives_up_s = 60.0, 12.0


@plan()
def the_callee_is_busy(world: World) -> None:
    world.callee.answer = 486


@plan()
def a_number_that_does_not_exist(world: World) -> None:
    world.number = "4711"


@plan()
def a_session_that_is_refreshed(world: World) -> None:
    world.caller.expires, world.talk_s = 90, 100.0
    world.caller.sound = world.callee.sound = "voice"


@plan()
def a_little_loss_and_a_spike(world: World) -> None:
    dice, at = world.net.dice, world.net.now + 8

    def line(now: float, _src: At, _dst: At, data: bytes) -> float | None:
        if is_media(data) and dice.random() < 0.003:
            return None
        return 0.09 if is_media(data) and at < now < at + 0.06 else 0.0

    world.net.filters.append(line)


@plan()
def a_message_that_is_lost_once(world: World) -> None:
    lost: set[bytes] = set()

    def line(_now: float, _src: At, _dst: At, data: bytes) -> float | None:
        kind = data[:9]
        if not is_media(data) and kind not in lost and world.net.dice.random() < 0.25:
            lost.add(kind)
            return None
        return 0.0

    world.net.filters.append(line)


@plan()
def keys_that_are_pressed(world: World) -> None:
    world.caller.presses = ((3.0, 101), (4.0, 101), (5.5, 101))


@plan()
def a_voice_mail_that_records(world: World) -> None:
    world.callee.is_recording, world.caller.speaks_from_s, world.talk_s = True, 6.5, 22.0


@plan()
def a_large_invite_that_arrives(world: World) -> None:
    world.manners.extra = 14


@plan()
def g711_of_the_other_law(world: World) -> None:
    world.callee.types = [8, 101]


@plan()
def silence_that_is_suppressed(world: World) -> None:
    world.callee.suppresses_silence, world.callee.sound = True, "listener"


@plan()
def the_callee_hangs_up(world: World) -> None:
    world.callee_hangs_up_s, world.talk_s = 8.0, 30.0


@plan()
def everything_is_captured_twice(world: World) -> None:
    world.net.copies = 2e-5


@plan()
def a_phone_that_is_called_while_it_moves(world: World) -> None:
    """It registers anew from another port before it is called."""
    world.before.append(move_the_callee)


def move_the_callee(world: World) -> None:
    assert world.phones is not None
    assert world.proxy is not None
    phone = world.phones[1]
    phone.at = At(phone.at.host, 5071)
    phone.register(world.proxy.at)
    world.net.run(world.net.now + 1)


@plan()
def phones_that_send_from_another_port(world: World) -> None:
    world.caller.sends_from, world.callee.sends_from = 31_000, 32_000


@plan()
def a_callee_that_moves_its_audio(world: World) -> None:
    world.callee.moves_after_s, world.talk_s = 6.0, 16.0


@plan()
def a_capture_that_begins_in_the_middle(world: World) -> None:
    world.net.covers = (world.net.now + 9, world.net.now + 3600)
    world.talk_s = 16.0


@plan()
def a_capture_that_ends_in_the_middle(world: World) -> None:
    world.net.covers = (world.net.now, world.net.now + 11)
    world.talk_s = 25.0


@plan()
def a_capture_that_misses_packets(world: World) -> None:
    """Four in a hundred, of whatever kind, and nothing in the file that says so."""
    world.net.missed, world.talk_s, world.manners.relays = 0.04, 15.0, True


@plan()
def two_calls_one_after_the_other(world: World) -> None:
    world.before.append(call_before)


def call_before(world: World) -> None:
    assert world.phones is not None
    world.phones[0].call("1002", 5.0)
    world.net.run(world.net.now + 10)


@plan()
def ringing_that_is_acknowledged(world: World) -> None:
    world.caller.rings_reliably = world.callee.rings_reliably = True


@plan()
def silence_that_is_described(world: World) -> None:
    """Comfort noise every 200 ms of a pause (RFC 3389)."""
    world.callee.types = world.caller.types = [0, 13, 101]
    world.callee.suppresses_silence = world.callee.describes_noise = True
    world.callee.sound, world.talk_s = "listener", 20.0


@plan()
def music_while_one_is_held(world: World) -> None:
    world.caller.holds, world.caller.plays_music, world.talk_s = (4.0, 6.0), True, 16.0


@plan()
def a_session_that_is_refreshed_by_invite(world: World) -> None:
    world.caller.expires, world.caller.refreshes_by_invite, world.talk_s = 90, True, 100.0


@plan()
def keys_in_the_descriptions(world: World) -> None:
    world.caller.key = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
    world.callee.key = "PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR"


@plan()
def pictures_beside_the_sound(world: World) -> None:
    world.caller.has_video = world.callee.has_video = True


@plan()
def sound_to_who_wants_no_pictures(world: World) -> None:
    world.caller.has_video = True


@plan()
def a_fax_after_some_tones(world: World) -> None:
    world.caller.faxes_after_s, world.talk_s = 5.0, 20.0


@plan()
def a_call_that_is_passed_on(world: World) -> None:
    world.callee.refers, world.talk_s = (5.0, "1003"), 30.0


@plan()
def two_phones_that_ring_for_one(world: World) -> None:
    world.callee.ring_s = world.net.dice.choice((1.0, 3.0))
    world.before.append(give_the_callee_another)


def give_the_callee_another(world: World) -> None:
    assert world.proxy is not None
    contact = "sip:1002-desk@10.2.0.99:5060"
    Phone(world.net, "1002", "10.2.0.99", world.proxy.at, Habits(ring_s=2.0, contact=contact))
    world.proxy.manners.also_rings = contact


@plan()
def a_call_over_ipv6(world: World) -> None:
    world.net.guise = OverIpv6()


@plan()
def a_call_over_tcp(world: World) -> None:
    world.net.guise = OverTcp()


@plan()
def a_call_over_websockets(world: World) -> None:
    world.net.guise = OverTcp(is_web=True)


# --- something is


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
