"""The servers as fixtures, and notices to send them. `tests/conftest.py` brings them to every test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.demo.site import UnrollSite
from tests.servers import certificates as certs
from tests.servers import mail, slack, web
from tests.servers.certificates import Certificates
from tests.service import write_settings


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority of our own and a certificate for loopback."""
    return certs.make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def trusted(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> Certificates:
    """The same, trusted by Python's TLS."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))
    return certificates


@pytest.fixture
async def mail_server() -> AsyncIterator[mail.MailServer]:
    """A mail server without TLS and login."""
    async with mail.serve() as server:
        yield server


@pytest.fixture
async def slack_server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[slack.SlackServer]:
    """Slack's stand-in, where Apprise's plugin looks for Slack: it has no setting for that, but class attributes."""
    from apprise.plugins.slack import NotifySlack

    async with slack.serve() as server:
        monkeypatch.setattr(NotifySlack, "webhook_url", f"http://127.0.0.1:{server.port}/services")
        monkeypatch.setattr(NotifySlack, "api_url", f"http://127.0.0.1:{server.port}/api/{{}}")
        yield server


@pytest.fixture
async def recorder() -> AsyncIterator[web.Recorder]:
    """An HTTP server that keeps what it is sent."""
    async with web.record() as server:
        yield server


@pytest.fixture
async def site() -> AsyncIterator[UnrollSite]:
    """An unroll site with one author."""
    made = UnrollSite()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def home(tmp_path: Path, site: UnrollSite, recorder: web.Recorder) -> Path:
    """A folder with settings: that site, and one channel that is recorded."""
    write_settings(tmp_path, site.base_url, f'[channels.me]\nurl = "json://127.0.0.1:{recorder.port}/me"')
    return tmp_path
