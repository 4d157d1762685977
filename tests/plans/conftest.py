from __future__ import annotations

import pytest
from plans_in_hand import MIB

from engines.errors import BackendUnavailable
from engines.model.weights import base_weights
from engines.plans.library import LIBRARIES
from engines.plans.store import PlanStore


@pytest.fixture
def store(tmp_path):
    return PlanStore(tmp_path / "engines", 64 * MIB, machine=lambda: "the cart")


@pytest.fixture(scope="session")
def base():
    return base_weights("lite")


@pytest.fixture(scope="session")
def rtx():
    library = LIBRARIES["tensorrt-rtx"]
    try:
        library.api()
    except BackendUnavailable as error:
        pytest.skip(str(error))
    return library
