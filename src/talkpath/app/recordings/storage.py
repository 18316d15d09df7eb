"""The store that the configuration names, and what the log says of it."""

import logging
import os
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from talkpath.app.config.recording import Recording
from talkpath.app.console.phrase import Phrase, Trouble, phrase
from talkpath.app.recordings import storage_words as words
from talkpath.base.errors import Misuse
from talkpath.base.texts import Language
from talkpath.store.files import replace
from talkpath.store.recordings.layout import Layout
from talkpath.store.recordings.manifest import Manifest, encoded
from talkpath.store.recordings.verifying import Fault, Finding
from talkpath.store.shipping import joining
from talkpath.store.shipping.copying import Copier, Copies, CopyFailed
from talkpath.store.shipping.fetching import fetch, stored_manifest
from talkpath.store.shipping.joining import join
from talkpath.store.shipping.objects import Objects, StoreFailed, open_objects
from talkpath.store.shipping.sealing import Sealer, identities
from talkpath.store.shipping.shipment import Shipment, Shipped, manifests_of
from talkpath.store.shipping.shipper import Back, Event, Failure, Shipper
from talkpath.store.shipping.stretches import stretches
from talkpath.store.shipping.uploads import Keys, Uploads

_log = logging.getLogger("talkpath.recordings")

# The command that prints an identity may have to ask a person.
_ASKING_S = 60.0
# What the options are called by those who run the stores.
_NAMES = {
    "s3": ("access_key_id", "secret_access_key"),
    "az": ("account_name", "account_key"),
    "gs": ("service_account", ""),
}


def objects_of(recording: Recording) -> Objects:
    """The store. Raises `Trouble` where it cannot be one; whether it answers is found out later."""
    try:
        return open_objects(recording.store, _options(recording))
    except ModuleNotFoundError as error:
        raise _not_installed(error) from error
    except StoreFailed as error:
        raise Trouble("store", phrase(words.NO_STORE, url=recording.store, why=error.reason)) from error


def objects_at(recording: Recording, url: str) -> Objects:
    """The store at a URL that a manifest names, with the credentials of now. Raises `Trouble`."""
    return objects_of(msgspec.structs.replace(recording, store=url))


def _options(recording: Recording) -> dict[str, str]:
    scheme = recording.store.partition(":")[0]
    key, secret = _NAMES.get(scheme, ("", ""))
    given = {
        "endpoint": recording.store_endpoint,
        "region": recording.store_region if scheme == "s3" else "",
        key: recording.store_key_id,
        secret: "" if recording.store_secret is None else recording.store_secret.reveal(),
    }
    return {name: value for name, value in given.items() if name and value}


def shipper_of(recording: Recording, layout: Layout, told: Callable[[Event], None]) -> Shipper | None:
    """What brings recordings to the store; None where they stay. Raises `Trouble`."""
    if not recording.store:
        return None
    shipment = Shipment(
        layout,
        objects_of(recording),
        recording.store,
        recording.keep_local,
        _sealer_of(recording),
        has_stretches=recording.copy_every_s > 0,
    )
    return Shipper(shipment, told, uploads=uploads_of(recording, os.environ))


def uploads_of(recording: Recording, environment: Mapping[str, str]) -> Uploads | None:
    """Where uploads that were given up are looked for: in S3 and what speaks like it, with keys that are written down
    here or in the environment. None elsewhere: what others have of them, or machines lend keys for, a rule sweeps."""
    at = urlsplit(recording.store)
    secret = recording.store_secret.reveal() if recording.store_secret is not None else ""
    if recording.store_key_id and secret:
        keys = Keys(recording.store_key_id, secret)
    else:
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        keys = Keys(*(environment.get(name, "") for name in names))
    if at.scheme != "s3" or not keys.id or not keys.secret:
        return None
    region = recording.store_region or environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION", "")
    region = region or "us-east-1"
    endpoint = recording.store_endpoint or f"https://s3.{region}.amazonaws.com"
    return Uploads(endpoint, at.netloc, at.path.strip("/"), region, keys)


def copier_of(recording: Recording, layout: Layout, told: Callable[[CopyFailed], None]) -> Copier | None:
    """What copies running recordings to the store; None where nothing does. Raises `Trouble`."""
    if not recording.store or not recording.copy_every_s:
        return None
    return Copier(Copies(layout, objects_of(recording), _sealer_of(recording)), recording.copy_every_s, told)


def _sealer_of(recording: Recording) -> Sealer | None:
    try:
        return Sealer(recording.seal_for) if recording.seal_for else None
    except ModuleNotFoundError as error:
        raise _not_installed(error) from error
    except Misuse as error:
        raise Trouble("seal-for", phrase(words.BAD_RECIPIENT, why=error.reason)) from error


def identities_of(recording: Recording) -> list[Any]:
    """What opens sealed files. Raises `Trouble`."""
    command, source = shlex.split(recording.identity_command), recording.identity_command or recording.identity
    if not source:
        raise Trouble("no-identity", phrase(words.NO_IDENTITY))
    try:
        if command:
            done = subprocess.run(command, capture_output=True, check=True, timeout=_ASKING_S, text=True)
            return identities(done.stdout)
        return identities(Path(recording.identity).expanduser().read_text())
    except ModuleNotFoundError as error:
        raise _not_installed(error) from error
    except (OSError, ValueError, subprocess.SubprocessError, Misuse) as error:
        why = error.strerror if isinstance(error, OSError) else _why(error)
        raise Trouble("bad-identity", phrase(words.BAD_IDENTITY, source=source, why=why)) from None


def _why(error: Exception) -> str:
    """What went wrong, without what was printed or read: it may be the identity."""
    match error:
        case subprocess.CalledProcessError():
            return f"exit code {error.returncode}"
        case Misuse():
            return error.reason
        case _:
            return type(error).__name__


def _not_installed(error: ModuleNotFoundError) -> Trouble:
    return Trouble("not-installed", phrase(words.NOT_INSTALLED, module=error.name or ""))


def fetched(recording: Recording, one: Manifest, layout: Layout) -> Iterator[Path]:
    """Bring one back from where it was stored, with the credentials of now. Raises `Trouble` and OSError."""
    if not one.in_store:
        raise Trouble("not-stored", phrase(words.NOT_STORED, name=one.name))
    url = one.in_store[0].url
    objects = objects_at(recording, url)
    try:
        yield from fetch(one, objects, layout, partial(identities_of, recording))
    except StoreFailed as error:
        values = {"place": error.place, "url": url, "why": error.reason}
        raise Trouble("fetch", phrase(words.FETCH_FAILED, **values)) from error


def fetched_by_name(recording: Recording, name: str, layout: Layout) -> Iterator[Path]:
    """Bring one that is not known here from the store: whole, or put together of the stretches that a node that died
    left there. Raises `Trouble` and OSError."""
    objects, keys = objects_of(recording), partial(identities_of, recording)
    try:
        one = stored_manifest(objects, name, keys)
        if one is not None:
            yield from fetch(one, objects, layout, keys)
            kept = layout.manifest_of(name)
            if not kept.exists():
                replace(kept, encoded(one))
                yield kept
        elif some := stretches(objects, name).get(name):
            join(some, objects, layout, keys)
            yield from (layout.pcap_of(name), layout.metadata_of(name), layout.manifest_of(name))
        else:
            raise Trouble("not-there", phrase(words.NOT_THERE, name=name, url=recording.store))
    except StoreFailed as error:
        values = {"place": error.place, "url": recording.store, "why": error.reason}
        raise Trouble("fetch", phrase(words.FETCH_FAILED, **values)) from error


def removed(recording: Recording, one: Manifest) -> int:
    """Remove what stores have of one; the bytes. Raises `Trouble`."""
    url, freed = recording.store, 0
    try:
        for at in one.in_store:
            url = at.url
            objects_at(recording, url).delete(at.path)
            freed += at.bytes or 0
        for place in manifests_of(one):
            objects_at(recording, url).delete(place)
    except StoreFailed as error:
        raise Trouble("remove", phrase(words.REMOVE_FAILED, url=url, name=one.name, why=error.reason)) from error
    return freed


def left_over(recording: Recording, layout: Layout, *, is_to_repair: bool) -> Iterator[tuple[Finding, bool]]:
    """What copies of running recordings left in the store, and whether it was mended. Raises `Trouble`, OSError."""
    if not recording.store:
        return
    objects = objects_of(recording)
    try:
        for one in list(joining.left_over(layout, objects, recording.store, time.time())):
            yield one, is_to_repair and joining.mend(layout, objects, one, partial(identities_of, recording))
    except StoreFailed as error:
        yield Finding(Fault.STORE_UNREAD, "", recording.store, error.reason), False


class StorageLog:
    """Says when the store begins to fail, each time that it has failed twice as often, and when it is back."""

    def __init__(self, url: str, language: Language) -> None:
        self._url = url
        self._language = language

    def copy_failed(self, one: CopyFailed) -> None:
        """Running recordings could not be copied."""
        if one.failures & (one.failures - 1) == 0:
            said = phrase(words.COPY_FAILED, url=self._url, why=one.reason, pause=round(one.pause_s))
            _log.warning("%s", said.say_briefly(self._language))

    def told(self, event: Event) -> None:
        """The threads that ship tell of each try."""
        match event:
            case Failure(failures=failures) if failures & (failures - 1):
                return
            case Failure():
                _log.warning("%s", _failure(event, self._url).say_briefly(self._language))
            case Back():
                _log.warning("%s", phrase(words.BACK, url=self._url, waiting=event.waiting).say(self._language))
            case Shipped():
                said = phrase(words.SHIPPED, name=event.manifest.name, url=self._url)
                _log.debug("%s", said.say_briefly(self._language))


def _failure(one: Failure, url: str) -> Phrase:
    text = words.FAILURES.get(one.code, words.FAILURES["fault"])
    return phrase(text, name=one.name, url=url, why=one.reason, place=one.place, pause=round(one.pause_s))
