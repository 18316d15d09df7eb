"""Compiles the modules that every SIP message passes, and installs talkpath with them: `python native/compile.py`.

The sources stay plain Python and run as they are; mypyc turns those named here into C extensions that do the same in
about half the time (docs/decisions/compiled-modules.md). What is installed is a copy, so that `PYTHONPATH=src` always
means the sources. Nothing is compiled again while neither these modules nor what they stand on have changed.
"""

import compileall
import hashlib
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXTENSIONS = ROOT / "native" / "extensions.py"
SOURCE = ROOT / "src" / "talkpath"
BUILD = ROOT / "build" / "compiled"
INSTALLED = Path(sysconfig.get_path("purelib")) / "talkpath"

ROOMS = ("base", "sip", "sdp", "edge", "calls", "ice", "secure", "media")
MODULES = (
    *("net/clock.py", "net/doors.py", "net/media.py", "net/pacing.py", "net/signalling.py"),
    # What every call of a capture passes.
    *("explain/reading/attributes.py", "explain/reading/traits.py", "explain/judging/common.py"),
    *(
        "explain/judging/verdict.py",
        "explain/judging/rules/capture_incomplete.py",
        "explain/judging/rules/scanner.py",
    ),
    *("explain/judging/rules/toll_fraud.py", "explain/telling/as_json.py", "rtp/mos.py"),
)
# Named tuples and plain values that msgspec writes by their annotations, which compiling takes from them.
PLAIN = (
    *("base/address.py", "calls/guarded.py", "calls/model.py", "edge/registrar/binding.py", "edge/nodes/record.py"),
    *("ice/record.py", "media/record.py"),
    "secure/suites.py",
)
# No message passes these, and compiling them takes long.
COLD = (
    "calls/cluster_words.py",
    "calls/drawing.py",
    "calls/gateway_words.py",
    "calls/guarded_words.py",
    "calls/media_words.py",
    "calls/recording_words.py",
    "calls/script_words.py",
    "calls/words.py",
    "media/memory.py",
    "media/words.py",
)
# What the compiled modules call: they are made for its signatures.
GROUND = ("capture", "explain/reading", "explain/judging", "explain/telling", "rtp")


def compiled_modules() -> list[Path]:
    """The modules to compile, relative to the package."""
    found = [path for room in ROOMS for path in sorted((SOURCE / room).rglob("*.py"))]
    names = [path.relative_to(SOURCE) for path in found] + [Path(name) for name in MODULES]
    return [name for name in names if name.name != "__init__.py" and str(name) not in PLAIN + COLD]


def fingerprint() -> str:
    """Changes whenever something must be compiled again."""
    seen = hashlib.sha256(f"{sys.version} {sysconfig.get_platform()}".encode())
    ground = [path for room in (*ROOMS, *GROUND) for path in sorted((SOURCE / room).rglob("*.py"))]
    stub = SOURCE / "_native.pyi"
    for path in [Path(__file__), EXTENSIONS, stub, *ground, *(SOURCE / name for name in MODULES)]:
        seen.update(f"{path.name} {path.stat().st_size}\n".encode() + path.read_bytes())
    return seen.hexdigest()


def compile_modules() -> bool:
    """Leave a package with compiled modules in BUILD; False when it could not be compiled."""
    mark = BUILD / "fingerprint"
    now = fingerprint()
    if mark.exists() and mark.read_text() == now:
        return True
    shutil.rmtree(BUILD, ignore_errors=True)
    shutil.copytree(SOURCE, BUILD / "talkpath", ignore=shutil.ignore_patterns("__pycache__"))
    print("talkpath: compiling what every message passes (one or two minutes, when it changed)", file=sys.stderr)
    command = [sys.executable, str(EXTENSIONS), "build_ext", "--inplace", "--"]
    command += [f"talkpath/{name}" for name in compiled_modules()]
    with (BUILD / "log").open("w") as log:
        done = subprocess.run(command, cwd=BUILD, stdout=log, stderr=log, check=False)
    if done.returncode:
        print(f"talkpath: they did not compile and run as they are ({BUILD / 'log'} says why)", file=sys.stderr)
        return False
    mark.write_text(now)
    return True


def install(compiled: bool) -> None:
    """Put the sources as they are now, and what was compiled of them, where `talkpath` is imported from."""
    fresh = INSTALLED.with_name("talkpath.new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(SOURCE, fresh, ignore=shutil.ignore_patterns("__pycache__"))
    # All compiled modules are in one library beside the package; small ones in the package lead to it.
    kept = INSTALLED / "compiled"
    if kept.exists():
        (INSTALLED.parent / kept.read_text()).unlink(missing_ok=True)
    if compiled:
        (library,) = BUILD.glob("*__mypyc.*.so")
        shutil.copy2(library, INSTALLED.parent)
        (fresh / "compiled").write_text(library.name)
        for name in compiled_modules():
            for module in (BUILD / "talkpath" / name).parent.glob(f"{name.stem}.*.so"):
                shutil.copy2(module, (fresh / name).parent)
    # A command starts in a third of the time when its modules are read as bytecode.
    compileall.compile_dir(fresh, quiet=1, stripdir=str(fresh), prependdir=str(INSTALLED))
    shutil.rmtree(INSTALLED, ignore_errors=True)
    fresh.rename(INSTALLED)


if __name__ == "__main__":
    install(compile_modules())
