"""No secret leaves the settings: every form of one, every way to fail, every command; the real program, grepped.

Takes some seconds: a dozen starts of the program, most of them with Apprise.
"""

from __future__ import annotations

import asyncio
import base64
import json
import random
import string
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from aiohttp import web

from bot.demo.site import SamplePost, SampleThread, UnrollSite, samples, snowflake
from tests.command import PATIENCE, Result, environment, keepcurrent, start
from tests.servers import mail
from tests.servers.web import listen

AUTHOR = f"@{samples().author.handle}"
HALF = 8
"""A secret's first characters say enough of it."""


@dataclass
class Secrets:
    """Makes secrets, each unlike any other, and finds them again."""

    chance: random.Random = field(default_factory=lambda: random.Random(20261122))
    made: dict[str, str] = field(default_factory=dict)

    def __call__(self, name: str, *, awkward: bool = False) -> str:
        letters = "".join(self.chance.choices(string.ascii_letters + string.digits, k=22))
        self.made[name] = f"{letters[:3]}/{letters[3:5]}%{letters[5:]} ;'\"" if awkward else letters
        return self.made[name]

    def in_(self, data: bytes) -> list[str]:
        """The names of those of which `data` holds at least a half, however it is spelled."""
        return [name for name, secret in self.made.items() if any(form in data for form in _spelled(secret[:HALF]))]


def _spelled(half: str) -> Iterator[bytes]:
    for form in (
        half,
        quote(half),
        quote(half, safe=""),
        quote_plus(half),
        json.dumps(half)[1:-1],
        repr(half)[1:-1],
        half.lower(),
    ):
        yield form.encode()
    data = half.encode()
    for before in range(3):
        letters = base64.b64encode(bytes(before) + data)
        yield letters[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]


def test_the_search_finds_a_secret_in_every_spelling() -> None:
    """Plain, cut in half, percent-encoded, in JSON, in base64."""
    secrets = Secrets()
    one = secrets("one", awkward=True)
    spelled = [one, one[:HALF], quote(one), quote_plus(one), json.dumps(one), repr(one)]
    spelled += [base64.b64encode((before + one).encode()).decode() for before in ("", ":", "u:", "user:")]

    assert [form for form in spelled if secrets.in_(f"x {form} y".encode()) != ["one"]] == []
    assert secrets.in_(b"nothing") == []


# -- servers that tell what they were told -----------------------------------------------------------


async def echo(request: web.Request) -> web.Response:
    """Refuse, and quote the request: its path, its headers, and the login in clear."""
    login = request.headers.get("Authorization", "").removeprefix("Basic ").removeprefix("Bearer ")
    try:
        clear = base64.b64decode(login, validate=True).decode()
    except ValueError:
        clear = login
    said = f"no: {clear} {request.rel_url} {dict(request.headers)}"
    return web.json_response({"errcode": "M_UNKNOWN_TOKEN", "error": said, "ok": False}, status=401)


async def hang(_: web.Request) -> web.Response:
    await asyncio.sleep(3)  # longer than a send may take
    return web.Response()


@dataclass
class Scene:
    """A folder with settings full of secrets, and what was said by each command."""

    folder: Path
    secrets: Secrets
    env: dict[str, str]
    site: UnrollSite | None = None
    said: dict[str, bytes] = field(default_factory=dict)

    async def run(self, *args: str) -> Result:
        result = await keepcurrent(*args, cwd=self.folder, **self.env)
        self.said[" ".join(args)] = f"{result.out}\n{result.err}".encode()
        return result

    def publish(self, text: str) -> None:
        """A new thread, for every channel to fail at."""
        assert self.site is not None
        post = SamplePost(id=snowflake(datetime.now(UTC), len(text)), text=text)
        self.site.publish(SampleThread(author=samples().author, posts=(post,)))

    @property
    def leaks(self) -> list[tuple[str, list[str]]]:
        """Where a secret stands: what a command said, or a file of the data folder."""
        files = {str(path): path.read_bytes() for path in (self.folder / "data").rglob("*") if path.is_file()}
        found = {where: self.secrets.in_(data) for where, data in (self.said | files).items()}
        return [(where, names) for where, names in found.items() if names]


def urls(secret: Secrets, web_port: int, hang_port: int, mail_port: int) -> dict[str, str]:
    """Every form of an Apprise URL that holds a secret, at a server that refuses, hangs, or is not there."""
    here, nowhere, deaf = f"127.0.0.1:{web_port}", "127.0.0.1:9", f"127.0.0.1:{hang_port}"
    to = "from=a@example.org&to=b@example.org"
    return {
        "mailto": f"mailto://u:{quote(secret('mailto', awkward=True), safe='')}@127.0.0.1:{mail_port}/?{to}",
        "mailtos": f"mailtos://u:{secret('mailtos')}@{nowhere}/?{to}&mode=starttls",
        "matrix": f"matrix://{secret('matrix')}@{here}/!a:b",
        "matrixquery": f"matrix://{here}/!a:b?token={secret('matrix query')}",
        "matrixuser": f"matrix://u:{secret('matrix password')}@{here}/!a:b",
        "slackbad": f"slack://T1JJ3T3L2/A1BRTD4JD/{secret('slack malformed')}-?!",
        "slackhook": f"slack://T1JJ3T3L2/A1BRTD4JD/{secret('slack hook')}ab",
        "slackbot": f"slack://xoxb-1234-1234-{secret('slack bot')}/threads",
        "json": f"json://u:{quote(secret('json', awkward=True), safe='')}@{here}/{secret('json path')}",
        "jsonquery": f"json://{here}/x?+X-Token={secret('json header')}&key={secret('json query')}",
        "jsonhang": f"json://u:{secret('json hanging')}@{deaf}/{secret('json hanging path')}",
        "jsonrefused": f"jsons://u:{secret('json refused')}@{nowhere}/{secret('json refused path')}",
        "xml": f"xml://u:{secret('xml')}@{here}/{secret('xml path')}",
        "form": f"form://u:{secret('form')}@{here}/{secret('form path')}?:k={secret('form query')}",
        "ntfy": f"ntfy://u:{secret('ntfy')}@{here}/{secret('ntfy topic')}",
        "ntfytoken": f"ntfy://tk_{secret('ntfy token')}@{here}/topic",
        "discord": f"discord://{secret('discord id')}/{secret('discord')}",
        "tgram": f"tgram://123456789:{secret('tgram')}_abcdefghijk/1234",
        "gotify": f"gotify://{here}/{secret('gotify')}",
        "unknown": f"nonsense://u:{secret('unknown')}@{here}/{secret('unknown path')}",
        "bare": f"{secret('no address at all')}",
        "spaces": f"json://u:{secret('url with blanks')} x@ {here}/y",
    }


def settings(secret: Secrets, base_url: str, ports: tuple[int, int, int], folder: Path) -> str:
    """A settings file that has every kind, with the secret in the file or in one of its own."""
    web_port, _, mail_port = ports
    homeserver = f"http://127.0.0.1:{web_port}"
    mailbox = f'host = "127.0.0.1"\nport = {mail_port}\nsecurity = "none"\nuser = "u"\nsender = "a@example.org"\n'
    mailbox += 'to = "b@example.org"\n'

    def file(name: str, *, awkward: bool = False, before: str = "") -> str:
        (folder / f"{len(secret.made)}.secret").write_text(before + secret(name, awkward=awkward) + "\n")
        return json.dumps(f"{len(secret.made) - 1}.secret")

    hook = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/"
    tables = {
        "email": f'kind = "email"\n{mailbox}password = {json.dumps(secret("email", awkward=True))}\n',
        "emailfile": f'kind = "email"\n{mailbox}password_file = {file("email file", awkward=True)}\n',
        "room": f'kind = "matrix"\nhomeserver = "{homeserver}"\nroom = "!a:b"\ntoken = "{secret("token")}"\n',
        "roomfile": f'kind = "matrix"\nhomeserver = "{homeserver}"\nroom = "!a:b"\ntoken_file = {file("token file")}\n',
        "hook": f'kind = "slack"\nwebhook = "{hook}{secret("webhook")}"\n',
        "hookbad": f'kind = "slack"\nwebhook = "https://example.org/{secret("webhook malformed")}"\n',
        "hookfile": f'kind = "slack"\nwebhook_file = {file("webhook file", before=hook)}\n',
        "bot": f'kind = "slack"\nchannel = "#a"\ntoken = "xoxb-1234-1234-{secret("bot")}"\n',
        "botbad": f'kind = "slack"\nchannel = "#a"\ntoken = "{secret("bot malformed")}"\n',
        "botfile": f'kind = "slack"\nchannel = "#a"\ntoken_file = {file("bot file", before="xoxb-1234-1234-")}\n',
        "urlfile": f"url_file = {file('url file', before='json://u:')}\n",
        "foreign": f'kind = "tests.hostile.foreign:Careless"\nfails = "refuse"\ntoken = "{secret("foreign")}"\n',
        "crash": f'kind = "tests.hostile.foreign:Careless"\nfails = "crash"\ntoken = "{secret("foreign crash")}"\n',
    }
    tables |= {name: f"url = {json.dumps(url)}\n" for name, url in urls(secret, *ports).items()}
    return (
        f'[poll]\nmin_interval = "1s"\ninterval = "1s"\nhost_delay = "0s"\n[delivery]\ntimeout = "1s"\n'
        f'[sources.threadreader]\nbase_url = "{base_url}"\n'
        + "".join(f'[channels.{name}]\ngap = "0s"\n{table}' for name, table in tables.items())
    )


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """Servers on loopback; what would go further goes to a proxy that is not there."""
    site = UnrollSite()
    async with AsyncExitStack() as stack:
        await site.start()
        stack.push_async_callback(site.stop)
        apps = []
        for answer in (echo, hang):
            app = web.Application()
            app.router.add_route("*", "/{path:.*}", answer)
            apps.append(await stack.enter_async_context(listen(app)))
        mailbox = await stack.enter_async_context(mail.serve(login=True))
        mailbox.account = ("u", "another")
        mailbox.quotes_login = True
        secret = Secrets()
        text = settings(secret, site.base_url, (*apps, mailbox.port), tmp_path)  # type: ignore[arg-type]
        (tmp_path / "settings.toml").write_text(text)
        env = {
            "KEEPCURRENT_CHANNELS__FROMENV__URL": f"json://u:{secret('environment')}@127.0.0.1:{apps[0]}/",
            "HTTP_PROXY": "http://127.0.0.1:9",
            "HTTPS_PROXY": "http://127.0.0.1:9",
            "NO_PROXY": "127.0.0.1",
        }
        scene = Scene(folder=tmp_path, secrets=secret, env=env, site=site)
        yield scene


async def test_no_secret_is_said_or_stored(scene: Scene) -> None:
    """Whatever is run and however it fails: not in output, log, traceback, arguments, store, journal or archive."""
    checked = await scene.run("-v", "-v", "check")
    tested = await scene.run("-v", "-v", "test")
    followed = await scene.run("-v", "-v", "follow", AUTHOR, "--backfill", "1")
    await asyncio.gather(
        scene.run("-v", "-v", "authors"),
        scene.run("-v", "-v", "threads"),
        scene.run("-v", "-v", "outbox", "list", "--json"),
        scene.run("-v", "-v", "outbox"),
        scene.run("-v", "-v", "poll", "--dry-run", "--json"),
    )
    scene.publish("One more.")
    polled = await scene.run("-v", "-v", "poll", "--all", "--json")
    scene.publish("And another.")
    await run_for_a_while(scene)

    assert [checked.code, tested.code, followed.code, polled.code] == [1, 1, 1, 1], checked.err + tested.err
    assert len(scene.secrets.made) > 40
    # Each failed in its own way, or nothing was shown here.
    assert [
        word
        for word in ("401", "535", "refused", "answer was lost", "cannot be built", "***")
        if word not in tested.out
    ] == []
    assert "Traceback" in scene.said["run"].decode()
    assert scene.leaks == []


async def run_for_a_while(scene: Scene) -> None:
    """Let the service fail at the channels, and look at what `ps` would show of it."""
    process = await start("-v", "-v", "run", cwd=scene.folder, **scene.env)
    assert process.stderr is not None
    said = b""
    try:
        async with asyncio.timeout(PATIENCE):
            while b"Traceback" not in said or said.count(b" to ") < 10:
                line = await process.stderr.readline()
                assert line, said.decode()
                said += line
        arguments = Path(f"/proc/{process.pid}/cmdline")
        scene.said["/proc/PID/cmdline"] = arguments.read_bytes() if arguments.exists() else b""
    finally:
        process.terminate()
        out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    scene.said["run"] = out + said + err


@pytest.mark.parametrize("fails", ["build", "check"])
async def test_an_error_that_nobody_foresaw_quotes_no_secret(fails: str, tmp_path: Path) -> None:
    """Somebody else's channel fails where nothing is caught: it is told, without what it was given."""
    secret = Secrets()
    text = f'kind = "tests.hostile.foreign:Careless"\nfails = "{fails}"\ntoken = "{secret("token")}"\n'
    (tmp_path / "settings.toml").write_text(f"[channels.me]\n{text}")
    scene = Scene(folder=tmp_path, secrets=secret, env={})
    result = await scene.run("check")

    assert result.code == 1
    assert "***" in result.out + result.err
    assert scene.leaks == []


async def test_settings_that_are_wrong_quote_no_secret(tmp_path: Path) -> None:
    """Nor does a file that cannot be read, an unknown key beside a secret, a wrong type, a variable."""
    secret = Secrets()
    files = (
        f'[channels.me]\nurl = "json://u:{secret("unclosed")}@h/\n',
        f'[channels.me]\nkind = "email"\npasword = "{secret("misspelled")}"\nhost = "h"\n',
        f'[channels.me]\nkind = "matrix"\ntoken = ["{secret("in a list")}"]\nroom = 3\n',
        f'[channels.me]\nkind = "{secret("as a kind")}"\n',
        f'channels = "{secret("as a table")}"\n',
    )
    scene = Scene(folder=tmp_path, secrets=secret, env={"KEEPCURRENT_CHANNELS": f'{{"a": "{secret("broken json")}'})
    for number, text in enumerate(files):
        (tmp_path / f"{number}.toml").write_text(text)
        env = scene.env if number == 1 else {}
        result = await keepcurrent("--settings", f"{number}.toml", "-v", "-v", "check", cwd=tmp_path, **env)
        scene.said[text] = f"{result.out}\n{result.err}".encode()

        assert result.code == 2

    assert scene.leaks == []


# -- the data folder ----------------------------------------------------------------------------------


@pytest.mark.parametrize("umask", ["000", "022", "077"])
async def test_only_the_owner_can_read_what_is_written(umask: str, tmp_path: Path) -> None:
    """Data folder 0700, files 0600, the settings file of `init` 0600, under any umask."""
    site = UnrollSite()
    await site.start()
    try:
        (tmp_path / "mine.toml").write_text(
            f'data_dir = "deep/data"\n[poll]\nhost_delay = "0s"\n[sources.threadreader]\nbase_url = "{site.base_url}"\n'
            '[channels.me]\nkind = "console"\n'
        )
        script = (
            f"umask {umask}; python -m bot init && python -m bot --settings mine.toml follow {AUTHOR} --backfill 1"
            " && python -m bot --settings mine.toml poll --all"
        )
        done = await shell(script, tmp_path)
    finally:
        await site.stop()
    data = tmp_path / "deep"
    modes = {str(path.relative_to(tmp_path)): path.stat().st_mode & 0o777 for path in [data, *data.rglob("*")]}

    assert done == 0
    assert len(modes) > 5
    assert {name: oct(mode) for name, mode in modes.items() if mode not in (0o600, 0o700)} == {}
    assert [name for name, mode in modes.items() if (mode == 0o700) != (tmp_path / name).is_dir()] == []
    assert (tmp_path / "settings.toml").stat().st_mode & 0o777 == 0o600


async def shell(script: str, folder: Path) -> int:
    process = await asyncio.create_subprocess_exec(
        "sh",
        "-c",
        script.replace("python ", f"{sys.executable} "),
        cwd=folder,
        env=environment(),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    return await asyncio.wait_for(process.wait(), 60)
