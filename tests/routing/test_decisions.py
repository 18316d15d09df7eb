"""One value is returned, and the edge hears it as a plan, an answer or a verb."""

import asyncio
import wave
from pathlib import Path

import pytest
from tests.routing.desk import LINES_BEFORE, Asked, Desk, groups_of, invite

from talkpath.edge.routing.inquiry import Answer, Outcome, Verb

FIRST_LINE = LINES_BEFORE + 3  # of a function's body: after its decorator and its def


async def decided(desk: Desk, body: str, **fields: object) -> Asked:
    desk.on_call(body)
    return desk.ask(**fields)


@pytest.mark.parametrize(
    ("body", "groups"),
    [
        ("return users('anna')", ["user anna"]),
        ("return users('anna', 'bob', ring_s=20)", ["user anna + user bob ring_s=20"]),
        ("return users(call.number)", ["user 1001"]),
        ("return uri('sip:x@example.org')", ["sip:x@example.org"]),
        ("return gateways('a', 'b')", ["group a", "group b"]),
        ("return gateways('a', number='+4930555', no_answer_s=1.5)", ["group a +4930555 no_answer_s=1.5"]),
        ("return gateways('a', at_once=True, on=503)", ["group a at once on=[503]"]),
        ("return uri('sip:x@example.org', follow=2)", ["sip:x@example.org follow=2"]),
        ("return users('anna', ring_s=20).then(service('tone'))", ["user anna ring_s=20", "service tone"]),
        (
            "return users('a').then(users('b'), gateways('c', on=(486, 503)))",
            ["user a", "user b", "group c on=[486, 503]"],
        ),
        ("return together(users('a'), gateways('g'), ring_s=9)", ["user a + group g ring_s=9"]),
    ],
)
async def test_a_route_is_a_plan_of_groups_in_their_order(desk: Desk, body: str, groups: list[str]) -> None:
    asked = await decided(desk, body)
    assert groups_of(asked.plan) == groups
    assert asked.plan.changes is None


async def test_a_user_who_is_called_like_a_service_is_the_service(desk: Desk) -> None:
    """No account can be called so, and whoever dials echo means it."""
    asked = await decided(desk, "return users('1001', 'echo').then(users('tone'))")
    assert groups_of(asked.plan) == ["user 1001 + service echo", "service tone"]


async def test_a_route_made_once_serves_many_calls(desk: Desk) -> None:
    desk.run("NIGHT = users('night')\n@edge.on_call\nasync def route(call):\n    return NIGHT\n")
    assert groups_of(desk.ask().plan) == groups_of(desk.ask().plan) == ["user night"]


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        ("return reject()", Answer(403)),
        ("return reject(486, 'Busy now')", Answer(486, "Busy now")),
        ("return reject(503, headers={'Retry-After': '30'})", Answer(503, "", "Retry-After: 30\r\n")),
        ("return redirect('sip:a@example.org')", Answer(302, "", "Contact: <sip:a@example.org>\r\n")),
        (
            "return redirect('sip:a@x.org', 'sip:b@x.org', status=301)",
            Answer(301, "", "Contact: <sip:a@x.org>;q=1.0\r\nContact: <sip:b@x.org>;q=0.9\r\n"),
        ),
        ("return drop()", Verb.DROP),
        ("return as_usual()", Verb.USUAL),
    ],
)
async def test_other_decisions_are_answers_and_verbs(desk: Desk, body: str, verdict: object) -> None:
    assert (await decided(desk, body)).verdicts == [verdict]


async def test_the_story_names_the_line_that_decided(desk: Desk) -> None:
    asked = await decided(desk, "if call.user:\n    return reject()\nreturn users('anna').then(service('echo'))")
    assert asked.said("script.decided") == {
        "place": f"routing.py:{FIRST_LINE + 2}",
        "what": "users anna, then service echo",
    }


async def test_who_has_proven_nothing_is_challenged_and_the_function_ends(desk: Desk) -> None:
    body = "call.note('before')\nuser = await call.authenticate()\ncall.note(user)\nreturn users('anna')"
    asked = await decided(desk, body)
    assert asked.verdicts == [Verb.CHALLENGE]
    assert [kind for kind, _ in asked.moments] == ["script.note", "script.decided"]
    assert asked.said("script.decided")["place"] == f"routing.py:{FIRST_LINE + 1}"

    proven = desk.ask(user="anna")
    assert groups_of(proven.plan) == ["user anna"]
    assert proven.said("script.note") == {"text": "anna"}


@pytest.mark.parametrize("clause", ["except Exception:", "except BaseException:", "except:", "finally:"])
async def test_no_clause_holds_a_challenge_up(desk: Desk, clause: str) -> None:
    asked = await decided(desk, f"try:\n    await call.authenticate()\n{clause}\n    return users('anna')")
    assert asked.verdicts == [Verb.CHALLENGE]


async def test_a_script_goes_on_with_the_outcome_of_an_attempt(desk: Desk) -> None:
    desk.on_call(
        """
        outcome = await call.to(users("reception", ring_s=20))
        if outcome:
            return outcome
        return users("voicemail") if outcome.is_busy else reject(outcome.status)
        """
    )
    asked = desk.ask()
    ((plan, done),) = asked.attempts
    assert groups_of(plan) == ["user reception ring_s=20"]
    assert asked.verdict is None
    done(Outcome(486, "Busy Here", "anna"), 3.0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert groups_of(asked.plan) == ["user voicemail"]
    assert desk.pumped, "the edge was told at a moment at which it did not listen"


async def test_an_outcome_that_comes_at_once_needs_no_waiting(desk: Desk) -> None:
    desk.on_call("outcome = await call.to(users('a'))\nreturn outcome or users('b')")
    asked = Asked()
    asked.outcomes = [Outcome(480, "Temporarily Unavailable")]
    desk.ask(asked)
    assert groups_of(asked.plan) == ["user b"]
    assert not desk.pumped


async def test_an_answered_attempt_needs_no_decision(desk: Desk) -> None:
    desk.on_call("return await call.to(users('a'))")
    asked = Asked()
    asked.outcomes = [Outcome(200, "OK", "a")]
    desk.ask(asked)
    assert asked.verdicts == []


async def test_a_function_that_ended_without_waiting_made_no_task(desk: Desk) -> None:
    desk.on_call("return users('a')")
    before = len(asyncio.all_tasks())
    for _ in range(100):
        desk.ask()
    assert len(asyncio.all_tasks()) <= before + 1


async def test_other_calls_are_decided_while_one_waits(desk: Desk) -> None:
    desk.on_call(
        """
        import asyncio
        if call.number == "1001":
            await asyncio.sleep(0.01)
        return users(call.number)
        """
    )
    slow, quick = desk.ask(), desk.ask(message=invite("sip:1002@example.com"))
    assert slow.verdict is None
    assert groups_of(quick.plan) == ["user 1002"]
    await asyncio.sleep(0.05)
    assert groups_of(slow.plan) == ["user 1001"]


async def test_timeouts_and_groups_of_asyncio_work_from_the_first_step_on(desk: Desk) -> None:
    desk.on_call(
        """
        import asyncio
        try:
            async with asyncio.timeout(0.01):
                await asyncio.sleep(5)
        except TimeoutError:
            async with asyncio.TaskGroup() as group:
                one = group.create_task(asyncio.sleep(0, "anna"))
            return users(one.result())
        return reject()
        """
    )
    asked = desk.ask()
    await asyncio.sleep(0.1)
    assert groups_of(asked.plan) == ["user anna"]


async def test_a_task_is_the_same_from_the_first_step_to_the_last(desk: Desk) -> None:
    desk.on_call(
        """
        import asyncio
        first = asyncio.current_task()
        await asyncio.sleep(0)
        return users("same" if first is asyncio.current_task() else "other")
        """
    )
    one, other = desk.ask(), desk.ask()
    await asyncio.sleep(0.01)
    assert groups_of(one.plan) == groups_of(other.plan) == ["user same"]


async def test_context_variables_of_one_call_are_not_those_of_the_next(desk: Desk) -> None:
    desk.run(
        """
        from contextvars import ContextVar
        seen = ContextVar("seen", default="nobody")

        @edge.on_call
        async def route(call):
            before = seen.get()
            seen.set(call.id)
            return users(before)
        """
    )
    desk.ask()
    assert groups_of(desk.ask().plan) == ["user nobody"]


async def test_a_caller_who_gave_up_ends_the_function(desk: Desk) -> None:
    desk.on_call(
        """
        import asyncio
        try:
            await asyncio.sleep(5)
        finally:
            call.note("cleaned up")
        return users("anna")
        """
    )
    asked = desk.ask()
    assert asked.on_over is not None
    asked.on_over(1.0)
    await asyncio.sleep(0.01)
    assert asked.said("script.note") == {"text": "cleaned up"}
    assert asked.verdicts == []
    assert desk.router is not None
    assert desk.router.runner.waiting == 0


async def test_a_caller_who_gave_up_at_once_ends_the_function_too(desk: Desk) -> None:
    desk.on_call("import asyncio\nawait asyncio.sleep(5)\nreturn users('anna')")
    all_asked = [desk.ask() for _ in range(3)]
    for asked in all_asked:
        assert asked.on_over is not None
        asked.on_over(1.0)
    await asyncio.sleep(0.01)
    assert desk.router is not None
    assert desk.router.runner.waiting == 0
    assert [asked.verdicts for asked in all_asked] == [[], [], []]


async def test_variables_of_a_call_reach_its_hooks_and_no_others(desk: Desk) -> None:
    from tests.routing.desk import Hooked

    desk.run(
        """
        @edge.on_call
        async def route(call):
            call.vars["owner"] = call.caller.name
            return users("anna")

        @edge.on_request("INFO")
        async def info(call, request):
            call.note(f"{call.vars.get('owner')} {request.is_from_caller}")
        """
    )
    assert desk.router is not None
    desk.ask()
    hooked = Hooked(invite(call_id="c1"))
    hooked.message = type(hooked.message).parse(hooked.message.raw.replace(b"INVITE", b"INFO"))
    desk.router.ask_within(hooked, 1.0)
    assert hooked.answers == [None]
    assert hooked.moments == [("script.note", {"text": "Anna True"})]
    desk.ask(message=invite(headers="X-Way: second\r\n"))
    desk.router.ask_within(hooked, 2.0)
    assert hooked.moments[-1] == ("script.note", {"text": "Anna True"})
    desk.router.ended("c1", "a1", 2.0)
    desk.router.ask_within(hooked, 3.0)
    assert hooked.moments[-1] == ("script.note", {"text": "None False"})


async def test_who_calls_in_is_told_by_the_gateway_or_by_its_group_also_within_the_call(desk: Desk) -> None:
    from tests.routing.desk import Hooked

    desk.run(
        """
        @edge.on_call
        async def route(call):
            if call.gateway.group == "branches":
                return users("reception")
            return users("night") if call.gateway == "carrier" else reject(403)

        @edge.on_request("INFO")
        async def info(call, request):
            call.note(f"{call.gateway} of {call.gateway.group}")
        """
    )
    assert desk.router is not None
    assert groups_of(desk.ask(gateway="north", gateway_group="branches").plan) == ["user reception"]
    other = desk.ask(gateway="carrier", gateway_group="carriers", message=invite(call_id="c2"))
    assert groups_of(other.plan) == ["user night"]
    assert desk.ask(message=invite(call_id="c3")).answer.status == 403
    hooked = Hooked(invite(call_id="c1"))
    hooked.message = type(hooked.message).parse(hooked.message.raw.replace(b"INVITE", b"INFO"))
    desk.router.ask_within(hooked, 1.0)
    assert hooked.moments == [("script.note", {"text": "north of branches"})]


async def test_a_hook_that_comes_with_a_reload_knows_the_calls_that_run(desk: Desk) -> None:
    from tests.routing.desk import Hooked

    router = desk.on_call("return users('anna')")
    desk.ask(user="bob")
    hook = "async def info(call, request):\n    call.note(call.user)\n"
    router.use(
        desk.load(f"@edge.on_call\nasync def route(call):\n    return drop()\n\n@edge.on_request('INFO')\n{hook}")
    )
    hooked = Hooked(invite(call_id="c1"))
    hooked.message = type(hooked.message).parse(hooked.message.raw.replace(b"INVITE", b"INFO"))
    router.ask_within(hooked, 1.0)
    assert hooked.moments == [("script.note", {"text": "bob"})]


async def test_a_script_says_what_the_sides_of_a_recording_hear(desk: Desk, tmp_path: Path) -> None:
    notice = tmp_path / "notice.wav"
    with wave.open(str(notice), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\1\0" * 8000)
    desk.run(
        f"NOTICE = announcement({str(notice)!r})\n@edge.on_call\nasync def route(call):\n"
        "    if call.user == 'a': call.record()\n"
        "    elif call.user == 'b': call.record(quietly=True)\n"
        "    else: call.record(announcement=NOTICE)\n"
        "    return users('a')\n"
    )
    said = [desk.ask(user=user).plan.changes for user in "abc"]
    assert all(changes is not None and changes.record for changes in said)
    clips = [None if changes.announcement is None else changes.announcement.clip for changes in said]
    assert [changes.announcement is None for changes in said] == [True, False, False]
    assert clips[1] is None
    assert clips[2].seconds == pytest.approx(1.0)
