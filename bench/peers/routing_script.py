"""What talkpath decides in bench/routing.py: the same as kemi.py."""

from talkpath.routing import Call, Edge, gateways, reject

edge = Edge()
NUMBERS = {f"4930{number:04}": f"+4930{number:04}" for number in range(1000)}


@edge.on_call
async def route(call: Call):
    number = NUMBERS.get(call.number)
    if number is None:
        return reject(404, "Not Found")
    call.headers["X-Account"] = "17"
    call.headers["X-Route"] = "carriers"
    return gateways("carriers", number=number)
