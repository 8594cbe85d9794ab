"""Fixtures that any test may ask for: servers on loopback, each started only when asked for."""

import logging
from collections.abc import Iterator

import pytest

from tests.servers.fixtures import certificates, home, mail_server, recorder, site, slack_server, trusted
from tests.servers.synapse import homeserver

__all__ = ["certificates", "home", "homeserver", "mail_server", "recorder", "site", "slack_server", "trusted"]


@pytest.fixture(autouse=True)
def own_log() -> Iterator[None]:
    """What a command in this process does to our log (its stream is closed soon) does not reach the next test."""
    ours = logging.getLogger("bot")
    before = list(ours.handlers), ours.level, ours.propagate
    yield
    ours.handlers[:], ours.propagate = before[0], before[2]
    ours.setLevel(before[1])
