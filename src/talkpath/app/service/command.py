"""Makes talkpath a service of systemd, step by step; each step says what it will do before any is done."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from talkpath.app.config.pages import example
from talkpath.app.console.choose import load
from talkpath.app.console.phrase import Misuse, Phrase, Trouble, phrase
from talkpath.app.service import words as texts
from talkpath.app.service.unit import unit_of
from talkpath.base.texts import Language
from talkpath.store.files import replace

UNIT = Path("/etc/systemd/system/talkpath.service")
_USERS = Path("/etc/sysusers.d/talkpath.conf")
_STATE = Path("/var/lib/talkpath")
# systemd is there (sd_booted(3)).
_BOOTED = Path("/run/systemd/system")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is done: said before, then done. `shown` is what is written, for those who look first."""

    what: Phrase
    do: Callable[[], None]
    shown: str = ""


@dataclass(frozen=True, slots=True)
class Service:
    """What is made a service: `program` is the command, `config` the file it reads, `root` where the files lie."""

    program: Path
    config: Path
    user: str
    root: Path = Path("/")

    @property
    def is_here(self) -> bool:
        """Whether the service is of the system that runs, and not of one that lies in a folder."""
        return self.root == Path("/")

    def place(self, path: Path) -> Path:
        """Where a file of the service's system lies for us."""
        return self.root / path.relative_to("/")

    def steps(self, language: Language) -> Iterator[Step]:
        """What makes it a service. Raises `BadConfig` where the configuration is there and wrong."""
        there = self.place(self.config)
        config = load(there if there.exists() else None, is_to_run=False)
        unit = unit_of(config, self.program, self.config, self.user)
        user = f'u {self.user} - "talkpath" {_STATE}\n'
        yield Step(phrase(texts.STEP_USER, user=self.user), lambda: self._make_user(user), user)
        folder = self.config.parent
        yield Step(phrase(texts.STEP_FOLDER, path=folder, user=self.user), lambda: self._make_folder(folder))
        if not there.exists():
            what = phrase(texts.STEP_CONFIG, path=self.config)
            yield Step(what, lambda: self._write_config(example(language)))
        yield Step(phrase(texts.STEP_UNIT, path=UNIT), lambda: self._write(UNIT, unit), unit)
        if self.is_here:
            yield Step(phrase(texts.STEP_START), _start)

    def steps_back(self) -> Iterator[Step]:
        """What takes the service away again."""
        if self.is_here:
            yield Step(phrase(texts.STEP_STOP), lambda: _run("systemctl", "disable", "--now", UNIT.name))
        for path in (UNIT, _USERS):
            yield Step(phrase(texts.STEP_REMOVE, path=path), lambda path=path: self._remove(path))  # type: ignore[misc]
        if self.is_here:
            yield Step(phrase(texts.STEP_RELOAD), lambda: _run("systemctl", "daemon-reload"))

    def _make_user(self, line: str) -> None:
        self._write(_USERS, line)
        _run("systemd-sysusers", f"--root={self.root}", _USERS.name)

    def _make_folder(self, folder: Path) -> None:
        place = self.place(folder)
        place.mkdir(parents=True, exist_ok=True)
        self._belongs_to_service(place, 0o750)

    def _write_config(self, content: str) -> None:
        self._write(self.config, content)
        self._belongs_to_service(self.place(self.config), 0o640)

    def _write(self, path: Path, content: str) -> None:
        place = self.place(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        replace(place, content.encode(), mode=0o644)

    def _belongs_to_service(self, place: Path, mode: int) -> None:
        """Root writes it, the service reads it, nobody else does."""
        place.chmod(mode)
        os.chown(place, 0, self._group())

    def _group(self) -> int:
        """The group of the user, in the system that the files belong to."""
        for line in self.place(Path("/etc/group")).read_text().splitlines():
            name, _, number, *_ = line.split(":")
            if name == self.user:
                return int(number)
        raise Trouble("no-group", phrase(texts.NO_GROUP, user=self.user))

    def _remove(self, path: Path) -> None:
        self.place(path).unlink(missing_ok=True)


def install(service: Service, language: Language, *, is_dry: bool, ask: Callable[[str], bool]) -> None:
    """Show what makes it a service, and do it when `ask` is told yes. Raises `Trouble`."""
    _go_through(
        list(service.steps(language)),
        service,
        language,
        is_dry=is_dry,
        ask=ask,
        done=phrase(texts.DONE if service.is_here else texts.LAID_OUT),
    )


def uninstall(service: Service, language: Language, *, is_dry: bool, ask: Callable[[str], bool]) -> None:
    """Show what takes it away, and do it when `ask` is told yes. Raises `Trouble`."""
    done = phrase(texts.REMOVED, config=service.config.parent, state=_STATE)
    _go_through(list(service.steps_back()), service, language, is_dry=is_dry, ask=ask, done=done)


def _go_through(
    steps: list[Step],
    service: Service,
    language: Language,
    *,
    is_dry: bool,
    ask: Callable[[str], bool],
    done: Phrase,
) -> None:
    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    say(texts.THIS_WILL.say(language))
    for number, step in enumerate(steps, 1):
        say(f"  {number}. {step.what.say(language)}")
    if is_dry:
        for step in steps:
            print(step.shown, end="\n" if step.shown else "")
        return
    _must_be_able(service)
    if not ask(texts.ASK.say(language)):
        say(texts.NOTHING_DONE.say(language))
        return
    for step in steps:
        step.do()
    say(done.say(language))


def _must_be_able(service: Service) -> None:
    if not service.is_here:
        return
    # ProtectHome= hides these from the service.
    if service.program.is_relative_to("/root") or service.program.is_relative_to("/home"):
        raise Misuse("out-of-reach", phrase(texts.OUT_OF_REACH, program=service.program))
    if os.geteuid() != 0:
        raise Trouble("not-root", phrase(texts.NOT_ROOT))
    if not _BOOTED.is_dir():
        raise Trouble("no-systemd", phrase(texts.NO_SYSTEMD))


def _start() -> None:
    _run("systemctl", "daemon-reload")
    _run("systemctl", "enable", "--now", UNIT.name)


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    except OSError as error:
        what = phrase(texts.STEP_FAILED, command=" ".join(command), reason=error.strerror)
        raise Trouble("step-failed", what) from error
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise Trouble("step-failed", phrase(texts.STEP_FAILED, command=" ".join(command), reason=reason[0]))
