"""A page of a browser, whatever the browser: scripts are run in it and what comes true in it is waited for."""

from typing import Any

from harness.process import wait_until

# What a click, a load, or a question to a page may take on a busy machine.
PATIENCE_S = 30.0


class PageFailed(AssertionError):
    """A script of a page threw, or something did not come true in time."""


class Page:
    """One page. Scripts that throw where a test asked something raise here."""

    def __init__(self) -> None:
        #: What scripts threw and nobody caught.
        self.complaints: list[str] = []

    def run(self, expression: str, *values: Any) -> Any:
        """The value of a JavaScript expression, awaited; `%s` in it stand for the values, as JSON."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the tab without asking it."""
        raise NotImplementedError

    def until(self, condition: str, *values: Any, timeout_s: float = PATIENCE_S) -> Any:
        """Wait until an expression is true; its value."""
        value: Any = None

        def holds() -> bool:
            nonlocal value
            value = self.run(condition, *values)
            return bool(value)

        if not wait_until(holds, timeout_s):
            raise PageFailed(f"not true in {timeout_s} s: {condition} {values} {self.complaints}")
        return value

    def click(self, selector: str) -> None:
        """Click an element once it is there and enabled."""
        ready = "e && !e.disabled && e.offsetParent !== null"
        self.until(f"(e => {ready} && (e.click(), true))(document.querySelector(%s))", selector)

    def text(self, selector: str) -> str:
        """What an element says."""
        return str(self.run("document.querySelector(%s).innerText", selector))
