"""The stage that all client tests of a run share."""

import pytest

from tests.clients.stage import Stage
from tests.parts import EXCHANGE


@pytest.fixture(scope="session")
def shared_stage() -> Stage:
    return Stage(EXCHANGE)


@pytest.fixture
def stage(exchange, shared_stage: Stage) -> Stage:
    """Publisher and subscriber at the running installation."""
    return shared_stage
