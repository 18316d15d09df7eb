"""The least that a script can do in bench/routing.py: ring whom the caller named."""

from talkpath.routing import Call, Edge, users

edge = Edge()


@edge.on_call
async def route(call: Call):
    return users(call.number)
