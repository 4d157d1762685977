"""What a message says, where it may go, and that it goes nowhere else."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cart import Cart
from office import Office

from daemon import wire
from daemon.capacity import Volume
from daemon.destinations import KNOWN, Event, label, leads_to, urls_of
from daemon.errors import ConfigError
from daemon.messenger import child_for, tried
from daemon.notices import News, Pending, composed, news_of
from daemon.production import Moment
from daemon.sending import STAGE, Sending
from daemon.status import CardStatus, ClipStatus, Snapshot

URLS = {
    "json://office.set/in": ("office.set", 80),
    "jsons://office.set:9000/in": ("office.set", 9000),
    "xml://office.set": ("office.set", 80),
    "xmls://office.set": ("office.set", 443),
    "form://office.set": ("office.set", 80),
    "forms://office.set": ("office.set", 443),
    "gotify://office.set/AbCdEfGh1234567": ("office.set", 80),
    "gotifys://office.set/AbCdEfGh1234567": ("office.set", 443),
    "ntfy://office.set/dailies": ("office.set", 80),
    "ntfys://office.set/dailies": ("office.set", 443),
    "mmost://office.set/3ccdd113474722377935511fc85d3dd4": ("office.set", 80),
    "mmosts://office.set/3ccdd113474722377935511fc85d3dd4": ("office.set", 443),
    "mailto://dit:pw@set.example?smtp=mail.set.example&to=post@set.example": ("mail.set.example", 25),
    "mailtos://dit:pw@set.example?smtp=mail.set.example&to=post@set.example": ("mail.set.example", 587),
    "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js": ("discord.com", 443),
    "pover://u12345678901234567890123456789@a12345678901234567890123456789": ("api.pushover.net", 443),
    "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/dailies": ("hooks.slack.com", 443),
    "tgram://123456789:abcdefg_hijklmnopqrstuvwxyz12345678/12315544": ("api.telegram.org", 443),
}


def clip(name: str, state: str, why: str = "", fix: str = "") -> ClipStatus:
    return ClipStatus(name, state, "", "", why, fix)


def seen(*cards: CardStatus, **more: Any) -> Snapshot:
    return Snapshot("SHOW", "2026-03-02T18:00:00+00:00", cards, (), 0, {}, **more)


def card(roll: str, *clips: ClipStatus, complete: bool = False, **more: Any) -> CardStatus:
    return CardStatus(roll, f"day/{roll}", "20260302", complete, clips, **more)


def test_every_kind_of_news_is_a_line_and_those_of_one_reason_are_together() -> None:
    held = [clip(f"A002C00{n}", "held", f"A002C00{n}.mov is not what was copied", "copy it") for n in range(5)]
    low = Volume("delivery", "/d", 9 << 30, 1 << 30, 2 << 30, 4 << 30)
    news = news_of(
        seen(
            card("A001", clip("C001", "delivered"), clip("C002", "failed", "no room", "make some"), complete=True),
            card(
                "A001 again", clip("C001", "duplicate", "it is here already"), clip("C003", "delivered"), complete=True
            ),
            card("A002", *held),
            card("A003", why="the volume refuses", fix="mount it", missing=("C007",)),
            volumes=(low,),
            gpu_lost="it fell off the bus",
        )
    )
    message = composed("SHOW", news)
    assert message.title == "SHOW: 2 done, 2 failed, 6 to look at, 1 disk low, 1 GPU lost"
    assert message.body.splitlines() == [
        "done: A001: 1 clip, 1 not delivered",
        "done: A001 again: 1 clip",
        "failed: A001 C002: no room. make some",
        "failed: A003: the volume refuses. mount it",
        "needs a look: A002 5 clips (A002C000, A002C001, A002C002 and 2 more): it is not what was copied. copy it",
        "needs a look: A003: its own index names what is not there: C007. offload it again",
        "disk low: delivery: 1.0 GiB free, 4.0 GiB needed. make room",
        "GPU lost: it fell off the bus. nearset doctor",
    ]


def test_a_hostile_name_calls_nobody_and_a_message_has_an_end() -> None:
    hostile = clip("<!channel> @here `rm`\n[x](http://evil)", "held", "<b>" * 400, "")
    message = composed("SHOW", news_of(seen(card("A001", hostile))))
    assert not set("<>@`[]\n") & set(message.body)
    assert len(message.body) <= 300
    many = [card(f"A{number:03}", clip("C001", "held", "why")) for number in range(50)]
    lines = composed("SHOW", news_of(seen(*many))).body.splitlines()
    assert (len(lines), lines[-1]) == (13, "and 38 more: nearset status")


def test_news_is_gathered_then_rests_and_what_fails_waits_longer_each_time() -> None:
    news = (News(Event.CARD_DONE, "s", "f", "A001", "", "", ""),)
    pending = Pending()
    assert not pending.is_due(0)
    pending.take(news, 100)
    assert [pending.is_due(now) for now in (100, 129, 130)] == [False, False, True]
    pending.sent(130)
    pending.take((), 130)
    pending.take(news, 131)
    assert [pending.is_due(now) for now in (161, 189, 190)] == [False, False, True]
    assert [pending.failed(now) for now in (200, 3730, 3731)] == [False, False, True]


@pytest.mark.parametrize(("url", "place"), URLS.items())
def test_a_url_leads_where_the_table_says(url: str, place: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked of the library itself: it is stopped where it would connect."""
    import apprise

    class Stopped(Exception):
        pass

    asked: list[tuple[str, int]] = []

    def stop(host: Any, port: Any, *_: Any, **__: Any) -> Any:
        asked.append((host.decode() if isinstance(host, bytes) else host, int(port)))
        raise Stopped

    monkeypatch.setattr(socket, "getaddrinfo", stop)
    way = apprise.Apprise.instantiate(url)
    assert way is not None
    with pytest.raises(Stopped):
        way.notify(body="x", title="y")
    assert asked[0] == leads_to(url) == place


def test_the_table_is_tried_whole() -> None:
    assert {url.partition(":")[0] for url in URLS} == set(KNOWN)


@pytest.mark.parametrize(
    "url", ["teams://a/b", "json://", "mailto://a:b@c.d", "nonsense", "json://[", "json://h:x", "syslog://", ""]
)
def test_what_leads_nowhere_known_is_refused_without_its_secret(url: str) -> None:
    with pytest.raises(ValueError, match="URL") as caught:
        leads_to(url)
    assert "a:b@c.d" not in str(caught.value)


def test_a_destination_that_is_not_listed_is_a_fault_with_its_line_and_no_secret(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        "production: {code: SHOW}\noffload: {roots: [cards]}\ndelivery: {root: d}\nstate: {root: s}\n"
        "egress: [hooks.slack.com]\nnotify:\n  urls:\n    - slack://T1/A1/SECRET/dailies\n"
        "    - discord://42/SECRET\n    - teams://SECRET\n    - env:NEARSET_NOBODY\n  events: [card_done, rain]\n"
    )
    from daemon import config as configuration

    with pytest.raises(ConfigError) as caught:
        configuration.load(tmp_path / "config.yaml")
    faults = caught.value.why.strip().splitlines()
    assert len(faults) == 3
    assert "config.yaml:9:7: notify.urls.1: discord.com:443 is not listed under egress" in caught.value.why
    assert "config.yaml:10:7: notify.urls.2: a notification URL of " in caught.value.why
    assert "notify.events.1: input should be 'card_done'" in caught.value.why
    assert "SECRET" not in caught.value.why


@pytest.mark.parametrize("words", ["urls: {}", "urls: [[{}]]", "events: [{}]"])
def test_a_url_that_stands_where_none_belongs_is_a_fault_that_does_not_show_it(tmp_path: Path, words: str) -> None:
    url = '"slack://TokenA/TokenB/secret"'
    path = tmp_path / "config.yaml"
    path.write_text(
        "production: {code: SHOW}\noffload: {roots: [cards]}\ndelivery: {root: delivery}\nstate: {root: state}\n"
        f"notify: {{{words.format(url)}}}\n"
    )
    from daemon import config as configuration

    with pytest.raises(ConfigError) as caught:
        configuration.load(path)
    assert "config.yaml:5" in caught.value.why
    assert "Token" not in caught.value.why


def test_a_secret_lies_in_a_file_or_in_the_environment_and_is_asked_for_when_it_is_needed(
    cart: Cart, monkeypatch: pytest.MonkeyPatch
) -> None:
    cart.words |= {"notify": {"urls": ["env:OFFICE", "file:office.url"]}, "egress": ["office.set:80", "discord.com"]}
    words = cart.config.notify.urls  # whoever only looks need not have the secrets
    with pytest.raises(ConfigError) as caught:
        urls_of(words, cart.config.egress)
    assert "the environment has no OFFICE" in caught.value.why
    assert "office.url cannot be read" in caught.value.why
    monkeypatch.setenv("OFFICE", "json://office.set/in")
    (cart.folder / "office.url").write_text("discord://42/token\n")
    assert urls_of(words, cart.config.egress) == ["json://office.set/in", "discord://42/token"]
    assert [label(url) for url in urls_of(words, cart.config.egress)] == [
        "json office.set:80",
        "discord discord.com:443",
    ]
    (cart.folder / "office.url").write_text("discord://42/token\n")
    cart.words["egress"] = ["office.set:80"]
    with pytest.raises(ConfigError, match=r"discord\.com:443 is not listed"):
        assert cart.config


def test_a_child_that_sends_reaches_the_office_and_nobody_else(office: Office) -> None:
    """A real child: what it is led to beside its destinations, say by a redirect, is refused."""
    child = child_for([office.url])
    child.open()

    def sent(url: str) -> str:
        child.start(STAGE, 0, "", STAGE, wire.dump(Sending, Sending(url, "SHOW: 1 done", "done: A001")), 0)
        while not (reports := child.poll(0, 30)):
            continue
        return reports[0].trouble.code if reports[0].trouble else ""

    try:
        assert sent(office.url) == ""
        assert office.bodies == ["done: A001"]
        assert sent(f"json://127.0.0.1:{office.port + 1}/in") == "egress"
        office.elsewhere = f"http://127.0.0.1:{office.port + 1}/in"
        assert sent(f"{office.url}?redirect=yes") in {"egress", "notice"}
        assert sent("gotify://127.0.0.1:9/") == "notice"
    finally:
        child.close()


def test_a_trial_says_who_took_it(cart: Cart, office: Office, command: Callable[..., tuple[int, str, str]]) -> None:
    cart.words |= {"notify": {"urls": [office.url], "events": ["card_done"]}, "egress": [office.host]}
    assert cart.config
    for words, code, taken in ((["--test"], 0, True), (["--test"], 4, False), ([], 0, None)):
        office.status = 503 if taken is False else 200
        ended, out, _ = command("notify", *words, "--json", "-c", cart.folder / "config.yaml")
        told = json.loads(out)
        assert ended == code
        assert told["events"] == ["card_done"]
        assert [(way["to"], way["taken"]) for way in told["ways"]] == [(f"json {office.host}", taken)]
    assert office.got[0]["title"] == "TEST: a trial"
    cart.words["notify"] = {"urls": []}
    assert tried(cart.config, lambda: Moment(0.0, cart.clock.utc())) == []
