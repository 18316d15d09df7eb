"""Names that are not there, and coroutines taken for their results, are told when a script is loaded: with the line
and the nearest right name, before the first call comes that way."""

import pytest
from tests.routing.desk import LINES_BEFORE, Desk

from talkpath.base.texts import Language
from talkpath.routing.mistakes import BadScript

ROUTE = "@edge.on_call\nasync def route(call):\n"
HELPED = "@edge.on_call\nasync def route(call):\n    return await helper(call)\n"


def told(desk: Desk, body: str) -> list[str]:
    with pytest.raises(BadScript) as caught:
        desk.load(body)
    for mistake in caught.value.mistakes:
        assert mistake.say(Language.ZH) != mistake.say(Language.EN)
    return [mistake.say(Language.EN).removeprefix(f"{desk.file}:") for mistake in caught.value.mistakes]


@pytest.mark.parametrize(
    ("body", "line", "said"),
    [
        (ROUTE + "    return gatways('a')\n", 3, "There is no gatways here. Did you mean gateways?"),
        (ROUTE + "    if call.user:\n        return zzz\n    return drop()\n", 4, "There is no zzz here."),
        (
            "PREFIXES = {}\ndef group():\n    return PREFIXS['a']\n" + ROUTE + "    return gateways(group())\n",
            3,
            "PREFIXES?",
        ),
        (ROUTE + "    return (lambda: [usrs(n) for n in 'ab'])()[0]\n", 3, "Did you mean users?"),
        (ROUTE + "    return users('a', rings_s=5)\n", 3, "users() takes no rings_s. Did you mean ring_s?"),
        (ROUTE + "    return users('a').then(gateways('b', numbr='1'))\n", 3, "gateways() takes no numbr."),
        (ROUTE + "    return reject(code=486)\n", 3, "reject() takes no code. It takes status, reason, headers."),
        (ROUTE + "    call.offer.audio.codecs.delete('x')\n    return drop()\n", 3, "It has add, drop, "),
        (ROUTE + "    call.number = '1'\n    return users('a')\n", 3, "call.number can be read, not set"),
        (ROUTE + "    call.user: str = 'a'\n    return users('a')\n", 3, "call.user can be read, not set"),
        (ROUTE + "    del call.offer\n    return users('a')\n", 3, "call.offer can be read, not set"),
        (ROUTE + "    return users(call.gateway.grop)\n", 3, "call.gateway has no grop. Did you mean group?"),
        (ROUTE + "    return users(call.number.e614)\n", 3, "call.number has no e614. Did you mean e164?"),
        (ROUTE + "    call.caller.nmae = 'x'\n    return drop()\n", 3, "call.caller has no nmae. Did you mean name?"),
        (
            ROUTE + "    call.offer.audio.codecs.prefr('x')\n    return drop()\n",
            3,
            "call.offer.audio.codecs has no prefr",
        ),
        (ROUTE + "    call.answer.audio.codecs.prefr('x')\n    return drop()\n", 3, "Did you mean prefer?"),
        (ROUTE + "    call.identity.asertd = 'x'\n    return drop()\n", 3, "call.identity has no asertd."),
        (
            ROUTE + "    out = await call.to(users('a'))\n    return out if out.isbusy else drop()\n",
            4,
            "out has no isbusy. Did you mean is_busy?",
        ),
        (
            "async def helper(c: Call):\n    return users(c.nummber)\n" + HELPED,
            2,
            "c has no nummber. Did you mean number?",
        ),
        ("async def helper(c: 'Call'):\n    return users(c.nummber)\n" + HELPED, 2, "c has no nummber."),
    ],
)
def test_a_name_that_is_not_there(desk: Desk, body: str, line: int, said: str) -> None:
    (mistake,) = told(desk, body)
    assert mistake.startswith(f"{LINES_BEFORE + line}: ")
    assert said in mistake


@pytest.mark.parametrize(
    ("use", "what"),
    [
        ("    if helper(call):\n        return users('a')\n    return drop()\n", "helper()"),
        ("    return users('a') if not helper(call) else drop()\n", "helper()"),
        ("    if call.user and helper(call) == 'x':\n        return users('a')\n    return drop()\n", "helper()"),
        ("    while helper(call):\n        return users('a')\n    return drop()\n", "helper()"),
        ("    assert helper(call)\n    return drop()\n", "helper()"),
        ("    helper(call)\n    return drop()\n", "helper()"),
        ("    return helper(call)\n", "helper()"),
        ("    import asyncio\n    asyncio.sleep(1)\n    return drop()\n", ""),
        ("    wait.sleep(1)\n    return drop()\n", "wait.sleep()"),
    ],
)
def test_a_coroutine_that_is_taken_for_its_result(desk: Desk, use: str, what: str) -> None:
    body = "import asyncio as wait\nasync def helper(call):\n    return False\n" + ROUTE + use
    if not what:
        desk.load(body)
        return
    (mistake,) = told(desk, body)
    assert f"{what} does nothing without await: write await {what}." in mistake


def test_names_in_a_module_beside_the_script(desk: Desk) -> None:
    (desk.folder / "tables_of_test.py").write_text("OWNERS = {}\ndef owner(number):\n    return OWNRS[number]\n")
    with pytest.raises(BadScript, match=r"tables_of_test.py:3: There is no OWNRS here. Did you mean OWNERS\?"):
        desk.load("import tables_of_test\n" + ROUTE + "    return users(tables_of_test.owner('1'))\n")


@pytest.mark.parametrize(
    "body",
    [
        # made later, made elsewhere, or asked for
        "def begin():\n    global table\n    table = {}\n" + ROUTE + "    begin()\n    return users(table['a'])\n",
        "globals()['table'] = {}\n" + ROUTE + "    return users(table.get('a', 'b'))\n",
        ROUTE + "    try:\n        return users(nobody)\n    except NameError:\n        return drop()\n",
        ROUTE + "    return users(__name__ if __file__ else str(len(__doc__ or '')))\n",
        # a name that is made anew is another thing
        ROUTE + "    call = object()\n    return users(call.anything)\n",
        ROUTE + "    for call in ():\n        return users(call.anything)\n    return drop()\n",
        "async def helper(call: str):\n    return users(call.upper())\n" + HELPED,
        "async def helper(other: Outcome | None):\n    return users(other.by if other else 'a')\n" + HELPED,
        ROUTE + "    out = None\n    out = await call.to(users('a'))\n    return out if out.status else drop()\n",
        ROUTE + "    users = dict\n    return redirect(*users(anna='sip:a@b'))\n",
        # what is there
        ROUTE + "    return users(call.transport.value, call.transport.name, call.number.upper(), call.uri.host)\n",
        ROUTE + "    call.offer.audio.direction = call.offer.audio.bandwidth_kbps = None\n    return drop()\n",
        ROUTE + "    call.vars['x'] = 1\n    call.offer.media[0].attributes.set('a')\n    return drop()\n",
        ROUTE + "    call.offer.video.reject()\n    call.answer.video.reject()\n    return users(**{'ring_s': 3})\n",
        # awaited elsewhere
        "import asyncio\nasync def helper(call):\n    return 'a'\n"
        + ROUTE
        + "    later = helper(call)\n    asyncio.create_task(helper(call))\n    return users(await later)\n",
        "async def helper(call):\n    return 'a'\n" + ROUTE + "    return users(await (None or helper(call)))\n",
        "async def helper(call):\n    return 'a'\ndef same(call):\n    return helper(call)\n"
        + ROUTE
        + "    return users(await same(call))\n",
    ],
)
def test_what_may_be_right_is_no_mistake(desk: Desk, body: str) -> None:
    desk.load(body)
