"""`talkpath doctor`: what an edge needs of its host and network, while one runs and before."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from talkpath.app.config.file import read_text
from talkpath.app.config.tree import Config
from talkpath.app.doctor import words as texts
from talkpath.app.doctor.command import examine
from talkpath.app.doctor.host import Clock, clock_look, directory, kernel, read_clock
from talkpath.app.doctor.look import Health, Look
from talkpath.app.doctor.outside import Seen, look_outside, nat_looks
from talkpath.app.doctor.ports import listeners, media_ports
from talkpath.app.status.rows import Status
from talkpath.base.address import Address
from talkpath.base.texts import Language

NAT = "203.0.113.5"
LOCAL = Address("10.0.0.5", 20_000)
STATUS = Status(version="1.0", started=0.0, now=1.0, files_max=20_000)


def _config(text: str = "") -> Config:
    return read_text(text, Path("talkpath.toml"), is_to_run=False)


def _said(looks: Iterator[Look] | list[Look]) -> list[tuple[Health, str]]:
    found = [(one.health, one.seen.say(Language.EN), one.seen.say(Language.ZH)) for one in looks]
    assert all("{" not in chinese for _, _, chinese in found)
    return [(health, english) for health, english, _ in found]


# --- outside


@pytest.mark.parametrize(
    ("text", "seen", "health", "part"),
    [
        ("", LOCAL, Health.GOOD, "sees this host as it is"),
        ("", Address(NAT, 20_000), Health.PROBLEM, f'Write advertised = "{NAT}"'),
        (f'advertised = "{NAT}"', Address(NAT, 20_000), Health.GOOD, "which is what phones outside are told"),
        ('advertised = "192.0.2.9"', Address(NAT, 20_000), Health.PROBLEM, "are told 192.0.2.9"),
        ('advertised = "sip.example.com"', Address(NAT, 20_000), Health.GOOD, "phones outside are told"),
        ("", None, Health.PROBLEM, "gives no answer"),
    ],
)
def test_what_a_stun_server_sees_is_compared_with_what_phones_are_told(
    text: str, seen: Address | None, health: Health, part: str
) -> None:
    told = {name: [name] for name in (NAT, "192.0.2.9") if name in text}
    told |= {"sip.example.com": [NAT]} if "sip.example.com" in text else {}
    ((found, said),) = _said(nat_looks(_config(text), [Seen("stun.example:3478", LOCAL, seen)], told))
    assert (found, part in said) == (health, True), said


def test_a_nat_that_changes_ports_is_told_from_one_that_changes_them_for_each() -> None:
    one = Seen("a:3478", LOCAL, Address(NAT, 4_000))
    same = [one, Seen("b:3478", LOCAL, Address(NAT, 4_000))]
    other = [one, Seen("b:3478", LOCAL, Address(NAT, 4_001))]
    told = {NAT: [NAT]}
    assert "forward" in _said(nat_looks(_config(), same, told))[-1][1].lower()
    assert _said(nat_looks(_config(), other, told))[-1][1].startswith("The NAT gives each destination another port")


async def test_a_server_that_is_silent_and_a_name_of_none_are_problems(tmp_path: Path) -> None:
    """Nothing leaves this host: the port is ours and silent, and the name stands in the hosts file or nowhere."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as silent:
        silent.bind(("127.0.0.1", 0))
        looks = await look_outside(_config(), tmp_path, [silent.getsockname()])
    (nat, names) = _said(looks)
    assert nat[0] is Health.PROBLEM
    assert names == (Health.GOOD, texts.NO_NAMES.en)


async def test_names_of_this_host_lead_here(tmp_path: Path) -> None:
    text = 'domains = ["localhost"]\n[[gateways]]\nname = "pbx"\naddress = "localhost:5999"'
    looks = await look_outside(_config(text), tmp_path, [])
    domain, gateway = _said(looks)
    assert domain[0] is gateway[0] is Health.GOOD
    assert "localhost" in domain[1]
    assert "127.0.0.1:5999" in gateway[1]


# --- this host


@pytest.mark.parametrize(
    ("said", "health", "part"),
    [
        (Clock(is_synchronised=True, most_error_s=0.0123), Health.GOOD, "wrong by 12 ms at most"),
        (Clock(is_synchronised=False, most_error_s=16.0), Health.PROBLEM, "chrony"),
    ],
)
def test_a_clock_that_nobody_sets_is_a_problem(said: Clock, health: Health, part: str) -> None:
    look = clock_look(said)
    assert look.health is health
    assert part in look.seen.say(Language.EN)


def test_the_kernel_tells_of_its_clock() -> None:
    assert 0 <= read_clock().most_error_s < 1_000_000


def test_the_kernel_is_asked_through_the_edge_where_one_runs() -> None:
    status = Status(version="1.0", started=0.0, now=1.0, media_by_sockets="Operation not permitted")
    look = kernel(_config(), status)
    assert look.health is Health.NOTE
    assert "Operation not permitted" in look.seen.say(Language.EN)
    assert kernel(_config(), STATUS).health is Health.GOOD
    assert kernel(_config('[media]\nkernel = "off"'), status).health is Health.GOOD


def test_a_state_directory_of_somebody_else_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o755)
    monkeypatch.setattr(os, "geteuid", lambda: 12_345)
    ((health, said),) = _said(directory(tmp_path))
    assert health is Health.PROBLEM
    assert "sudo -u" in said
    assert tmp_path.stat().st_mode & 0o777 == 0o755


# --- ports


_TCP = '[[listeners]]\ntransport = "TCP"\naddress = "127.0.0.1"\nport = {port}\n'


def test_a_listener_that_gives_no_answer_is_told(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as heard, closing(socket.socket()) as closed:
        closed.bind(("127.0.0.1", 0))
        ports = [one.getsockname()[1] for one in (heard, closed)]
        status = Status(
            version="1.0", started=0.0, now=1.0, listeners=tuple(f"TCP 127.0.0.1:{port}" for port in ports)
        )
        silent, answers = _said(listeners(_config(_TCP.format(port=1)), tmp_path, status))
    assert silent[0] is Health.PROBLEM
    assert f"TCP 127.0.0.1:{ports[1]}" in silent[1]
    assert answers == (Health.GOOD, f"answer on this host: TCP 127.0.0.1:{ports[0]}")


def test_before_the_start_ports_are_free_or_taken(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        config = _config(_TCP.format(port=other.getsockname()[1]))
        ((health, _),) = _said(listeners(config, tmp_path, None))
        assert health is Health.PROBLEM
    ((health, said),) = _said(listeners(config, tmp_path, None))
    assert (health, said.startswith("free: TCP")) == (Health.GOOD, True)


def test_media_ports_of_others_are_counted(tmp_path: Path) -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        first = min(port & ~7, 65_520)
        said = _said(media_ports(_config(f"[media]\nfirst_port = {first}\nlast_port = {first + 15}"), tmp_path))
    assert any(health is Health.NOTE and "belong to other programs" in text for health, text in said)


# --- the command


def test_everything_is_looked_at_once(tmp_path: Path) -> None:
    subjects = [one.subject for one in examine(_config(), None, [])]
    wanted = {
        *(texts.EDGE, texts.CONFIGURATION, texts.PORTS, texts.NAMES, texts.CLOCK, texts.FILES, texts.KERNEL),
        *(texts.DIRECTORY, texts.CERTIFICATE, texts.DISK),
    }
    assert set(subjects) == wanted


async def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from talkpath.app.cli import main; main()", "doctor", *arguments]
    environ = {**os.environ, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    return await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, env=environ, check=False)


async def test_the_exit_code_says_whether_there_is_a_problem(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        file = tmp_path / "talkpath.toml"
        file.write_text(_TCP.format(port=other.getsockname()[1]))
        done = await _run("--config", str(file), "--state", str(tmp_path / "state"), "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 1
    assert told["problems"] == sum(1 for one in told["looks"] if one["state"] == "problem")
    assert {"subject": "ports", "state": "problem"}.items() <= next(
        one for one in told["looks"] if one["subject"] == "ports"
    ).items()
    assert not (tmp_path / "state").exists()


async def test_a_stun_server_that_is_none_is_a_wrong_command() -> None:
    done = await _run("--stun", "not a host")
    assert done.returncode == 2
    assert "not a host" in done.stderr
