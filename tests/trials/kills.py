"""Kills of the real process: at random, on reading the source, before and after a receiver's answer.

`keepcurrent run` with a mail, a Matrix and a JSON channel against a small unroll site on which threads appear; it is
killed with SIGKILL and started again at once, again and again, and in the end left alone until its outbox is empty.
Then the receivers are asked what they have.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

from bot.demo.site import SampleAuthor, UnrollSite
from bot.errors import StoreError
from bot.model import Delivery
from bot.stores.tiny import TinyStore
from tests.command import Result, environment, finish, start
from tests.servers import mail, matrix
from tests.servers.web import Recorder, record
from tests.trials import arrivals
from tests.trials.arrivals import Arrival
from tests.trials.figures import Figures, Options
from tests.trials.publishing import Press

CHANNELS = ("mail", "matrix", "json")
KINDS = ("random", "reading", *(f"{when} {channel}" for when in ("before", "after") for channel in CHANNELS))
"""When the process is killed: before a receiver that has the message answers, or just after it has answered."""
KILLS_OF_A_KIND = 63
SIDE_BY_SIDE = 2
PATIENCE = 120.0
"""Seconds until a process that did not come to where it was to be killed is killed anyway; far more than it takes."""
QUIET = 240.0
"""Seconds that the last run may take to empty the outbox."""
ASK_EVERY = 4
"""After every so many kills the outbox is also listed by the real command, beside reading the store."""

AUTHORS = (SampleAuthor(handle="ada_writes", name="Ada"), SampleAuthor(handle="ben_writes", name="Ben"))
SETTINGS = """timezone = "Europe/Paris"
[poll]
min_interval = "1s"
interval = "1s"
host_delay = "0s"
[sources.threadreader]
base_url = "{site}"
[channels.mail]
kind = "email"
host = "127.0.0.1"
port = {mail}
security = "none"
sender = "bot@example.org"
to = "me@example.org"
gap = "0s"
[channels.matrix]
kind = "matrix"
homeserver = "http://127.0.0.1:{matrix}"
token = "t0ken"
room = "!room:localhost"
gap = "0s"
[channels.json]
url = "json://127.0.0.1:{json}/me"
[[follow]]
author = ["@ada_writes"]
[[follow]]
author = ["@ben_writes"]
"""


@dataclass
class Axe:
    """Kills one process, once, when it comes to a certain point for the time after `skip` others."""

    process: asyncio.subprocess.Process | None = None
    point: str = ""
    skip: int = 0
    delay: float = 0.0

    def strike(self, point: str) -> bool:
        """The process is at this point: kill it if it is to die here."""
        if point != self.point or self.process is None or self.process.returncode is not None:
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.point = ""
        self.process.kill()
        return True

    def strike_soon(self, point: str) -> None:
        """The same a moment later: what is answered now is on its way first."""
        if point == self.point:
            asyncio.get_running_loop().call_later(self.delay, self.strike, point)


class KillingSite(UnrollSite):
    """Kills whoever reads it."""

    axe: Axe

    async def _user(self, request: web.Request) -> web.Response:
        self.axe.strike("reading")
        return await super()._user(request)

    async def _thread(self, request: web.Request) -> web.Response:
        self.axe.strike("reading")
        return await super()._thread(request)


class KillingMail(mail.MailServer):
    """Has the mail, then kills who sent it."""

    def __init__(self, axe: Axe) -> None:
        super().__init__()
        self.axe = axe

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        answer = await super().handle_DATA(server, session, envelope)
        if self.axe.strike("before mail"):
            server.transport.abort()
        self.axe.strike_soon("after mail")
        return answer


@dataclass
class KillingMatrix(matrix.MatrixServer):
    """Has the event, then kills who sent it."""

    axe: Axe = field(default_factory=Axe)

    async def send(self, request: web.Request) -> web.StreamResponse:
        answer = await super().send(request)
        return _struck(self.axe, "matrix", request, answer)


@dataclass
class KillingRecorder(Recorder):
    """Has the document, then kills who sent it."""

    axe: Axe = field(default_factory=Axe)

    async def take(self, request: web.Request) -> web.StreamResponse:
        answer = await super().take(request)
        return _struck(self.axe, "json", request, answer)


def _struck(axe: Axe, channel: str, request: web.Request, answer: web.StreamResponse) -> web.StreamResponse:
    if axe.strike(f"before {channel}") and request.transport is not None:
        request.transport.abort()
    axe.strike_soon(f"after {channel}")
    return answer


@dataclass
class Bench:
    """One bot, its site and its receivers. Knows what was published, killed, and in doubt after each kill."""

    folder: Path
    chance: random.Random
    axe: Axe
    press: Press
    mail: KillingMail
    matrix: KillingMatrix
    json: KillingRecorder
    kills: Counter[str] = field(default_factory=Counter)
    doubts: dict[str, Counter[str]] = field(default_factory=lambda: {channel: Counter() for channel in CHANNELS})
    in_doubt: int = 0
    most_in_doubt: int = 0
    listed: int = 0
    durations: list[float] = field(default_factory=lambda: [2.0])
    wrong: list[str] = field(default_factory=list)

    # -- a life of the process --------------------------------------------------------------------------

    async def start(self) -> asyncio.subprocess.Process:
        """`keepcurrent run`; what it logs goes to a file."""
        with (self.folder / "bot.log").open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bot", "run"),
                cwd=self.folder,
                env=environment(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=log,
            )

    async def kill(self, kind: str) -> None:
        """Start the process, kill it in this way, and see what it left."""
        loop = asyncio.get_running_loop()
        if kind != "random" or self.chance.random() < 0.7:
            self.press.publish()
        began = loop.time()
        process = await self.start()
        later = loop.call_later(self.chance.uniform(0, 1), self.press.publish) if self.chance.random() < 0.3 else None
        within = self.chance.uniform(0, 1.5 * median(self.durations[-20:])) if kind == "random" else PATIENCE
        self.axe.process, self.axe.point = process, kind
        self.axe.skip = self.chance.randint(0, 2) if kind == "reading" else 0
        self.axe.delay = self.chance.uniform(0.001, 0.03)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), within)
        self.axe.point = ""
        if process.returncode is None:
            process.kill()
            await process.wait()
            kind = "random"  # it never came to its point; counted as what it was
        elif kind != "random":
            self.durations.append(loop.time() - began)
        if later is not None:
            later.cancel()
        if process.returncode != -9:
            self.wrong.append(f"the process ended by itself with {process.returncode}: {self.last_words()}")
        self.kills[kind] += 1
        await self.look()

    def last_words(self) -> str:
        return " | ".join((self.folder / "bot.log").read_text().splitlines()[-3:])

    # -- what it left -----------------------------------------------------------------------------------

    async def look(self) -> None:
        """Count what the dead process left in doubt; now and then see that the real command lists it so."""
        left = [row for row in await self.rows() if row.state == "sending"]
        for channel in CHANNELS:
            mine = [row for row in left if row.channel == channel]
            messages = len({row.batch for row in mine})
            self.doubts[channel].update(row.entry_key for row in mine)
            self.in_doubt += messages
            self.most_in_doubt = max(self.most_in_doubt, messages)
        if self.kills.total() % ASK_EVERY == 0:
            await self.look_as_a_person(left)

    async def look_as_a_person(self, left: Sequence[Delivery]) -> None:
        result = await _command(self.folder, "outbox", "list", "--json")
        if result.code != 0:
            self.wrong.append(f"outbox list: exit {result.code}: {result.err.strip()}")
            return
        unknown = {row["id"] for row in result.json["deliveries"] if row["state"] == "unknown"}
        self.listed += len({row.batch for row in left})
        self.wrong += [f"{row.id} is in doubt and not listed" for row in left if row.batch not in unknown]

    async def rows(self) -> tuple[Delivery, ...]:
        """The outbox, read from the store as another process may."""
        try:
            store = await TinyStore.open(self.folder / "data", read_only=True)
        except StoreError as error:
            self.wrong.append(f"unreadable: {error}")
            return ()
        try:
            return await store.deliveries()
        finally:
            await store.close()

    # -- the end ----------------------------------------------------------------------------------------

    async def settle_by_hand(self) -> None:
        """Have what is in doubt sent at once instead of ten seconds later."""
        unknown = {row.batch for row in await self.rows() if row.state in ("sending", "unknown")}
        if unknown:
            result = await _command(self.folder, "outbox", "retry", *sorted(unknown))
            self.wrong += [] if result.code == 0 else [f"outbox retry: {result.err.strip()}"]

    async def finish(self) -> None:
        """One run in peace, until everything that was published stands in the outbox as sent."""
        process = await self.start()
        try:
            async with asyncio.timeout(QUIET):
                while not await self.is_done():
                    await asyncio.sleep(0.3)
        except TimeoutError:
            self.wrong.append(f"the outbox was not empty {QUIET:g} s after the last start: {self.last_words()}")
        process.terminate()
        try:
            code = await asyncio.wait_for(process.wait(), 10)
            self.wrong += [] if code == 0 else [f"SIGTERM: exit {code}"]
        except TimeoutError:
            process.kill()
            self.wrong.append("SIGTERM: not gone within 10 s")
        await self.audit()

    async def is_done(self) -> bool:
        rows = await self.rows()
        sent = {(row.entry_key, row.channel) for row in rows if row.state == "sent"}
        wanted = {(thread.key, channel) for thread in self.press.published for channel in CHANNELS}
        return wanted <= sent and all(row.state == "sent" for row in rows)

    async def audit(self) -> None:
        """What the program itself says of its store at the end: each of these commands has to end with 0."""
        for command in AUDITS:
            result = await _command(self.folder, *command)
            self.wrong += [] if result.code == 0 else [f"{' '.join(command)}: {result.code}: {result.out}{result.err}"]
        log = (self.folder / "bot.log").read_text()
        self.wrong += ["a traceback in the log"] * log.count("Traceback")

    def arrived(self) -> dict[str, list[Arrival]]:
        return {
            "mail": arrivals.by_mail(self.mail.mails),
            "matrix": arrivals.by_matrix(self.matrix.contents),
            "json": arrivals.by_json(self.json.bodies),
        }


async def _command(folder: Path, *args: str) -> Result:
    return await finish(await start(*args, cwd=folder), within=PATIENCE)


AUDITS: tuple[tuple[str, ...], ...] = (("outbox", "list", "--json"), ("check",))


@asynccontextmanager
async def bench(folder: Path, seed: str) -> AsyncIterator[Bench]:
    """A bot that has seen its authors once, ready to be started and killed."""
    axe = Axe()
    async with AsyncExitStack() as stack:
        site = KillingSite(threads=[], authors=list(AUTHORS))
        site.axe = axe
        await site.start()
        stack.push_async_callback(site.stop)
        letters, room, hook = KillingMail(axe), KillingMatrix(axe=axe), KillingRecorder(axe=axe)
        await stack.enter_async_context(mail.serve(handler=letters))
        await stack.enter_async_context(matrix.serve(room))
        await stack.enter_async_context(record(hook))
        chance = random.Random(seed)
        made = Bench(folder, chance, axe, Press(site, AUTHORS, chance), letters, room, hook)
        made.press.baseline()
        ports = {"site": site.base_url, "mail": letters.port, "matrix": room.port, "json": hook.port}
        (folder / "settings.toml").write_text(SETTINGS.format(**ports))
        first = await _command(folder, "poll", "--all")
        if first.code != 0:
            raise RuntimeError(f"the first look failed: {first.err}")
        yield made


async def kill_all(folder: Path, kinds: Sequence[str], seed: str, *, by_hand: bool = False) -> Bench:
    """Kill in these ways, one after the other, then let it finish.

    `by_hand`: what is in doubt in the end is sent by hand, at once.
    """
    folder.mkdir()
    async with bench(folder, seed) as made:
        for kind in kinds:
            await made.kill(kind)
        if by_hand:
            await made.settle_by_hand()
        await made.finish()
    return made


async def side_by_side(folder: Path, kinds: Sequence[str], seed: int, *, by_hand: bool = False) -> list[Bench]:
    """The kills shared out among bots of their own."""
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(
                kill_all(folder / str(number), kinds[number::SIDE_BY_SIDE], f"{seed} {number}", by_hand=by_hand)
            )
            for number in range(SIDE_BY_SIDE)
        ]
    return [task.result() for task in tasks]


def judged(made: Bench) -> tuple[dict[str, float], list[str]]:
    """Figures of one bench, and in words what is wrong."""
    keys = made.press.keys
    counted: dict[str, float] = {"threads": len(keys), "in doubt": made.in_doubt, "listed as unknown": made.listed}
    found = list(made.wrong)
    wrong: dict[str, set[Any]] = {name: set() for name in ("lost", "old", "beyond", "unmarked", "late")}
    for channel, messages in made.arrived().items():
        doubts = made.doubts[channel] if channel != "matrix" else Counter()
        counted[f"repeated {channel}"] = arrivals.repeated(messages)
        counted["told by number only"] = counted.get("told by number only", 0) + arrivals.counted(messages)
        wrong["lost"] |= {(channel, key) for key in arrivals.lost(messages, keys)}
        wrong["old"] |= {(channel, key) for key in arrivals.copies(messages).keys() - set(keys)}
        wrong["beyond"] |= {(channel, key) for key in arrivals.beyond_doubt(messages, doubts)}
        wrong["unmarked"] |= {(channel, key) for key in arrivals.unmarked(messages)}
        for author in AUTHORS:
            own = [thread.key for thread in made.press.published if thread.author == author]
            wrong["late"] |= {(channel, key) for key in arrivals.out_of_order(messages, own)}
    found += [f"{name}: {sorted(those)[:5]}" for name, those in wrong.items() if those]
    counted |= {
        "lost": len(wrong["lost"]),
        "baseline sent": len(wrong["old"]),
        "repeated beyond doubt": len(wrong["beyond"]),
        "repeats not marked": len(wrong["unmarked"]),
        "out of order": len(wrong["late"]),
        "otherwise wrong": len(made.wrong),
    }
    return counted, found


BARS = dict.fromkeys(
    (
        "lost",
        "baseline sent",
        "repeated matrix",
        "repeated beyond doubt",
        "repeats not marked",
        "out of order",
        "otherwise wrong",
    ),
    0.0,
) | {"most in doubt per kill and channel": 1.0}


def figures(benches: Sequence[Bench], least: int) -> Figures:
    """The sum over all benches."""
    kills: Counter[str] = sum((made.kills for made in benches), Counter())
    total: Counter[str] = Counter()
    found: list[str] = []
    for made in benches:
        counted, words = judged(made)
        total.update(counted)
        found += words
    counted = {"kills": kills.total(), **{f"kills {kind}": kills[kind] for kind in KINDS}, **total}
    counted["most in doubt per kill and channel"] = max(made.most_in_doubt for made in benches)
    return Figures(trial="kills", counted=counted, bars=BARS, least={"kills": least}, found=tuple(found))


def trial(options: Options) -> Figures:
    """504 kills at full size, the same number of each kind, with two bots side by side."""
    each = max(1, round(KILLS_OF_A_KIND * options.size))
    chance = random.Random(options.seed)
    kinds = [kind for kind in KINDS for _ in range(each)]
    chance.shuffle(kinds)

    with tempfile.TemporaryDirectory(prefix="keepcurrent-kills-") as folder:
        benches = asyncio.run(side_by_side(Path(folder), kinds, options.seed))
    return figures(benches, len(kinds))
