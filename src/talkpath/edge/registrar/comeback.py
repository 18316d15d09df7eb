"""A phone that is back and has not registered: its binding goes on where it proves who it is.

SIP.js believes itself registered after it has connected again, and sends no REGISTER until the old one runs out. A
call to it would find a connection that is gone, so whatever it asks for with credentials brings its binding along.
"""

from talkpath.edge.calls.ending import Ending
from talkpath.edge.core import Core
from talkpath.edge.forwarding.arrival import Arrival


def take_up(core: Core, ending: Ending, arrival: Arrival, user: str, now: float) -> None:
    """`user` has proven to be the sender. Where its phone registered by a connection that is gone, it is reached by
    this one from now on, and told what it missed."""
    if not user or not arrival.flow.transport.is_reliable:
        return
    request = arrival.message
    older = core.registrar.left_behind(user, request, now, core.is_reachable)
    if older is None:
        return
    newer = core.registrar.move(older, arrival.flow, arrival.behind_nat, now)
    core.counters["bindings_taken_up"] += 1
    remote, place = str(older.flow.remote), str(newer.flow.remote)
    core.note(request.call_id, "flow.taken-up", now, user=user, remote=remote, place=place, method=request.method)
    ending.tell_returned(newer, now)
