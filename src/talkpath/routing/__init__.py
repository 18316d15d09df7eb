"""The operator's script: ordinary Python that decides where calls go.

    from talkpath.routing import Call, Edge, gateways, reject, users

    edge = Edge()

    @edge.on_call
    async def route(call: Call):
        if call.gateway:
            return users("reception", ring_s=20).then(users("night"))
        await call.authenticate()
        if call.number.startswith("0900"):
            return reject(403, "No premium numbers")
        return gateways("carrier")

What stands in `__all__` is for scripts, and stays as it is; the rest of this room loads, asks and reloads them.
"""

from talkpath.routing.announced import announcement
from talkpath.routing.call import Call
from talkpath.routing.caller import Caller, Identity, Number
from talkpath.routing.edge import Edge
from talkpath.routing.routes import (
    Decision,
    Outcome,
    Rejection,
    Route,
    as_usual,
    drop,
    gateways,
    redirect,
    reject,
    service,
    together,
    uri,
    users,
)
from talkpath.routing.within import CallWithin, Request

__all__ = [
    "Call",
    "CallWithin",
    "Caller",
    "Decision",
    "Edge",
    "Identity",
    "Number",
    "Outcome",
    "Rejection",
    "Request",
    "Route",
    "announcement",
    "as_usual",
    "drop",
    "gateways",
    "redirect",
    "reject",
    "service",
    "together",
    "uri",
    "users",
]
