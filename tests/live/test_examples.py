"""An example as its page says that it is started, with real phones."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.baresip import Baresip
from harness.browser import Browser
from harness.edge import COMMAND, Identity
from harness.network import HOME
from harness.process import Process
from harness.sound import assert_tone
from harness.talk import begin, end, listen
from harness.webphone import WebPhone

pytestmark = pytest.mark.live

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def webrtc(tmp_path: Path) -> Iterator[Process]:
    """The WebRTC gateway, at the ports that it names."""
    config = EXAMPLES / "webrtc" / "talkpath.toml"
    argv = [str(COMMAND), "run", "--config", str(config), "--state", str(tmp_path / "state")]
    process = Process(argv, tmp_path / "log", env={"LC_ALL": "C.UTF-8"}, is_prompt=True).ready("Ctrl-C")
    yield process
    process.stop(patience_s=40)


def test_a_browser_and_a_desk_phone_call_each_other_through_the_gateway(
    webrtc: Process, browser: Browser, tmp_path: Path
) -> None:
    places = [tmp_path / name for name in ("desk", "page")]
    for place in places:
        place.mkdir()
    with Baresip(Identity("desk", "change-me-1", HOME, 5060), places[0], hertz=620.0) as desk:
        who = Identity("browser", "change-me-2", "calls.example", 5443, "wss")
        page = WebPhone(browser, who, places[1], hertz=940.0, url=f"wss://{HOME}:5443/")
        page.registered()
        desk.registered()
        for caller, callee in ((page, desk), (desk, page)):
            begin(caller, callee)
            listen(caller, callee, 1.5)
            end(callee, caller)
        assert_tone(620.0, page.heard())
        assert_tone(940.0, desk.heard())
        page.stop()
    assert "Traceback" not in webrtc.text
