"""Fixtures of the integration tests: a site in a folder of its own, ended after each test."""

import tempfile

import pytest

from bank import Site
from processes import complaints


@pytest.fixture
def site():
    # Short, because the path of a Unix socket has room for 107 bytes.
    with tempfile.TemporaryDirectory(prefix="pickup-") as folder:
        with Site(folder) as running:
            yield running
        assert not complaints(folder)
