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
    names = ["bot", *(name for name in logging.root.manager.loggerDict if name.startswith("bot."))]
    before = [(one := logging.getLogger(name), list(one.handlers), one.level, one.propagate) for name in names]
    yield
    for one, handlers, level, propagates in before:
        one.handlers[:], one.propagate = handlers, propagates
        one.setLevel(level)
