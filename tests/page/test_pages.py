"""What the pages show of a production, and that it is what the production is."""

from __future__ import annotations

import html
import sqlite3
from dataclasses import replace

import pytest
from cart import Cart
from premises import QUOTES, Reader, clip_id, desk_of

from daemon.berths import Node, NodeState
from daemon.reading import reading
from daemon.states import ClipState
from daemon.status import WorkStatus
from daemon.statusfile import write_status
from daemon.web import words


def test_each_card_stands_somewhere_and_says_what_it_waits_for(reader: Reader) -> None:
    text = reader.reads("/")
    for roll, state in (("A001", "released"), ("C001", "copying"), ("D001", "verifying")):
        card = text[text.index(f">{roll}</bdi>") :]
        assert card[card.index('<b class="state">') :].startswith(f'<b class="state">{state}</b>'), roll
    assert "waits for a manifest that vouches for C001C001.mov" in text
    assert "one verified copy is no backup" in text
    assert "1 stopped" in text


def test_a_pause_is_told_on_every_page(reader: Reader) -> None:
    for path in ("/", "/clips", "/queue", "/model", "/clips/1"):
        assert "<b>Paused:</b> refine since" in reader.reads(path)


def test_a_list_is_cut_by_state_by_card_and_by_name(reader: Reader) -> None:
    stopped = reader.reads("/clips?show=stopped")
    assert "does not hold the bytes that its manifest vouches for" in stopped
    assert "offload this clip again from the card" in stopped
    assert "A001C001" not in stopped
    assert "A001C002" in reader.reads("/clips?card=1")
    assert "D001C001" not in reader.reads("/clips?card=1")
    found = reader.reads("/clips?text=A001/A001C001")
    assert ">A001C001<" in found
    assert ">A001C002<" not in found
    assert "No clip has that in its name" in reader.reads("/clips?text=%25")
    for strange in ("show=x&card=x&from=-1", "from=99999999999999999999", "card=99999999999"):
        reader.reads(f"/clips?{strange}")


def test_the_queue_says_what_comes_next_and_why_the_rest_waits(reader: Reader) -> None:
    text = reader.reads("/queue")
    assert "D001C001" in text
    assert "waits for a manifest" in text
    assert "shoot day 20260302" in text
    assert 'hx-post="/stages/refine/resume"' in text
    assert 'hx-post="/stages/render/pause"' in text


def test_the_queue_shows_the_nodes_and_why_one_gets_no_work(empty_cart: Cart) -> None:
    with empty_cart.shift() as shift:
        seen = shift.service.snapshot(shift.now())
    nodes = (
        Node("box2", NodeState.AT_WORK, gpu="NVIDIA L40S, SM 89", lanes=(("custody", 1), ("render", 2))),
        Node(
            "box3",
            NodeState.REFUSED,
            "other versions: nearset 0.0.9 there, 0.1.0 here",
            "install the head's versions there",
        ),
    )
    work = WorkStatus("A001C001", "render", 12, 48, 24.0, 1.5, "box2")
    write_status(empty_cart.config.production_state, replace(seen, nodes=nodes, work=(work,)))
    text = Reader(desk_of(empty_cart)).reads("/queue")
    panel = text[text.index('aria-label="Nodes"') :]
    assert "render 2" in panel
    assert panel.index("A001C001") < panel.index("box3")
    assert "nearset 0.0.9 there" in panel
    assert "install the head&#39;s versions there" in panel


def test_a_clip_is_shown_with_its_pictures_recipe_history_and_custody(dressed_cart: Cart, reader: Reader) -> None:
    number = clip_id(dressed_cart, "A001C001")
    text = reader.reads(f"/clips/{number}")
    (told,) = [clip for clip in dressed_cart.record()["clips"] if clip["name"] == "A001C001"]
    (file,) = told["custody"]["files"]
    assert file["hashes"]["xxh128"] in text
    assert ">verified<" in text
    assert "as the manifest has it" in text
    for proxy in told["proxies"]:
        assert proxy["path"] in text
        assert proxy["xxh128"] in text
    assert "01:00:00:00" in text
    assert "restore.strength" in text
    assert "render enhanced" in text
    for twin in ("plain", "enhanced"):
        still = reader.client.get(f"/clips/{number}/stills/A001C001_{twin}.jpg")
        assert still.headers["content-type"] == "image/jpeg"
        assert still.content == (dressed_cart.delivered() / "report" / f"A001C001_{twin}.jpg").read_bytes()


def test_a_clip_that_stopped_says_why_and_what_to_do(dressed_cart: Cart, reader: Reader) -> None:
    text = html.unescape(reader.reads(f"/clips/{clip_id(dressed_cart, QUOTES)}"))
    assert "does not hold the bytes that its manifest vouches for" in text
    assert "offload this clip again from the card" in text
    assert "clip.bad_hash" in text
    assert ">verified<" not in text, "what does not hold its bytes is not verified"


@pytest.mark.parametrize("name", ["..%2Fnearset.json", "nearset.json", "%2Fetc%2Fpasswd", "A001C001_plain.jpg%00"])
def test_nothing_but_a_clips_own_stills_is_handed_out(reader: Reader, name: str) -> None:
    assert reader.client.get(f"/clips/1/stills/{name}").status_code == 404


def test_a_still_that_became_a_link_is_not_followed(empty_cart: Cart) -> None:
    empty_cart.card("A001C001.mov")
    empty_cart.serve()
    still = empty_cart.delivered() / "report" / "A001C001_plain.jpg"
    still.unlink()
    still.symlink_to(empty_cart.folder / "config.yaml")
    answer = desk_of(empty_cart).get("/clips/1/stills/A001C001_plain.jpg")
    assert answer.status_code == 404
    assert "is a link" in answer.text


def test_the_model_page_tells_lineage_curve_and_verdict(reader: Reader) -> None:
    text = reader.reads("/model")
    assert "canaries come out at 20.00 dB" in text
    assert "made from the base weights" in text
    assert "<polyline points=" in text
    assert f'hx-post="/models/{"a" * 64}/rollback"' in text
    assert f'hx-post="/models/{"b" * 64}/promote"' not in text, "what the gate refused is never promoted"


def test_what_is_not_there_is_said_and_not_guessed(reader: Reader) -> None:
    for path in ("/clips/999", "/nowhere", "/models/ff/stills", "/clips/99999999999999999999"):
        answer = reader.client.get(path)
        assert answer.status_code == 404
        assert 'class="fix"' in answer.text


def test_before_the_first_run_the_page_says_what_to_do(empty_cart: Cart) -> None:
    answer = desk_of(empty_cart).get("/")
    assert answer.status_code == 503
    assert "nearset run" in answer.text


def test_a_service_that_fell_silent_is_told(empty_cart: Cart) -> None:
    empty_cart.card("A001C001.mov")
    with empty_cart.shift() as shift:
        shift.drive()
        write_status(empty_cart.config.production_state, shift.service.snapshot(shift.now()))
    reader = Reader(desk_of(empty_cart))
    assert "not running" not in reader.reads("/")
    empty_cart.clock.advance(60)
    assert "nearset is not running" in reader.reads("/")


def test_a_database_that_cannot_be_read_now_is_no_fault_of_the_page(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_: object) -> None:
        raise sqlite3.OperationalError("database is locked")

    monkeypatch.setattr("daemon.store.Store.clip_counts", locked)
    answer = reader.client.get("/")
    assert answer.status_code == 503
    assert "database is locked" in answer.text


def test_a_reader_holds_nothing_that_the_service_waits_for(dressed_cart: Cart, reader: Reader) -> None:
    for path in ("/", "/clips", "/queue", "/model", "/clips/1"):
        reader.reads(path)
        with dressed_cart.shift() as shift, shift.production.store.transaction():
            shift.production.store.set_circled(1, circled=False)


def test_a_list_of_many_clips_is_a_window_with_the_way_on(empty_cart: Cart) -> None:
    from daemon.slate import ClipKind, FoundCard, FoundClip, Vendor

    with empty_cart.shift() as shift:
        store = shift.production.store
        with store.transaction():
            card = store.add_card("/o", FoundCard("E001", "E001", Vendor.PLAIN, ()), "E001", "2026-03-02")
            for number in range(250):
                found = FoundClip(f"E001C{number:03}", ClipKind.MOVIE, (f"E001C{number:03}.mov",))
                store.add_clip(card, found, "2026-03-02")
    reader = Reader(desk_of(empty_cart))
    text = reader.reads("/clips?from=100")
    assert text.count('class="row ') == 100
    assert ">E001C100<" in text
    assert "101 to 200" in text
    assert "from=200" in text


@pytest.mark.parametrize(
    ("seconds", "said"),
    [((0, 0), ""), ((100, 100), "about 2 min"), ((600, 1500), "10\u201325 min"), ((45, 300), "45 s \u2013 5 min")],
)
def test_how_long_it_takes_is_said_as_a_range(seconds: tuple[float, float], said: str) -> None:
    assert words.between(seconds) == said


def test_the_store_counts_what_the_lists_show(dressed_cart: Cart) -> None:
    with reading(dressed_cart.config) as store:
        counts = store.clip_counts()
        assert counts["stopped"] == sum(clip.state is ClipState.HELD for clip in store.clips())
        assert counts["all"] == len([clip for clip in store.clips() if clip.state is not ClipState.FILED])
