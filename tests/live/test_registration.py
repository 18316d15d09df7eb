"""Registrations: many, several for one user, with both digests, removed, expired, refused."""

import itertools
import re

import pytest

from harness.agent import Agent
from harness.edge import Edge
from harness.network import HOME
from harness.process import Process, wait_until
from harness.sipp import Sipp, write_injection

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("healthy")]


@pytest.mark.parametrize(
    ("transport", "algorithm"),
    [*itertools.product(("udp", "tcp", "tls"), ("MD5", "SHA-256")), ("ws", "MD5"), ("wss", "MD5")],
)
def test_a_phone_registers_over_every_transport_with_either_digest(edge, agents, algorithm, transport) -> None:
    """Libraries for browsers know MD5 alone, and are offered nothing else."""
    if edge.is_reference and (transport in ("ws", "wss") or algorithm != "MD5"):
        pytest.skip("the reference has no WebSocket and one digest")
    agent = agents.silent(transport)
    answer = agent.register(algorithm=algorithm)
    assert answer.status == 200
    assert _contacts(answer) == [agent.endpoint.contact(agent.identity.user).partition("<")[2].partition(">")[0]]


def test_a_wrong_password_is_challenged_again_and_registers_nobody(edge, agents) -> None:
    who = edge.identity()
    intruder = agents.silent(identity=type(who)(who.user, "wrong", who.host, who.port))
    assert intruder.register().status in (401, 403)
    caller = agents.agent()
    assert caller.dial(who.user, b"v=0\r\n").final().status in (404, 480, 488)


def test_an_unknown_user_is_not_told_from_a_wrong_password(edge, agents) -> None:
    if edge.is_reference:
        pytest.skip("the reference takes any user")
    who = edge.identity()
    known = agents.silent(identity=type(who)(who.user, "wrong", who.host, who.port)).register()
    unknown = agents.silent(identity=type(who)("nobody", "wrong", who.host, who.port)).register()
    assert known.start == unknown.start


def test_several_contacts_are_listed_and_one_goes(edge, agents) -> None:
    who = edge.identity()
    first, second = agents.agent(identity=who), agents.agent("tcp", _over(edge, who, "tcp"))
    answer = first.register()
    assert len(_contacts(answer)) == 2
    assert len(_contacts(second.register(expires_s=0))) == 1


def test_a_star_removes_all_contacts(edge, agents) -> None:
    who = edge.identity()
    first, _ = agents.agent(identity=who), agents.agent(identity=who)
    request = first.request("REGISTER", f"sip:{who.authority}")
    request.to = who.aor
    request.extra = ["Contact: *", "Expires: 0"]
    answer = first.ask(request)
    assert answer.status == 200
    assert _contacts(answer) == []


def test_a_star_with_time_left_is_refused(edge, agents) -> None:
    """RFC 3261 10.3 step 6."""
    if edge.is_reference:
        pytest.skip("Kamailio's registrar answers 400 only in some versions")
    agent = agents.agent()
    request = agent.request("REGISTER", f"sip:{agent.identity.authority}")
    request.to = agent.identity.aor
    request.extra = ["Contact: *", "Expires: 60"]
    assert agent.ask(request).status == 400


def test_a_query_without_contact_lists_the_bindings(edge, agents) -> None:
    agent = agents.agent()
    request = agent.request("REGISTER", f"sip:{agent.identity.authority}")
    request.to = agent.identity.aor
    assert len(_contacts(agent.ask(request))) == 1


def test_too_short_an_interval_is_named(edge, agents) -> None:
    if edge.is_reference:
        pytest.skip("the reference takes any interval")
    answer = agents.silent().register(expires_s=5)
    assert answer.status == 423
    assert int(answer.first("min-expires")) > 5


def test_the_same_instance_from_a_new_socket_replaces_the_old_contact(edge, agents) -> None:
    if edge.is_reference:
        pytest.skip("the reference does not track instances without outbound")
    who = edge.identity()
    instance = '+sip.instance="<urn:uuid:11111111-2222-4333-8444-555555555555>"'
    agents.agent("udp", who, instance, "reg-id=1")
    answer = agents.silent("udp", who).register(instance, "reg-id=1")
    assert len(_contacts(answer)) == 1


def test_many_phones_register_at_once(edge, tmp_path) -> None:
    """SIPp, digest MD5: 100 users at 200 a second, several times each."""
    users = [edge.identity() for _ in range(10)]
    file = write_injection(
        tmp_path / "users.csv",
        [(one.user, f"[authentication username={one.user} password={one.password}]") for one in users],
    )
    where = f"{edge.host}:{edge.doors.udp}"
    with Sipp("register", tmp_path, "-inf", str(file), remote=where, calls=600, rate=200, host=HOME) as flood:
        outcome = flood.wait(60)
        assert outcome.failed == 0, flood.errors
        assert outcome.succeeded == 600


def test_a_sipp_that_listens_on_another_port_than_it_registers_from_is_called_there(edge, tmp_path) -> None:
    """The callee answers on a port of its own, the caller proves who it is; both are SIPp."""
    who, caller = edge.identity(), edge.identity()
    where = f"{edge.host}:{edge.doors.udp}"
    with Sipp("uas_routed", tmp_path / "listens", host=HOME) as callee:
        callee.listening()
        credentials = f"[authentication username={who.user} password={who.password}]"
        file = write_injection(tmp_path / "user.csv", [(who.user, credentials, str(callee.port))])
        with Sipp(
            "register_for_another_port", tmp_path / "registers", "-inf", str(file), remote=where, calls=1, host=HOME
        ) as once:
            assert once.wait().succeeded == 1, once.errors
            assert once.port != callee.port
        proof = f"[authentication username={caller.user} password={caller.password}]"
        callers = write_injection(tmp_path / "callers.csv", [(caller.user, proof)])
        options = ["-s", who.user, "-inf", str(callers), "-d", "200"]
        with Sipp("uac_proven", tmp_path / "calls", *options, remote=where, calls=5, rate=5, host=HOME) as calls:
            outcome = calls.wait()
            assert (outcome.succeeded, outcome.failed) == (5, 0), calls.errors


def test_many_registrations_with_sha_256_on_one_connection(edge, agents) -> None:
    if edge.is_reference:
        pytest.skip("the reference is set up for MD5")
    agent = agents.silent("tcp")
    for _ in range(150):
        assert agent.register(algorithm="SHA-256").status == 200


def test_a_registration_expires_and_its_phone_is_not_called_any_more(request, tmp_path) -> None:
    if request.config.getoption("--edge") == "reference":
        pytest.skip("about a setting of our edge")
    with Edge(tmp_path, settings="[registrar]\nmin_expires_s = 1") as edge:
        phone, caller = Agent(edge.identity()), Agent(edge.identity())
        with phone, caller:
            answer = phone.register(expires_s=1)
            assert answer.status == 200
            assert "expires=1" in answer.first("contact")
            assert caller.register().status == 200
            caller.endpoint.pause(1.5)
            assert caller.dial(phone.identity.user, b"v=0\r\n").final().status == 480


def test_sipsak_registers_and_is_answered(edge, tmp_path) -> None:
    """A client of 2002, with its own ideas of a REGISTER."""
    who = edge.identity()
    ping = Process(["sipsak", "-s", f"sip:{who.authority}"], tmp_path / "ping.log")
    assert ping.wait_ended() == 0, ping.text
    argv = [
        "sipsak",
        "-U",
        "-u",
        who.user,
        "-a",
        who.password,
        "-s",
        who.aor,
        "-C",
        f"sip:{who.user}@{who.host}:5999",
    ]
    register = Process([*argv, "-x", "60"], tmp_path / "register.log")
    assert register.wait_ended() == 0, register.text


def test_a_flood_of_wrong_passwords_does_not_shut_others_out(request, tmp_path) -> None:
    """On an edge of its own, which tells of it. After some twenty guesses the guard answers the guesser no more."""
    if request.config.getoption("--edge") == "reference":
        pytest.skip("about the guard of our edge")
    with Edge(tmp_path / "edge") as edge:
        user = edge.identity().user
        guesses = [(user, f"[authentication username={user} password=guess{n}]") for n in range(50)]
        file = write_injection(tmp_path / "users.csv", guesses)
        where = f"{edge.host}:{edge.doors.udp}"
        with Sipp("register", tmp_path, "-inf", str(file), remote=where, calls=400, rate=200, host=HOME) as flood:
            assert wait_until(lambda: flood.calls_so_far() >= 10)
            with Agent(edge.identity()) as agent:
                assert agent.register().status == 200
            assert flood.outcome().succeeded == 0


def _contacts(answer) -> list[str]:
    return [uri for value in answer.all("contact") for uri in re.findall(r"<(sips?:[^>]+)>", value)]


def _over(edge, who, transport: str):
    return type(who)(who.user, who.password, who.host, edge.doors.of(transport), transport)
