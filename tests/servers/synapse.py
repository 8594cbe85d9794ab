"""A real Matrix homeserver (Synapse, SQLite) on loopback, with two accounts. Ended by its own process id."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PATIENCE = 60.0
CONFIG = """
server_name: localhost
report_stats: false
pid_file: {folder}/homeserver.pid
listeners:
  - {{port: {port}, type: http, tls: false, bind_addresses: ['127.0.0.1'], resources: [{{names: [client]}}]}}
database: {{name: sqlite3, args: {{database: {folder}/homeserver.db}}}}
log_config: {folder}/log.yaml
media_store_path: {folder}/media
signing_key_path: {folder}/signing.key
registration_shared_secret: tests-only
macaroon_secret_key: tests-only
form_secret: tests-only
trusted_key_servers: []
federation_domain_whitelist: []
enable_registration: false
presence: {{enabled: false}}
rc_message: {{per_second: {messages}, burst_count: {burst}}}
rc_joins: {{local: {{per_second: 1000, burst_count: 1000}}, remote: {{per_second: 1000, burst_count: 1000}}}}
rc_login:
  address: {{per_second: 1000, burst_count: 1000}}
  account: {{per_second: 1000, burst_count: 1000}}
rc_invites: {{per_room: {{per_second: 1000, burst_count: 1000}}, per_user: {{per_second: 1000, burst_count: 1000}}}}
rc_room_creation: {{per_second: 1000, burst_count: 1000}}
"""
LOGGING = "version: 1\ndisable_existing_loggers: false\nroot: {level: ERROR}\n"


@dataclass(frozen=True)
class Synapse:
    """A running homeserver and two tokens: the bot's, and of Alice, who reads."""

    url: str
    bot: str = ""
    alice: str = ""

    def ask(self, method: str, path: str, token: str = "", body: object = None) -> Any:
        """One call of the client API."""
        request = urllib.request.Request(
            self.url + "/_matrix/client/v3" + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def new_room(self, alias: str = "") -> str:
        """A room of the bot's in which Alice is."""
        named = {"room_alias_name": alias} if alias else {}
        invited = {"preset": "trusted_private_chat", "invite": ["@alice:localhost"], **named}
        room = self.ask("POST", "/createRoom", self.bot, invited)["room_id"]
        self.ask("POST", f"/join/{urllib.parse.quote(room)}", self.alice, {})
        return str(room)

    def messages(self, room: str) -> list[dict[str, Any]]:
        """What Alice sees in a room, the oldest first."""
        path = f"/rooms/{urllib.parse.quote(room)}/messages?dir=f&limit=100"
        return [event for event in self.ask("GET", path, self.alice)["chunk"] if event["type"] == "m.room.message"]

    def pings(self, room: str) -> list[str]:
        """The messages of a room that rang at Alice's."""
        found = self.ask("GET", "/notifications?only=highlight&limit=100", self.alice)["notifications"]
        return [one["event"]["content"]["body"] for one in found if one["room_id"] == room]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _python() -> Path:
    named = os.environ.get("TEST_SYNAPSE", "")
    if not named:
        pytest.skip("TEST_SYNAPSE does not name a virtual environment with Synapse")
    for place in (Path(named) / "python", Path(named) / "bin" / "python"):
        if place.exists():
            return place
    pytest.fail(f"TEST_SYNAPSE names {named}, where no python is")


def _start(python: Path, folder: Path, port: int) -> subprocess.Popen[bytes]:
    config = folder / "homeserver.yaml"
    config.write_text(CONFIG.format(folder=folder, port=port, messages=1000, burst=1000))
    (folder / "log.yaml").write_text(LOGGING)
    command = [str(python), "-m", "synapse.app.homeserver", "--config-path", str(config)]
    subprocess.run([*command, "--generate-keys"], check=True, capture_output=True, timeout=PATIENCE)
    with (folder / "output.log").open("wb") as output:
        return subprocess.Popen(command, stdout=output, stderr=output, cwd=folder, start_new_session=True)


def _wait(process: subprocess.Popen[bytes], url: str, folder: Path) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/_matrix/client/versions", timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"Synapse did not start: {(folder / 'output.log').read_text()[-2000:]}")


def _account(python: Path, folder: Path, url: str, user: str) -> str:
    tool = python.with_name("register_new_matrix_user")
    password = f"{user}-for-tests"
    command = [str(tool), "-c", str(folder / "homeserver.yaml"), "-u", user, "-p", password, "--no-admin", url]
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
    login = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": user},
        "password": password,
    }
    return str(Synapse(url).ask("POST", "/login", body=login)["access_token"])


@pytest.fixture(scope="session")
def homeserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Synapse]:
    """A homeserver for the whole run, skipped with a reason where Synapse is not installed."""
    python = _python()
    folder = tmp_path_factory.mktemp("synapse")
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    process = _start(python, folder, port)
    try:
        _wait(process, url, folder)
        yield Synapse(url, _account(python, folder, url, "bot"), _account(python, folder, url, "alice"))
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)
