"""The page for operators says what is so: its files are written out, and its tests run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("page", ["testing.md", "testing.zh.md"])
def test_what_the_page_shows_passes(page: str, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "guide" / page).read_text()
    blocks = [(kind, body) for kind, body in re.findall(r"^```(\w+)\n(.*?)^```", text, re.M | re.S)]
    written: dict[str, str] = {}
    for kind, body in blocks:
        named = re.match(r"# (\S+)\n", body)
        name = named[1] if named else "test_routing.py"
        assert kind in ("toml", "python")
        written[name] = written.get(name, "") + body + "\n\n"
    assert sorted(written) == ["routing.py", "talkpath.toml", "test_routing.py"]
    for name, body in written.items():
        (tmp_path / name).write_text(body)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:talkpath",
        "-p",
        "no:asyncio",
    ]
    command += ["-p", "talkpath.testing.plugin", "--rootdir", str(tmp_path), str(tmp_path)]
    environment = {"PYTHONPATH": str(ROOT / "src"), "PATH": ""}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stdout
