"""Fixtures that any test may ask for: servers on loopback, each started only when asked for."""

from tests.servers.fixtures import certificates, home, mail_server, recorder, site, slack_server, trusted
from tests.servers.synapse import homeserver

__all__ = ["certificates", "home", "homeserver", "mail_server", "recorder", "site", "slack_server", "trusted"]
