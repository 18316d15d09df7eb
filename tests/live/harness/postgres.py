"""PostgreSQL of Debian over a directory of its own, as the user that its package made: it does not run as root."""

import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from harness.network import HOME, free_port, run
from harness.process import Process, Stoppable

PROGRAMS = max(Path("/usr/lib/postgresql").glob("*/bin"), default=Path("/usr/bin"))
_AS = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
PASSWORD = "only for tests"


class Postgres(Stoppable):
    """One server with the database `calls`, owned by the user `talkpath`."""

    def __init__(self) -> None:
        # Its user may not enter what belongs to the tests.
        self.place = Path(tempfile.mkdtemp(prefix="talkpath-postgres-"))
        shutil.chown(self.place, "postgres", "postgres")
        self.port = free_port()
        self._password = self.place / "password"
        self._password.write_text(PASSWORD)
        self._password.chmod(0o644)
        argv = [str(PROGRAMS / "initdb"), "-D", str(self.place / "data"), "-U", "talkpath", "--no-sync"]
        argv += ["--auth=scram-sha-256", f"--pwfile={self._password}", "--no-locale", "-E", "UTF8"]
        subprocess.run([*_AS, *argv], check=True, capture_output=True, timeout=120, cwd=self.place)
        with (self.place / "data/pg_hba.conf").open("a") as rules:
            rules.write("host all all all scram-sha-256\n")
        self._server = self._start()
        self.ask("CREATE DATABASE calls", "postgres")
        self._mounted: list[Path] = []

    def _start(self) -> Process:
        argv = [*_AS, str(PROGRAMS / "postgres"), "-D", str(self.place / "data"), "-h", HOME, "-p", str(self.port)]
        argv += ["-k", str(self.place), "-F"]
        server = Process(argv, self.place / "log", env={"LC_ALL": "C"}, cwd=self.place)
        return server.ready("ready to accept connections")

    def url(self, *, password: str = PASSWORD, database: str = "calls", user: str = "talkpath") -> str:
        return f"postgresql://{user}:{password.replace(' ', '%20')}@{HOME}:{self.port}/{database}"

    def ask(self, statement: str, database: str = "calls") -> str:
        """What psql prints."""
        argv = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statement, self.url(database=database)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def disk(self, name: str, size: str) -> None:
        """A tablespace that is full after so much."""
        place = self.place / name
        place.mkdir()
        run(f"mount -t tmpfs -o size={size},mode=0700,uid=postgres tmpfs {place}")
        self._mounted.append(place)
        self.ask(f"CREATE TABLESPACE {name} LOCATION '{place}'")

    def away(self) -> None:
        """As when its machine is restarted."""
        self._server.send(signal.SIGINT)
        self._server.wait_ended()

    def back(self) -> None:
        self._server = self._start()

    def stands_still(self, *, still: bool) -> None:
        """The machine is there and nothing on it answers; or it goes on."""
        for process in (self._server.pid, *self._children()):
            run(f"kill -{'STOP' if still else 'CONT'} {process}")

    def _children(self) -> list[int]:
        done = subprocess.run(["pgrep", "-P", str(self._server.pid)], capture_output=True, text=True, check=False)
        return [int(line) for line in done.stdout.split()]

    def stop(self) -> None:
        self._server.send(signal.SIGINT)
        self._server.wait_ended()
        for place in self._mounted:
            run(f"umount {place}")
        shutil.rmtree(self.place)
