"""The command `talkpath`, which is also `python -m talkpath`."""

import signal


def main() -> None:
    """Run the command line. Until it is loaded there is nothing to put in order, and an interrupt simply ends us."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from talkpath.app.cli import main as run

    run()


if __name__ == "__main__":
    main()
