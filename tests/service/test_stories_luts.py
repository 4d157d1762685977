"""A LUT that only the library refuses, in the child that knows it by the digest of its bytes, has its own name."""

from __future__ import annotations

import pytest
from cart import HELD, Cart, seal
from footage import footage

BROKEN = b'<ProcessList id="x" compCLFversion="3"></ProcessList>'


@pytest.mark.parametrize("also", [False, True])
def test_it_is_named_by_where_the_configuration_has_it_or_by_where_it_lies(cart: Cart, also: bool) -> None:
    """The show's LUT is broken; and one that lies there for the clip is, too, and goes before it."""
    roll = cart.roll()
    cart.put(roll, {"A001C001.mov": footage(codec="prores_ks")})
    seal(roll)
    cart.recipe.write_text("defaults: {source: {space: slog3_sgamut3cine}}\n")
    (cart.folder / "show.clf").write_bytes(BROKEN)
    cart.words["colour"] = {"show_lut": "show.clf"}
    if also:
        cart.put(roll.parents[1] / "Looks", {"A001C001.clf": BROKEN + b"\n"})
    with cart.shift() as shift:
        shift.drive()
        trouble = shift.clip("A001C001").trouble
        assert shift.states() == {"A001C001": HELD}
    path = "20260302/Looks/A001C001.clf" if also else str(cart.folder / "show.clf")
    assert (trouble.code, trouble.what) == ("engine.bad_look", f"the look with {path} cannot be made")
    assert trouble.why.startswith(f"The specified transform file '{path}' could not be loaded.")
