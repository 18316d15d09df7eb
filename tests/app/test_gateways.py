"""`talkpath gateways`: what is done by hand, and that a running edge follows it; what is shown and told."""

import asyncio
import json
import logging
import wave
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.edge.carrier import Carrier, gateway, house, named, trunk

from talkpath.app.config.gateways import Gateway
from talkpath.app.config.records import State
from talkpath.app.config.routing import Routing
from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Misuse, Trouble
from talkpath.app.gateways import cli as gateways_cli
from talkpath.app.gateways import command as gateways
from talkpath.app.gateways.by_hand import OwnGateways, gateway_of, values_of
from talkpath.app.gateways.rows import gateway_rows
from talkpath.app.gateways.settings import gateway_settings, routing_settings
from talkpath.app.listening.certificate import self_signed
from talkpath.app.log.gateways import GatewayLog
from talkpath.app.metrics.gateways import gateway_metrics
from talkpath.app.metrics.page import Metrics
from talkpath.app.node.control import ControlClient, ControlServer
from talkpath.base.address import Transport
from talkpath.base.redact import Secret
from talkpath.base.texts import Language
from talkpath.calls.ledger import Ledger
from talkpath.edge.gateways.gateway import How
from talkpath.edge.gateways.gateway import State as GatewayState
from talkpath.edge.gateways.settings import ProbeSettings

PLACE = "198.51.100.50"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    configured = Gateway(name="carrier-a", address=PLACE)
    return Config(state=State(directory=str(tmp_path)), gateways=(configured,))


def test_a_gateway_added_by_hand_is_there_within_a_second_and_after_a_restart(config: Config, tmp_path: Path) -> None:
    lab = house(gateway_settings(config.gateways[0]))
    own = OwnGateways(tmp_path)
    own.follow(lab.edge.gateways, lab.now)
    values = {"name": "b", "address": "203.0.113.5:5070", "username": "4930", "password": "hidden", "weight": 7}
    gateways.add(config, values, Language.EN)
    own.follow(lab.edge.gateways, lab.now)
    settings = named(lab, "b").settings
    assert (settings.address, settings.port, settings.weight) == ("203.0.113.5", 5070, 7)
    assert settings.password.reveal() == "hidden"
    assert oct((tmp_path / "gateways.json").stat().st_mode)[-3:] == "600"
    again = house(gateway_settings(config.gateways[0]))
    OwnGateways(tmp_path).follow(again.edge.gateways, again.now)
    assert named(again, "b").settings == settings


def test_a_gateway_removed_by_hand_gets_no_more_and_one_of_the_configuration_stays(
    config: Config, tmp_path: Path
) -> None:
    lab = house(gateway_settings(config.gateways[0]))
    own = OwnGateways(tmp_path)
    gateways.add(config, {"name": "b", "address": PLACE}, Language.EN)
    own.follow(lab.edge.gateways, lab.now)
    gateways.remove(config, ["b"], Language.EN)
    own.follow(lab.edge.gateways, lab.now)
    assert lab.edge.gateways.named("b") is None
    with pytest.raises(Trouble, match="stands in the configuration"):
        gateways.remove(config, ["carrier-a"], Language.EN)


def test_disabled_by_hand_holds_across_a_restart_until_it_is_enabled(config: Config, tmp_path: Path) -> None:
    gateways.disable(config, ["carrier-a"], Language.EN, is_disabled=True)
    lab = house(gateway_settings(config.gateways[0]))
    own = OwnGateways(tmp_path)
    own.follow(lab.edge.gateways, lab.now)
    assert named(lab, "carrier-a").state is GatewayState.DISABLED
    gateways.disable(config, ["carrier-a"], Language.EN, is_disabled=False)
    own.follow(lab.edge.gateways, lab.now)
    assert named(lab, "carrier-a").state is GatewayState.NEW


def test_an_unknown_name_is_shown_the_nearest_right_one(config: Config) -> None:
    for act in (
        lambda: gateways.disable(config, ["carier-a"], Language.EN, is_disabled=True),
        lambda: gateways.remove(config, ["carier-a"], Language.EN),
    ):
        with pytest.raises(Trouble, match="Did you mean carrier-a"):
            act()
    with pytest.raises(Trouble, match="lists them"):
        gateways.disable(config, ["x"], Language.EN, is_disabled=True)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"name": "a b", "address": PLACE}, "cannot be the name"),
        ({"name": "b", "address": "sip:x"}, "not a host name"),
        ({"name": "b", "address": ""}, "no address"),
        ({"name": "b", "address": PLACE, "register": True}, 'no "username"'),
        ({"name": "b", "address": PLACE, "username": "4930", "password": ""}, "is empty"),
        ({"name": "b", "address": PLACE, "username": "a b"}, "cannot be a user name"),
    ],
)
def test_what_cannot_be_a_gateway_is_said_as_in_the_configuration(
    config: Config, values: dict[str, object], said: str
) -> None:
    with pytest.raises(Misuse, match=said):
        gateways.add(config, values, Language.EN)


def test_who_may_sign_its_certificate_is_known_while_it_is_there(tmp_path: Path) -> None:
    lab = house(gateway("a", "sip.carrier.example", ca="a.pem"), gateway("b", "sip.other.example"))
    lab.wait(0.1)
    table = lab.edge.gateways
    assert [table.authority(place) for place in ("sip.carrier.example", "sip.other.example")] == ["a.pem", ""]
    table.remove("a", lab.now)
    assert table.authority("sip.carrier.example") == ""


def test_a_file_is_named_as_it_is_seen_from_where_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = self_signed(tmp_path, []).certificate
    done = add_by_command(tmp_path, "--ca", made.name)
    assert done.exit_code == 0, done.output
    (added,) = OwnGateways(tmp_path).file.read().gateways()
    assert added.ca == str(made)


def test_two_of_one_name_are_refused(config: Config) -> None:
    with pytest.raises(Trouble, match="already"):
        gateways.add(config, {"name": "carrier-a", "address": PLACE}, Language.EN)


def test_a_file_that_nobody_can_read_takes_no_gateway_away(config: Config, tmp_path: Path) -> None:
    (tmp_path / "gateways.json").write_text("{broken")
    lab = house(gateway_settings(config.gateways[0]))
    OwnGateways(tmp_path).follow(lab.edge.gateways, lab.now)
    assert len(lab.edge.gateways) == 1


def test_what_is_kept_of_a_gateway_is_the_whole_of_it() -> None:
    one = Gateway(name="b", address=PLACE, password=Secret("p"), username="u", codecs=("PCMA",), probe_dead=(503,))
    assert gateway_of(json.loads(json.dumps(values_of(one)))) == one


def rows_after_calls() -> list[object]:
    lab = house(trunk("a", PLACE, channels=30, port=5070), gateway("v6", "2001:db8::5", port=5060))
    one = named(lab, "a")
    one.begun(("c1", "t"), lab.now)
    one.answered(("c1", "t"), lab.now)
    one.begun(("c2", "t"), lab.now)
    one.failed(("c2", "t"), How.STATUS, "status 503", lab.now)
    return list(gateway_rows(lab.edge.gateways, lab.now))


def test_a_row_says_what_it_carries_and_nothing_secret() -> None:
    import msgspec

    first, second = rows_after_calls()
    row = msgspec.to_builtins(first)
    assert (row["address"], row["channels"], row["most_channels"], row["asr"]) == (f"{PLACE}:5070", 1, 30, 0.5)
    assert (row["last_failure"], row["failures"], row["attempts"]) == ("status 503", 1, 2)
    assert "secret" not in str(row)
    assert msgspec.to_builtins(second)["address"] == "[2001:db8::5]:5060"


@pytest.mark.parametrize(("language", "word"), [(Language.EN, "it answered 503"), (Language.ZH, "应答 503")])
async def test_the_list_is_asked_of_the_running_edge(
    config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str], language: Language, word: str
) -> None:
    rows = rows_after_calls()
    server = ControlServer(Ledger(), tmp_path, gateways=lambda: rows)  # type: ignore[arg-type,return-value]
    await server.start()
    try:
        assert await asyncio.to_thread(ControlClient(tmp_path).gateways) == rows
        await asyncio.to_thread(lambda: gateways.print_gateways(config, language, as_json=False))
        shown = capsys.readouterr().out
        await asyncio.to_thread(lambda: gateways.print_gateways(config, language, as_json=True))
        listed = json.loads(capsys.readouterr().out)
    finally:
        await server.stop()
    assert word in shown
    assert "1/30" in shown
    assert "50%" in shown
    assert [one["name"] for one in listed] == ["a", "v6"]


def test_without_an_edge_it_is_said(config: Config) -> None:
    with pytest.raises(Trouble, match="No edge is running"):
        gateways.print_gateways(config, Language.EN, as_json=False)


def test_the_log_tells_who_went_and_who_came_back(caplog: pytest.LogCaptureFixture) -> None:
    lab = house(gateway("a", PLACE, probe=ProbeSettings(interval_s=10)), trunk("b", "198.51.100.51", registers=True))
    carrier = Carrier(lab, PLACE)
    Carrier(lab, "198.51.100.51").says = lambda request: (403, "Forbidden", "")
    log = GatewayLog(lab.edge.gateways, Language.EN)
    caplog.set_level(logging.INFO, "talkpath.gateways")
    lab.wait(1)
    carrier.says = lambda request: (503, "X", "")
    lab.wait(30)
    carrier.says = lambda request: (200, "OK", "")
    lab.wait(30)
    log.tell()
    levels = {record.getMessage(): record.levelname for record in caplog.records}
    assert levels["The gateway a is there."] == "INFO"
    assert levels["The gateway a is down: it answered 503."] == "WARNING"
    assert levels["The gateway a is there again: it answers probes."] == "INFO"
    refused = next(text for text in levels if text.startswith("The gateway b refuses our registration"))
    assert levels[refused] == "WARNING"


def test_a_data_centre_that_goes_makes_no_thousand_lines(caplog: pytest.LogCaptureFixture) -> None:
    lab = house(*(gateway(f"g{n}", PLACE) for n in range(100)))
    log = GatewayLog(lab.edge.gateways, Language.EN)
    for one in lab.edge.gateways.all():
        one.disable(True, lab.now)
    caplog.set_level(logging.INFO, "talkpath.gateways")
    log.tell()
    assert len(caplog.records) == 21
    assert "80 more changes" in caplog.records[-1].getMessage()


def test_each_gateway_has_its_metrics() -> None:
    lab = house(trunk("a", PLACE, registers=True))
    named(lab, "a").begun(("c", "t"), lab.now)
    families = {
        family.name: family for family in Metrics({}, {}, lambda: gateway_metrics(lab.edge.gateways)).collect()
    }
    labels = {"gateway": "a", "group": "carriers"}
    assert [(one.labels, one.value) for one in families["talkpath_gateway_channels"].samples] == [(labels, 1)]
    assert families["talkpath_gateway_up"].samples[0].value == 1
    assert families["talkpath_gateway_registered"].samples[0].value == 0
    assert families["talkpath_gateway_calls"].samples[0].labels == {**labels, "outcome": "given"}


def test_the_configuration_is_what_the_edge_is_told() -> None:
    one = gateway_settings(
        Gateway(
            name="a",
            address="SIP.Carrier.Example",
            transport="TLS",
            numbers="plus",
            networks=("203.0.113.0/24",),
            probe_s=0,
            broken_s=9,
        )
    )
    assert (one.address, one.port, one.transport) == ("sip.carrier.example", None, Transport.TLS)
    assert (one.numbers, str(one.networks[0]), one.probe.interval_s, one.breaker.open_s) == (
        "plus",
        "203.0.113.0/24",
        0,
        9,
    )
    assert one.group == "carriers"


def test_numbers_that_carriers_bring_lead_to_users_however_they_are_written() -> None:
    routing = Routing(outbound="carriers", inbound={"+49301234": "1001", "555": "1002"})
    told = routing_settings(Config(routing=routing))
    assert told.outbound == "carriers"
    assert told.inbound == {"+49301234": "1001", "49301234": "1001", "0049301234": "1001", "555": "1002"}


def beep(place: Path) -> Path:
    """A sound file."""
    with wave.open(str(place), "wb") as file:
        file.setparams((1, 2, 8_000, 0, "NONE", ""))
        file.writeframes(bytes(3_200))
    return place


def test_a_gateway_whose_announcement_is_gone_gets_no_calls_that_nobody_is_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    notice = beep(tmp_path / "notice.wav")
    assert add_by_command(tmp_path, "--record", "--announcement", str(notice)).exit_code == 0
    notice.unlink()
    lab = house()
    OwnGateways(tmp_path).follow(lab.edge.gateways, lab.now)
    assert lab.edge.gateways.named("b") is None
    assert "b is left out" in caplog.text


def add_by_command(state: Path, *arguments: str) -> Result:
    command = ["add", "b", "203.0.113.5:5070", "--state", str(state), *arguments]
    return CliRunner().invoke(gateways_cli.gateways, command)


def test_a_gateway_added_by_hand_takes_every_key_of_the_configuration(tmp_path: Path) -> None:
    wanted = Gateway(
        name="b",
        address="203.0.113.5:5070",
        group="others",
        transport="TLS",
        ca=str(self_signed(tmp_path, []).certificate),
        priority=7,
        weight=8,
        username="4930",
        password=Secret("hidden"),
        realm="carrier.example",
        domain="sip.carrier.example",
        register=True,
        register_s=300,
        numbers="plus",
        codecs=("PCMA", "opus"),
        channels=30,
        calls_per_s=2.5,
        calls_in=False,
        record=True,
        announcement=str(beep(tmp_path / "notice.wav")),
        networks=("203.0.113.0/24", "2001:db8::/64"),
        probe_s=30,
        probe_timeout_s=2,
        probe_failures=3,
        probe_successes=4,
        probe_dead=(408, 503),
        broken_after=5,
        broken_s=6,
    )
    defaults = Gateway(name="b", address="203.0.113.5:5070")
    keys = set(Gateway.__struct_fields__) - {"name", "address"}
    # What is added to the configuration comes to the command by itself; here it must be named.
    assert {key for key in keys if getattr(wanted, key) == getattr(defaults, key)} == set()
    words = (
        "--group others --transport tls --priority 7 --weight 8 --username 4930 -p hidden --realm carrier.example "
        "--domain sip.carrier.example --register --register-s 300 --numbers plus --codecs PCMA,opus --channels 30 "
        "--calls-per-s 2.5 --no-calls-in --record --networks 203.0.113.0/24 --networks 2001:db8::/64 --probe-s 30 "
        "--probe-timeout-s 2 --probe-failures 3 --probe-successes 4 --probe-dead 408,503 --broken-after 5 "
        "--broken-s 6"
    )
    done = add_by_command(tmp_path, *words.split(), "--ca", wanted.ca, "--announcement", wanted.announcement)
    assert (done.exit_code, done.output) == (0, "b is added.\n")
    assert OwnGateways(tmp_path).file.read().gateways() == [wanted]


def test_who_may_call_in_from_a_gateway_added_by_hand_is_heard_at_once(tmp_path: Path) -> None:
    lab = house()
    assert add_by_command(tmp_path, "--networks", "203.0.113.128/25").exit_code == 0
    OwnGateways(tmp_path).follow(lab.edge.gateways, lab.now)
    phone = lab.phone("x", "203.0.113.200", 40_000)
    found = lab.edge.gateways.of_source(phone.flow)
    assert found is not None
    assert found.settings.name == "b"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--networks", "203.0.113.1/24"), "203.0.113.0/24"),
        (("--realm", 'a"b'), "realm"),
        (("--codecs", "PCMA,a b"), "codec"),
        (("--domain", "sip:x"), "domain"),
        (("--probe-dead", "200"), "200"),
    ],
)
def test_texts_of_every_option_are_checked_as_in_the_configuration(
    tmp_path: Path, arguments: tuple[str, str], said: str
) -> None:
    done = add_by_command(tmp_path, *arguments)
    assert isinstance(done.exception, Misuse)
    assert said in done.exception.what.say(Language.EN)


@pytest.mark.parametrize("arguments", [("--priority", "-1"), ("--probe-dead", "x"), ("--numbers", "e164")])
def test_values_out_of_bounds_are_wrong_usage(tmp_path: Path, arguments: tuple[str, str]) -> None:
    assert add_by_command(tmp_path, *arguments).exit_code == 2
    assert not (tmp_path / "gateways.json").exists()
