"""Parties that name themselves by a host name: it is looked up like any other, once their connection is gone."""

import pytest
from tests.edge.lab import HOME, OFFER, Lab, Phone

from talkpath.base.address import Address, Target, Transport

NAME = "desk.example"
THERE = Address("198.51.100.2", 5070)


@pytest.mark.parametrize("is_known", [True, False])
def test_a_bye_goes_where_the_name_in_the_contact_leads(lab: Lab, callee: Phone, is_known: bool) -> None:
    mouth = lab.phone("1001", THERE.host, 40_000, Transport.TCP)
    mouth.contact = f"sip:1001@{NAME};transport=tcp"
    ear = lab.phone("1001", THERE.host, THERE.port, Transport.TCP)
    mouth.invite(f"sip:1002@{HOME}", body=OFFER)
    invite = callee.take()
    callee.answer(invite, 200, body=OFFER)
    mouth.ack(mouth.last(), callee.contact)
    if is_known:
        lab.names[NAME] = [Target(Transport.TCP, THERE)]
    lab.close(mouth)
    callee.in_dialog("BYE", invite)
    if is_known:
        ear.answer(ear.take(), 200)
        assert (callee.last().status, callee.last().method) == (200, "BYE")
    else:
        assert (callee.last().status, ear.inbox) == (430, [])
        assert "dns.failed" in lab.kinds("c1")
