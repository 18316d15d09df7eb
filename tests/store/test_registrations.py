"""Registrations outlive the process, also when it is killed."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from talkpath.base.address import Address
from talkpath.store.embedded import EmbeddedStore

from .kept import PHONE_UDP, PHONE_WSS, Registered

Store = EmbeddedStore[Registered]


def test_registrations_come_back_as_they_were(store: Store) -> None:
    store.bindings.save_binding(PHONE_UDP)
    store.bindings.save_binding(replace(PHONE_UDP, expires_at=6000.0))
    assert store.writer.flush()
    assert store.bindings.load(1000.0) == [replace(PHONE_UDP, expires_at=6000.0)]


def test_a_connection_of_the_life_before_is_nobodys(store: Store) -> None:
    store.bindings.save_binding(PHONE_WSS)
    assert store.writer.flush()
    (binding,) = store.bindings.load(1000.0)
    assert binding.flow == PHONE_WSS.flow._replace(connection=-1)


def test_what_expired_or_was_dropped_does_not_come_back(store: Store) -> None:
    for binding in (PHONE_UDP, PHONE_WSS):
        store.bindings.save_binding(binding)
    store.bindings.drop_binding(PHONE_WSS)
    assert store.writer.flush()
    assert store.bindings.load(1000.0) == [PHONE_UDP]
    assert store.bindings.load(5000.0) == []


def test_refreshed_registrations_are_written_together_and_the_last_one_counts(store: Store) -> None:
    store.bindings.save_binding(PHONE_UDP)
    for expires_at in (6000.0, 7000.0):
        store.bindings.refresh_binding(replace(PHONE_UDP, expires_at=expires_at))
    assert store.writer.flush()
    assert store.bindings.load(1000.0) == [PHONE_UDP]
    store.bindings.keep_refreshed()
    assert store.writer.flush()
    assert store.bindings.load(1000.0) == [replace(PHONE_UDP, expires_at=7000.0)]


def test_a_refresh_does_not_bring_back_what_was_dropped_or_replaced(store: Store) -> None:
    moved = replace(PHONE_UDP, expires_at=9000.0, flow=PHONE_UDP.flow._replace(remote=Address("192.0.2.99", 5060)))
    store.bindings.refresh_binding(replace(PHONE_UDP, expires_at=6000.0))
    store.bindings.save_binding(moved)
    store.bindings.refresh_binding(PHONE_WSS)
    store.bindings.drop_binding(PHONE_WSS)
    store.bindings.keep_refreshed()
    assert store.writer.flush()
    assert store.bindings.load(1000.0) == [moved]


def test_what_was_refreshed_is_written_when_the_store_closes(store: Store, file: Path) -> None:
    store.bindings.refresh_binding(PHONE_UDP)
    store.close()
    again = EmbeddedStore(file, Registered)
    assert again.bindings.load(1000.0) == [PHONE_UDP]
    again.close()


def test_a_row_of_another_form_is_left_out(store: Store, file: Path) -> None:
    store.bindings.save_binding(PHONE_UDP)
    store.writer.write(lambda db: db.execute("INSERT INTO bindings VALUES ('1', '2', 9e9, '{}')") and None)
    assert store.writer.flush()
    assert store.bindings.load(1000.0) == [PHONE_UDP]


_KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.store.kept import Registered
from tests.store.test_store import PHONE_UDP, PHONE_WSS
from talkpath.store.embedded import EmbeddedStore
store = EmbeddedStore(Path({file!r}), Registered)
store.bindings.save_binding(PHONE_UDP)
store.bindings.save_binding(PHONE_WSS)
store.writer.flush()
print("written", flush=True)
sys.stdin.read()
"""


def test_registrations_survive_a_kill(file: Path) -> None:
    root = str(Path(__file__).parents[2])
    command = [sys.executable, "-c", _KILLED.format(root=root, file=str(file))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        os.kill(process.pid, signal.SIGKILL)
    store = EmbeddedStore(file, Registered)
    assert {binding.contact for binding in store.bindings.load(1000.0)} == {PHONE_UDP.contact, PHONE_WSS.contact}
    store.close()
