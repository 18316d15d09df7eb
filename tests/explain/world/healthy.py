"""Calls in which nothing is wrong."""

from ..generator.wire import At
from .guises import OverIpv6, OverTcp
from .messages import description
from .phones import Dialog, Habits, Phone
from .plan import World, is_media, plan


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


@plan()
def a_call_through_a_relay_behind_two_symmetric_nats(world: World) -> None:
    world.net.has_symmetric_nats = True
    a_call_through_a_relay_behind_two_nats(world)


@plan()
def a_call_of_two_legs(world: World) -> None:
    """Each has its own Call-ID, and both are in the capture where that is taken in the middle."""
    world.manners.splits_calls = world.manners.relays = True
    world.caller.holds, world.talk_s = world.net.dice.choice((None, (4.0, 4.0))), 14.0


@plan()
def early_media_of_one_phone_and_the_answer_of_another(world: World) -> None:
    world.callee.early_media, world.callee.ring_s = True, 6.0
    world.before.append(give_the_callee_another)


@plan()
def another_codec_in_mid_call(world: World) -> None:
    world.during.append((8.0, offer_the_other_law))
    world.talk_s = 16.0


def offer_the_other_law(world: World, dialog: Dialog) -> None:
    assert world.phones is not None
    world.caller.types = [8, 101]
    world.phones[0].reinvite(dialog, "sendrecv")


@plan()
def an_update_that_describes(world: World) -> None:
    world.during.append((8.0, update_to_the_other_law))
    world.talk_s = 16.0


def update_to_the_other_law(world: World, dialog: Dialog) -> None:
    assert world.phones is not None
    world.caller.types = [8, 101]
    world.phones[0].update(dialog)


@plan()
def music_of_a_server_of_its_own(world: World) -> None:
    world.during.append((8.0, hold_with_music))
    world.talk_s = 20.0


def hold_with_music(world: World, dialog: Dialog) -> None:
    """The held phone is sent to a server's address, which plays until it is taken back."""
    assert world.phones is not None
    caller, callee = world.phones
    server = Phone(world.net, "music", "10.9.0.30", caller.proxy, Habits())
    playing = Dialog("", "", "", "", [], is_caller=True, media=callee.media, types=[0])
    caller.reinvite(dialog, "sendonly", description(server.media, [0, 101], "sendonly"))
    world.net.at(world.net.now + 0.2, lambda: server.speak(playing))
    world.net.at(world.net.now + 7, lambda: take_back(caller, dialog, playing))


def take_back(caller: Phone, dialog: Dialog, playing: Dialog) -> None:
    playing.is_over = True
    caller.reinvite(dialog, "sendrecv")
