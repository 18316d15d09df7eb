"""The capture itself is not whole: what it cannot show must not be concluded from."""

from collections.abc import Iterator

from talkpath.base.texts import Text
from talkpath.capture.records import NoteKind
from talkpath.explain.judging.finding import Because, Found, Severity, Symptom, because
from talkpath.explain.judging.rule import Rule
from talkpath.explain.reading.holes import holes
from talkpath.explain.reading.scene import Scene
from talkpath.explain.reading.story import Story
from talkpath.explain.reading.traits import Trait

SAID = {
    NoteKind.CUT_OFF: Text("The file ends in the middle of a packet.", "文件在一个包的中间结束。"),
    NoteKind.DAMAGED: Text(
        "At byte {offset} the file makes no sense; what follows was not read, or skipped.",
        "文件在第 {offset} 字节处损坏；其后的内容未读取或被跳过。",
    ),
    NoteKind.SNAPPED: Text(
        "{count} packets are cut short: it was taken with a snap length.",
        "{count} 个包被截短：抓包时设置了截断长度。",
    ),
    NoteKind.DROPPED: Text(
        "The capturing machine dropped {count} packets: losses seen here may be its own.",
        "抓包机器丢弃了 {count} 个包：此处看到的丢包可能由它造成。",
    ),
    NoteKind.BACKWARDS: Text(
        "{count} packets are earlier than the one before: files were merged, or a clock stepped.",
        "{count} 个包的时间早于前一个：文件经过合并，或时钟跳变。",
    ),
    NoteKind.TABLE_FULL: Text(
        "{count} flows were not followed: too many at once.", "{count} 个流未跟踪：同时数量过多。"
    ),
}
ONE_WAY = Text(
    "{count} of {total} calls show only one direction of the signalling.",
    "{total} 个呼叫中有 {count} 个只见到单向信令。",
)
NO_MEDIA = Text(
    "{count} calls were answered and the capture shows no RTP at all: it was taken where media does not pass.",
    "有 {count} 个呼叫接通，但抓包中没有任何 RTP：抓包点不在媒体路径上。",
)
MIDWAY = Text("{count} calls had begun before the capture did.", "有 {count} 个呼叫在抓包开始前已经建立。")
HOLES = Text(
    "{count} messages answer or follow one that the capture does not show, and nobody sent it again: the capture "
    "missed it.",
    "有 {count} 条消息对应的前一条消息不在抓包中，且无人重发：是抓包漏掉了它。",
)
MALFORMED = Text(
    "{count} SIP messages are damaged, or without a Call-ID: what they belong to is not known.",
    "有 {count} 条 SIP 消息损坏或缺少 Call-ID：无法判断其所属呼叫。",
)
LEFT_OUT = Text("{count} records beyond the limits were left out.", "超出上限的 {count} 条记录被略去。")


def check(story: Story) -> Iterator[Found]:
    """A call of which single messages are missing. What the edge tells of its own calls is no capture."""
    missed = [] if story.call.is_own else holes(story)
    if missed:
        evidence = because(HOLES, [seen.frame for seen in missed[:5]], missed[0].time, count=len(missed))
        yield Found((evidence,), confidence=0.8)


def check_scene(scene: Scene) -> Iterator[Found]:
    evidence = [*_notes(scene), *_one_way(scene), *_no_media(scene), *_midway(scene)]
    if scene.malformed:
        evidence.append(because(MALFORMED, (), scene.first, count=scene.malformed))
    if scene.left_out:
        evidence.append(because(LEFT_OUT, (), scene.last, count=scene.left_out))
    if evidence:
        yield Found(tuple(evidence))


def _notes(scene: Scene) -> Iterator[Because]:
    for note in scene.notes:
        text = SAID.get(note.kind)
        if text is not None:
            frames = (note.frame,) if note.frame else ()
            yield because(text, frames, note.time, count=note.count, offset=note.offset)


def _one_way(scene: Scene) -> Iterator[Because]:
    """Calls of which only one side's messages are there although there were several of them."""
    lame = [
        call
        for call in scene.calls
        if all(leg.hop.is_one_sided for leg in call.legs)
        and any(len(leg.messages) > 1 and leg.invite.is_request for leg in call.legs)
        and any(seen.sip.method in ("ACK", "BYE") for leg in call.legs for seen in leg.messages)
    ]
    if lame:
        yield because(
            ONE_WAY, (lame[0].legs[0].hop.first.frame,), lame[0].start, count=len(lame), total=len(scene.calls)
        )


def _no_media(scene: Scene) -> Iterator[Because]:
    answered = [call for call in scene.calls if call.answered_at is not None and (call.talk_s or 0) > 4]
    if len(answered) >= 3 and not scene.streams:
        yield because(NO_MEDIA, (), scene.first, count=len(answered))


def _midway(scene: Scene) -> Iterator[Because]:
    begun = [call for call in scene.calls if call.legs[0].invite.to_tag]
    if begun:
        yield because(MIDWAY, (begun[0].legs[0].hop.first.frame,), begun[0].start, count=len(begun))


RULE: Rule = Rule(
    code="capture-incomplete",
    symptom=Symptom.NONE,
    severity=Severity.NOTE,
    title=Text("The capture is not complete", "抓包不完整"),
    why=Text(
        "What is missing from a capture looks like a fault of the network. Findings are weighed accordingly.",
        "抓包中缺失的内容看起来像网络故障。判断时已相应降低权重。",
    ),
    needs=Text(
        "What the file says of itself (cut off, damaged, dropped packets), or calls of which only a part can "
        "be seen.",
        "文件自身的说明（截断、损坏、丢包），或只能看到一部分的呼叫。",
    ),
    fix=Text(
        "Capture again with whole packets (tcpdump -s 0), a larger buffer (-B 65536), on a port that sees both "
        "directions, and start before the call.",
        "重新抓包：抓完整的包（tcpdump -s 0）、加大缓冲（-B 65536）、选择能看到双向的端口，并在呼叫之前开始。",
    ),
    doubt=Text(
        "A call that began before the capture, or goes on after it, is seen in part whoever captures; so is one "
        "whose other direction goes another way. Where only one port of a bond or a mirror is captured, packets "
        "that seem to be missing were on the other.",
        "在抓包开始之前已存在、或在其结束之后仍继续的呼叫，必然只能看到一部分；另一方向走其他路径的也一样。"
        "若只抓了聚合链路或镜像的其中一个端口，看似缺失的包其实在另一个端口上。",
    ),
    traits=frozenset({Trait.LOSSY, Trait.UNANSWERED}),
    of_call=check,
    of_scene=check_scene,
)
