"""The calls of a transfer tell of each other (RFC 5589)."""

from tests.edge.lab import HOME, Lab, Phone, call

from talkpath.calls.ids import id_of


def moments(lab: Lab, call_id: str) -> dict[str, object]:
    """The calls that a call's story names, by the kind of moment."""
    trace = lab.ledger.trace(call_id)
    assert trace is not None
    return {one.kind: one.values.get("call") for one in trace.moments if one.kind.startswith("transfer.")}


def name(lab: Lab, call_id: str) -> str:
    trace = lab.ledger.trace(call_id)
    assert trace is not None
    return id_of(call_id, trace.start)


def refer(lab: Lab, caller: Phone, callee: Phone, target: str) -> None:
    """A call between both, in which the caller asks the callee to call somebody."""
    _, answer = call(caller, callee)
    routes = "".join(f"Route: {one}\n" for one in reversed(answer.listed("Record-Route")))
    caller.request(
        "REFER",
        answer.address("Contact").uri,
        to=answer.first("To") or "",
        call_id=answer.call_id,
        extra=f"{routes}Refer-To: <sip:{target}@{HOME}>",
    )


def test_the_call_that_a_transfer_makes_is_linked_with_the_one_that_asked_for_it(
    lab: Lab, caller: Phone, callee: Phone
) -> None:
    lab.registered("1003", "198.51.100.9")
    refer(lab, caller, callee, "1003")
    assert "transfer.asked" in moments(lab, "c1")
    callee.invite(f"sip:1003@{HOME}", call_id="c2")
    assert moments(lab, "c2") == {"transfer.made": name(lab, "c1")}
    assert moments(lab, "c1")["transfer.became"] == name(lab, "c2")


def test_a_call_to_somebody_else_or_much_later_is_no_transfer(lab: Lab, caller: Phone, callee: Phone) -> None:
    lab.registered("1003", "198.51.100.9")
    refer(lab, caller, callee, "1003")
    callee.invite(f"sip:1001@{HOME}", call_id="c2")
    lab.now += 60
    callee.invite(f"sip:1003@{HOME}", call_id="c3")
    assert moments(lab, "c2") == moments(lab, "c3") == {}


def test_a_call_with_replaces_names_the_one_whose_place_it_takes(lab: Lab, caller: Phone, callee: Phone) -> None:
    call(caller, callee)
    lab.registered("1003", "198.51.100.9").invite(
        f"sip:1002@{HOME}", call_id="c2", extra="Replaces: c1;to-tag=a;from-tag=b"
    )
    assert moments(lab, "c2") == {"transfer.replaces": name(lab, "c1")}
    assert moments(lab, "c1") == {"transfer.replaced": name(lab, "c2")}


def test_replaces_of_a_call_that_nobody_knows_links_nothing(lab: Lab, caller: Phone, callee: Phone) -> None:
    caller.invite(f"sip:1002@{HOME}", call_id="c2", extra="Replaces: nobody;to-tag=a;from-tag=b")
    assert moments(lab, "c2") == {}
