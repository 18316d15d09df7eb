"""What a script passes on may be text of its own kind; the edge, its ledger and its history get plain text."""

from talkpath.routing import gateways, redirect, reject, uri, users
from talkpath.routing.routes import ToGroup, ToUri, ToUsers


class Kind(str):
    """Text that knows more."""

    __slots__ = ()


def test_targets_are_plain_text() -> None:
    (of_users,) = users(Kind("anna")).steps[0].aims
    assert isinstance(of_users, ToUsers)
    assert [type(name) for name in of_users.names] == [str]
    (of_group,) = gateways(Kind("carrier"), number=Kind("+49")).steps[0].aims
    assert isinstance(of_group, ToGroup)
    assert (type(of_group.name), type(of_group.number)) == (str, str)
    (of_uri,) = uri(Kind("sip:x@example.com")).steps[0].aims
    assert isinstance(of_uri, ToUri)
    assert type(of_uri.text) is str


def test_answers_are_plain_text() -> None:
    assert type(reject(403, Kind("No")).reason) is str
    assert type(redirect(Kind("sip:x@example.com")).fields) is str
