"""What browsers throw at in the descriptions of phones is mended; what they bear stays byte for byte.

Each odd line here was given to Chromium 156 and to Firefox 153; one of them refused the whole description for it.
"""

from pathlib import Path

import pytest

from talkpath.sdp import SessionDescription
from talkpath.sdp.strict import strict

HEAD = ("v=0", "o=- 1 1 IN IP4 192.0.2.10", "s=-", "c=IN IP4 192.0.2.10", "t=0 0")
AUDIO = ("m=audio 4000 RTP/AVP 8 101", "a=rtpmap:8 PCMA/8000", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15")
CORPUS = Path(__file__).parent / "corpus"


def text(*lines: str) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode()


def mended(*lines: str) -> list[str]:
    return strict(SessionDescription.parse(text(*lines)))[0].decode().split("\r\n")[:-1]


@pytest.mark.parametrize(
    ("head", "right"),
    [
        ((*HEAD, "b=AS:80"), (*HEAD[:4], "b=AS:80", HEAD[4])),
        ((*HEAD[:3], HEAD[4], HEAD[3]), HEAD),
        ((*HEAD[:4], "a=tool:x", HEAD[4]), (*HEAD, "a=tool:x")),
        ((*HEAD[:3], "a=tool:x", *HEAD[3:]), (*HEAD, "a=tool:x")),
        ((*HEAD[:2], "i=first", *HEAD[2:]), (*HEAD[:3], "i=first", *HEAD[3:])),
        ((*HEAD[:3], "p=+1", "e=a@b", *HEAD[3:]), (*HEAD[:3], "e=a@b", "p=+1", *HEAD[3:])),
        ((*HEAD[:2], *HEAD[3:]), HEAD),
        ((*HEAD[:2], "s=", *HEAD[3:]), HEAD),
        ((*HEAD[:2], "s= ", *HEAD[3:]), HEAD),
        (HEAD[:4], HEAD),
        ((*HEAD, "y=odd", "Y=odd"), HEAD),
        ((HEAD[0], "o=my phone 1 1 IN IP4 192.0.2.10", *HEAD[2:]), (HEAD[0], "o=- 1 1 IN IP4 0.0.0.0", *HEAD[2:])),
        ((HEAD[0], "o=- 1 IN IP4 192.0.2.10", *HEAD[2:]), (HEAD[0], "o=- 1 1 IN IP4 0.0.0.0", *HEAD[2:])),
        ((*HEAD[:2], "s=Büro", "i=面", *HEAD[3:]), HEAD),
        ((*HEAD[:4], "c=IN IP4 192.0.2.11", HEAD[4]), HEAD),
        ((HEAD[0], "o=- abc 1 IN IP4 192.0.2.10", *HEAD[2:]), (HEAD[0], "o=- 1 1 IN IP4 0.0.0.0", *HEAD[2:])),
        ((HEAD[0], *HEAD[2:]), (HEAD[0], "o=- 1 1 IN IP4 0.0.0.0", *HEAD[2:])),
        ((*HEAD, "a=", "a=:", "a= x", "b=80", "b=AS:many"), HEAD),
    ],
)
def test_the_head_of_a_session_has_its_lines_in_their_order(head: tuple[str, ...], right: tuple[str, ...]) -> None:
    assert mended(*head, *AUDIO) == [*right, *AUDIO]


@pytest.mark.parametrize(
    "odd",
    [
        "a=fmtp:18 annexb=no",
        "a=fmtp:8",
        "a=fmtp:101 ",
        "a=fmtp:x 1",
        "a=rtpmap:18 G729/8000",
        "a=rtpmap:8",
        "a=rtpmap:8 PCMA",
        "a=rtcp-fb:*",
        "a=rtcp-fb:99 nack",
        "a=extmap:x urn:x",
        "a=extmap:3",
        "a=ssrc:one cname:x",
        "a=ssrc:1",
        "a=msid:",
        "a=msid: a b c d",
        "a=",
        "b=AS:",
        "x=1",
        "a=label:面",
        "",
    ],
)
def test_a_line_of_a_section_that_cannot_be_read_is_left_out(odd: str) -> None:
    made, left = strict(SessionDescription.parse(text(*HEAD, *AUDIO, odd)))
    assert made == text(*HEAD, *AUDIO)
    assert left == ([odd.rstrip()] if odd else [])


@pytest.mark.parametrize(
    ("line", "right"),
    [
        ("m=audio 4000/2 RTP/AVP 8 101", AUDIO[0]),
        ("m=audio  4000 RTP/AVP  8 101 ", AUDIO[0]),
        ("m=audio 0 RTP/AVP", "m=audio 0 RTP/AVP 0"),
    ],
)
def test_an_m_line_is_written_as_browsers_read_it(line: str, right: str) -> None:
    assert mended(*HEAD, line)[len(HEAD) :] == [right]


def test_every_format_of_a_video_has_a_name() -> None:
    """Chromium throws at H.261 by its number alone, and rejects what it does not know by its name."""
    assert mended(*HEAD, "m=video 4000 RTP/AVP 31 98 97", "a=rtpmap:97 VP8/90000")[len(HEAD) + 1 :] == [
        "a=rtpmap:97 VP8/90000",
        "a=rtpmap:31 H261/90000",
        "a=rtpmap:98 unknown/90000",
    ]
    assert mended(*HEAD, "m=video 0 RTP/AVP 31")[len(HEAD) :] == ["m=video 0 RTP/AVP 31"]


def test_a_simulcast_needs_the_extension_that_tells_its_streams_apart() -> None:
    video = ("m=video 4000 RTP/AVP 97", "a=rtpmap:97 VP8/90000", "a=rid:h send", "a=simulcast:send h")
    assert mended(*HEAD, *video)[len(HEAD) :] == list(video[:3])
    whole = (*video, "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id")
    assert mended(*HEAD, *whole)[len(HEAD) :] == list(whole)


def test_the_lines_of_a_section_have_their_order_too() -> None:
    lines = ("a=sendrecv", "b=AS:80", "c=IN IP4 192.0.2.11", "i=x", "a=fmtp:8\t x=1")
    right = ["i=x", "c=IN IP4 192.0.2.11", "b=AS:80", "a=sendrecv", "a=fmtp:8 x=1"]
    assert mended(*HEAD, AUDIO[0], *lines)[len(HEAD) + 1 :] == right


@pytest.mark.parametrize("whole", [text(*HEAD, *AUDIO) + b"\r\n", text(*HEAD, *AUDIO)[:-2]], ids=["empty", "no-end"])
def test_every_line_ends_and_none_is_empty(whole: bytes) -> None:
    assert strict(SessionDescription.parse(whole)) == (text(*HEAD, *AUDIO), [])


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.sdp")), ids=lambda path: path.stem)
def test_what_was_mended_needs_no_more(path: Path) -> None:
    made, _ = strict(SessionDescription.parse(path.read_bytes()))
    assert strict(SessionDescription.parse(made)) == (made, [])


@pytest.mark.parametrize("name", ["chrome_offer", "chrome_with_candidates", "firefox_offer"])
def test_what_browsers_write_stays_as_it_is(name: str) -> None:
    whole = (CORPUS / f"{name}.sdp").read_bytes()
    assert strict(SessionDescription.parse(whole)) == (whole, [])
