"""A running edge takes up its configuration anew: all of it or nothing, and calls do not notice."""

import asyncio
import logging
import os
import signal
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from cryptography import x509
from tests.app.test_presented import pair

from talkpath.app.config.file import read
from talkpath.app.config.tree import Config
from talkpath.app.listening.certificate import CertificateFiles
from talkpath.app.log.formats import HANDLER, handler_of
from talkpath.app.node.control import ControlClient, Reloaded
from talkpath.app.node.node import Node, make
from talkpath.app.node.start import prepare
from talkpath.base.texts import Language
from talkpath.sip.digest import Algorithm, ha1, response
from talkpath.sip.grammar import parse_auth
from talkpath.sip.message import Message

HOST = "127.0.0.1"


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def free_tcp_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class Running:
    """A whole node on loopback, and its file."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "talkpath.toml"
        self.state = folder / "state"
        self.port = free_port()
        self.more = ""
        self.top = ""
        self.write()

    @property
    def listener(self) -> str:
        return f'[[listeners]]\ntransport = "UDP"\naddress = "{HOST}"\nport = {self.port}\n'

    def write(self, more: str = "", top: str = "", metrics: str = "") -> None:
        text = (
            f"{top}\n{self.listener}\n"
            f'[state]\ndirectory = "{self.state}"\n[page]\nenabled = false\n[guard]\nenabled = false\n'
            f'[metrics]\nlisten = "{metrics}"\n'
            f"[media]\nfirst_port = 61000\nlast_port = 61099\n{more}\n"
        )
        self.file.write_text(text)

    def read(self, is_strict: bool) -> Config:
        return read(self.file, is_strict=is_strict)

    async def start(self) -> Node:
        config = read(self.file)
        node = await make(prepare(config, Language.EN, self.file, self.read))
        await node.open()
        return node

    async def reload(self, language: Language = Language.EN) -> Reloaded:
        told = await asyncio.to_thread(ControlClient(self.state).reload, language)
        assert told is not None
        return told

    def ask(self, *, user: str = "", password: str = "") -> "Asking":
        """A REGISTER of a user, or OPTIONS, from a socket of its own."""
        return Asking(self.port, user, password)


class Asking:
    """A phone that asks, and waits for the answer."""

    def __init__(self, port: int, user: str, password: str) -> None:
        self._place = (HOST, port)
        self._user, self._password = user, password
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind((HOST, 0))
        self._count = 0

    async def options(self) -> Message:
        return await self._request("OPTIONS", "")

    async def register(self) -> int:
        """The status that credentials are answered with."""
        challenge = await self._request("REGISTER", "")
        if challenge.status != 401:
            return challenge.status
        _, params = parse_auth(challenge.all("WWW-Authenticate")[0])
        uri = f"sip:{HOST}"
        given = {"uri": uri, "nonce": params["nonce"], "qop": "auth", "nc": "00000001", "cnonce": "c"}
        proof = response(
            Algorithm.MD5, ha1(Algorithm.MD5, self._user, params["realm"], self._password), "REGISTER", given
        )
        field = (
            f'Authorization: Digest username="{self._user}", realm="{params["realm"]}", nonce="{params["nonce"]}", '
            f'uri="{uri}", response="{proof}", algorithm=MD5, qop=auth, nc=00000001, cnonce="c"\r\n'
        )
        return (await self._request("REGISTER", field)).status

    async def _request(self, method: str, fields: str) -> Message:
        self._count += 1
        here = self._socket.getsockname()[1]
        who = f"<sip:{self._user}@{HOST}>" if self._user else f"<sip:{HOST}>"
        data = (
            f"{method} sip:{HOST} SIP/2.0\r\nVia: SIP/2.0/UDP {HOST}:{here};branch=z9hG4bK{here}x{self._count}\r\n"
            f"Max-Forwards: 70\r\nFrom: {who};tag=a\r\nTo: {who}\r\nCall-ID: {method}{here}\r\n"
            f"CSeq: {self._count} {method}\r\nContact: <sip:{self._user}@{HOST}:{here}>\r\n{fields}"
            "Content-Length: 0\r\n\r\n"
        )
        loop = asyncio.get_running_loop()
        await loop.sock_sendto(self._socket, data.encode(), self._place)
        async with asyncio.timeout(10):
            return Message.parse(await loop.sock_recv(self._socket, 65_536))

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def running(tmp_path: Path) -> Running:
    return Running(tmp_path)


@pytest.fixture(autouse=True)
async def node(running: Running) -> AsyncIterator[Node]:
    node = await running.start()
    yield node
    await node.close()


def account(user: str, password: str) -> str:
    return f'[[accounts]]\nuser = "{user}"\npassword = "{password}"\n'


def registered(node: Node) -> set[str]:
    return {one.user for one in node._edge.core.registrar.held()}


async def test_it_says_what_changed_and_what_waits(running: Running) -> None:
    assert (await running.reload()).lines == ("The configuration is what it was.",)
    running.write(
        '[limits]\ncalls = 7\n[authentication]\nrealm = "other"\n' + account("anna", "secret"),
        'domains = ["example.com"]',
    )
    waiting = "Only after a restart, and until then as it was: authentication.realm."
    told = await running.reload()
    assert told.is_taken
    assert told.lines == (
        "The configuration was taken up.",
        'domains is ["example.com"] now, was [].',
        "accounts: added anna.",
        "limits.calls is 7 now, was 10000.",
        waiting,
    )
    assert (await running.reload()).lines == ("The configuration is what it was.", waiting)
    running.write(account("anna", "other"))
    assert "accounts：更改 anna。" in (await running.reload(Language.ZH)).lines


async def test_a_file_with_mistakes_changes_nothing_and_is_told_with_its_line(running: Running) -> None:
    running.write(account("anna", "secret"))
    assert (await running.reload()).is_taken
    phone = running.ask(user="anna", password="secret")
    for bad, at, what in (
        ("[limits]\ncall = 3\n", "call = 3", 'no key "call" in [limits]'),
        ('[limits]\ncalls = "many"\n', "calls = ", "must be a whole number"),
        ("[limits\ncalls = 3", "[limits", "TOML"),
        ("[[accounts]]\nuser = 'bob'\n", "[[accounts]]", "password"),
    ):
        running.write(bad)
        lines = running.file.read_text().splitlines()
        line = next(number for number, text in enumerate(lines, 1) if text.startswith(at))
        told = await running.reload()
        assert not told.is_taken
        assert told.lines[0].startswith(f"{running.file}:{line}:"), told
        assert what in told.lines[0], told
        assert told.lines[-1].startswith("The configuration cannot be taken up as it is. Nothing was changed")
        assert await phone.register() == 200
    running.file.unlink()
    assert not (await running.reload()).is_taken
    running.write()
    assert (await running.reload()).is_taken
    assert await phone.register() == 403
    phone.close()


async def test_whose_account_went_is_reached_no_more_and_a_new_password_counts_at_once(
    running: Running, node: Node
) -> None:
    running.write(account("anna", "secret") + account("bob", "secret"))
    await running.reload()
    anna, bob = (running.ask(user=user, password="secret") for user in ("anna", "bob"))
    assert [await anna.register(), await bob.register()] == [200, 200]
    assert registered(node) == {"anna", "bob"}
    running.write(account("bob", "other"))
    await running.reload()
    node._refresh_users()
    assert registered(node) == {"bob"}
    assert await bob.register() == 403
    bob.close()
    bob = running.ask(user="bob", password="other")
    assert await bob.register() == 200
    for phone in (anna, bob):
        phone.close()


async def test_a_hang_up_signal_is_a_reload_and_many_are_no_more_than_one_after_the_other(
    running: Running, node: Node
) -> None:
    for calls in (5, 6, 7):
        running.write(f"[limits]\ncalls = {calls}\n")
        for _ in range(20):
            os.kill(os.getpid(), signal.SIGHUP)
        for _ in range(1000):
            if node._edge.core.settings.max_calls == calls:
                break
            await asyncio.sleep(0.01)
        assert node._edge.core.settings.max_calls == calls


async def test_listeners_come_and_go_and_a_phone_that_is_registered_stays_reached(
    running: Running, node: Node
) -> None:
    running.write(account("anna", "secret"))
    await running.reload()
    old = running.ask(user="anna", password="secret")
    assert await old.register() == 200
    before, running.port = running.port, free_port()
    running.write(account("anna", "secret"))
    told = await running.reload()
    assert told.lines == (
        "The configuration was taken up.",
        f"listeners: added UDP {HOST}:{running.port}, removed UDP {HOST}:{before}.",
        f"Nothing new is taken at UDP {HOST}:{before}. It closes when the calls, connections and registrations "
        "over it have ended.",
    )
    (binding,) = node._edge.core.registrar.held()
    assert node._edge.core.world.reach.is_open(binding.flow)
    assert (await old.options()).status == 503
    new = running.ask(user="anna", password="secret")
    assert await new.register() == 200
    assert registered(node) == {"anna"}
    # Taken by somebody else: nothing changes, and what was opened beside it is closed again.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((HOST, 0))
        now, running.port = running.port, other.getsockname()[1]
        running.write(account("anna", "other"))
        told = await running.reload()
    assert not told.is_taken
    assert f"port {running.port}" in told.lines[0]
    running.port = now
    assert await new.register() == 200
    for phone in (old, new):
        phone.close()


async def test_certificates_change_under_a_connection_that_goes_on(running: Running, tmp_path: Path) -> None:
    first, second = pair(tmp_path / "a", "a.example", serial=1), pair(tmp_path / "b", "b.example", serial=2)
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    secure = f'[[listeners]]\ntransport = "TLS"\naddress = "{HOST}"\nport = {port}\n'

    def tls(one: CertificateFiles) -> str:
        return f'[tls]\ncertificate = "{one.certificate}"\nkey = "{one.key}"\n'

    def others(one: CertificateFiles) -> str:
        return f'[[tls.others]]\ncertificate = "{one.certificate}"\nkey = "{one.key}"\n'

    running.write(tls(first), secure)
    told = await running.reload()
    assert told.is_taken, told
    assert f"listeners: added TLS {HOST}:{port}." in told.lines
    assert await serial(port, "b.example") == 1
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    reader, writer = await asyncio.open_connection(HOST, port, ssl=context)
    running.write(tls(first) + others(second), secure)
    assert (await running.reload()).is_taken
    assert (await serial(port, "b.example"), await serial(port, "a.example")) == (2, 1)
    # Of a pair that does not fit nothing is taken, and the file is told.
    second.key.write_text("no key")
    running.write(tls(second), secure)
    told = await running.reload()
    assert not told.is_taken
    assert str(second.key) in told.lines[0]
    assert await serial(port, "b.example") == 2
    # What was fit when it was taken up, and has ended since, keeps nobody from changing something else.
    running.write(tls(first) + others(second) + "[limits]\ncalls = 5\n", secure)
    told = await running.reload()
    assert told.is_taken
    assert told.lines[-1].endswith("The certificate before it stays in use.")
    assert (await serial(port, "b.example"), await serial(port, "a.example")) == (2, 1)
    writer.write(b"\r\n\r\n")
    async with asyncio.timeout(10):
        assert await reader.readexactly(2) == b"\r\n"
    writer.close()


async def serial(port: int, name: str) -> int:
    """The serial number of what a TLS listener shows to who asks for a name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection(HOST, port, ssl=context, server_hostname=name)
    found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return x509.load_der_x509_certificate(found).serial_number


async def fetched(place: str) -> str:
    """The page of counters; empty where nobody answers."""

    def fetch() -> str:
        try:
            with urlopen(f"http://{place}/metrics", timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    return await asyncio.to_thread(fetch)


async def gone(place: str) -> bool:
    """Whether nobody answers there within two seconds."""
    for _ in range(20):
        if not await fetched(place):
            return True
        await asyncio.sleep(0.1)
    return False


async def test_the_page_of_counters_comes_moves_and_goes(running: Running) -> None:
    first, second = (f"{HOST}:{free_tcp_port()}" for _ in range(2))
    running.write(metrics=first)
    assert f'metrics.listen is "{first}" now, was "".' in (await running.reload()).lines
    assert "talkpath_running_calls 0.0" in await fetched(first)
    assert (await running.reload()).lines == ("The configuration is what it was.",)
    running.write(metrics=second)
    assert (await running.reload()).is_taken
    assert "talkpath_running_calls 0.0" in await fetched(second)
    assert await gone(first)
    # The same port on every address: both may have it for the moment of the change.
    wide = f"0.0.0.0:{second.rpartition(':')[2]}"
    running.write(metrics=wide)
    assert (await running.reload()).is_taken
    assert "talkpath_running_calls 0.0" in await fetched(second)
    running.write()
    assert (await running.reload()).is_taken
    assert await gone(second)


async def test_a_page_whose_port_is_taken_changes_nothing(running: Running) -> None:
    page = f"{HOST}:{free_tcp_port()}"
    running.write(metrics=page)
    assert (await running.reload()).is_taken
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        running.write("[limits]\ncalls = 7\n", metrics=f"{HOST}:{taken.getsockname()[1]}")
        told = await running.reload()
    assert not told.is_taken
    assert "talkpath_running_calls" in await fetched(page)


async def test_a_listener_whose_port_is_taken_leaves_the_page_where_it_is(running: Running) -> None:
    before, after = (f"{HOST}:{free_tcp_port()}" for _ in range(2))
    running.write(metrics=before)
    assert (await running.reload()).is_taken
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((HOST, 0))
        more = f'[[listeners]]\ntransport = "UDP"\naddress = "{HOST}"\nport = {taken.getsockname()[1]}\n'
        running.write(more, metrics=after)
        assert not (await running.reload()).is_taken
    assert "talkpath_running_calls" in await fetched(before)
    assert await gone(after)


async def test_collectors_come_change_and_go(running: Running, node: Node) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as first,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as second,
    ):
        for one in (first, second):
            one.bind((HOST, 0))
            one.settimeout(5)
        phone = running.ask()

        def target(one: socket.socket, more: str = "") -> str:
            return f'[[hep]]\naddress = "{HOST}:{one.getsockname()[1]}"\n{more}'

        running.write(target(first))
        place = f"{HOST}:{first.getsockname()[1]}"
        assert f"hep: added {place}." in (await running.reload()).lines
        await phone.options()
        assert (await asyncio.to_thread(first.recv, 65535))[:4] == b"HEP3"
        mirror = node._ledger.mirror
        running.write(target(first) + "[limits]\ncalls = 7\n")
        await running.reload()
        assert node._ledger.mirror is mirror
        running.write(target(first, "agent = 7\n"))
        assert f"hep: changed {place}." in (await running.reload()).lines
        running.write(target(second))
        assert (await running.reload()).is_taken
        await phone.options()
        assert (await asyncio.to_thread(second.recv, 65535))[:4] == b"HEP3"
        running.write()
        assert (await running.reload()).is_taken
        assert node._ledger.mirror is None
        phone.close()


async def test_traces_come_and_go(running: Running, node: Node) -> None:
    running.write('[tracing]\nendpoint = "http://127.0.0.1:9/v1/traces"\n')
    assert 'tracing.endpoint is "http://127.0.0.1:9/v1/traces" now, was "".' in (await running.reload()).lines
    running.write('[tracing]\nendpoint = "http://127.0.0.1:9/v1/others"\n[limits]\ncalls = 7\n')
    assert (await running.reload()).is_taken
    running.write()
    assert (await running.reload()).is_taken
    assert node._reload.config.tracing.endpoint == ""


async def test_lines_of_the_log_change_their_form(running: Running, capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    ours = handler_of("text")
    root.addHandler(ours)
    try:
        running.write('[log]\nformat = "json"\n')
        assert 'log.format is "json" now, was "text".' in (await running.reload()).lines
        logging.getLogger("talkpath.reload").warning("heard")
    finally:
        for one in [one for one in root.handlers if one.name == HANDLER]:
            root.removeHandler(one)
            one.close()
    assert '"message": "heard"' in capsys.readouterr().err


async def test_without_an_edge_nobody_answers(tmp_path: Path) -> None:
    assert ControlClient(tmp_path / "nowhere").reload(Language.EN) is None


async def test_a_hundred_reloads_under_load_with_one_bad_file_in_three(running: Running, node: Node) -> None:
    answered = [0]
    is_over = [False]

    async def ask() -> None:
        asking = running.ask()
        while not is_over[0]:
            assert (await asking.options()).status == 200
            answered[0] += 1
        asking.close()

    load = [asyncio.create_task(ask()) for _ in range(3)]
    for at in range(100):
        if at % 3 == 0:
            running.write("[limits]\ncalls = 0\n")
        else:
            running.write(f"[limits]\ncalls = {at + 1}\n" + account(f"u{at}", "x"))
        told = await running.reload()
        assert told.is_taken is bool(at % 3)
        wanted = at + 1 if at % 3 else (at if at else 10_000)
        assert node._edge.core.settings.max_calls == wanted
    is_over[0] = True
    await asyncio.gather(*load)
    assert answered[0] > 100
    assert not node._signalling.counters["faults"]
