"""Registrations run out in their time, whatever was refreshed, shortened or taken back before, and nobody who is not
due is looked at."""

from random import Random

from talkpath.base.address import Address, Flow, Transport
from talkpath.edge.registrar.binding import Binding
from talkpath.edge.registrar.expiry import Expiry
from talkpath.edge.registrar.registrar import Registrar
from talkpath.edge.settings import RegistrarSettings

from .lab import Lab

FLOW = Flow(Transport.UDP, Address("192.0.2.1", 5060), Address("198.51.100.1", 5060))


class Nobody:
    """Keeps no binding and no flow."""

    def save_binding(self, binding: Binding) -> None: ...
    def refresh_binding(self, binding: Binding) -> None: ...
    def drop_binding(self, binding: Binding) -> None: ...

    def forget_binding(self, binding: Binding) -> None: ...
    def hold(self, binding: Binding, now: float) -> None: ...
    def heard(self, flow: Flow) -> None: ...
    def replaced(self, older: Binding, newer: Binding, now: float) -> None: ...
    def release(self, binding: Binding) -> None: ...


def binding(user: str, phone: int, expires_at: float) -> Binding:
    contact = f"sip:{user}@198.51.100.1:{5060 + phone}"
    return Binding(user, ("", contact), contact, "", FLOW, "c", 1, expires_at, 0.0)


def test_whoever_is_due_goes_and_nobody_else() -> None:
    chance = Random(9)
    registrar = Registrar(RegistrarSettings(), Nobody(), Nobody())
    left: dict[tuple[str, str], float] = {}
    now, gone = 1_000_003.0, 0
    for _ in range(3_000):
        now += chance.random() * 2
        user, phone = f"u{chance.randrange(20)}", chance.randrange(3)
        if chance.random() < 0.05:
            registrar.forget(user)
            left = {key: at for key, at in left.items() if key[0] != user}
        else:
            # Longer or shorter than what is there: a phone may want less than before.
            made = binding(user, phone, now + chance.choice((5, 60, 600, 3_600)) * chance.random())
            registrar.load([made], now)
            left[user, made.contact] = made.expires_at
        if chance.random() < 0.3:
            due = {key for key, at in left.items() if at <= now}
            before = {(one.user, one.contact) for one in registrar.held()}
            assert not registrar.expire(now)
            assert before - {(one.user, one.contact) for one in registrar.held()} == due
            left = {key: at for key, at in left.items() if key not in due}
            gone += len(due)
        assert len(registrar) == len(left)
    assert gone > 300
    registrar.expire(now + 3_600)
    assert (len(registrar), len(registrar._expiry)) == (0, 0)


def test_who_is_not_due_is_not_looked_at() -> None:
    """Fifty thousand phones that refresh their hour after half of it: each is looked at once an hour, and kept."""
    expiry = Expiry()
    users = [f"u{number}" for number in range(50_000)]
    looks = 0
    for second in range(0, 7_200, 10):
        for user in users[second % 1_800 * 50_000 // 1_800 : (second % 1_800 + 10) * 50_000 // 1_800]:
            expiry.put(user, second + 3_600.0)
        due = expiry.take(float(second), 50_000)
        looks += len(due)
        for user in due:
            expiry.put(user, second + 1_800.0)
    assert len(expiry) == 50_000
    assert 40_000 < looks <= 110_000


def test_phones_that_are_due_together_are_looked_at_in_portions() -> None:
    registrar = Registrar(RegistrarSettings(), Nobody(), Nobody())
    phones = [binding(f"u{number}", 1, 1_000.0 + number % 2 * 3.0) for number in range(1_000)]
    registrar.load(phones, 0.0)
    registrar.load([binding("u998", 1, 5_000.0)], 0.0)
    sizes = []
    while registrar.expire(1_001.0):
        sizes.append(len(registrar))
        registrar.forget("u996")
    # Those that run out two seconds later were looked at once, and are kept.
    assert sizes == [900, 799, 699, 599]
    assert len(registrar) == 501
    while registrar.expire(1_004.0):
        pass
    assert [one.user for one in registrar.held()] == ["u998"]


def test_what_is_due_together_keeps_nobody_waiting_and_goes_within_seconds() -> None:
    lab = Lab()
    lab.edge.core.registrar.load([binding(f"u{number}", 1, lab.now + 30.0) for number in range(500)], lab.now)
    left = []
    start = lab.now
    while lab.now < start + 45.0:
        lab.wait(0.02)
        if not left or left[-1] != len(lab.edge.core.registrar):
            left.append(len(lab.edge.core.registrar))
    assert left == [500, 300, 100, 0]
