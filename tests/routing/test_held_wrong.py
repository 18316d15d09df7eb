"""Whatever a script does wrong refuses its own call, says so in its story with the line, and lets nobody in."""

import asyncio
import signal

import pytest
from tests.routing.desk import LINES_BEFORE, Asked, Desk, Hooked, groups_of, invite

from talkpath.base import limits
from talkpath.edge.routing.inquiry import Answer, Outcome, Verb
from talkpath.sip.message import Message

FIRST_LINE = LINES_BEFORE + 3


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return None", "returned nothing"),
        ("if call.user:\n    return reject()", "returned nothing"),
        ("return True", "True is no decision"),
        ("return 'anna'", "'anna' is no decision"),
        ("return call", "is no decision"),
        ("return users", "is no decision"),
        ("return [users('anna')]", "a.then(b)"),
        ("return users('anna'), users('bob')", "a.then(b)"),
        ("async def decide(): return users('anna')\nreturn decide()", "return await"),
        ("return 1 / 0", "ZeroDivisionError"),
        ("raise KeyError('x')", "KeyError: 'x'"),
        ("raise SystemExit(1)", "SystemExit"),
        ("import sys\nsys.exit()\nreturn drop()", "SystemExit"),
        ("raise ExceptionGroup('two', [KeyError('x'), ValueError()])", "KeyError: 'x'"),
        ("raise ExceptionGroup('two', [AttributeError(name='hots', obj=call.uri)])", "did you mean host?"),
        ("return eval('user')('anna')", "did you mean users?"),
        ("return users('anna', **{'rings_s': 5})", "did you mean ring_s?"),
        ("return users()", "needs the name of a user"),
        ("return users('')", "is empty"),
        ("return users({}.get(call.number))", "takes the name of a user, not NoneType"),
        ("return users(1001)", "not int"),
        ("return users(['anna'])", "not list"),
        ("return users('anna', ring_s=0)", "seconds above 0"),
        ("return users('anna', ring_s=True)", "seconds above 0"),
        ("return users('anna', ring_s=float('nan'))", "seconds above 0"),
        ("return users('anna', ring_s='20')", "seconds above 0"),
        ("return users('anna', on=(200,))", "from 300 to 699"),
        ("return users('an\\r\\nna')", "line break"),
        ("return users('anna', follow=True)", "how many redirections"),
        ("return uri('anna')", "is no URI"),
        ("return uri('mailto:a@example.org')", "can not be called"),
        ("return uri('sip:a@b\\r\\nX: y')", "line break"),
        ("return uri('sip:a@example.org', for_strangers='no')", "True or False"),
        ("return gateways()", "needs the name of a group"),
        ("return gateways('a', number='1 2')", "can not be dialled"),
        ("return gateways('a', number='1' * 10000)", "can not be dialled"),
        ("return service('ecco')", "is it 'echo'?"),
        ("return reject(200)", "from 400 to 699"),
        ("return reject(True)", "from 400 to 699"),
        ("return reject(403, 'No\\r\\nVia: x')", "line break"),
        ("return reject(503, headers={'Via': 'x'})", "Via can not be changed"),
        ("return redirect('anna')", "is no URI"),
        ("return redirect('sip:a@b', status=200)", "300, 301, 302"),
        ("return users('a').then('b')", "takes routes"),
        ("return together(users('a').then(users('b')))", "not within it"),
        ("return together(users('a', ring_s=3))", "to together()"),
        ("if users('anna'):\n    return as_usual()", "neither true nor false"),
        ("await call.to('anna')\nreturn drop()", "call.to() takes a route"),
        ("setattr(call, 'nummer', 1)\nreturn drop()", "nummer"),
        ("call.headers['Via'] = 'x'\nreturn drop()", "Via can not be changed"),
        ("call.headers['v'] = 'x'\nreturn drop()", "Via can not be changed"),
        ("call.headers['From'] = 'x'\nreturn drop()", "call.caller"),
        ("call.headers['X-A'] = 'a\\r\\nVia: b'\nreturn drop()", "line break"),
        ("call.headers['X-A'] = 'a\\nb'\nreturn drop()", "line break"),
        ("call.headers['X A'] = 'a'\nreturn drop()", "is no name of a header field"),
        ("call.headers['X-A\\r\\nVia'] = 'a'\nreturn drop()", "is no name of a header field"),
        ("call.headers['X-A'] = 5\nreturn drop()", "str(5)"),
        ("call.headers['X-A'] = 'x' * 70_000\nreturn drop()", "has 70000 characters"),
        ("call.headers['X-A'] = '\\ud800'\nreturn drop()", "can not be written"),
        ("call.caller.name = 'a\\udfff'\nreturn drop()", "can not be written"),
        ("return users('\\ud800')", "can not be written"),
        ("return uri('sip:\\ud800@example.org')", "can not be written"),
        ("return reject(403, '\\ud800')", "can not be written"),
        ("call.answer_headers['Record-Route'] = 'a'\nreturn drop()", "can not be changed"),
        ("call.caller.name = 'a\\r\\nVia: b'\nreturn drop()", "line break"),
        ("call.caller.number = ''\nreturn drop()", "identity.hide()"),
        ("call.identity.asserted = 'anna'\nreturn drop()", "is no URI"),
        ("call.identity.privacy = 'id'\nreturn drop()", "a tuple of wishes"),
        ("call.offer.media.remove(call.offer.video)\nreturn users('a')", "reject() one"),
        ("call.offer.audio.codecs.add('opus/48000/2')\nreturn users('a')", "what the caller can do"),
        ("call.offer.audio.attributes.add('x', 'a\\r\\nm=video 1 RTP/AVP 0')\nreturn users('a')", "line break"),
    ],
)
async def test_what_is_no_decision_or_raises_refuses_with_500(desk: Desk, body: str, said: str) -> None:
    desk.on_call(body)
    asked = desk.ask()
    assert asked.verdicts == [Answer(500)]
    assert said in asked.said("script.failed")["error"]
    if "raise" in body or "ring_s" in body:
        assert asked.said("script.failed")["place"] == f"routing.py:{FIRST_LINE}"


async def test_of_a_way_that_is_too_long_the_last_steps_are_told_whole(desk: Desk) -> None:
    desk.run("def again(x): return again(x)\n@edge.on_call\nasync def route(call):\n    return again(call)\n")
    trace = desk.ask().said("script.failed")["trace"]
    assert len(trace) <= limits.SCRIPT_NOTE
    assert set(trace.split(" > ")) == {"...", f"again (routing.py:{LINES_BEFORE + 1})"}


# What can be seen in the text is an error at load (test_loading.py); these come in ways that nobody can see there.
@pytest.mark.parametrize(
    "body",
    [
        "ask = getattr(call, 'authenticate')\nask()\nreturn users('anna')",
        "ask = getattr(call, 'authenticate')\nif ask() is not None:\n    return users('anna')",
        "getattr(call, 'to')(users('bob'))\nreturn users('anna')",
    ],
)
@pytest.mark.parametrize("user", ["", "anna"])
async def test_a_forgotten_await_refuses(desk: Desk, body: str, user: str) -> None:
    desk.on_call(body)
    asked = desk.ask(user=user)
    assert asked.verdicts == [Answer(500)]
    assert "was not awaited" in asked.said("script.failed")["error"]
    assert asked.attempts == []


# Coroutines that can not be seen when the script is loaded.
OWN = "class Table:\n    async def allows(self, number): return False\ntable = Table()\n"


@pytest.mark.parametrize(
    "body",
    [
        "if table.allows(call.number):\n    return users('anna')\nreturn reject()",
        "may = table.allows(call.number)\nif may:\n    return users('anna')\nreturn reject()",
        "if table.allows(call.number):\n    return await call.to(users('anna'))\nreturn reject()",
        "import asyncio\nif table.allows(1):\n    await asyncio.sleep(0)\n    return users('anna')\nreturn reject()",
        "import asyncio\nawait asyncio.sleep(0)\nif table.allows(1):\n    return users('anna')\nreturn reject()",
        "import asyncio\nif table.allows(1):\n    await asyncio.sleep(0)\n    return await call.to(users('anna'))",
        "may = table.allows(1)\nif may:\n    return await call.to(users('anna'))\nreturn reject()",
        "import asyncio\nmay = table.allows(1)\nawait asyncio.sleep(0)\nreturn await call.to(users('anna'))",
        "async def ring():\n    return await call.to(users('a'))\nmay = table.allows(1)\nreturn await ring()",
        "call.vars['may'] = table.allows(1)\nif call.vars['may']:\n    return users('anna')",
    ],
)
async def test_a_coroutine_in_a_condition_lets_nobody_in(desk: Desk, body: str) -> None:
    desk.on_call(OWN + body)
    asked = desk.ask()
    await asyncio.sleep(0.01)
    assert asked.verdicts == [Answer(500)]
    assert "was not awaited: write await allows()" in asked.said("script.failed")["error"]
    assert asked.attempts == []
    desk.on_call("return users('anna')")
    assert groups_of(desk.ask().plan) == ["user anna"]


async def test_what_is_asked_for_and_not_awaited_lets_nobody_try(desk: Desk) -> None:
    desk.on_call("getattr(call, 'authenticate')()\nreturn await call.to(users('anna'))")
    asked = desk.ask()
    assert asked.verdicts == [Answer(500)]
    assert asked.attempts == []


async def test_a_coroutine_that_a_task_runs_was_not_forgotten(desk: Desk) -> None:
    desk.on_call(OWN + "import asyncio\ncall.vars['t'] = asyncio.create_task(table.allows(1))\nreturn users('anna')")
    assert groups_of(desk.ask().plan) == ["user anna"]
    await asyncio.sleep(0)


async def test_a_coroutine_that_a_task_runs_may_be_kept_while_phones_ring(desk: Desk) -> None:
    desk.on_call(
        OWN + "import asyncio\nlookup = table.allows(1)\ntask = asyncio.create_task(lookup)\n"
        "return await call.to(users('anna'))"
    )
    assert [groups_of(plan) for plan, _ in desk.ask().attempts] == [["user anna"]]
    await asyncio.sleep(0)


async def test_notes_without_an_end_leave_room_for_what_happens(desk: Desk) -> None:
    desk.on_call("for at in range(5_000):\n    call.note(at)\nreturn users('anna')")
    asked = desk.ask()
    notes = [values["text"] for kind, values in asked.moments if kind == "script.note"]
    assert (len(notes), notes[-1]) == (limits.SCRIPT_NOTES, "...")
    assert asked.said("script.decided")["what"] == "users anna"


async def test_something_to_await_is_neither_true_nor_false(desk: Desk) -> None:
    desk.on_call("ask = getattr(call, 'authenticate')\nif ask():\n    return users('anna')\nreturn reject()")
    asked = desk.ask()
    assert asked.verdicts == [Answer(500)]
    assert "write await call.authenticate()" in asked.said("script.failed")["error"]


async def test_the_way_to_an_error_is_told(desk: Desk) -> None:
    desk.run(
        """
        def owner(number):
            return {}[number]

        @edge.on_call
        async def route(call):
            return users(owner(call.number))
        """
    )
    told = desk.ask().said("script.failed")
    line = LINES_BEFORE
    assert told == {
        "error": "KeyError: '1001'",
        "place": f"routing.py:{line + 3}",
        "trace": f"route (routing.py:{line + 7}) > owner (routing.py:{line + 3})",
    }


@pytest.mark.parametrize("before", ["", "import asyncio\nawait asyncio.sleep(0)\n"])
async def test_a_script_that_says_ctrl_c_ends_its_call_and_not_the_edge(desk: Desk, before: str) -> None:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, lambda: None)
    try:
        desk.on_call(f"{before}raise KeyboardInterrupt")
        asked = desk.ask()
        await asyncio.sleep(0.01)
        assert asked.verdicts == [Answer(500)]
    finally:
        loop.remove_signal_handler(signal.SIGINT)


async def test_an_error_after_waiting_refuses_too(desk: Desk) -> None:
    desk.on_call("import asyncio\nawait asyncio.sleep(0)\nraise ValueError('late')")
    asked = desk.ask()
    assert asked.verdict is None
    await asyncio.sleep(0.01)
    assert asked.verdicts == [Answer(500)]
    assert desk.pumped


async def test_a_script_that_hangs_is_late_and_refuses_with_503(desk: Desk) -> None:
    desk.settings = type(desk.settings)(deadline_s=0.02)
    desk.on_call(
        "import asyncio\nasync def ask():\n    async with asyncio.timeout(99):\n        await asyncio.sleep(60)\n"
        "await ask()\nreturn users('anna')"
    )
    asked = desk.ask()
    await asyncio.sleep(0.1)
    assert asked.verdicts == [Answer(503)]
    assert asked.said("script.late") == {"seconds": 0.02, "place": f"routing.py:{FIRST_LINE + 3}"}
    assert desk.pumped
    assert desk.router is not None
    assert desk.router.runner.waiting == 0


async def test_a_function_that_is_cancelled_before_its_task_began_hears_of_it_in_its_task(desk: Desk) -> None:
    desk.settings = type(desk.settings)(deadline_s=0.0)
    desk.on_call(
        """
        import asyncio
        first = asyncio.current_task()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            call.note("same" if first is asyncio.current_task() else "other")
            raise
        return users("anna")
        """
    )
    all_asked = [desk.ask() for _ in range(3)]
    for asked in all_asked:
        assert asked.on_over is not None
        asked.on_over(1.0)
    await asyncio.sleep(0.05)
    assert [asked.said("script.note")["text"] for asked in all_asked] == ["same"] * 3
    assert desk.router is not None
    assert desk.router.runner.waiting == 0


async def test_what_a_peer_wrote_in_other_bytes_can_be_written_on(desk: Desk) -> None:
    desk.on_call(
        "call.headers['X-Caller'] = call.caller.name\ncall.caller.name += '!'\ncall.note(call.caller.name)\n"
        "return users('anna')"
    )
    raw = invite().raw.replace(b'"Anna"', b'"M\xfcller"')
    changes = desk.ask(message=Message.parse(raw)).plan.changes
    assert changes is not None
    assert changes.added.encode("utf-8", "surrogateescape") == b"X-Caller: M\xfcller\r\n"


async def test_a_function_that_cancels_itself_at_once_refuses(desk: Desk) -> None:
    desk.on_call("import asyncio\nasyncio.current_task().cancel()\nawait asyncio.sleep(1)\nreturn users('anna')")
    all_asked = [desk.ask() for _ in range(3)]
    await asyncio.sleep(0.05)
    assert [asked.verdicts for asked in all_asked] == [[Answer(500)]] * 3


async def test_a_script_that_will_not_be_stopped_decides_nothing_more(desk: Desk) -> None:
    desk.settings = type(desk.settings)(deadline_s=0.01)
    desk.on_call(
        """
        import asyncio
        for _ in range(3):
            try:
                await asyncio.sleep(0.02)
            except asyncio.CancelledError:
                pass
        return users("anna")
        """
    )
    asked = desk.ask()
    await asyncio.sleep(0.2)
    assert asked.verdicts == [Answer(503)]


async def test_the_time_of_an_attempt_does_not_count(desk: Desk) -> None:
    desk.settings = type(desk.settings)(deadline_s=0.05)
    desk.on_call("outcome = await call.to(users('a'))\nimport asyncio\nawait asyncio.sleep(0.01)\nreturn users('b')")
    asked = desk.ask()
    await asyncio.sleep(0.15)
    assert asked.verdicts == []
    asked.attempts[0][1](Outcome(480), 1.0)
    await asyncio.sleep(0.03)
    assert groups_of(asked.plan) == ["user b"]


async def test_the_deadline_goes_on_after_an_attempt(desk: Desk) -> None:
    desk.settings = type(desk.settings)(deadline_s=0.05)
    desk.on_call("import asyncio\nawait call.to(users('a'))\nawait asyncio.sleep(60)\nreturn users('b')")
    asked = desk.ask()
    await asyncio.sleep(0.1)
    asked.attempts[0][1](Outcome(480), 1.0)
    await asyncio.sleep(0.15)
    assert asked.verdicts == [Answer(503)]


async def test_two_attempts_at_once_are_one_too_many(desk: Desk) -> None:
    desk.on_call("import asyncio\nreturn (await asyncio.gather(call.to(users('a')), call.to(users('b'))))[0]")
    asked = desk.ask()
    await asyncio.sleep(0.01)
    assert asked.verdicts == [Answer(500)]
    assert "together()" in asked.said("script.failed")["error"]
    await asyncio.sleep(0.01)
    assert len(asyncio.all_tasks()) == 1, "nobody waits for the first"


async def test_a_loop_of_attempts_without_an_end_is_ended(desk: Desk) -> None:
    desk.on_call("while True:\n    outcome = await call.to(users('a'))\n    if outcome:\n        return outcome")
    asked = Asked()
    asked.outcomes = [Outcome(480)] * 1_000
    desk.ask(asked)
    assert asked.verdicts == [Answer(500)]
    assert len(asked.attempts) == limits.SCRIPT_ATTEMPTS
    assert "loop without an end" in asked.said("script.failed")["error"]


async def test_nobody_is_tried_after_an_answer(desk: Desk) -> None:
    desk.on_call("await call.to(users('a'))\nreturn await call.to(users('b'))")
    asked = Asked()
    asked.outcomes = [Outcome(200)]
    desk.ask(asked)
    assert len(asked.attempts) == 1
    assert "answered" in asked.said("script.failed")["error"]


async def test_what_is_done_after_an_answer_has_no_deadline(desk: Desk) -> None:
    desk.settings = type(desk.settings)(deadline_s=0.02)
    desk.on_call(
        "import asyncio\noutcome = await call.to(users('a'))\nawait asyncio.sleep(0.1)\ncall.note('stored')\n"
        "return outcome"
    )
    asked = desk.ask()
    asked.attempts[0][1](Outcome(200), 1.0)
    await asyncio.sleep(0.3)
    assert asked.said("script.note") == {"text": "stored"}
    assert asked.verdicts == []


async def test_more_waiting_functions_than_may_wait_refuse(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SCRIPTS_WAITING", 2)
    desk.on_call("import asyncio\nawait asyncio.sleep(0.01)\nreturn users('anna')")
    all_asked = [desk.ask() for _ in range(3)]
    assert all_asked[2].verdicts == [Answer(503)]
    assert all_asked[2].said("script.crowded") == {"waiting": 2}
    await asyncio.sleep(0.05)
    assert [groups_of(asked.plan) for asked in all_asked[:2]] == [["user anna"], ["user anna"]]


async def test_a_peer_that_breaks_the_protocol_is_answered_400(desk: Desk) -> None:
    desk.on_call("call.offer.audio.codecs.drop('speex')\nreturn users('anna')")
    assert desk.ask(message=invite(body="this is no description")).verdicts == [Answer(400)]


async def test_a_number_of_ten_thousand_digits_is_none(desk: Desk) -> None:
    desk.on_call("return users('known') if call.number.e164 else reject(404)")
    assert desk.ask(message=invite(f"sip:{'1' * 10_000}@example.com")).verdicts == [Answer(404)]


async def test_what_is_wrong_with_one_call_costs_no_other(desk: Desk) -> None:
    desk.on_call("return users({'1001': 'anna'}[call.number])")
    bad, good = desk.ask(message=invite("sip:9@example.com")), desk.ask()
    assert bad.verdicts == [Answer(500)]
    assert groups_of(good.plan) == ["user anna"]


async def test_an_edit_of_an_answer_that_fails_passes_the_answer(desk: Desk) -> None:
    desk.on_call("call.answer.change(lambda answer: 1 / 0)\nreturn users('anna')")
    asked = desk.ask()
    changes = asked.plan.changes
    assert changes is not None
    assert changes.answer is not None
    assert changes.answer(b"v=0\r\n") == b"v=0\r\n"
    assert "ZeroDivisionError" in asked.said("script.edit-failed")["error"]


def _request(method: str) -> Hooked:
    raw = invite().raw.replace(b"INVITE", method.encode())
    return Hooked(Message.parse(raw))


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ("return None", None),
        ("pass", None),
        ("return reject(405)", Answer(405)),
        ("return True", Answer(500)),
        ("return users('anna')", Answer(500)),
        ("return as_usual()", Answer(500)),
        ("raise ValueError", Answer(500)),
        ("async def other(): pass\nreturn other()", Answer(500)),
    ],
)
async def test_a_hook_lets_pass_by_none_alone(desk: Desk, body: str, answer: Answer | None) -> None:
    lines = "\n".join(f"    {line}" for line in body.split("\n"))
    desk.run(f"@edge.on_request('REFER')\nasync def refer(call, request):\n{lines}\n")
    assert desk.router is not None
    hooked = _request("REFER")
    desk.router.ask_within(hooked, 1.0)
    assert hooked.answers == [answer]


async def test_a_hook_that_hangs_refuses(desk: Desk) -> None:
    desk.settings = type(desk.settings)(deadline_s=0.02)
    desk.run("import asyncio\n@edge.on_request('INFO')\nasync def info(call, request):\n    await asyncio.sleep(9)\n")
    assert desk.router is not None
    hooked = _request("INFO")
    desk.router.ask_within(hooked, 1.0)
    await asyncio.sleep(0.1)
    assert hooked.answers == [Answer(503)]


async def test_a_script_without_hooks_is_asked_of_no_request_within_a_call(desk: Desk) -> None:
    router = desk.on_call("return as_usual()")
    assert (router.begins, router.within) == (frozenset({"INVITE"}), frozenset())
    router = desk.run("@edge.on_request('INFO')\nasync def info(call, request): pass\n")
    assert (router.begins, router.within) == (frozenset(), frozenset({"INFO"}))
    asked = Asked()
    router.ask(asked, 1.0)
    assert asked.verdicts == [Verb.USUAL]
