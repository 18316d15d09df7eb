"""The border: what the telephone system may say outside, and what may come in."""

from talkpath.routing import Call, Decision, Edge, Request, gateways, reject

INSIDE = "Remote-Party-ID", "X-Department"

edge = Edge()


@edge.on_call
async def route(call: Call) -> Decision:
    if call.gateway == "pbx":
        for name in INSIDE:
            call.headers.remove(name)
        call.offer.video.reject()
        return gateways("outside", number=call.number.e164)
    if call.gateway == "carrier":
        return gateways("inside", number=call.number.e164.removeprefix("+4930777") or "0")
    return reject(403)


@edge.on_request("REFER")
async def no_transfers_from_outside(call: object, request: Request) -> Decision | None:
    return reject(403, "Not here") if getattr(call, "gateway", "") == "carrier" else None
