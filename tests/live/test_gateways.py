"""Carriers as Kamailio and SIPp: one that challenges, one without room, one that hangs, one killed, one walled in."""

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.agent import Agent
from harness.carrier import PASSWORD, Carrier
from harness.edge import Edge, Identity
from harness.network import HOME, Nat, free_port, inside, run, site
from harness.process import wait_until
from harness.rtp import Talker
from harness.sip import Endpoint
from harness.sipp import Sipp, write_injection
from harness.sound import voice

pytestmark = pytest.mark.live

NUMBER = "+493012345"
BOSS = 'password = "boss-secret"\noutbound = true\n'


@pytest.fixture(params=["MD5", "SHA-256"])
def carrier(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Carrier]:
    with Carrier(tmp_path / "carrier", algorithm=request.param) as made:
        yield made


def house(place: Path, *gateways: str, alike: bool = False, under: Sequence[str] = ()) -> Edge:
    """An edge with these gateways, in their order or side by side, and one account that may call out."""
    listed = "".join(
        f'[[gateways]]\nname = "g{number}"\npriority = {0 if alike else number}\n{text}\n'
        for number, text in enumerate(gateways)
    )
    settings = f'[routing]\noutbound = "carriers"\n{listed}[[accounts]]\nuser = "boss"\n{BOSS}'
    return Edge(place / "edge", settings=settings, users=1, under=under)


def of_carrier(carrier: Carrier, password: str = PASSWORD, host: str = HOME) -> str:
    credentials = f'username = "4930"\npassword = "{password}"\ndomain = "carrier.example"\nregister = true'
    where = f'address = "{host}:{carrier.port}"\ntransport = "{carrier.transport.upper()}"'
    return f"{where}\n{credentials}\nprobe_s = 1\nprobe_timeout_s = 1"


def gateway(edge: Edge, name: str) -> Any:
    return next(one for one in json.loads(edge.command("gateways", "--json")) if one["name"] == name)


def becomes(edge: Edge, name: str, seconds: float = 20.0, **wanted: str) -> bool:
    """Whether what is said of a gateway becomes this."""
    return wait_until(lambda: all(gateway(edge, name)[key] == value for key, value in wanted.items()), seconds)


def called(edge: Edge, meanwhile: Callable[[], None] | None = None) -> tuple[int, float, Agent]:
    """Status and seconds of a call to a number elsewhere; the phone that made it. Its BYE must arrive if something
    happened `meanwhile`."""
    phone = Agent(Identity("boss", "boss-secret", edge.host, edge.doors.udp)).registered()
    talker = Talker(edge.host, voice(1, 3.0), ssrc=7)
    try:
        begun = time.monotonic()
        call = phone.dial(NUMBER, talker.offer())
        final = call.final()
        took = time.monotonic() - begun
        if final.status == 200:
            if meanwhile is not None:
                meanwhile()
            ended = call.bye()
            assert meanwhile is None or ended.status == 200, ended.start
        return final.status, took, phone
    finally:
        talker.stop()
        phone.stop()


def test_a_carrier_that_challenges_has_our_registration_and_our_calls(tmp_path: Path, carrier: Carrier) -> None:
    with house(tmp_path, of_carrier(carrier)) as edge:
        assert becomes(edge, "g0", state="up", registration="registered"), edge.process.text
        assert called(edge)[0] == 200
        assert wait_until(lambda: gateway(edge, "g0")["channels"] == 0)
        row = gateway(edge, "g0")
        assert (row["answers"], row["failures"], row["asr"]) == (1, 0, 1.0)
        assert PASSWORD not in edge.command("gateways", "--json") + edge.process.text
        assert not edge.complaints()


# One authority for all: its certificate, and one that it signed for each name.
_CERTIFICATES = """
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem
for name in sip.carrier.example sip.other.example; do
    openssl req -newkey rsa:2048 -nodes -subj /CN=$name -keyout $name.key -out $name.csr
    echo "subjectAltName=DNS:$name" >$name.ext
    openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -days 2 -extfile $name.ext -out $name.crt
    cat $name.crt $name.key >$name.pem
done
"""


def certificates(place: Path, names: str) -> tuple[str, ...]:
    """Make them in `place`; what an edge is to run under that knows these names."""
    place.mkdir()
    subprocess.run(["sh", "-ec", _CERTIFICATES], cwd=place, check=True, capture_output=True)
    hosts = place / "hosts"
    hosts.write_text(f"127.0.0.1 localhost\n{HOME} {names}\n")
    known = f'mount --bind {hosts} /etc/hosts && exec "$@"'
    return ("unshare", "-m", "sh", "-c", known, "sh")


def test_a_carrier_over_tcp_has_calls_whose_connection_breaks(tmp_path: Path) -> None:
    """It is killed and started again while somebody talks: its BYE finds the new one."""
    with Carrier(tmp_path / "carrier", transport="tcp") as carrier, house(tmp_path, of_carrier(carrier)) as edge:
        assert becomes(edge, "g0", state="up", registration="registered"), edge.process.text

        def again() -> None:
            carrier.process.stop()
            carrier.start()

        assert called(edge, again)[0] == 200
        assert wait_until(lambda: gateway(edge, "g0")["channels"] == 0)
        carrier.process.stop()
        assert called(edge)[0] >= 480
        assert gateway(edge, "g0")["last_failure"] == "connection-refused"
        carrier.start()
        assert not edge.complaints()


def test_a_carrier_over_tls_must_show_a_certificate_for_its_name_that_its_authority_signed(tmp_path: Path) -> None:
    made, names = tmp_path / "made", ("sip.carrier.example", "sip.other.example")
    under = certificates(made, " ".join(names))
    shown, trusted = made / "sip.carrier.example.pem", f'ca = "{made / "ca.pem"}"'
    with (
        Carrier(tmp_path / "carrier", transport="tls", certificate=shown) as carrier,
        house(
            tmp_path, *(f"{of_carrier(carrier, host=name)}\n{trusted}" for name in reversed(names)), under=under
        ) as edge,
    ):
        assert becomes(edge, "g1", state="up", registration="registered"), edge.process.text
        assert becomes(edge, "g0", state="down", why="certificate-name")
        edge.process.wait_for("its certificate is for another name")
        assert called(edge)[0] == 200
        assert gateway(edge, "g1")["answers"] == 1
        assert not edge.complaints()


def test_a_wrong_password_is_said_and_shown(tmp_path: Path, carrier: Carrier) -> None:
    with house(tmp_path, of_carrier(carrier, "wrong")) as edge:
        assert becomes(edge, "g0", state="up", registration="refused", registration_why="credentials-refused")
        edge.process.wait_for("refuses our registration")
        assert called(edge)[0] >= 500


def test_a_gateway_without_room_and_one_that_hangs_cost_no_call(tmp_path: Path, carrier: Carrier) -> None:
    with (
        Sipp("uas_busy_machine", tmp_path, "-mp", str(free_port())).listening() as busy,
        Carrier(tmp_path / "hanging") as hanging,
    ):
        hangs = f"{of_carrier(hanging)}\nprobe_failures = 3"
        # Who answers no OPTIONS is judged by calls alone.
        full = f'address = "{HOME}:{busy.port}"\nprobe_s = 0'
        with house(tmp_path, hangs, full, of_carrier(carrier)) as edge:
            assert becomes(edge, "g0", state="up", registration="registered")
            assert becomes(edge, "g2", state="up")
            hanging.hang()
            status, took, _ = called(edge)
            assert status == 200
            assert took < 1.5 * 2 + 1.5
            assert gateway(edge, "g1")["last_failure"] == "status 503"
            assert becomes(edge, "g0", state="down")
            assert gateway(edge, "g0")["last_failure"] == "no-answer"
            status, took, _ = called(edge)
            assert (status, took < 3.0) == (200, True)
            hanging.go_on()
            assert becomes(edge, "g0", state="up")
            assert gateway(edge, "g2")["answers"] == 2
            assert not edge.complaints()


def test_a_carrier_that_dies_and_comes_back_is_registered_at_again(tmp_path: Path, carrier: Carrier) -> None:
    with house(tmp_path, of_carrier(carrier)) as edge:
        assert becomes(edge, "g0", state="up", registration="registered")
        carrier.process.stop()
        assert becomes(edge, "g0", state="down")
        carrier.start()
        assert becomes(edge, "g0", state="up")
        assert called(edge)[0] == 200


def by_calls_alone(host: str, port: int, broken_after: int) -> str:
    """A gateway that is never asked with OPTIONS, which SIPp would not answer."""
    return f'address = "{host}:{port}"\nprobe_s = 0\nbroken_after = {broken_after}\nbroken_s = 0.5'


@pytest.mark.load
def test_a_gateway_that_is_killed_under_load_and_comes_back_costs_no_call(tmp_path: Path) -> None:
    """Fifty calls a second through three; those that it was given and never answered are carried by the others."""

    def machine(number: int, port: int = 0) -> Sipp:
        return Sipp("uas_routed", tmp_path / f"g{number}", "-mp", str(free_port()), port=port).listening()

    with machine(0) as first, machine(1) as killed, machine(2) as last:
        ports = [one.port for one in (first, killed, last)]
        with house(tmp_path, *(by_calls_alone(HOME, port, 3) for port in ports), alike=True) as edge:
            who, phone = Identity("boss", "boss-secret", edge.host, edge.doors.udp), free_port()
            with Agent(who, Endpoint((edge.host, phone), (edge.host, edge.doors.udp))) as agent:
                assert agent.register().status == 200
            login = f"[authentication username={who.user} password={who.password}]"
            names = write_injection(tmp_path / "names", [[who.user, login]])
            options = ["-s", NUMBER, "-inf", str(names), "-d", "200"]
            where = f"{edge.host}:{edge.doors.udp}"
            with Sipp("uac_proven", tmp_path, *options, remote=where, calls=700, rate=50, port=phone) as calling:
                assert wait_until(lambda: calling.calls_so_far() > 50)
                killed.process.send(signal.SIGKILL)
                assert wait_until(lambda: gateway(edge, "g1")["failures"] >= 3)
                taken = gateway(edge, "g1")["answers"]
                with machine(1, killed.port):
                    outcome = calling.wait(30)
            rows = [gateway(edge, f"g{number}") for number in range(3)]
            assert (outcome.succeeded, outcome.failed) == (700, 0), calling.errors
            assert sum(row["answers"] for row in rows) == 700
            assert rows[1]["answers"] > taken > 0
            assert (rows[0]["failures"], rows[2]["failures"]) == (0, 0)
            assert not edge.complaints()


@pytest.mark.parametrize(
    ("verdict", "within_s", "failure", "told"),
    [
        ("drop", (1.5, 3.0), "no-answer", set()),
        ("reject", (0.0, 0.5), "port-unreachable", {"port-unreachable"}),
        ("reject with icmp type admin-prohibited", (0.0, 0.5), "prohibited", {"prohibited"}),
    ],
)
def test_a_carrier_behind_a_firewall_costs_one_call_a_second_and_a_half_or_nothing(
    tmp_path: Path, verdict: str, within_s: tuple[float, float], failure: str, told: set[str]
) -> None:
    """Not heard at all, or refused by ICMP: the call goes to the next, later ones at once, and it is tried again."""
    with (
        site(Nat.NONE) as far,
        Sipp("uas", tmp_path / "far", host=far.address, namespace=far.namespace) as walled,
        Sipp("uas", tmp_path / "near", "-mp", str(free_port())).listening() as near,
    ):
        with inside(far.namespace):
            walled.listening()
        run("nft add table ip wall", far.router)
        run("nft add chain ip wall pass { type filter hook forward priority 0 ; }", far.router)
        run(f"nft add rule ip wall pass udp dport {walled.port} {verdict}", far.router)
        ways = (by_calls_alone(far.address, walled.port, 1), by_calls_alone(HOME, near.port, 1))
        with house(tmp_path, *ways) as edge:
            status, took, _ = called(edge)
            assert status == 200
            assert within_s[0] <= took < within_s[1]
            assert gateway(edge, "g0")["last_failure"] == failure
            (row,) = edge.calls()
            moments = edge.calls(row["call_ids"][0])["moments"]
            refusals = [one for one in moments if one["kind"] == "transport.refused"]
            assert {one["values"]["why"] for one in refusals} == told
            assert gateway(edge, "g1")["answers"] == 1
            run("nft flush chain ip wall pass", far.router)
            assert wait_until(lambda: called(edge)[0] == 200 and gateway(edge, "g0")["answers"] == 1)
            assert not edge.complaints()
