"""What comes first in the queue, what a person may ask of it, and what stands still while it is paused."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import pytest
from cart import DELIVERED, Cart, Hands, Shift, seal, trouble
from footage import footage
from typer.testing import CliRunner

from daemon import cli, telling
from daemon.errors import ConfigError
from daemon.pipeline import WorkingStage, pausable, stages
from daemon.queue import places
from daemon.queueing import LEARNING
from daemon.requests import Request, Wish, ask
from daemon.slate import Trouble
from daemon.sounds import Recording
from daemon.states import JobEvent, JobState
from daemon.statusfile import write_status


def landed(shift: Shift, twin: str = "plain") -> list[str]:
    """The clips in the order in which a twin of theirs was delivered, each revision again."""
    query = "select clips.name from proxies join clips on clips.id = proxies.clip where twin = ? order by proxies.id"
    return [row["name"] for row in shift.production.store._db.execute(query, (twin,))]


def wish(cart: Cart, kind: Wish, subject: str) -> None:
    ask(cart.config.production_state, Request(kind, subject))


@pytest.fixture
def listed(cart: Cart) -> Cart:
    """A production with a control folder for lists of circled takes."""
    (cart.folder / "control").mkdir()
    cart.words["queue"] = {"circle_takes": ["control"]}
    return cart


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("circled.csv", "Name,Circled\nA001C001,\nA001C003,x\n"),
        ("circled.csv", "\ufeffClip;Roll\na001c003.mov;A0*\nA001C001;B001\n"),
        (
            "today.ale",
            "Heading\nFPS\t24\n\nColumn\nName\tTape\tCircle\n\nData\nA001C001\tx\tno\nA001C003.mov\tx\tYES\n",
        ),
    ],
)
def test_a_circled_take_comes_first_in_every_stage(listed: Cart, name: str, text: str) -> None:
    (listed.folder / "control" / name).write_text(text, encoding="utf-8")
    listed.card("A001C001.mov", "A001C002.mov", "A001C003.mov")
    with listed.shift() as shift:
        shift.drive()
        assert landed(shift) == landed(shift, "enhanced") == ["A001C003", "A001C001", "A001C002"]
    listed.assert_honest()


def test_a_take_is_circled_by_reel_and_timecode_where_its_name_is_another(listed: Cart) -> None:
    roll = listed.roll()
    listed.put(roll, {f"A001C00{n}.mov": footage(n, start=f"0{n}:00:00:00") for n in (1, 2)})
    seal(roll)
    (listed.folder / "control" / "log.csv").write_text("Tape,Start\nA001C002,02:00:00:00\n")
    wish(listed, Wish.PAUSE, "render")
    with listed.shift() as shift:
        shift.drive()
        shift.ticks(6)
        assert {clip.name for clip in shift.clips() if clip.circled} == {"A001C002"}
        wish(listed, Wish.RESUME, "render")
        shift.drive()
        assert landed(shift, "enhanced") == ["A001C002", "A001C001"]


def test_a_list_that_lies_on_a_card_commands_nothing(cart: Cart) -> None:
    roll = cart.roll()
    cart.put(roll, {"A001C001.mov": footage(1), "A001C002.mov": footage(2), "circled.csv": b"Name\nA001C002\n"})
    seal(roll)
    with cart.shift() as shift:
        shift.drive()
        assert landed(shift) == ["A001C001", "A001C002"]
    cart.words["queue"] = {"circle_takes": [str(roll)]}
    with pytest.raises(ConfigError, match="a card must not command the service"):
        _ = cart.config


def test_a_list_that_makes_no_sense_or_a_folder_that_is_away_changes_nothing(listed: Cart) -> None:
    control = listed.folder / "control"
    (control / "circled.csv").write_text("Name\nA001C002\n")
    listed.card("A001C001.mov", "A001C002.mov")
    with listed.shift(Hands(lag=20)) as shift:
        shift.ticks(8)
        assert shift.clip("A001C002").circled
        (control / "circled.csv").write_text("Colour,Mood\nblue,good\n")
        shift.ticks(8)
        assert shift.clip("A001C002").circled
        control.rename(listed.folder / "elsewhere")
        shift.ticks(8)
        assert shift.clip("A001C002").circled
        (listed.folder / "elsewhere").rename(control)
        (control / "circled.csv").unlink()
        shift.ticks(8)
        assert not shift.clip("A001C002").circled


def test_the_mixer_circles_a_take_on_the_recorder_and_by_scene_and_take_on_paper(listed: Cart) -> None:
    from daemon.circles import Circle, Subject, is_circled, sound_of

    listed.card("A001C001.mov")
    listed.serve()
    with listed.shift() as shift:
        essence = shift.clip("A001C001").essence
    assert essence
    wave = Recording(2, 48000, 24, False, 48000 * 600, ("", ""), "12A", "3", start_samples=3590 * 48000)
    later = replace(wave, take="4", start_samples=4200 * 48000, circled=True)
    assert sound_of(essence, [later, wave]) is wave
    assert sound_of(essence, [later]) is None
    subject = Subject("A001C001", "A001", essence, wave)
    assert not is_circled(subject, ())
    assert is_circled(replace(subject, sound=replace(wave, circled=True)), ())
    assert is_circled(subject, [Circle(scene="12a", take="3*")])
    assert not is_circled(subject, [Circle(scene="12A", take="4"), Circle(clip="A001C001", roll="B*")])
    assert essence.rate == Fraction(24)


def test_the_days_new_cards_come_before_older_days_and_both_before_new_revisions(cart: Cart) -> None:
    cart.recipe.write_text("", encoding="utf-8")
    cart.card("A001C001.mov", day="20260301")
    with cart.shift(Hands(lag=1)) as shift:
        shift.drive()
        cart.card("A002C001.mov", roll="A002", first_seed=11, day="20260228")
        cart.card("A003C001.mov", "A003C002.mov", roll="A003", first_seed=21)
        wish(cart, Wish.PAUSE, "render")
        cart.recipe.write_text(json.dumps({"clips": {"A001C001": {"proxy": {"codec": "prores_lt"}}}}))
        shift.drive()
        wish(cart, Wish.RESUME, "render")
        shift.drive()
        assert landed(shift)[1:] == ["A003C001", "A003C002", "A002C001", "A001C001"]
    cart.assert_honest()


def test_what_was_tried_before_comes_last_but_before_learning(cart: Cart) -> None:
    cart.card("A001C001.mov", "A001C002.mov", "A001C003.mov")
    hands = Hands(lag=1)
    hands.befall("render", trouble("media.encode_failed"))
    cart.words["workers"] = {"retry_seconds": 0}
    wish(cart, Wish.PAUSE, "render")
    with cart.shift(hands) as shift:
        shift.drive()
        wish(cart, Wish.RESUME, "render")
        shift.drive()
        assert landed(shift)[-1] == landed(shift, "enhanced")[-1] == "A001C001"
        assert set(shift.clip_states()) == {DELIVERED}


def test_a_person_puts_clips_first_and_last_and_takes_it_back(cart: Cart) -> None:
    cart.card(*(f"A001C00{n}.mov" for n in range(1, 6)))
    cart.card("B001C001.mov", roll="B001", first_seed=9)
    wish(cart, Wish.PAUSE, "render")
    with cart.shift(Hands(lag=1)) as shift:
        shift.drive()
        for kind, pattern in (
            (Wish.LAST, "A001C001"),
            (Wish.FIRST, "B001/*"),
            (Wish.FIRST, "A001C005"),
            (Wish.FIRST, "A001C002"),
            (Wish.USUAL, "A001C002"),
        ):
            wish(cart, kind, pattern)
            shift.tick()
        wish(cart, Wish.RESUME, "render")
        shift.drive()
        wanted = ["A001C005", "B001C001", "A001C002", "A001C003", "A001C004", "A001C001"]
        assert landed(shift) == landed(shift, "enhanced") == wanted
    cart.assert_honest()


def test_a_paused_stage_begins_nothing_over_a_restart_and_everyone_is_told(
    cart: Cart, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    class Log:
        def warning(self, event: str, **words: str) -> None:
            told.append(words.get("banner", event))

        info = error = warning

    monkeypatch.setattr(telling, "get", Log)
    cart.card("A001C001.mov", "A001C002.mov")
    hands = Hands()
    with cart.shift(hands) as shift:
        shift.ticks(3)
        wish(cart, Wish.PAUSE, "render")
        shift.drive()
        assert "render" not in hands.done
        assert set(shift.clip_states()) == {"probed"}
    with cart.shift(hands) as shift:
        shift.drive()
        assert "render" not in hands.done
        seen = shift.service.snapshot(shift.now())
        assert set(seen.paused) == {"render"}
        assert cli._exit_code(seen) == cli.EXIT_HELD
        assert {place.why.split(";")[0] for place in places(shift.production.store.queue(), {})} == {"paused"}
        cart.clock.advance(700)
        shift.tick()
        assert sum("PAUSED: render since" in line for line in told) == 3, "at the pause, at the restart, now and again"
        wish(cart, Wish.RESUME, "render")
        shift.drive()
        assert set(shift.clip_states()) == {DELIVERED}
    cart.assert_honest()


def test_while_the_turnover_is_paused_media_is_delivered_and_no_sidecar_is_touched(cart: Cart) -> None:
    cart.card("A001C001.mov")
    wish(cart, Wish.PAUSE, "turnover")
    with cart.shift() as shift:
        shift.drive()
        assert len(cart.movies()) == 2
        assert not (cart.delivered() / "nearset.json").exists()
        assert cli._exit_code(shift.service.snapshot(shift.now())) == cli.EXIT_HELD
        wish(cart, Wish.RESUME, "turnover")
        shift.drive()
    assert cart.complete()
    cart.assert_honest()


def test_what_cannot_be_paused_is_refused_and_changes_nothing(cart: Cart) -> None:
    cart.card("A001C001.mov")
    wish(cart, Wish.PAUSE, "intake")
    with cart.shift() as shift:
        shift.drive()
        assert not shift.production.store.pauses()
        assert shift.clip_states() == [DELIVERED]


def test_the_command_shows_the_queue_and_asks_the_service(cart: Cart, monkeypatch: pytest.MonkeyPatch) -> None:
    cart.card("A001C001.mov", "A001C002.mov")
    config = ["--config", str(cart.folder / "config.yaml")]
    runner = CliRunner()
    _ = cart.config
    asked: Callable[..., object] = lambda *words: runner.invoke(cli.app, ["queue", *words, *config])  # noqa: E731
    assert "has not run" in str(asked().exception.why)  # type: ignore[attr-defined]
    with cart.shift() as shift:
        asked("pause", "render", "sample")
        shift.drive()
        asked("first", "A001C002")
        shift.tick()
        write_status(cart.config.production_state, shift.service.snapshot(shift.now()))
        shown = json.loads(asked("--json").stdout)  # type: ignore[attr-defined]
        assert set(shown["paused"]) == {"render", "sample"}
        assert [(place["number"], place["stage"], place["clip"]) for place in shown["queue"]] == [
            (1, "render plain", "A001C002"),
            (2, "render plain", "A001C001"),
        ]
        assert "asked for first" in shown["queue"][0]["why"]
        table = asked().stdout  # type: ignore[attr-defined]
        assert "PAUSED: render since" in table
        assert "A001C002" in table
        assert asked("pause", "lunch").exception.code == "queue"  # type: ignore[attr-defined]
        asked("resume")
        shift.drive()
        assert set(shift.clip_states()) == {DELIVERED}
        assert json.loads(asked("--json").stdout) == {"paused": {}, "queue": []}  # type: ignore[attr-defined]


def test_a_job_that_stumbled_says_so_in_the_queue(cart: Cart) -> None:
    cart.card("A001C001.mov")
    hands = Hands()
    hands.befall("render", Trouble("media.encode_failed", "it stumbled", "the encoder sulks", ""))
    cart.words["workers"] = {"retry_seconds": 50}
    with cart.shift(hands) as shift:
        for _ in range(60):
            shift.tick()
            if any(job.attempt and job.state is JobState.QUEUED for job in shift.production.store.jobs()):
                break
        (place,) = places(shift.production.store.queue(), {"/elsewhere": "unplugged"})
        assert "tried 1 times, not before" in place.why
        assert "the encoder sulks" in place.why


def test_the_order_is_kept_by_the_database_itself(cart: Cart) -> None:
    cart.serve()
    with sqlite3.connect(cart.config.production_state / "nearset.sqlite") as database:
        columns = {row[1] for row in database.execute("pragma table_info(clips)")}
    assert {"circled", "precedence"} <= columns


def test_a_job_that_fails_after_its_clip_went_on_without_it_ends_alone(cart: Cart) -> None:
    cart.card("A001C001.mov")
    with cart.shift(Hands(lag=3)) as shift:
        while "proxied" not in shift.clip_states():
            shift.tick()
        wish(cart, Wish.PAUSE, "render")
        shift.tick()
    cart.words |= {"enhance": {"restore": {"enabled": False}}, "workers": {"attempts": 1}}
    wish(cart, Wish.RESUME, "render")
    hands = Hands()
    hands.befall("render", trouble("worker"))
    with cart.shift(hands) as shift:
        shift.drive()
        assert shift.clip_states() == [DELIVERED]


def test_all_that_works_or_delivers_can_be_paused_and_the_scan_cannot() -> None:
    at_work = {stage.name for stage in stages() if isinstance(stage, WorkingStage)}
    assert at_work | {"turnover", "retention"} == set(pausable())
    assert {"render", "assist", "room", "deliver"} <= at_work
    assert not {"intake", "looks", "circles", "spans"} & set(pausable())


def test_what_learns_comes_behind_what_it_yields_to_though_that_was_tried_before(cart: Cart) -> None:
    """Else it is taken, let go for what waits, and taken again: forever, a child each time."""
    cart.card("A001C001.mov")
    with cart.shift() as shift:
        shift.ticks(3)
        store, (clip,) = shift.production.store, shift.clips()
        store.add_job(key="comp", clip=clip.id, stage="assist", lane="own", priority=57, task="")
        tried = store.claim("own", "token", 0.0, 60.0, ())
        assert tried
        store.finish(tried.id, JobEvent.STUMBLED, trouble=trouble("worker.hung"))
        store.add_job(key="cuts", clip=clip.id, stage="sample", lane="own", priority=LEARNING, task="")
        assert store.waits_before("own", LEARNING, 0.0, ())
        claimed = store.claim("own", "token", 0.0, 60.0, ())
        assert claimed
        assert claimed.stage == "assist"
        store.finish(claimed.id, JobEvent.DROPPED)
