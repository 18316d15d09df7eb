"""The page that `talkpath run` serves, as visitors use it, in a real browser."""

from collections.abc import Iterator

import pytest

from conftest import AnyEdge, Phones
from harness.browser import Browser, Page

pytestmark = pytest.mark.live


@pytest.fixture(name="pages")
def some_pages(browser: Browser, edge: AnyEdge) -> Iterator["Pages"]:
    made = Pages(browser, edge)
    yield made
    made.close()


class Pages:
    """Visitors of the page, each in a window of its own; they must leave without an error in any script."""

    def __init__(self, browser: Browser, edge: AnyEdge) -> None:
        self._browser = browser
        self._url = f"http://localhost:{edge.doors.ws}/"
        self._made: list[Page] = []

    def visit(self, path: str = "") -> Page:
        page = self._browser.page(self._url + path)
        self._made.append(page)
        page.until("!document.querySelector('#primary').disabled")
        return page

    def close(self) -> None:
        for page in self._made:
            page.close()
        assert [page.complaints for page in self._made if page.complaints] == []


def steps_done(page: Page) -> bool:
    return bool(page.until("document.querySelectorAll('#steps .done').length == 6"))


def number_of(page: Page) -> str:
    return page.text("#number").replace(" ", "")


def dial(page: Page, target: str) -> None:
    page.run("document.querySelector('#target').value = %s", target)
    page.click("#dial button")


def test_a_visitor_clicks_once_and_hears_the_echo(pages: Pages) -> None:
    page = pages.visit()
    page.click("#primary")
    assert steps_done(page)
    page.click("#end")
    page.until("document.querySelector('#outcome').innerText == 'You hung up.'")


def test_two_visitors_talk_by_the_link_that_one_of_them_shares(pages: Pages) -> None:
    one = pages.visit()
    other = pages.visit(f"#{number_of(one)}")
    other.click("#primary")
    one.click("#answer")
    assert steps_done(one)
    assert steps_done(other)
    one.click("#end")
    other.until("document.querySelector('#outcome').innerText == 'The other side hung up.'")


def test_a_visitor_calls_a_desk_phone_and_is_called_by_it(pages: Pages, phones: Phones) -> None:
    page, phone = pages.visit(), phones.baresip()
    dial(page, phone.identity.user)
    phone.accept()
    assert steps_done(page)
    phone.hang_up()
    page.until("document.querySelector('#outcome').innerText == 'The other side hung up.'")
    phone.dial(number_of(page))
    page.click("#answer")
    phone.established()
    assert steps_done(page)
    page.click("#end")
    phone.closed()
