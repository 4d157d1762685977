"""What is believed of a container's own words: reel, camera, time."""

from __future__ import annotations

import pytest

from engines.media.metadata import camera_of, created_of, reel_of


def test_the_reel_is_the_first_that_is_told_and_an_empty_one_is_none():
    assert reel_of({"reel": "B", "reel_name": "A"}) == "A"
    assert reel_of({"reel_name": "", "com.apple.proapps.reel": "A001"}) == "A001"
    assert reel_of({"title": "A001"}) == ""


def test_the_camera_is_maker_and_model_or_what_there_is_of_it():
    assert camera_of({"make": "Sony", "model": "ILCE-7M3"}) == "Sony ILCE-7M3"
    assert camera_of({"product_name": "HVR-Z5"}) == "HVR-Z5"
    assert camera_of({}) == ""


@pytest.mark.parametrize("never_set", ["1904-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "1980-01-01T00:00:00Z", "today"])
def test_a_clock_that_was_never_set_tells_no_time(never_set):
    assert created_of({"creation_time": never_set}) == ""
    later = {"creation_time": never_set, "date": "2026-11-24T03:00:00+01:00"}
    assert created_of(later) == "2026-11-24T03:00:00+01:00"
