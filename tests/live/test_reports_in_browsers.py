"""The report of `explain --html`, opened as anybody opens it: a file, in Chromium and in Firefox, at every width."""

from collections.abc import Callable, Iterator

import pytest
from tests.explain.generator.sip import Agent, Call, Proxy
from tests.explain.generator.wire import EPOCH, Wire

from harness.browser import Browser, ChromiumPage
from harness.firefox import Firefox
from harness.page import Page
from talkpath.base.texts import Language
from talkpath.capture.reader import Capture
from talkpath.explain.judging.explanation import Explainer
from talkpath.explain.telling.page import write_page

pytestmark = pytest.mark.live

Open = Callable[[str], Page]
WIDTHS = (390, 1100, 1600)
# A label that leaves the arrow it stands on, or a box that leaves the page.
OVERRUN = """[...document.querySelectorAll('.arrow')].filter(one => {
  const [box, text] = [one, one.firstChild].map(each => each.getBoundingClientRect());
  return text.width && (text.left < box.left - 1 || text.right > box.right + 1);
}).length"""
TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


def capture() -> bytes:
    """120 calls; every fourth is silent on one side."""
    wire = Wire()
    for number in range(120):
        one = Agent(f"{1000 + number}", f"10.{number % 4}.0.{number + 11}", media_port=10_000 + 2 * number)
        two = Agent(f"{3000 + number}", f"10.9.0.{number + 1}", media_port=20_000 + 2 * number)
        call = Call(wire, one, two, [Proxy()], at=EPOCH + 60 * number)
        call.invite().ring().answer().ack()
        call.talk(7, **({"a": {"sound": "silence"}} if number % 4 == 1 else {})).bye()
    return wire.pcap()


@pytest.fixture(scope="module", name="reports")
def reports_in_both_languages(tmp_path_factory: pytest.TempPathFactory) -> dict[Language, str]:
    folder = tmp_path_factory.mktemp("reports")
    (folder / "calls.pcap").write_bytes(capture())
    read = Capture([str(folder / "calls.pcap")])
    explainer = Explainer()
    for batch in read.batches():
        explainer.receive(batch)
    explanation = explainer.finish(read.files)
    for language in Language:
        text = "".join(write_page(explanation, language))
        (folder / f"{language}.html").write_text(text, encoding="utf-8")
    return {language: (folder / f"{language}.html").as_uri() for language in Language}


@pytest.fixture(scope="module")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    with Firefox(tmp_path_factory.mktemp("firefox")) as made:
        yield made


@pytest.fixture(params=["browser", "firefox"])
def look_at(request: pytest.FixtureRequest) -> Open:
    """Opens a page in Chromium, or in Firefox."""
    page: Open = request.getfixturevalue(request.param).page
    return page


def test_what_was_found_leads_to_its_calls_and_back(look_at: Open, reports: dict[Language, str]) -> None:
    page = look_at(reports[Language.EN])
    page.until("'ready' in document.body.dataset")
    assert page.text("#found .act") == "Have the caller look at plug, headset and mute of the phone"
    page.click("#found .calls a")
    page.until("document.querySelector('tr.detail .ladder') !== null")
    assert page.run("location.hash").startswith("#call=")
    assert "1001 at 10.1.0.12" in page.text("tr.detail .act")
    # Whoever walks with the keyboard is where he was led to.
    assert page.run("document.activeElement.closest('tr').className") == "call open"
    page.run("history.back()")
    page.until("!document.querySelector('tr.detail')")
    assert page.complaints == []
    page.close()


def test_calls_are_chosen_sorted_and_shared_by_address(look_at: Open, reports: dict[Language, str]) -> None:
    page = look_at(f"{reports[Language.EN]}#code=digital-silence&sort=from&down=1")
    page.until("'ready' in document.body.dataset")
    assert page.run("document.querySelectorAll('tr.call').length") == 30
    assert page.text("tr.call td:nth-child(2)") == "1117"
    assert page.run("document.querySelectorAll('.when a').length") > 10
    assert page.text("#common tbody td:nth-child(2)").startswith("subnet 10.1.0.0/24")
    page.click("#filters > a")
    page.until("document.querySelectorAll('tr.call').length == 100")
    page.click("#more")
    page.until("document.querySelectorAll('tr.call').length == 120")
    assert page.complaints == []
    page.close()


@pytest.mark.parametrize("language", list(Language))
def test_it_fits_a_phone_and_a_wide_screen(
    browser: Browser, reports: dict[Language, str], language: Language
) -> None:
    page: ChromiumPage = browser.page(reports[language])
    page.until("'ready' in document.body.dataset")
    for width in WIDTHS:
        page.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
        )
        for call in ("calls[1]", "calls[0]"):
            page.run(f"location.hash = '#call=' + {call}.id")
            page.until(f"document.body.dataset.ready == '#call=' + {call}.id")
            assert page.run(TOO_WIDE) is False
            assert page.run(OVERRUN) == 0
    page.close()
