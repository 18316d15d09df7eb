"""What the page's address answers to requests of every kind."""

import gzip
import json
from ipaddress import ip_network
from itertools import count
from pathlib import Path

import pytest

from talkpath.base.address import Address, Flow, Transport
from talkpath.base.http import HttpRequest, HttpResponse
from talkpath.web.guests import GuestRules, Guests
from talkpath.web.progress import Progress, Step
from talkpath.web.site import About, Site

VISITOR = "192.0.2.7"


def flow(host: str) -> Flow:
    return Flow(Transport.WSS, Address("192.0.2.1", 5443), Address(host, 50000), 1)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    for name in ("index.html", "page.js", "page.css", "icon.svg"):
        (tmp_path / name).write_text(f"this is {name}")
    numbers = count(100_000)
    rules = GuestRules((ip_network("192.0.2.0/24"),), 2, 3600, "talkpath")
    guests = Guests(rules, b"k" * 32, lambda first, last: next(numbers), lambda user: False, lambda user, now: True)

    def story(call_id: str, host: str) -> Progress | None:
        took_part = (call_id, host) == ("c 1", VISITOR)
        return Progress([Step(0.5, "ice.selected", "caller")], "", "") if took_part else None

    return Site(About(lambda flow: flow.local.host, 5443), guests, story, lambda: 1000.0, tmp_path)


def ask(site: Site, path: str, method: str = "GET", host: str = VISITOR, **fields: str) -> HttpResponse:
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    return site(HttpRequest(method, path, named, flow(host)))


def test_the_page_and_its_parts_are_served_and_may_load_nothing_from_elsewhere(site: Site) -> None:
    for path, name in (
        ("/", "index.html"),
        ("/?x=1", "index.html"),
        ("/page.js", "page.js"),
        ("/icon.svg", "icon.svg"),
    ):
        answer = ask(site, path)
        assert (answer.status, answer.body) == (200, f"this is {name}".encode())
        assert "default-src 'none'" in answer.fields["Content-Security-Policy"]
        assert answer.fields["X-Content-Type-Options"] == "nosniff"
        assert "connect-src 'self';" in answer.fields["Content-Security-Policy"]
    packed = ask(site, "/page.js", accept_encoding="gzip, br")
    assert packed.fields["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == b"this is page.js"


@pytest.mark.parametrize(
    "path", ["/nothing", "//", "/../site.py", "/static/page.js", "/%2e%2e/x", "*", "", "http://[", "//[x"]
)
def test_nothing_else_is_there(site: Site, path: str) -> None:
    assert ask(site, path).status == 404


@pytest.mark.parametrize(
    ("named", "allowed"),
    [
        ("talk.example:5443", " ws://talk.example:5443 wss://talk.example:5443"),
        ("[2001:db8::1]:5443", " ws://[2001:db8::1]:5443 wss://[2001:db8::1]:5443"),
        ("x; script-src *", ""),
        ("", ""),
    ],
)
def test_a_page_may_open_websockets_to_where_it_came_from(site: Site, named: str, allowed: str) -> None:
    answer = site(HttpRequest("GET", "/", {"host": named}, flow(VISITOR)))
    assert f"connect-src 'self'{allowed};" in answer.fields["Content-Security-Policy"]


def test_other_methods_are_refused(site: Site) -> None:
    assert ask(site, "/", "PUT").status == 405
    assert ask(site, "/guest").status == 404


def test_only_the_page_itself_gets_a_guest_and_no_more_than_there_may_be(site: Site) -> None:
    assert ask(site, "/guest", "POST").status == 403
    told = json.loads(ask(site, "/guest", "POST", x_talkpath="page").body)
    assert told["number"] == "100000"
    again = json.loads(ask(site, "/guest", "POST", x_talkpath="page", x_guest=told["shown"]).body)
    assert again == told
    assert ask(site, "/guest", "POST", x_talkpath="page").status == 200
    full = ask(site, "/guest", "POST", x_talkpath="page")
    assert (full.status, json.loads(full.body)) == (503, {"why": "full"})
    stranger = ask(site, "/guest", "POST", host="198.51.100.1", x_talkpath="page")
    assert (stranger.status, json.loads(stranger.body)) == (403, {"why": "network"})


def test_the_page_learns_its_domain_and_where_it_is_secure(site: Site) -> None:
    told = json.loads(ask(site, "/about").body)
    assert told == {"domain": "192.0.2.1", "securePort": 5443}


def test_how_a_call_goes_is_told_to_those_who_take_part(site: Site) -> None:
    told = ask(site, "/call?id=c%201")
    assert json.loads(told.body) == {"steps": [[0.5, "ice.selected", "caller"]], "end": "", "ended_by": ""}
    assert told.fields["Cache-Control"] == "no-store"
    assert ask(site, "/call?id=c%201", host="192.0.2.8").status == 404
    assert ask(site, "/call").status == 404
