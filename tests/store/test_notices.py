"""Who asked is told of each recording, once it is safe or lost, whatever befalls the receiver or the edge."""

import base64
import hashlib
import hmac
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest
from tests.store.test_recordings_verified import finished

from talkpath.app.recordings import notice_words
from talkpath.base import limits
from talkpath.store.notices.notice import Kind, kind_of, notice_of
from talkpath.store.notices.notifier import Event, Heard, Notifier, Receiver, Told, Untold
from talkpath.store.notices.outbox import Outbox
from talkpath.store.notices.sending import NotTold, Refusal, send
from talkpath.store.notices.signing import key_of, signed
from talkpath.store.recordings.layout import Layout
from talkpath.store.recordings.manifest import Manifest, State, Stored, encoded, read
from talkpath.store.recordings.shelf import Shelf

KEY = b"0123456789abcdef0123456789abcdef"


class Post:
    """What a receiver got."""

    def __init__(self, headers: dict[str, str], body: bytes) -> None:
        self.headers = headers
        self.body = body

    @property
    def is_genuine(self) -> bool:
        """As a receiver checks it."""
        message, at = self.headers["webhook-id"], self.headers["webhook-timestamp"]
        digest = hmac.new(KEY, f"{message}.{at}.".encode() + self.body, hashlib.sha256).digest()
        return self.headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()


class Crm:
    """A real receiver on loopback. `answers` are the statuses of the next posts; then it takes all."""

    def __init__(self, *answers: int) -> None:
        self.answers = list(answers)
        self.posts: list[Post] = []
        self.elsewhere = 0
        self.before_answer: Callable[[], object] = lambda: None
        crm = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path == "/elsewhere":
                    crm.elsewhere += 1
                crm.posts.append(Post({key.lower(): value for key, value in self.headers.items()}, body))
                crm.before_answer()
                status = crm.answers.pop(0) if crm.answers else 204
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self) -> None:
                crm.elsewhere += 1
                self.send_response(200)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/recordings?key=hidden"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def receiver(*answers: int) -> Iterator[Crm]:
    crm = Crm(*answers)
    try:
        yield crm
    finally:
        crm.close()


@contextmanager
def line(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """A port at which a connection is `serve`d in raw bytes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def run() -> None:
            connection, _ = server.accept()
            with connection:
                serve(connection)

        thread = threading.Thread(target=run)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        thread.join()


class Hours:
    """A clock of which each look is an hour later, so that no pause takes time."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 3600.0
        return self.now


class Heeded:
    """What the thread tells, until `count` notices were taken."""

    def __init__(self, count: int) -> None:
        self.events: list[Event] = []
        self.is_enough = threading.Event()
        self._count = count

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        if sum(isinstance(one, Told) for one in self.events) == self._count:
            self.is_enough.set()


def told_of(directory: Path, url: str, count: int, *, is_after_storing: bool = False) -> Heeded:
    """Run a notifier until so many notices were taken."""
    heeded = Heeded(count)
    notifier = Notifier(Layout(directory), Receiver(url, KEY, is_after_storing), heeded, Hours(), at_once=1)
    notifier.start()
    assert heeded.is_enough.wait(20)
    notifier.close()
    return heeded


def wanted(directory: Path) -> None:
    """Notices are asked for before anything is recorded."""
    Outbox(Layout(directory)).open()


def changed(directory: Path, name: str, **facts: object) -> None:
    path = Layout(directory).manifest_of(name)
    path.write_bytes(encoded(msgspec.structs.replace(read(path), **facts)))


# --- what is told


def test_each_recording_is_told_of_signed_and_with_its_manifest(tmp_path: Path) -> None:
    wanted(tmp_path)
    finished(tmp_path, "a")
    with receiver() as crm:
        told_of(tmp_path, crm.url, 1)
    (post,) = crm.posts
    assert post.is_genuine
    assert post.headers["content-type"] == "application/json"
    assert abs(int(post.headers["webhook-timestamp"]) - time.time()) < 60
    told = json.loads(post.body)
    assert told["type"] == "recording.saved"
    assert msgspec.convert(told["data"], Manifest) == read(Layout(tmp_path).manifest_of("a"))


def test_a_recording_that_failed_is_told_of_as_such(tmp_path: Path) -> None:
    wanted(tmp_path)
    finished(tmp_path, "a")
    changed(tmp_path, "a", state=State.FAILED, trouble="No space left on device")
    with receiver() as crm:
        told_of(tmp_path, crm.url, 1, is_after_storing=True)
    told = json.loads(crm.posts[0].body)
    assert (told["type"], told["data"]["trouble"]) == ("recording.failed", "No space left on device")


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("is_stored", [False, True])
@pytest.mark.parametrize("is_to_be_stored", [False, True])
def test_saved_is_what_is_where_it_is_to_stay(state: State, is_stored: bool, is_to_be_stored: bool) -> None:
    stored = (Stored(where="store", path="pcaps/a.pcap"),) if is_stored else ()
    one = Manifest(name="a", state=state, call_id="c", link_type="raw", started=1.0, started_by="all", stored=stored)
    kept = state in (State.COMPLETE, State.RECOVERED) and (is_stored or not is_to_be_stored)
    expected = Kind.SAVED if kept else Kind.FAILED if state is State.FAILED else None
    assert kind_of(one, is_to_be_stored=is_to_be_stored) is expected


def test_a_notice_has_one_id_and_no_dot_in_it(tmp_path: Path) -> None:
    finished(tmp_path, "a@host.example")
    one = read(Layout(tmp_path).manifest_of("a@host.example"))
    made = {notice_of(one, Kind.SAVED, now).id for now in (1.0, 2.0)}
    assert len(made) == 1
    assert "." not in made.pop()


def test_the_signature_is_that_of_standard_webhooks() -> None:
    # The example of its specification.
    key = key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = signed(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert made["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("secret", ["", "secret", "whsec_", "whsec_?", "whsec_dG9vIHNob3J0", "whsec_" + "A" * 88])
def test_a_secret_that_is_none_is_not_repeated(secret: str) -> None:
    with pytest.raises(ValueError, match=r"whsec_|bytes") as error:
        key_of(secret)
    assert secret.removeprefix("whsec_") == "" or secret.removeprefix("whsec_") not in str(error.value)


def test_a_receiver_that_takes_its_time_holds_up_nobody_for_long(tmp_path: Path) -> None:
    wanted(tmp_path)
    for number in range(8):
        finished(tmp_path, f"r{number}")
    together = threading.Barrier(limits.NOTICES_AT_ONCE, timeout=10)
    with receiver() as crm:
        crm.before_answer = together.wait
        heeded = Heeded(8)
        notifier = Notifier(Layout(tmp_path), Receiver(crm.url, KEY, False), heeded)
        notifier.start()
        assert heeded.is_enough.wait(20), "so many are told at once"
        notifier.close()
    assert {json.loads(post.body)["data"]["name"] for post in crm.posts} == {f"r{number}" for number in range(8)}
    assert len(crm.posts) == notifier.counters["told"] == 8


def test_threads_that_come_to_the_same_recordings_tell_of_each_once(tmp_path: Path) -> None:
    """With a clock of which each look is an hour later, one looks for what is left whenever another tells."""
    wanted(tmp_path)
    for number in range(20):
        finished(tmp_path, f"r{number}")
    with receiver() as crm:
        heeded = Heeded(20)
        notifier = Notifier(Layout(tmp_path), Receiver(crm.url, KEY, False), heeded, Hours(), at_once=8)
        notifier.start()
        assert heeded.is_enough.wait(20)
        notifier.close()
    assert notifier.counters == {"told": 20}
    assert len(crm.posts) == 20
    assert list(Layout(tmp_path).notices.glob("*.json")) == []


# --- outages and ends


def test_what_is_not_taken_is_tried_again_in_the_same_words(tmp_path: Path) -> None:
    wanted(tmp_path)
    for name in "ab":
        finished(tmp_path, name)
    with receiver(500, 503, 302, 404, 401) as crm:
        heeded = told_of(tmp_path, crm.url, 2)
        assert crm.elsewhere == 0, "a redirect is not followed"
    assert all(post.is_genuine for post in crm.posts)
    bodies = {post.headers["webhook-id"]: post.body for post in crm.posts}
    assert len(crm.posts) == 7
    assert len(bodies) == 2
    assert all(post.body == bodies[post.headers["webhook-id"]] for post in crm.posts)
    failures = [one for one in heeded.events if isinstance(one, Untold)]
    assert [one.code.removeprefix("notice-") for one in failures] == [
        "failing",
        "failing",
        "redirected",
        "missing",
        "denied",
    ]
    assert [one.failures for one in failures] == [1, 2, 3, 4, 5]
    assert sum(isinstance(one, Heard) for one in heeded.events) == 1


def test_one_that_is_refused_holds_up_no_other(tmp_path: Path) -> None:
    wanted(tmp_path)
    for name in "ab":
        finished(tmp_path, name)
    with receiver(422) as crm:
        heeded = told_of(tmp_path, crm.url, 2)
    assert [type(one) for one in heeded.events] == [Untold, Told, Told]
    assert [one.name for one in heeded.events if isinstance(one, Told)] == ["b", "a"]


def test_what_nobody_took_is_told_by_the_next_edge_even_if_it_was_pruned(tmp_path: Path) -> None:
    wanted(tmp_path)
    finished(tmp_path, "a")
    heeded = Heeded(1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    refusing = Notifier(Layout(tmp_path), Receiver(f"http://127.0.0.1:{port}/", KEY, False), heeded)
    refusing.start()
    deadline = time.monotonic() + 20
    while not heeded.events and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    refusing.close()
    waiting = Outbox(Layout(tmp_path)).notice("a")
    assert waiting is not None
    assert (waiting.tries, waiting.told, waiting.trouble) == (1, None, "Connection refused")
    Shelf(tmp_path).remove(read(Layout(tmp_path).manifest_of("a")), 2000.0)
    with receiver() as crm:
        told_of(tmp_path, crm.url, 1)
    assert json.loads(crm.posts[0].body)["data"]["state"] == "complete"
    done = Outbox(Layout(tmp_path)).notice("a")
    assert done is not None
    assert (done.tries, done.trouble, done.body, done.told is not None) == (2, "", "", True)
    assert not Layout(tmp_path).notice_of("a").exists()


def test_an_edge_that_dies_at_any_moment_tells_all_and_a_second_time_only_under_the_same_id(tmp_path: Path) -> None:
    wanted(tmp_path)
    finished(tmp_path, "a")
    layout = Layout(tmp_path)
    with receiver() as crm:
        told_of(tmp_path, crm.url, 1)
        # It died between the answer and the word that it was told.
        layout.told_notice_of("a").unlink()
        told_of(tmp_path, crm.url, 1)
        notifier = Notifier(layout, Receiver(crm.url, KEY, False), Heeded(1), Hours(), at_once=1)
        notifier.look()
        assert notifier.waiting == 0, "nor a third time"
    assert len(crm.posts) == 2
    assert len({post.headers["webhook-id"] for post in crm.posts}) == 1


def test_what_was_recorded_before_anybody_asked_is_nobodys_news(tmp_path: Path) -> None:
    finished(tmp_path, "old")
    wanted(tmp_path)
    finished(tmp_path, "new")
    with receiver() as crm:
        told_of(tmp_path, crm.url, 1)
        Outbox(Layout(tmp_path)).close()
        finished(tmp_path, "meanwhile")
        wanted(tmp_path)
        finished(tmp_path, "newer")
        told_of(tmp_path, crm.url, 1)
    assert [json.loads(post.body)["data"]["name"] for post in crm.posts] == ["new", "newer"]


def test_a_disk_that_takes_no_notice_costs_time_and_not_the_notice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted(tmp_path)
    keep, refusals = Outbox.keep, [OSError(28, "No space left on device")]

    def full(self: Outbox, name: str, one: object) -> None:
        if refusals:
            raise refusals.pop()
        keep(self, name, one)  # type: ignore[arg-type]

    monkeypatch.setattr(Outbox, "keep", full)
    with receiver() as crm:
        finished(tmp_path, "a")
        heeded = Heeded(1)
        notifier = Notifier(Layout(tmp_path), Receiver(crm.url, KEY, False), heeded, Hours(), at_once=1)
        notifier.finished(read(Layout(tmp_path).manifest_of("a")))
        notifier.start()
        assert heeded.is_enough.wait(20)
        notifier.close()
        assert notifier.counters["failed_disk"] == 1
    assert len(crm.posts) == 1


# --- receivers that hinder


def test_who_never_answers_is_left_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "NOTICE_CONNECT_S", 0.1)

    def silent(connection: socket.socket) -> None:
        while connection.recv(65536):
            pass

    with line(silent) as url, pytest.raises(NotTold) as error:
        send(url, {}, b"{}")
    assert error.value.refusal is Refusal.UNREACHABLE


def test_who_drips_an_answer_is_left_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "NOTICE_ANSWER_S", 0.2)

    def dripping(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.settimeout(0.02)
        try:
            while True:
                connection.sendall(b"H")
                try:
                    if not connection.recv(65536):
                        return
                except TimeoutError:
                    continue
        except OSError:
            return

    started = time.monotonic()
    with line(dripping) as url, pytest.raises(NotTold) as error:
        send(url, {}, b"{}")
    assert error.value.refusal is Refusal.UNREACHABLE
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 999999 x\r\n\r\n", b"HTTP/1.1 200 " + b"x" * 70_000]
)
def test_an_answer_that_is_no_http_is_no_taking(answer: bytes) -> None:
    def nonsense(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(answer)

    with line(nonsense) as url, pytest.raises(NotTold) as error:
        send(url, {}, b"{}")
    assert error.value.refusal is Refusal.UNREACHABLE
    assert "\n" not in error.value.reason
    assert len(error.value.reason) <= 200


def test_every_failure_has_a_sentence() -> None:
    assert {f"notice-{one}" for one in Refusal} | {"disk", "fault"} == set(notice_words.FAILURES)


# --- the guide


def test_the_receiver_of_the_guide_takes_what_we_sign_and_nothing_else(tmp_path: Path) -> None:
    guide = Path(__file__).parents[2] / "docs" / "guide"
    programs = [
        (guide / f"recordings-notices{language}.md").read_text().split("```python\n")[1].split("```")[0]
        for language in ("", ".zh")
    ]
    assert programs[0] == programs[1]
    wanted(tmp_path)
    finished(tmp_path, "a")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/"
    secret = "whsec_" + base64.b64encode(KEY).decode()
    command = [sys.executable, "-c", programs[0], str(port)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={"NOTICE_SECRET": secret}
    ) as program:
        assert program.stdout is not None
        told_of(tmp_path, url, 1)
        assert program.stdout.readline().startswith("recording.saved a [{")
        with pytest.raises(NotTold) as error:
            send(url, signed(b"another key" * 3, "rec_1", int(time.time()), b"{}"), b"{}")
        assert error.value.refusal is Refusal.DENIED
        with pytest.raises(NotTold):
            send(url, signed(KEY, "rec_1", int(time.time()) - 3600, b"{}"), b"{}")
        program.kill()
