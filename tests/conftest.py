"""Fixtures that any test may ask for: servers on loopback, each started only when asked for."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.servers.fixtures import certificates, mail_server, recorder, slack_server, trusted
from tests.servers.synapse import homeserver

__all__ = ["certificates", "homeserver", "mail_server", "recorder", "slack_server", "trusted"]


@pytest.fixture(autouse=True)
def log_as_it_was() -> Iterator[None]:
    """Whoever runs a command in the tests' own process sets the log up for all tests behind it."""
    ours = logging.getLogger("bot")
    handlers, level, propagates = ours.handlers[:], ours.level, ours.propagate
    yield
    ours.handlers[:], ours.propagate = handlers, propagates
    ours.setLevel(level)
