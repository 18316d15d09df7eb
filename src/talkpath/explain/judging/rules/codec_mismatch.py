"""A codec is sent that was not agreed: its payload type stands in no description of who is to hear it."""

from collections.abc import Iterator, Mapping

from talkpath.base.texts import Text
from talkpath.capture.records import PayloadUse, RtpStream
from talkpath.explain.judging.finding import Because, Direction, Found, Severity, Symptom, because, party
from talkpath.explain.judging.rule import Rule
from talkpath.explain.reading.story import Story
from talkpath.explain.reading.talk import MediaPath
from talkpath.explain.reading.traits import Trait

# Two seconds of sound. What crosses a change of the codec on the way is less.
LEAST_PACKETS = 100
# Comfort noise goes with every codec of 8 kHz, agreed or not (RFC 3389 section 5).
COMFORT_NOISE = 13

SENT = Text(
    "{who} sends {packets} packets of payload type {number} ({name}) from {src} to {dst}.",
    "{who}从 {src} 向 {dst} 发送了 {packets} 个负载类型为 {number}（{name}）的包。",
)
AGREED = Text("{other} announced {list}, and nothing else.", "{other}只声明了 {list}。")
OWN_NUMBER = Text(
    "{name} is agreed under {agreed}: {who} uses its own number in place of the hearer's (RFC 3264 5.1).",
    "{name} 约定的编号为 {agreed}：{who}使用了自己的编号而不是接收方的（RFC 3264 5.1）。",
)
UNNAMED = Text("unknown", "未知")


def check(story: Story) -> Iterator[Found]:
    for path in story.talk.paths:
        for from_caller in (True, False):
            agreed = _announced(path, from_caller=not from_caller)
            own = _announced(path, from_caller=from_caller)
            for rtp in path.heard(from_caller) if agreed else ():
                use = next((one for one in rtp.payload_types if _is_strange(one, agreed)), None)
                if use is not None:
                    yield _found(path, from_caller, rtp, use, agreed, own)
                    return


def _announced(path: MediaPath, *, from_caller: bool) -> dict[int, str]:
    """Every payload type that one side named on this path, at whatever time."""
    media = (one for leg in path.legs for one in leg.media)
    return {
        number: name
        for one in media
        if one.from_caller is from_caller and one.kind == "audio"
        for number, name in one.codecs
    }


def _is_strange(use: PayloadUse, agreed: Mapping[int, str]) -> bool:
    return use.number not in agreed and use.number != COMFORT_NOISE and use.packets >= LEAST_PACKETS


def _found(
    path: MediaPath,
    from_caller: bool,
    rtp: RtpStream,
    use: PayloadUse,
    agreed: Mapping[int, str],
    own: Mapping[int, str],
) -> Found:
    who, other = party(from_caller), party(not from_caller)
    name = own.get(use.number) or use.encoding
    renumbered = [number for number, known in agreed.items() if name and known.lower() == name.lower()]
    return Found(
        tuple(_evidence(from_caller, rtp, use, name, agreed, renumbered)),
        {"who": who, "other": other, "name": name or UNNAMED, "number": use.number},
        leg=path.first_leg.index,
        direction=Direction.of(from_caller),
        severity=Severity.WARNING if renumbered else None,
        confidence=0.7 if renumbered else 0.85,
    )


def _evidence(
    from_caller: bool,
    rtp: RtpStream,
    use: PayloadUse,
    name: str,
    agreed: Mapping[int, str],
    renumbered: list[int],
) -> Iterator[Because]:
    who, other = party(from_caller), party(not from_caller)
    values = {"src": rtp.src, "dst": rtp.dst, "packets": use.packets, "number": use.number}
    yield because(SENT, (use.first_frame,), use.start, who=who, name=name or UNNAMED, **values)
    listed = ", ".join(f"{number} ({known})" for number, known in agreed.items())
    yield because(AGREED, (), use.start, other=other, list=listed)
    if renumbered:
        yield because(OWN_NUMBER, (), use.start, who=who, name=name, agreed=renumbered[0])


RULE: Rule = Rule(
    code="codec-mismatch",
    symptom=Symptom.NO_AUDIO,
    severity=Severity.ERROR,
    title=Text(
        "{who} sends {name} (payload type {number}), which {other} did not agree to",
        "{who}发送 {name}（负载类型 {number}），而{other}并未同意",
    ),
    why=Text(
        "Who hears a payload type that it does not know throws the packets away: silence, or noise.",
        "接收方不认识的负载类型会被丢弃：表现为无声或噪音。",
    ),
    needs=Text(
        "At least 100 packets of a payload type that no description of the hearer names, at whatever time of the "
        "call. "
        "The hearer's codec under another number is a warning; comfort noise, and a codec that was changed by "
        "re-INVITE, are no fault.",
        "至少 100 个包的负载类型在接收方任何时刻的描述中都未出现。编解码器相同而编号不同只是警告；舒适噪声、"
        "由 re-INVITE 更换的编解码器不算故障。",
    ),
    fix=Text(
        "Let {who} send what the description of {other} names, under its numbers; look at relays in between that "
        "change descriptions and not the packets (or the other way round).",
        "让{who}按{other}的描述及其编号发送；检查中间是否有只改描述不改包（或相反）的中继。",
    ),
    doubt=Text(
        "A description that the capture does not show (a re-INVITE in an encrypted or unseen leg) may have agreed to "
        "it, and some hearers take what they can decode, agreed or not.",
        "抓包中看不到的描述（加密或未抓到的呼叫腿中的 re-INVITE）可能已同意；有些接收方能解码就会接受。",
    ),
    traits=frozenset({Trait.STRANGE}),
    explains=frozenset({"ptime-mismatch"}),
    of_call=check,
)
