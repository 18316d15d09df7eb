"""Who calls is looked up over HTTP: known customers reach their own agent under their name, others the reception."""

import asyncio
import os

import httpx

from talkpath.routing import Call, Decision, Edge, reject, users

SERVICE = os.environ.get("CUSTOMERS", "http://127.0.0.1:8090")
PATIENCE_S = 0.8  # nobody waits longer for a name

edge = Edge()
# One client for all calls, which keeps its connections when this file is saved.
service = edge.keep("service", lambda: httpx.AsyncClient(base_url=SERVICE, timeout=PATIENCE_S))


@edge.on_call
async def route(call: Call) -> Decision:
    if not call.gateway:
        await call.authenticate()
        return users(call.number)
    customer = await customer_at(call)
    if customer.get("barred"):
        return reject(403, "Call our office")
    if name := customer.get("name"):
        call.caller.name = name
    return users(customer.get("agent", "reception"), ring_s=20).then(users("reception"))


async def customer_at(call: Call) -> dict[str, str]:
    """What the service knows of who calls. A call is never lost for its sake: in doubt it knows nothing."""
    try:
        async with asyncio.timeout(PATIENCE_S):  # the whole of it; httpx counts each step by itself
            answer = await service.get("/customers", params={"number": call.caller.number.e164})
        found = answer.raise_for_status().json()
    except (TimeoutError, httpx.HTTPError, ValueError) as error:
        call.note(f"customer not looked up: {type(error).__name__}")
        return {}
    return found if isinstance(found, dict) else {}
