"""What lies in a roll's folder once a card is through, as editorial finds it."""

from __future__ import annotations

from cart import Cart


def test_complete_vouches_for_every_file_that_lies_beside_it(cart: Cart) -> None:
    cart.card("A001C001.mov", "A001C002.mov")
    cart.serve()
    folder = cart.delivered()
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert "report/A001C001_plain.jpg" in there
    assert set(cart.complete()["xxh128"]) == there - {".complete"}
    cart.assert_honest()


def test_a_still_that_somebody_took_away_is_not_vouched_for(cart: Cart) -> None:
    cart.card("A001C001.mov")
    cart.serve()
    (cart.delivered() / "report" / "A001C001_plain.jpg").unlink()
    (cart.delivered() / ".complete").unlink()
    with cart.shift() as shift:
        (card,) = shift.production.store.cards()
        shift.production.store.set_card(card.id, turnover_due=1)
        shift.drive()
    assert "report/A001C001_plain.jpg" not in cart.complete()["xxh128"]
    assert "report/A001C001_enhanced.jpg" in cart.complete()["xxh128"]
    cart.assert_honest()
