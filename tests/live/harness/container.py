"""Builds what the Containerfile says, without a daemon and without its base image.

The base is Debian's Python of this host in a root of its own: /usr is this host's and cannot be written, /usr/local,
/etc and /var are new. Instructions are carried out as buildah does, in mounts that end with each command.
"""

import json
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

_MOUNTS = """
set -e
mount --rbind /usr "$0/usr"
mount -o remount,bind,ro "$0/usr"
mount --bind "$0/local" "$0/usr/local"
mount -t proc proc "$0/proc"
mount --rbind /dev "$0/dev"
cd /
exec chroot "$@"
"""
_LINKS = ("bin", "lib", "lib64", "sbin")
_ETC = ("group", "gshadow", "ld.so.cache", "login.defs", "nsswitch.conf", "passwd", "shadow")
_PATH = "/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin"


@dataclass
class Image:
    """What came of it: a root, and how a container of it is run."""

    root: Path
    env: dict[str, str] = field(default_factory=lambda: {"PATH": _PATH, "LC_ALL": "C.UTF-8"})
    user: str = "root"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)
    stop_signal: str = ""
    volumes: list[str] = field(default_factory=list)

    def argv(self, command: list[str]) -> list[str]:
        """What runs a command in it, as its user and in its environment, in place of the process that runs this."""
        env = [f"{name}={value}" for name, value in self.env.items()]
        within = [f"--userspec={self.user}", str(self.root), "/usr/bin/env", "-i", *env, *command]
        return ["unshare", "-m", "sh", "-c", _MOUNTS, str(self.root), *within]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in it to its end."""
        return subprocess.run(self.argv([*command]), capture_output=True, text=True, check=False, timeout=120)


def base(root: Path) -> Image:
    """A root with Python and pip in /usr/local, as in the images called python."""
    for folder in ("dev", "etc", "local", "proc", "root", "run", "tmp", "usr", "var/lib"):
        (root / folder).mkdir(parents=True)
    for name in _LINKS:
        (root / name).symlink_to(f"usr/{name}")
    for name in _ETC:
        if Path("/etc", name).exists():
            shutil.copy2(Path("/etc", name), root / "etc" / name)
    image = Image(root)
    done = image.run("/usr/bin/python3", "-m", "venv", "/usr/local")
    assert done.returncode == 0, done.stderr
    # Nothing can be fetched: what is needed was laid there before.
    image.env["PIP_NO_INDEX"] = "1"
    return image


def build(image: Image, file: Path, context: Path) -> None:
    """Carry out the instructions of a Containerfile; one that is not known here is an error."""
    text = re.sub(r"^#.*\n", "", file.read_text(), flags=re.M)
    for line in text.replace("\\\n", " ").splitlines():
        word, _, rest = line.strip().partition(" ")
        match word:
            case "" | "FROM" | "EXPOSE" | "ARG":
                continue
            case "COPY":
                pattern, target = rest.split()
                place = image.root / target.strip("/")
                place.mkdir(parents=True, exist_ok=True)
                for one in context.glob(pattern):
                    shutil.copy2(one, place)
            case "RUN":
                done = image.run("/bin/sh", "-c", rest)
                assert done.returncode == 0, f"{rest}\n{done.stdout}{done.stderr}"
            case "ENV":
                name, _, value = rest.partition("=")
                image.env[name] = value
            case "HEALTHCHECK":
                image.health = json.loads(rest.partition(" CMD ")[2])
            case "ENTRYPOINT":
                image.entrypoint = json.loads(rest)
            case "CMD":
                image.command = json.loads(rest)
            case "USER":
                image.user = rest
            case "STOPSIGNAL":
                image.stop_signal = rest
            case "VOLUME":
                image.volumes.append(rest)
            case _:
                raise AssertionError(f"{file.name}: {line}")
