"""How long the queue takes: a range, wide where nothing was seen yet, and narrower with each clip that is done."""

from __future__ import annotations

from cart import Cart


def test_how_long_it_takes_is_known_better_with_each_clip(cart: Cart) -> None:
    cart.card(*(f"A001C{number:03}.mov" for number in range(1, 9)))
    with cart.shift() as shift:
        while not any(shift.proxies(clip.name) for clip in shift.clips()):
            shift.tick()
        at_first = shift.service.snapshot(shift.now())
        least, most = at_first.eta_range_seconds
        assert least < at_first.eta_seconds < most
        while sum(bool(shift.proxies(clip.name)) for clip in shift.clips()) < 6:
            shift.tick()
        later = shift.service.snapshot(shift.now())
        assert later.eta_range_seconds[1] / later.eta_range_seconds[0] < most / least
        shift.drive()
        assert shift.service.snapshot(shift.now()).eta_range_seconds == (0.0, 0.0)
