"""Writes the captures that reading is measured on: many calls between two proxied phones, deterministic.

    python -m bench.capture_file OUT.pcap [CALLS] [PACKETS OF ONE DIRECTION]

A call is seven SIP messages and G.711 mu-law both ways, a packet every 20 ms. Calls begin every 50 ms, so that some
hundred run at once.
"""

import struct
import sys
from pathlib import Path

import numpy as np

START_NS = 1_700_000_000_000_000_000
CALL_EVERY_NS, PACKET_EVERY_NS = 50_000_000, 20_000_000
PAYLOAD = 160
HEADERS = 14 + 20 + 8 + 12
RECORD = 16 + HEADERS + PAYLOAD
CALLER, CALLED = 0x0A000000, 0x0A800000


def write(path: Path, calls: int = 2000, packets: int = 217) -> int:
    """Writes the capture; gives its size in bytes."""
    media, media_times = (
        _media(calls, packets) if packets else (np.zeros((0, RECORD), np.uint8), np.zeros(0, np.int64))
    )
    signalling = sorted(_signalling(calls, packets * PACKET_EVERY_NS), key=lambda message: message[0])
    places = np.searchsorted(media_times, [time for time, _ in signalling])
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262_144, 1))
        done = 0
        for place, (time, frame) in zip(places, signalling, strict=True):
            file.write(media[done:place].tobytes())
            done = int(place)
            seconds, nanos = divmod(time, 1_000_000_000)
            file.write(struct.pack("<IIII", seconds, nanos, len(frame), len(frame)) + frame)
        file.write(media[done:].tobytes())
        return file.tell()


def _media(calls: int, packets: int) -> tuple["np.ndarray", "np.ndarray"]:
    """All RTP packets as pcap records, one a row, in the order of time."""
    call, way, number = (a.ravel() for a in np.meshgrid(np.arange(calls), [0, 1], np.arange(packets), indexing="ij"))
    dice = np.random.default_rng(1)
    jitter = dice.exponential(300_000, call.size).astype(np.int64)
    times = START_NS + call * CALL_EVERY_NS + 200_000_000 + way * 7_000_000 + number * PACKET_EVERY_NS + jitter
    rows = np.zeros((call.size, RECORD), np.uint8)
    _put(rows, 0, "<u4", times // 1_000_000_000)
    _put(rows, 4, "<u4", times % 1_000_000_000)
    _put(rows, 8, "<u4", RECORD - 16)
    _put(rows, 12, "<u4", RECORD - 16)
    src = np.where(way == 0, CALLER, CALLED) + 1 + call
    dst = np.where(way == 0, CALLED, CALLER) + 1 + call
    rows[:, 16:30] = np.frombuffer(bytes.fromhex("0200000000020200000000010800"), np.uint8)
    rows[:, 30:42] = np.frombuffer(struct.pack("!BBHHHBBH", 0x45, 0xB8, 200, 0, 0x4000, 64, 17, 0), np.uint8)
    _put(rows, 42, ">u4", src)
    _put(rows, 46, ">u4", dst)
    _put(rows, 50, ">u2", 20_000)
    _put(rows, 52, ">u2", 20_000)
    _put(rows, 54, ">u2", 180)
    rows[:, 58] = 0x80
    _put(rows, 60, ">u2", (call * 7 + number) % 65536)
    _put(rows, 62, ">u4", number * PAYLOAD + call * 1000)
    _put(rows, 66, ">u4", call * 2 + way + 0x10000)
    # Something like speech: codes of middling loudness, another packet each time. In mu-law 0x7f and 0xff are zero.
    loudness = np.minimum(np.abs(dice.normal(30, 20, (997, PAYLOAD))), 110).astype(np.int64)
    voices = 127 - loudness + dice.integers(0, 2, (997, PAYLOAD)) * 128
    rows[:, 70:] = voices.astype(np.uint8)[(number * 31 + call + way) % 997]
    order = np.argsort(times, kind="stable")
    return rows[order], times[order]


def _put(rows: "np.ndarray", at: int, kind: str, values: object) -> None:
    column = np.broadcast_to(np.asarray(values), rows.shape[:1]).astype(kind)
    rows[:, at : at + column.itemsize] = column.view(np.uint8).reshape(-1, column.itemsize)


def _signalling(calls: int, talk_ns: int) -> list[tuple[int, bytes]]:
    frames = []
    for call in range(calls):
        start = START_NS + call * CALL_EVERY_NS
        caller, called = _host(CALLER + 1 + call), _host(CALLED + 1 + call)
        for after, from_caller, message in _messages(call, caller, called, talk_ns):
            src, dst = (CALLER, CALLED) if from_caller else (CALLED, CALLER)
            frames.append((start + after, _frame(src + 1 + call, dst + 1 + call, message.encode())))
    return frames


def _host(address: int) -> str:
    return ".".join(str(byte) for byte in address.to_bytes(4, "big"))


def _messages(call: int, caller: str, called: str, talk_ns: int) -> list[tuple[int, bool, str]]:
    """(ns after the start, from the caller, message) of one call."""

    def sdp(host: str) -> str:
        return (
            f"v=0\r\no=- {call} 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
            "m=audio 20000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
            "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
        )

    def message(first: str, method: str, number: int, tag: str, body: str = "") -> str:
        kind = "Content-Type: application/sdp\r\n" if body else ""
        return (
            f"{first}\r\nVia: SIP/2.0/UDP {caller}:5060;branch=z9hG4bK-{call}-{number};rport\r\nMax-Forwards: 70\r\n"
            f'From: "Caller {call}" <sip:{call:05}@pbx.example>;tag=a{call}\r\n'
            f"To: <sip:9{call:05}@pbx.example>{tag}\r\nCall-ID: {call:08x}-bench@{caller}\r\n"
            f"CSeq: {number} {method}\r\nContact: <sip:{call:05}@{caller}:5060>\r\n"
            "User-Agent: Phone 1.0\r\nAllow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE\r\n"
            f"Supported: replaces, timer\r\n{kind}Content-Length: {len(body)}\r\n\r\n{body}"
        )

    target, tag = f"sip:9{call:05}@{called}:5060", f";tag=b{call}"
    end = 300_000_000 + talk_ns
    return [
        (0, True, message(f"INVITE {target} SIP/2.0", "INVITE", 1, "", sdp(caller))),
        (10_000_000, False, message("SIP/2.0 100 Trying", "INVITE", 1, "")),
        (40_000_000, False, message("SIP/2.0 180 Ringing", "INVITE", 1, tag)),
        (180_000_000, False, message("SIP/2.0 200 OK", "INVITE", 1, tag, sdp(called))),
        (190_000_000, True, message(f"ACK {target} SIP/2.0", "ACK", 1, tag)),
        (end, True, message(f"BYE {target} SIP/2.0", "BYE", 2, tag)),
        (end + 10_000_000, False, message("SIP/2.0 200 OK", "BYE", 2, tag)),
    ]


def _frame(src: int, dst: int, payload: bytes) -> bytes:
    udp = struct.pack("!HHHH", 5060, 5060, 8 + len(payload), 0) + payload
    ip = struct.pack("!BBHHHBBHII", 0x45, 0, 20 + len(udp), 0, 0x4000, 64, 17, 0, src, dst)
    return bytes.fromhex("0200000000020200000000010800") + ip + udp


if __name__ == "__main__":
    print(write(Path(sys.argv[1]), *(int(argument) for argument in sys.argv[2:])))
