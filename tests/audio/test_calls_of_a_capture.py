"""Sound out of the calls of a capture: decoded, aligned, gaps kept, and refused where it is sealed."""

import math
import wave
from array import array
from pathlib import Path

import pytest

from talkpath.app.wav.command import Unheard, Wishes, convert
from talkpath.audio.codecs import NeedsPyAV, decoder_of
from tests.explain.generator.sip import Call, Proxy, phones, plain_call, sdp
from tests.explain.generator.wire import EPOCH, Wire


def heard(wire: Wire, folder: Path, call: str = "") -> tuple["array[int]", "array[int]"]:
    file, out = folder / "talk.pcap", folder / "talk.wav"
    file.write_bytes(wire.pcap())
    convert(str(file), Wishes(call=call, out=out), lambda _done, _size: None)
    with wave.open(str(out), "rb") as sounds:
        assert (sounds.getnchannels(), sounds.getframerate(), sounds.getsampwidth()) == (2, 8000, 2)
        both = array("h", sounds.readframes(sounds.getnframes()))
    return both[0::2], both[1::2]


def loudness(samples: "array[int]") -> float:
    return math.sqrt(sum(sample * sample for sample in samples) / max(1, len(samples)))


def test_the_caller_is_left_and_the_callee_right(tmp_path: Path) -> None:
    wire = Wire()
    plain_call(wire).talk(5, a={"sound": "tone"}, b={"sound": "near"}).bye()
    left, right = heard(wire, tmp_path)
    assert len(left) == len(right) == 40_000
    assert loudness(left) > 5000
    assert loudness(right) < 20


def test_a_gap_stays_a_gap_and_the_rest_in_its_place(tmp_path: Path) -> None:
    wire = Wire()
    plain_call(wire).talk(6, a={"sound": "tone", "lost": lambda n: 100 <= n < 200}).bye()
    left, _ = heard(wire, tmp_path)
    assert loudness(left[8000:16_000]) > 5000
    assert loudness(left[16_000:32_000]) == 0
    assert loudness(left[32_000:40_000]) > 5000


def test_a_side_that_begins_later_is_aligned(tmp_path: Path) -> None:
    wire = Wire()
    plain_call(wire).talk(6, b={"sound": "tone", "after": 2.0}).bye()
    _, right = heard(wire, tmp_path)
    assert loudness(right[:15_900]) == 0
    assert loudness(right[16_100:]) > 5000


def test_sealed_audio_is_refused_with_a_reason(tmp_path: Path) -> None:
    wire = Wire()
    call = Call(wire, *phones(), [Proxy()])
    key = ["crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"]
    call.invite(sdp(call.caller.media, extra=key, profile="RTP/SAVP")).ring()
    call.answer(sdp(call.callee.media, extra=key, profile="RTP/SAVP")).ack()
    call.talk(4, a={"srtp": True}, b={"srtp": True}).bye()
    with pytest.raises(Unheard, match="encrypted"):
        heard(wire, tmp_path)


def test_of_several_calls_one_must_be_chosen(tmp_path: Path) -> None:
    wire = Wire()
    for number in range(2):
        one, two = phones(number)
        one.media_port, two.media_port = 10_000 + 2 * number, 20_000 + 2 * number
        call = Call(wire, one, two, [Proxy()], at=EPOCH + 5 * number, call_id=f"talk-{number}")
        call.invite().ring().answer().ack().talk(3).bye()
    with pytest.raises(Unheard, match="choose one"):
        heard(wire, tmp_path)
    left, _ = heard(wire, tmp_path, call="talk-1")
    assert len(left) == 24_000


def test_a_codec_of_pyav_without_pyav_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("talkpath.audio.codecs.find_spec", lambda _: None)
    with pytest.raises(NeedsPyAV, match="talkpath"):
        decoder_of("G729", 8000)
