"""The office: the reception rings first, everybody may call out, and nobody calls premium numbers."""

from talkpath.routing import Call, Decision, Edge, gateways, reject, users

HEAD = "+4930555"
RECEPTION = "10"
DESKS = ("11", "12")
EMERGENCY = ("110", "112")

edge = Edge()


@edge.on_call
async def route(call: Call) -> Decision:
    if call.gateway:
        return users(RECEPTION, ring_s=15).then(users(*DESKS))
    user = await call.authenticate()
    if call.number in EMERGENCY:
        return gateways("outside", number=call.number)
    if not call.number.e164:  # no number of the world: an extension, or echo
        return users(call.number)
    if call.number.e164.startswith("+49900"):
        return reject(403, "No premium numbers")
    call.caller.number = f"{HEAD}{user}"
    return gateways("outside", number=call.number.e164)
