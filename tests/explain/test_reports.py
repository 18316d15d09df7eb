"""The reports: JSON by its contract, terminal, page, filters, the pages of the rules."""

import json
import re
import zlib
from base64 import b64decode
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from msgspec.structs import replace

from talkpath.base.errors import Malformed, Misuse
from talkpath.base.texts import Language
from talkpath.capture.reader import Capture
from talkpath.capture.records import SECOND
from talkpath.explain.judging.explanation import Explained, Explainer, Explanation
from talkpath.explain.judging.rule import Rule
from talkpath.explain.judging.rules import RULES
from talkpath.explain.reading.attributes import phone_of, subnet_of
from talkpath.explain.reading.sites import Sites
from talkpath.explain.telling.acts import ACTS, OWN_ACTS, act_of
from talkpath.explain.telling.as_json import as_json
from talkpath.explain.telling.page import write_page
from talkpath.explain.telling.pages import pages
from talkpath.explain.telling.rows import details
from talkpath.explain.telling.select import Selection, selected
from talkpath.explain.telling.terminal import draw_report

from .generator.sip import Agent, Call, Proxy
from .generator.wire import EPOCH, Wire
from .scenarios import load
from .test_rules import explained

SEVERITIES = ["error", "warning", "note"]
DOCS = Path(__file__).parents[2] / "docs" / "cases"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Explanation:
    """Forty calls of four sites; those of site b are silent, and one more in between."""
    wire = Wire()
    for number in range(40):
        site = number % 4
        one = Agent(f"{1000 + number}", f"10.{site}.0.{number + 11}", media_port=10_000 + 2 * number)
        two = Agent(f"{3000 + number}", f"10.9.0.{number + 1}", media_port=20_000 + 2 * number)
        call = Call(wire, one, two, [Proxy()], at=EPOCH + number)
        call.invite().ring().answer().ack()
        call.talk(7, **({"a": {"sound": "silence"}} if site == 1 or number == 2 else {})).bye()
    path = tmp_path_factory.mktemp("fleet") / "fleet.pcap"
    path.write_bytes(wire.pcap())
    capture = Capture([str(path)])
    explainer = Explainer(Sites.parse("address,site\n10.0.0.0/16,a\n10.1.0.0/16,b\n10.2.0.0/16,c\n10.3.0.0/16,d\n"))
    explainer.receive(list(capture))
    return explainer.finish(capture.files)


def test_json_keeps_its_contract(fleet: Explanation) -> None:
    data = json.loads(json.dumps(as_json(fleet), allow_nan=False))
    assert data["version"] == 1
    assert set(data["captures"][0]) == {"file", "packets", "bytes", "first", "last", "undecoded"}
    call = data["calls"][1]
    keys = "id call_ids from to start result status ring_s answer_s talk_s ended_by findings streams attributes"
    assert set(call) == set(keys.split())
    stream = "src dst ssrc codec ptime_ms packets lost jitter_ms mos speech_s silent_s start end"
    assert set(call["streams"][0]) == set(stream.split())
    finding = "code severity symptom leg direction title because fix confidence"
    assert set(call["findings"][0]) == set(finding.split())
    assert set(call["findings"][0]["because"][0]) == {"text", "frames", "time"}
    assert (call["result"], call["status"], call["from"], call["ended_by"]) == ("answered", 200, "1001", "caller")
    assert call["talk_s"] == pytest.approx(7.0, abs=0.1)
    assert call["attributes"]["caller"]["site"] == "b"


def test_the_planted_site_is_first_with_its_counts(fleet: Explanation) -> None:
    first = as_json(fleet)["common"][0]  # type: ignore[index]
    assert (first["code"], first["attributes"]) == ("digital-silence", {"site": "b"})
    assert (first["bad"], first["group"], first["bad_elsewhere"], first["total_elsewhere"]) == (10, 10, 1, 30)
    assert first["p"] < 1e-4


@pytest.mark.parametrize("language", list(Language))
def test_the_report_names_the_cause_in_both_languages(fleet: Explanation, language: Language) -> None:
    text = "\n".join(line.text for line in draw_report(fleet, language))
    assert "digital-silence" in text
    assert "site b" in text


def test_filters_choose_calls(fleet: Explanation) -> None:
    assert len(selected(fleet, Selection(number="1002")).calls) == 1
    assert len(selected(fleet, Selection(address="10.1.0.0/16")).calls) == 10
    assert len(selected(fleet, Selection(code="digital-silence")).calls) == 11
    assert len(selected(fleet, Selection(since=EPOCH + 39, until=EPOCH + 39.5)).calls) == 10
    one = fleet.calls[5].call
    assert selected(fleet, Selection(call=one.id)).calls[0].call is one
    with pytest.raises(Misuse):
        selected(fleet, Selection(address="not an address"))


def block(page: str, name: str) -> str:
    """What a script block of the page holds."""
    return page.split(f'id="{name}">')[1].split("</script>", maxsplit=1)[0]


def opened(page: str) -> list[dict[str, Any]]:
    """The details of all calls."""
    parts = [zlib.decompress(b64decode(line)) for line in block(page, "details").splitlines()]
    return [call for part in parts for call in json.loads(part)]


def test_the_page_is_one_file_and_escapes_what_the_network_says(fleet: Explanation) -> None:
    page = "".join(write_page(fleet, Language.EN))
    data = block(page, "data")
    assert len(json.loads(data)["rows"]) == 40
    assert not any("<" in block(page, name) for name in ("data", "details", "sound"))
    assert "http://www.w3.org/2000/svg" in page
    assert "https:" not in page


def test_the_page_says_first_what_was_found_with_what_to_do(fleet: Explanation) -> None:
    told = json.loads(block("".join(write_page(fleet, Language.EN)), "data"))
    first = told["groups"][0]
    assert (first["code"], first["severity"], first["calls"]) == ("digital-silence", "error", 11)
    (way,) = first["ways"]
    assert way["act"] == "Have the caller look at plug, headset and mute of the phone"
    assert [told["rows"][number][2] for number in way["calls"][:3]] == ["1001", "1002", "1005"]
    ranks = [SEVERITIES.index(group["severity"]) for group in told["groups"]]
    assert ranks == sorted(ranks)
    assert told["common"][0]["what"] == "site b"


def test_an_open_call_names_the_end_that_it_concerns(fleet: Explanation) -> None:
    calls = opened("".join(write_page(fleet, Language.ZH)))
    assert len(calls) == 40
    assert calls[1]["findings"][0]["act"] == "请主叫（10.1.0.12:5060 的 1001）检查话机的插头、耳机与静音"
    assert "网段 10.1.0.0/24" in calls[1]["caller"]
    assert [len(calls[1][name]) for name in ("streams",)] == [2]
    assert calls[1]["ladder"]["steps"][0][1:] == ["INVITE", [], 0, 1]


def test_a_long_stream_is_drawn_with_as_many_points_as_a_screen_has(fleet: Explanation) -> None:
    one = next(one for one in fleet.calls if one.call.streams)
    stream = one.call.streams[0]
    row = SECOND.pack(0.0, 50, 0, 0, 20, 20, -300, 0, 0, 0, 0, 8600)
    rows = (SECOND.pack(stream.rtp.start + n, *SECOND.unpack(row)[1:]) for n in range(7200))
    long = replace(stream, rtp=replace(stream.rtp, packed_seconds=b"".join(rows)))
    call = replace(one, call=replace(one.call, streams=(long,)))
    (told,) = details(call, Language.EN)["streams"]  # type: ignore[misc]
    assert (told["step"], len(told["points"]), told["points"][7]) == (18, 400, (0, 2, -30))


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.code in ACTS], ids=lambda rule: rule.code)
def test_an_act_says_what_its_rule_knows(rule: Rule) -> None:
    known = set(re.findall(r"{(\w+)", f"{rule.title.en} {rule.fix.en}")) | {"ends"}
    for act in (ACTS[rule.code], OWN_ACTS.get(rule.code, ACTS[rule.code])):
        for said in (act.en, act.zh):
            assert set(re.findall(r"{(\w+)", said)) <= known
            assert said[-1] not in ".。"


@pytest.mark.parametrize("language", list(Language))
def test_every_finding_says_what_to_do_in_one_sentence(language: Language, tmp_path: Path) -> None:
    for scenario in load()[::2]:
        told = explained(scenario, tmp_path)
        cases = [(finding, one.call) for one in told.calls for finding in one.findings]
        for finding, call in [*cases, *((finding, None) for finding in told.findings)]:
            said = act_of(finding, language, call)
            assert said
            assert not re.search(r"[{?。？]", said)
            assert len(said) < 160


def test_the_page_keeps_an_example_of_every_finding_and_stays_small(
    fleet: Explanation, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def sound(wanted: Sequence[Explained]) -> Mapping[str, tuple[bytes, bytes]]:
        asked.append(len(wanted))
        return {one.call.id: (track_of(one), track_of(one)) for one in wanted}

    def track_of(one: Explained) -> bytes:
        rtps = [stream.rtp for stream in one.call.streams]
        start, end = min(rtp.start for rtp in rtps), max(rtp.end for rtp in rtps)
        return bytes(int((end - start) * 8000))

    monkeypatch.setattr("talkpath.explain.telling.page.SOUND_BYTES", 1_000_000)
    page = "".join(write_page(fleet, Language.EN, sound))
    heard = json.loads(block(page, "sound"))
    assert asked == [len(heard)]
    assert sum(len(one["left"]) + len(one["right"]) for one in heard.values()) <= 1_000_000
    codes = {one.findings[0].code for one in fleet.calls if one.findings and one.call.streams}
    assert {one.findings[0].code for one in fleet.calls if one.call.id in heard} == codes
    assert any(f"the sound of {len(heard)} of " in line for line in json.loads(block(page, "data"))["overview"])


def test_the_pages_of_the_rules_are_up_to_date() -> None:
    for name, text in pages():
        assert (DOCS / name).read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("agent", "model", "firmware"),
    [
        ("Yealink SIP-T46U 108.86.0.20", "Yealink SIP-T46U", "Yealink SIP-T46U 108.86.0.20"),
        ("PolycomVVX-VVX_410-UA/5.9.5.0614", "PolycomVVX-VVX_410-UA", "PolycomVVX-VVX_410-UA 5.9.5.0614"),
        ("Grandstream GXP2160 1.0.11.64", "Grandstream GXP2160", "Grandstream GXP2160 1.0.11.64"),
        ("Cisco/SPA504G-7.6.2c", "Cisco/SPA504G", "Cisco/SPA504G 7.6.2c"),
        ("JsSIP 3.10.1", "JsSIP", "JsSIP 3.10.1"),
        ("Phone", "Phone", None),
        ("", None, None),
    ],
)
def test_model_and_firmware_of_user_agents(agent: str, model: str | None, firmware: str | None) -> None:
    found = phone_of(agent)
    assert (found.get("model"), found.get("firmware")) == (model, firmware)


def test_a_user_agent_made_to_be_tried_in_many_ways_is_read_in_one_pass() -> None:
    began = process_time()
    agent = "scanner/1.1" + "_1" * 40
    assert phone_of(agent + "!") == {"model": agent + "!"}
    phone_of("-1.1" * 15_000 + "!")
    assert process_time() - began < 1


def test_subnets() -> None:
    assert subnet_of("10.1.2.3") == "10.1.2.0/24"
    assert subnet_of("2001:db8:1:2:3::4") == "2001:db8:1:2::/64"
    assert subnet_of("pbx.example.com") == ""


def test_the_longest_prefix_names_the_site() -> None:
    sites = Sites.parse("\ufeffprefix;site;floor\n10.0.0.0/8;all;\n10.1.0.0/16;b;2\n10.1.0.7;b;3\n")
    assert sites.of("10.1.0.7") == {"site": "b", "floor": "3"}
    assert sites.of("10.2.0.1") == {"site": "all"}
    assert sites.of("nowhere") == {}
    with pytest.raises(Malformed, match=r"sites\.csv:2"):
        Sites.parse("address,site\nnonsense,a\n")
