"""What every delivered file says of itself, signed: who made it, of what, and what was done to it."""

from __future__ import annotations

import json
import socket
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cart import HELD, Cart, reference, seal
from footage import footage
from test_stories_verify import at_hand, faults, rewrite

from daemon import provenance, wire
from daemon.certificates import Certificates, fingerprint
from daemon.errors import DeliveryError, NotSigned
from daemon.inspection import inspect
from daemon.provenance import Statement, sign, work
from daemon.slate import Attest, Attested, FileMark, Origin, VerifiedFile
from engines.enhance.restore import Restore
from engines.media.frames import Picture

__all__ = ["at_hand"]
EDITED = "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicallyEnhanced"


@pytest.fixture
def quieter(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that changes every picture a little."""

    def changed(_self: Restore, picture: Picture, _coming: object = ()) -> Picture:
        return Picture(picture.number, picture.y + np.uint16(1), picture.cb, picture.cr)

    monkeypatch.setattr(Restore, "__call__", changed)


def manifest(path: Path) -> dict[str, Any]:
    import c2pa

    with path.open("rb") as file, c2pa.Reader("video/quicktime", file) as reader:
        return reader.get_active_manifest() or {}


def actions(path: Path) -> list[dict[str, Any]]:
    (found,) = [it["data"]["actions"] for it in manifest(path)["assertions"] if it["label"].startswith("c2pa.actions")]
    return found


@pytest.mark.usefixtures("quieter")
def test_twins_name_their_camera_file_and_claim_what_was_done_to_each_and_no_more(cart: Cart) -> None:
    cart.card("A001C001.mov")
    cart.serve()
    record = cart.record()
    (clip,) = record["clips"]
    plain, enhanced = (cart.delivered() / twin / "A001C001.mov" for twin in ("proxy", "enhanced"))
    assert [it["action"] for it in actions(plain)] == ["c2pa.opened", "c2pa.transcoded"]
    opened, edited, transcoded = actions(enhanced)
    assert (opened["action"], edited["action"], transcoded["action"]) == (
        "c2pa.opened",
        "c2pa.edited",
        "c2pa.transcoded",
    )
    assert edited["digitalSourceType"] == EDITED
    (proxy,) = [it for it in clip["proxies"] if it["twin"] == "enhanced"]
    assert edited["parameters"]["nearset.model"] == proxy["model"] != ""
    assert edited["parameters"]["nearset.recipe"] == proxy["recipe"] != ""
    assert edited["parameters"]["nearset.pictures_changed"] == 6
    for path in (plain, enhanced):
        (source,) = manifest(path)["ingredients"]
        assert source["relationship"] == "parentOf"
        assert source["instance_id"] == f"xxh128:{clip['custody']['files'][0]['hashes']['xxh128']}"
        assert "timestamp" not in json.dumps(manifest(path)["signature_info"])
    assert {it["signed"] for it in clip["proxies"]} == {"c2pa"}
    assert record["signed_by"] == fingerprint((cart.delivered() / "provenance" / "root.pem").read_bytes())


def test_an_enhancement_that_changed_nothing_claims_nothing(cart: Cart) -> None:
    cart.recipe.write_text("defaults: {restore: {strength: 0}}\n")
    cart.card("A001C001.mov")
    cart.serve()
    assert [it["action"] for it in actions(cart.delivered() / "enhanced" / "A001C001.mov")] == [
        "c2pa.opened",
        "c2pa.transcoded",
    ]


@pytest.mark.usefixtures("at_hand")
def test_a_delivery_verifies_against_the_certificate_that_was_handed_and_no_other(cart: Cart, tmp_path: Path) -> None:
    cart.card("A001C001.mov")
    cart.serve()
    certificates = Certificates(cart.config.certificates)
    assert not [check for check in inspect(cart.delivered(), certificates.root) if check.faults]
    other = Certificates(tmp_path / "other")
    other.make("TEST", datetime.now(UTC))
    (told,) = [check.faults for check in inspect(cart.delivered(), other.root) if check.faults]
    assert "provenance/root.pem is another production's" in told[0]
    assert all("signingCredential.untrusted" in line for line in told[1:])
    assert reference(cart.delivered()) == 0


@pytest.mark.usefixtures("at_hand")
@pytest.mark.parametrize(
    ("word", "value", "line"),
    [
        ("hashes", {"xxh128": "0" * 32}, "the camera files that it was made of are not the record's"),
        ("path", "A001C009.mov", "the camera files that it was made of are not the record's"),
    ],
)
def test_a_record_that_names_another_camera_file_than_the_proxy_does_is_found_out(
    cart: Cart, word: str, value: object, line: str
) -> None:
    cart.card("A001C001.mov")
    cart.serve()
    path = cart.delivered() / "nearset.json"
    rewrite(path, lambda told: told["clips"][0]["custody"]["files"][0].update({word: value}))
    assert faults(cart)["signatures"] == tuple(f"{twin}/A001C001.mov: {line}" for twin in ("enhanced", "proxy"))


@pytest.mark.usefixtures("at_hand")
def test_a_record_that_names_another_model_or_recipe_is_found_out(cart: Cart) -> None:
    cart.card("A001C001.mov")
    cart.serve()
    path = cart.delivered() / "nearset.json"
    rewrite(path, lambda told: told["clips"][0]["proxies"][0].update(recipe="another"))
    (told,) = faults(cart)["signatures"]
    assert told.startswith("enhanced/A001C001.mov: signed recipe ")


def test_the_key_is_the_productions_own_nobody_else_may_read_it_and_it_stays(cart: Cart) -> None:
    cart.card("A001C001.mov")
    cart.serve()
    folder = cart.config.certificates
    assert folder.is_relative_to(cart.config.production_state)
    assert stat.S_IMODE((folder / "key.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    cart.serve()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    delivered = b"".join(path.read_bytes() for path in cart.delivery.rglob("*") if path.is_file())
    assert b"PRIVATE KEY" not in delivered


def test_without_its_key_a_clip_is_held_and_nothing_unsigned_goes_out(cart: Cart) -> None:
    cart.card("A001C001.mov")
    with cart.shift() as shift:
        (cart.config.certificates / "key.pem").unlink()
        shift.drive()
        clip = shift.clip("A001C001")
        assert clip.state == HELD
        assert clip.trouble.code == "delivery.not_signed"
        assert "nearset init" in clip.trouble.fix
    assert cart.movies() == []


@pytest.mark.usefixtures("at_hand")
def test_a_key_that_was_made_by_a_clock_years_ahead_is_told_with_the_clock_and_its_cure(cart: Cart) -> None:
    cart.card("A001C001.mov")
    cart.clock._utc += timedelta(days=3000)
    with cart.shift() as shift:
        shift.drive()
        trouble = shift.clip("A001C001").trouble
        assert trouble.code == "delivery.not_signed"
        assert "the certificate holds from 2034-" in trouble.why
        assert "this machine's clock says" in trouble.why
        assert trouble.fix.startswith("set the clock, then `nearset retry`")
    assert cart.movies() == []


def test_where_the_configuration_says_so_nothing_is_signed_and_nothing_is_claimed(cart: Cart) -> None:
    cart.words["provenance"] = {"sign": False}
    cart.card("A001C001.mov")
    cart.serve()
    assert not cart.config.certificates.exists()
    assert cart.record()["signed_by"] == ""
    assert {check.check: check.count for check in inspect(cart.delivered())}["signatures"] == 0
    assert not (cart.delivered() / "provenance").exists()


def quiet(_done: int, _total: int, /) -> None: ...


@pytest.fixture
def statement(tmp_path: Path) -> Statement:
    Certificates(tmp_path / "own").make("TEST", datetime.now(UTC))
    file = VerifiedFile("A001C001.mxf", FileMark(1, 2, 3, 4, 5), {"xxh128": "0" * 32}, {"xxh128": "0" * 32})
    origin = Origin(str(tmp_path / "own"), "TEST", "verified", "identity", "recipe", (file,))
    return Statement("A001C001", "plain", origin, None, ())


def attested(folder: Path, path: str, root: bytes, signature: str) -> Attested:
    task = Attest(str(folder), path, root.decode(), signature)
    return wire.load(Attested, work(wire.dump(Attest, task), lambda *_: None))


def test_beside_mxf_lies_a_signed_statement_that_holds_for_its_bytes_alone(
    tmp_path: Path, statement: Statement
) -> None:
    mxf = tmp_path / "A001C001.mxf"
    mxf.write_bytes(b"\6\x0e+4" * 1000)
    before, root = mxf.read_bytes(), Certificates(tmp_path / "own").root
    signature = sign(mxf, ".mxf", statement, quiet)
    assert mxf.read_bytes() == before
    good = attested(tmp_path, mxf.name, root, signature)
    assert good.faults == ()
    assert good.said["camera_files"][0]["path"] == "A001C001.mxf"
    mxf.write_bytes(before[:-1])
    assert attested(tmp_path, mxf.name, root, signature).faults == ("its bytes are not the ones that were signed",)
    mxf.write_bytes(before)
    other = Certificates(tmp_path / "other")
    other.make("TEST", datetime.now(UTC))  # of the same name, which proves nothing
    changed = "its signed statement was changed, or another production signed it"
    assert attested(tmp_path, mxf.name, other.root, signature).faults == (changed,)
    jws = json.loads(signature)
    for part in ("payload", "signature"):
        swapped = jws | {part: jws[part][:-8] + "AAAAAAAA"}
        assert attested(tmp_path, mxf.name, root, json.dumps(swapped)).faults == (changed,)


@pytest.mark.parametrize("signature", ["{}", "[]", "no", '{"payload": "", "protected": "e30", "signature": ""}'])
def test_a_statement_that_makes_no_sense_is_a_fault(tmp_path: Path, statement: Statement, signature: str) -> None:
    (tmp_path / "A001C001.mxf").write_bytes(b"x")
    (told,) = attested(tmp_path, "A001C001.mxf", Certificates(tmp_path / "own").root, signature).faults
    assert told.startswith("its signed statement makes no sense")


def test_a_movie_without_a_manifest_or_that_is_none_is_a_fault(tmp_path: Path, statement: Statement) -> None:
    (tmp_path / "A.mov").write_bytes(b"nothing that is known")
    (told,) = attested(tmp_path, "A.mov", Certificates(tmp_path / "own").root, "").faults
    assert told.startswith("its C2PA manifest cannot be read")
    with pytest.raises(NotSigned) as refused:
        sign(tmp_path / "A.mov", ".mov", statement, quiet)
    assert isinstance(refused.value, DeliveryError)


def test_a_manifest_that_lies_elsewhere_is_a_fault_and_nobody_is_asked_for_it(
    tmp_path: Path, statement: Statement
) -> None:
    import c2pa

    certificates = Certificates(tmp_path / "own")
    info = c2pa.C2paSignerInfo(c2pa.C2paSigningAlg.ES256, certificates.chain, certificates.key, None)
    (tmp_path / "source.mov").write_bytes(footage(1))
    with socket.create_server(("127.0.0.1", 0)) as world:
        words = provenance._manifest(statement, "video/quicktime")
        builder = c2pa.Builder(words, context=provenance._context(certificates.root))
        builder.set_no_embed()
        builder.set_remote_url(f"http://127.0.0.1:{world.getsockname()[1]}/manifest")
        with (tmp_path / "source.mov").open("rb") as source, (tmp_path / "A.mov").open("w+b") as target:
            builder.sign(c2pa.Signer.from_info(info), "video/quicktime", source, target)
        (told,) = attested(tmp_path, "A.mov", certificates.root, "").faults
        assert told.startswith("its C2PA manifest cannot be read")
        world.setblocking(False)
        with pytest.raises(BlockingIOError):
            world.accept()


def test_a_long_file_tells_that_it_is_being_signed_and_looked_at(tmp_path: Path, statement: Statement) -> None:
    told: list[int] = []
    (tmp_path / "A.mov").write_bytes(footage(1, codec="prores_ks", frames=12, size=(640, 480)))
    sign(tmp_path / "A.mov", ".mov", statement, lambda done, _: told.append(done))
    signing = len(told)
    task = Attest(str(tmp_path), "A.mov", Certificates(tmp_path / "own").root.decode())
    work(wire.dump(Attest, task), lambda done, _: told.append(done))
    assert 0 < signing < len(told)


@pytest.mark.usefixtures("at_hand")
def test_every_file_of_every_preset_is_signed_inside_or_beside(cart: Cart) -> None:
    cart.words["delivery"] = {"presets": ["avid-dnxhr-lb-opatom", "prores-proxy-mov", "h264-review"]}
    roll = cart.roll()
    cart.put(roll, {"A001C001.mov": footage(1, size=(256, 144))})
    seal(roll)
    cart.serve()
    (clip,) = cart.record()["clips"]
    made = [file for proxy in clip["proxies"] for it in proxy["renditions"] for file in it["files"]]
    assert {file["path"]: file["signed"] for file in made if "enhanced" in file["path"]} == {
        "enhanced/A001C001.mxf": "provenance/enhanced_A001C001.mxf.json",
        "enhanced/A001C001.A1.mxf": "provenance/enhanced_A001C001.A1.mxf.json",
        "prores-proxy-mov/enhanced/A001C001.mov": "c2pa",
        "h264-review/enhanced/A001C001.mov": "c2pa",
    }
    counts = {check.check: check.count for check in inspect(cart.delivered())}
    assert counts["signatures"] == len(made) == 8
    assert faults(cart) == {}
    assert reference(cart.delivered()) == 0
    mxf = cart.delivered() / "enhanced" / "A001C001.A1.mxf"
    mxf.write_bytes(mxf.read_bytes()[:-1])
    assert faults(cart)["signatures"] == ("enhanced/A001C001.A1.mxf: its bytes are not the ones that were signed",)
