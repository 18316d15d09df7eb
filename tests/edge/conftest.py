"""A lab of its own for every test, and two registered phones."""

import pytest
from tests.edge.lab import Lab, Phone


@pytest.fixture
def lab() -> Lab:
    return Lab()


@pytest.fixture
def caller(lab: Lab) -> Phone:
    return lab.registered("1001", "198.51.100.7")


@pytest.fixture
def callee(lab: Lab) -> Phone:
    return lab.registered("1002", "198.51.100.8")
