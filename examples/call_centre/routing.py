"""The call centre: agents take calls in turn, then the supervisor; calls out go over whichever carrier is there."""

from itertools import count

from talkpath.routing import Call, Decision, Edge, gateways, reject, users

AGENTS = ("agent1", "agent2")

edge = Edge()
turns = edge.keep("turns", count)  # goes on where it was when this file is saved


@edge.on_call
async def route(call: Call) -> Decision:
    if call.gateway:
        return await to_an_agent(call)
    await call.authenticate()
    if not call.number.startswith("+"):
        return users(call.number)
    return gateways("carriers")


async def to_an_agent(call: Call) -> Decision:
    first = next(turns) % len(AGENTS)
    for name in (*AGENTS[first:], *AGENTS[:first]):
        outcome = await call.to(users(name, ring_s=10))
        if outcome.is_answered:
            call.note(f"{name} took it")
            return outcome
    outcome = await call.to(users("supervisor", ring_s=30))
    return outcome if outcome.is_answered else reject(480, "All agents are busy")
