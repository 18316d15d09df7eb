"""The command `install-service`, as click sees it. What it does is in `command.py`."""

import sys
from pathlib import Path

import click

from talkpath.app.console import options
from talkpath.app.console.choose import SYSTEM_FILE
from talkpath.app.console.options import FILE, LANGUAGE, help_of
from talkpath.app.service import words as texts


def register(app: click.Group) -> None:
    """Add the command."""
    app.add_command(install_service)


@click.command("install-service", help=help_of(texts.HELP))
@click.option("--dry-run", is_flag=True, help=help_of(texts.HELP_DRY_RUN))
@click.option("--yes", "-y", is_flag=True, help=help_of(texts.HELP_YES))
@click.option("--uninstall", is_flag=True, help=help_of(texts.HELP_UNINSTALL))
@click.option("--user", default="talkpath", help=help_of(texts.HELP_USER))
@click.option("--root", type=FILE, default=Path("/"), help=help_of(texts.HELP_ROOT))
@options.config
@options.lang
def install_service(dry_run: bool, yes: bool, uninstall: bool, user: str, root: Path, config: Path | None) -> None:
    """Make talkpath a service, or take that back."""
    from talkpath.app.service.command import Service, install
    from talkpath.app.service.command import uninstall as take_away

    program = Path(sys.argv[0]).absolute()
    if program.name != "talkpath":
        # `python -m talkpath`: the command lies beside the interpreter.
        program = Path(sys.executable).absolute().parent / "talkpath"
    service = Service(program, (config or SYSTEM_FILE).absolute(), user, root.absolute())
    do = take_away if uninstall else install
    do(service, LANGUAGE, is_dry=dry_run, ask=lambda text: yes or _asked(text))


def _asked(text: str) -> bool:
    """Yes of somebody at a terminal; without one, no."""
    if not sys.stdin.isatty():
        return False
    print(text, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes", "是")
