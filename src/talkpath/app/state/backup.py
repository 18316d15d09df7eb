"""One file with all that a state directory keeps: written while an edge runs, and brought back.

A copy of the folder loses what is in SQLite's log, or has half of it. Here SQLite gives a whole copy of one moment,
and no writer waits for that. The last entry of the archive says what belongs into it and with which digest, so that
an archive that was cut or altered is seen before anything is changed.
"""

import gzip
import hashlib
import io
import os
import re
import shutil
import sqlite3
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import msgspec

from talkpath import __version__
from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Misuse, Phrase, Trouble, phrase
from talkpath.app.node.control import running_edge
from talkpath.app.state import backup_words as texts
from talkpath.app.state.directory import DATABASE, make_state_directory, recordings_directory, state_directory
from talkpath.base.texts import Language
from talkpath.store.damage import is_damaged
from talkpath.store.files import replace
from talkpath.store.mishaps import named
from talkpath.store.recordings.layout import Layout
from talkpath.store.writer import connect

_CONTENTS = "backup.json"
_MANIFESTS = "recordings/manifests/"
_KEPT = ("*.key", "*.pem", "*.json", "ready-accounts")
#: What a running edge follows when it is replaced.
_BY_HAND = ("bans.json", "gateways.json")
_NAME = re.compile(
    r"talkpath\.sqlite|[A-Za-z0-9_-]+\.(?:key|pem|json)|ready-accounts|recordings/manifests/[^/]+\.json"
)
_ACCOUNTS = "user, realm, md5, sha256, is_shown, outbound"
_BLOCK = 1024 * 1024


class Contents(msgspec.Struct, frozen=True):
    """The last entry: when it was made, by which talkpath, and the digest of each file."""

    made: str
    version: str
    sha256: dict[str, str]


def back_up(config: Config, target: str, language: Language) -> None:
    """Write the backup to the file, "-" for standard output. Raises `Trouble`, `Unavailable` and OSError."""
    state = state_directory(config)
    if not (state / DATABASE).is_file():
        raise Trouble("nothing-there", phrase(texts.NOTHING_THERE, path=state))
    manifests = sorted(Layout(recordings_directory(config, state)).manifests.glob("*.json"))
    out = None if target == "-" else Path(target)
    with tempfile.TemporaryDirectory(dir=None if out is None else out.absolute().parent, prefix=".backup-") as folder:
        copy = Path(folder) / DATABASE
        counted = _copied(state / DATABASE, copy)
        files = [(DATABASE, copy), *((file.name, file) for file in _kept(state))]
        files += [(_MANIFESTS + file.name, file) for file in manifests]
        if out is None:
            _write(sys.stdout.buffer, files)
        else:
            made = Path(folder) / "made"
            with made.open("wb") as file:
                _write(file, files)
            made.chmod(0o600)
            made.rename(out)
    said = phrase(texts.WRITTEN, file=target, manifests=len(manifests), **counted)
    print(said.say(language), file=sys.stderr)


def restore(config: Config, source: str, language: Language) -> None:
    """Bring a backup back; while an edge runs only what it follows. Raises `Trouble`, `Unavailable`, OSError."""
    state = make_state_directory(state_directory(config))
    with tempfile.TemporaryDirectory(dir=state, prefix=".restore-") as folder:
        fresh = Path(folder)
        contents = _unpacked(source, fresh)
        counted = _counted(fresh / DATABASE)
        if running_edge(state) is not None:
            _replace_followed(fresh, state)
            said = phrase(texts.RESTORED_LIVE, made=contents.made, users=counted["users"])
        else:
            aside = _swapped(fresh, state)
            text = texts.RESTORED if aside else texts.RESTORED_FRESH
            said = Phrase(text, {"path": state, "made": contents.made, "aside": aside, **counted})
        _add_manifests(fresh, Layout(recordings_directory(config, state)))
    print(said.say(language), file=sys.stderr)


# --- writing


def _kept(state: Path) -> Iterator[Path]:
    found = {file for pattern in _KEPT for file in state.glob(pattern)}
    yield from sorted(
        file for file in found if file.is_file() and not file.is_symlink() and _NAME.fullmatch(file.name)
    )


def _copied(path: Path, copy: Path) -> dict[str, int]:
    """A whole copy of the database as it is at one moment; how much is in it."""
    with named(path), closing(connect(path, read_only=True)) as live, closing(sqlite3.connect(copy)) as copied:
        # What is locked is said now: the copying itself would wait for ever.
        live.execute("BEGIN")
        live.execute("SELECT count(*) FROM counters").fetchone()
        live.backup(copied)
        # The archive holds one file, without a log beside it.
        copied.execute("PRAGMA journal_mode = DELETE")
    return _counted(copy)


def _counted(path: Path) -> dict[str, int]:
    with named(path), closing(sqlite3.connect(path)) as database:
        (users,) = database.execute("SELECT count(*) FROM accounts").fetchone()
        (calls,) = database.execute("SELECT count(*) FROM calls").fetchone()
    return {"users": users, "calls": calls}


def _write(target: IO[bytes], files: list[tuple[str, Path]]) -> None:
    digests = {}
    with (
        gzip.GzipFile(fileobj=target, mode="wb", compresslevel=3) as packed,
        tarfile.open(fileobj=packed, mode="w|") as archive,
    ):
        for name, path in files:
            # Whole in memory but for the database: the others are small, and may be replaced meanwhile.
            if path.name == DATABASE:
                digests[name] = _digest(path)
                archive.add(path, name, filter=_private)
            else:
                content = path.read_bytes()
                digests[name] = hashlib.sha256(content).hexdigest()
                _add(archive, name, content)
        made = datetime.now(UTC).isoformat(timespec="seconds")
        _add(archive, _CONTENTS, msgspec.json.encode(Contents(made, __version__, digests)))


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = len(content), 0o600, int(time.time())
    archive.addfile(entry, io.BytesIO(content))


def _private(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.mode, entry.uid, entry.gid, entry.uname, entry.gname = 0o600, 0, 0, "", ""
    return entry


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# --- reading


def _unpacked(source: str, folder: Path) -> Contents:
    """Lay out the files of a backup that is whole and sound. Raises `Misuse` where it is not."""
    try:
        with (
            sys.stdin.buffer if source == "-" else open(source, "rb") as file,
            tarfile.open(fileobj=file, mode="r|gz") as archive,
        ):
            contents = _laid_out(archive, folder, source)
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, msgspec.MsgspecError):
        raise _unusable(source, phrase(texts.NOT_ARCHIVE)) from None
    if contents is None or DATABASE not in contents.sha256:
        raise _unusable(source, phrase(texts.CUT_SHORT))
    found = {str(file.relative_to(folder)): _digest(file) for file in folder.rglob("*") if file.is_file()}
    for name in sorted(found.keys() | contents.sha256.keys()):
        if found.get(name) != contents.sha256.get(name):
            raise _unusable(source, phrase(texts.ALTERED, name=name))
    if is_damaged(folder / DATABASE, look_s=60.0):
        raise _unusable(source, phrase(texts.DAMAGED))
    # An older form becomes that of today; one that is newer is refused.
    connect(folder / DATABASE).close()
    return contents


def _laid_out(archive: tarfile.TarFile, folder: Path, source: str) -> Contents | None:
    contents = None
    for entry in archive:
        content = archive.extractfile(entry) if entry.isreg() else None
        if content is not None and entry.name == _CONTENTS:
            contents = msgspec.json.decode(content.read(_BLOCK), type=Contents)
        elif content is not None and _NAME.fullmatch(entry.name):
            place = folder / entry.name
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with open(place, "wb", opener=_for_its_owner) as file:
                shutil.copyfileobj(content, file, _BLOCK)
        else:
            raise _unusable(source, phrase(texts.STRANGER, name=entry.name))
    return contents


def _for_its_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _unusable(source: str, reason: Phrase) -> Misuse:
    return Misuse("no-backup", phrase(texts.NO_BACKUP, file=source, reason=reason))


def _swapped(fresh: Path, state: Path) -> str:
    """Put the files in the place of those that are there; the name of the folder in which these are now, "" where
    there were none."""
    there = [*state.glob(f"{DATABASE}*"), *_kept(state)]
    aside = _moved_aside(there, state) if there else ""
    for file in [one for one in fresh.iterdir() if one.is_file()]:
        file.rename(state / file.name)
    return aside


def _moved_aside(files: list[Path], state: Path) -> str:
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    aside = Path(tempfile.mkdtemp(prefix=f"before-restore-{stamp}-", dir=state))
    for file in files:
        file.rename(aside / file.name)
    return aside.name


def _replace_followed(fresh: Path, state: Path) -> None:
    """What a running edge follows: its users, in one transaction, and the files that commands write."""
    path = state / DATABASE
    with named(path), closing(connect(path)) as live:
        live.execute("PRAGMA secure_delete = ON")
        live.execute("ATTACH DATABASE ? AS backup", (str(fresh / DATABASE),))
        live.execute("BEGIN IMMEDIATE")
        live.execute("DELETE FROM main.accounts WHERE user NOT IN (SELECT user FROM backup.accounts)")
        live.execute(
            f"INSERT OR REPLACE INTO main.accounts ({_ACCOUNTS}) SELECT {_ACCOUNTS} FROM backup.accounts "
            f"EXCEPT SELECT {_ACCOUNTS} FROM main.accounts"
        )
        live.execute("COMMIT")
    for name in _BY_HAND:
        if (fresh / name).is_file():
            replace(state / name, (fresh / name).read_bytes(), mode=0o600)
        else:
            (state / name).unlink(missing_ok=True)


def _add_manifests(fresh: Path, layout: Layout) -> None:
    """Manifests of recordings that are not known any more; `recordings verify` says whose packets are missing."""
    found = sorted((fresh / _MANIFESTS).glob("*.json"))
    if found:
        layout.make()
    for file in found:
        place = layout.manifests / file.name
        if not place.exists():
            replace(place, file.read_bytes(), synced=False)
