"""The record key of a phone: an INFO within the call with `Record: on` starts its recording, `Record: off` ends it.

No RFC knows the header. Snom and Yealink phones send it (their manuals on call recording), and Asterisk takes it
(`res_pjsip_one_touch_record_info`): 200 for what is done, 403 for who may not, so that the phone need not ask again.
What cannot be done now is 488, which touches nothing but this request; 480 and 481 would end the dialog of a phone
that goes by RFC 5057 section 5.1. Where no phone may record, the INFO is none of ours and goes on: the other side may
be a PBX that records.
"""

from talkpath.edge.admission.admission import Admission
from talkpath.edge.calls.call import Party, RunningCall
from talkpath.edge.calls.recording import Wish
from talkpath.edge.core import Core
from talkpath.edge.forwarding.arrival import Arrival
from talkpath.edge.routing.heading import Refusal
from talkpath.sip.message import Message
from talkpath.sip.transaction import ServerTransaction

_WISHES = {"on": Wish.ON, "off": Wish.OFF}

# Why a wish is not fulfilled, as a status and words for the phone's display.
_REFUSALS = {
    "may-not": (403, "You may not record"),
    "not-its-own": (403, "Not recorded by you"),
    "paused-by-other": (403, "The recording is paused"),
    "off": (488, "No recording here"),
    "no-media": (488, "No media to record"),
}


class RecordKey:
    """Answers record keys."""

    def __init__(self, core: Core, admission: Admission) -> None:
        self._core = core
        self._admission = admission

    def pressed(
        self, call: RunningCall | None, sender: Party | None, arrival: Arrival, server: ServerTransaction, now: float
    ) -> bool:
        """Whether this is a record key: then it has been answered, and goes no further. Raises Refusal."""
        request = arrival.message
        wish = _wish(request) if self._core.recordings.has_keys else None
        if wish is None:
            return False
        if call is None or sender is None:
            # Of a call that began before this edge did, say, whose media is elsewhere.
            raise Refusal(*_REFUSALS["no-media"])
        if not self._is_theirs(sender, arrival, server, now):
            return True
        call.heard_at = now
        sender.cseq = max(sender.cseq, request.cseq_number)
        why = self._core.recordings.wished(call, wish, self._user(sender), now)
        if why:
            self._core.note(call.call_id, "recording.refused", now, user=sender.user, why=why)
            status, words = _REFUSALS[why]
            self._core.reply(arrival, server, status, now, reason=words)
        else:
            self._core.reply(arrival, server, 200, now)
        return True

    def _user(self, party: Party) -> str:
        """The account of a party that could have a right to record, "" for none."""
        accounts = self._core.world.accounts
        user = party.user
        return user if user and accounts.exists(user) and not accounts.is_guest(user) else ""

    def _is_theirs(self, sender: Party, arrival: Arrival, server: ServerTransaction, now: float) -> bool:
        """Whether the party of these tags sent it. When not, it has been answered. Both parties know both tags, so
        what comes from elsewhere than the phone must prove itself. Raises Refusal."""
        if self._is_its_way(sender, arrival, now) or not self._admission.must_prove(arrival):
            return True
        may_pass, user = self._admission.admit_request(arrival, server, now)
        if may_pass and user != sender.user:
            raise Refusal(*_REFUSALS["may-not"])
        return may_pass

    def _is_its_way(self, party: Party, arrival: Arrival, now: float) -> bool:
        """Whether a message came the way on which a party is reached, or registered."""
        flow = arrival.reply_to
        if party.flow in (flow, arrival.flow):
            return True
        if party.identity is None:
            return False
        binding = self._core.registrar.find(party.user, party.identity)
        return binding is not None and binding.expires_at > now and binding.flow in (flow, arrival.flow)


def _wish(request: Message) -> Wish | None:
    """What a record key wants; None for any other request."""
    if request.method != "INFO":
        return None
    return _WISHES.get((request.first("Record") or "").strip().lower())
