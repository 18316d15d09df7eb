"""The evidence and the words that the rules about requests stuck within a dialog share."""

from talkpath.base.texts import Text
from talkpath.capture.records import RtpStream
from talkpath.explain.judging.finding import Because, Direction, Found, Symptom, because, party
from talkpath.explain.reading.route import Stuck

UNANSWERED = Text(
    "{method} by {sender} to {where} was sent {times} times and never answered.",
    "{sender}发往 {where} 的 {method} 共发送 {times} 次，始终无应答。",
)
REFUSED = Text(
    "{method} by {sender} was given up with {status} {reason}.", "{sender}的 {method} 被以 {status} {reason} 放弃。"
)
NO_ACK = Text(
    "{status} {reason} was repeated {times} times: no {method} reached {owner}.",
    "{status} {reason} 重发了 {times} 次：{owner}没有收到 {method}。",
)
STRAY = Text(
    "Nothing in this capture announces the stream: it is media without signalling ({encoding}, {seconds:.0f} s).",
    "抓包中没有任何信令声明该流：它是没有信令的媒体（{encoding}，{seconds:.0f} 秒）。",
)
SYMPTOMS = {
    "BYE": Symptom.CANNOT_HANG_UP,
    "ACK": Symptom.DROPS,
    "PRACK": Symptom.FAILS,
    "INVITE": Symptom.DROPS,
    "UPDATE": Symptom.DROPS,
}


def found_of(stuck: Stuck, *evidence: Because, **values: object) -> Found:
    """A finding about a request that is stuck: what happened to it, then why."""
    leg = stuck.hops[0].leg.index if stuck.hops else None
    return Found(
        (what_happened(stuck), *evidence),
        {"method": stuck.method, **values},
        leg=leg,
        direction=Direction.of(stuck.from_caller),
        symptom=SYMPTOMS.get(stuck.method),
    )


def no_signalling(rtp: RtpStream) -> Because:
    """That a stream belongs to no call that the capture shows."""
    seconds = rtp.end - rtp.start
    return because(STRAY, (rtp.first_frame,), rtp.start, encoding=rtp.encoding, seconds=seconds)


def what_happened(stuck: Stuck) -> Because:
    """The request's fate as evidence."""
    if stuck.answer is not None:
        sip = stuck.answer.sip
        owner, times = party(not stuck.from_caller), len(stuck.answer.retransmitted)
        facts = {"status": sip.status, "reason": sip.reason, "method": stuck.method, "owner": owner, "times": times}
        return because(NO_ACK, stuck.answer.frames, stuck.answer.time, **facts)
    values = {"method": stuck.method, "sender": party(stuck.from_caller)}
    if stuck.refusal is not None:
        sip = stuck.refusal.sip
        return because(REFUSED, stuck.frames, stuck.time, status=sip.status, reason=sip.reason, **values)
    last, times = stuck.hops[-1], max(hop.sendings for hop in stuck.hops)
    return because(UNANSWERED, stuck.frames, stuck.time, where=last.request.destination, times=times, **values)
