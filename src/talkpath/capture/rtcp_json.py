"""RTCP as relays and agents mirror it over HEP: payload type 5 with JSON (rtpengine's `homer`, captagent).

{"sender_information": {"packets": 99, "octets": 15840, "ntp_timestamp_sec": 4004367356, ...}, "ssrc": 4369,
 "type": 200, "report_blocks": [{"source_ssrc": 8738, "highest_seq_no": 99, "packets_lost": 9, ...}]}
"""

import msgspec

from talkpath.capture.records import HepSeen, RtcpReport, RtcpSeen

RTCP = 5
_KINDS = {200: "SR", 201: "RR", 202: "SDES", 203: "BYE", 207: "XR"}
# From 1900 (NTP, RFC 3550 section 4) to 1970.
_NTP_EPOCH_S = 2_208_988_800


class _Sender(msgspec.Struct):
    packets: int = 0
    octets: int = 0
    ntp_timestamp_sec: int = 0


class _Block(msgspec.Struct):
    source_ssrc: int = 0
    highest_seq_no: int = 0
    fraction_lost: int = 0
    ia_jitter: int = 0
    packets_lost: int = 0
    lsr: int = 0
    dlsr: int = 0


class _Report(msgspec.Struct):
    ssrc: int = 0
    type: int = 0
    sender_information: _Sender = msgspec.field(default_factory=_Sender)
    report_blocks: list[_Block] = msgspec.field(default_factory=list)


_decoder = msgspec.json.Decoder(_Report, strict=False)


def rtcp_of(seen: HepSeen) -> RtcpSeen | None:
    """The report in a HEP message; None where it holds none that we can read."""
    if seen.kind != RTCP:
        return None
    try:
        said = _decoder.decode(seen.payload)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    sender = said.sender_information
    return RtcpSeen(
        frame=seen.frame,
        time=seen.time,
        src=seen.src,
        dst=seen.dst,
        ssrc=said.ssrc,
        kinds=(_KINDS.get(said.type, str(said.type)),),
        sent_packets=sender.packets,
        sent_octets=sender.octets,
        ntp=float(max(0, sender.ntp_timestamp_sec - _NTP_EPOCH_S)),
        reports=tuple(_report(block) for block in said.report_blocks),
        cname="",
        is_encrypted=False,
        hep=seen.hep,
    )


def _report(block: _Block) -> RtcpReport:
    return RtcpReport(
        block.source_ssrc,
        block.fraction_lost,
        block.packets_lost,
        block.highest_seq_no,
        block.ia_jitter,
        block.lsr,
        block.dlsr,
    )
