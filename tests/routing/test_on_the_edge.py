"""Whole calls through the real edge, routed by a script."""

import gc

import pytest
from tests.edge.lab import HOME, OFFER
from tests.routing.house import URI, House, turn

from talkpath.base.address import Address, Target, Transport
from talkpath.sdp import SessionDescription


async def test_a_call_goes_where_the_script_says_and_as_it_says(house: House) -> None:
    house.on_call(
        "user = await call.authenticate()\ncall.headers['X-User'] = user\ncall.caller.number = '+4930555'\n"
        "call.answer_headers['X-Way'] = 'script'\ncall.offer.audio.codecs.keep('PCMA')\nreturn users('1002')"
    )
    house.anna.invite(URI, body=OFFER)
    invite = house.bob.take()
    assert invite.first("X-User") == "1001"
    assert invite.address("From").parsed_uri().username == "+4930555"
    assert [codec.name for codec in SessionDescription.parse(invite.sdp).audio.codecs.voice] == ["PCMA"]
    house.bob.answer(invite, 200, body=invite.sdp)
    assert house.anna.statuses() == [100, 200]
    assert house.anna.last().first("X-Way") == "script"
    assert house.anna.last().address("From").parsed_uri().username == "1001"
    assert house.moments() == ["script.decided"]


async def test_who_proves_nothing_does_not_get_past_a_challenge(house: House) -> None:
    house.on_call("await call.authenticate()\nreturn users('1002')")
    house.stranger.invite(URI, body=OFFER, proven=False)
    assert house.stranger.statuses()[-1] == 407
    assert house.bob.inbox == []


@pytest.mark.parametrize("route", ["uri('sip:x@203.0.113.50')", "users('1002').then(uri('sip:x@203.0.113.50'))"])
async def test_a_stranger_does_not_leave_the_house_by_mistake(house: House, route: str) -> None:
    house.on_call(f"return {route}")
    house.stranger.invite(URI, body=OFFER, proven=False)
    assert house.stranger.statuses()[-1] == 407
    house.on_call("return users('1002')")
    house.stranger.invite(URI, call_id="c2", body=OFFER, proven=False)
    assert house.bob.methods() == ["INVITE"]


@pytest.mark.parametrize("body", ["return None", "raise ValueError('x')", "return 'anna'"])
async def test_what_fails_is_refused_with_500_and_told(house: House, body: str) -> None:
    house.on_call(body)
    house.anna.invite(URI, body=OFFER)
    assert house.anna.statuses()[-1] == 500
    assert house.bob.inbox == []
    assert house.moments() == ["script.failed"]


async def test_a_script_goes_on_after_a_refusal(house: House) -> None:
    house.on_call("outcome = await call.to(users('1002', ring_s=20))\nreturn outcome or service('echo')")
    house.anna.invite(URI, body=OFFER)
    house.bob.answer(house.bob.take(), 486, "Busy Here")
    assert house.anna.statuses() == [100]
    await turn()
    assert house.anna.statuses()[-1] == 200
    assert house.moments() == ["script.tried", "script.decided"]


async def test_an_outcome_that_is_returned_is_what_the_caller_gets(house: House) -> None:
    house.on_call("return await call.to(users('1002'))")
    house.anna.invite(URI, body=OFFER)
    house.bob.answer(house.bob.take(), 486, "Busy Here")
    await turn()
    assert house.anna.last().status == 486


async def test_a_caller_who_gives_up_while_a_script_waits(house: House) -> None:
    house.on_call("import asyncio\nawait asyncio.sleep(60)\nreturn users('1002')")
    branch = house.anna.invite(URI, body=OFFER)
    house.anna.request("CANCEL", URI, call_id="c1", cseq=house.anna.cseq, branch=branch)
    await turn()
    assert house.anna.statuses()[-1] == 487
    assert house.router.runner.waiting == 0
    assert house.bob.inbox == []


async def test_what_is_usual_with_a_change(house: House) -> None:
    house.on_call("call.headers['X-Way'] = 'usual'\nreturn as_usual()")
    house.anna.invite(f"sip:1002@{HOME}", body=OFFER)
    assert house.bob.take().first("X-Way") == "usual"


async def test_a_caller_who_is_hidden_is_not_given_away(house: House) -> None:
    house.on_call("await call.authenticate()\ncall.identity.hide()\nreturn users('1002')")
    house.anna.invite(URI, body=OFFER)
    invite = house.bob.take()
    assert invite.address("From").uri == "sip:anonymous@anonymous.invalid"
    assert invite.first("Privacy") == "id"
    assert invite.all("P-Asserted-Identity") == []


async def test_a_hook_refuses_a_transfer_and_keeps_the_order(house: House) -> None:
    house.script(
        """
        import asyncio

        @edge.on_call
        async def route(call):
            call.vars["boss"] = call.user
            return users("1002")

        @edge.on_request("REFER", "INFO")
        async def within(call, request):
            await asyncio.sleep(0)
            if request.method == "REFER":
                call.note(f"{call.vars['boss']} {request.is_from_caller} {request.refer_to.host}")
                return reject(403, "No transfers")
        """
    )
    house.anna.invite(URI, body=OFFER)
    house.bob.answer(house.bob.take(), 200, body=OFFER)
    ok = house.anna.last()
    house.anna.ack(ok, house.bob.contact)
    house.bob.inbox.clear()
    house.anna.in_dialog("REFER", ok, extra="Refer-To: <sip:1003@example.org>")
    house.anna.in_dialog("INFO", ok)
    house.anna.in_dialog("BYE", ok)
    assert house.bob.inbox == []
    for _ in range(4):
        await turn()
    assert house.anna.statuses()[-1] == 403
    assert house.bob.methods() == ["INFO", "BYE"]
    assert "script.note" in house.moments()


@pytest.mark.parametrize("host", [HOME, "localhost", "pbx.example"])
async def test_a_uri_that_leads_back_here_rings_the_user_that_it_names(house: House, host: str) -> None:
    """By our address, by a name of ours, by one of which only DNS knows that it is."""
    house.lab.names["pbx.example"] = [Target(Transport.UDP, Address(HOME, 5060))]
    house.on_call(f"return uri('sip:1002@{host}')")
    house.anna.invite(URI.replace("1002", "1003"), body=OFFER)
    assert house.bob.methods() == ["INVITE"]
    assert [one.values["target"] for one in house.told() if one.kind == "route.is-here"] == [f"sip:1002@{host}"]
    house.bob.answer(house.bob.take(), 200, body=OFFER.replace(b"100.7", b"100.8"))
    assert house.anna.statuses() == [100, 200]


@pytest.mark.parametrize("host", [HOME, "pbx.example"])
async def test_a_uri_that_leads_to_nobody_here_is_explained(house: House, host: str) -> None:
    house.lab.names["pbx.example"] = [Target(Transport.UDP, Address(HOME, 5060))]
    house.on_call(f"return uri('sip:nobody@{host}')")
    house.anna.invite(URI, body=OFFER)
    assert house.anna.statuses() == [100, 480]
    kinds = [one.kind for one in house.told()]
    assert kinds.index("route.is-here") < kinds.index("registration.none")


@pytest.mark.parametrize("host", [HOME, "pbx.example"])
async def test_a_uri_of_a_service_here_is_answered_here(house: House, host: str) -> None:
    house.lab.names["pbx.example"] = [Target(Transport.UDP, Address(HOME, 5060))]
    house.on_call(f"return uri('sip:echo@{host}').then(users('1002'))")
    house.anna.invite(URI, body=OFFER)
    assert house.anna.statuses() == [100, 200]
    assert house.bob.inbox == []


@pytest.mark.parametrize("body", ["return users('1002')", "return await call.to(users('1002'))"])
async def test_what_a_decision_took_is_gone_with_it(house: House, body: str) -> None:
    """The collector of garbage has nothing to do: each of its turns stops every call."""
    house.on_call(f"call.headers['X-A'] = 'b'\n{body}")
    gc.collect()
    gc.disable()
    try:
        house.anna.invite(URI)
        house.bob.answer(house.bob.take(), 200)
        await turn()
        kept = {type(one).__name__ for one in gc.get_objects()}
    finally:
        gc.enable()
    assert not kept & {"_Question", "Question", "Call"}
