"""Random histories over the real sources: persons at several places, outages, crashes, moves.

By itself: `python -m tests.trials.places --seed N --many M`.

Does not mend or decide anything: it says which promise did not hold, and by which seed.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import logging
import random
import shutil
import tempfile
import traceback
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

from aiohttp import web

from bot import importing
from bot.audit import audit
from bot.commands.auditing import books
from bot.follow import Declared
from bot.hours import Digest, QuietHours
from bot.http import Http
from bot.orders import Restore
from bot.policy import Policies, Policy
from bot.schedule import Pace
from bot.sources.bluesky import Bluesky
from bot.sources.fxtwitter import FxTwitter
from bot.sources.mastodon import Mastodon
from bot.sources.syndication import Syndication
from bot.stores.memory import MemoryStore
from bot.stores.tiny import TinyStore
from tests.fakes import Crash, CrashingStore, FakeChannel, World
from tests.moves import exported
from tests.servers import bluesky as bs
from tests.servers import feeds as fs
from tests.servers import fxtwitter as fx
from tests.servers import mastodon as ms

FAULTS = ("503", "401", "429", "html", "empty", "drop", "500", "junk", "hang")


class Place:
    """A server at its own address, which fails when told to (`fault`)."""

    kind = ""

    def __init__(self, number, game):
        self.host, self.game, self.fault, self.log, self.retry = f"127.0.0.{number}", game, "", [], 1800
        self.last = datetime(2026, 1, 1, tzinfo=UTC)

    async def start(self):
        app = web.Application()
        app.router.add_get("/{path:.*}", self._all)
        self.runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
        await self.runner.setup()
        await web.TCPSite(self.runner, self.host, 0).start()
        self.port = self.runner.addresses[0][1]
        self.url = f"http://{self.host}:{self.port}"

    async def stop(self):
        await self.runner.cleanup()

    async def _all(self, request):
        self.log.append(request.path_qs)
        fault = self.fault
        if fault == "503":
            return web.Response(status=503, headers={"Retry-After": str(self.retry)})
        if fault == "429":
            at = self.game.clock() + timedelta(seconds=self.retry)
            reset = at.isoformat() if self.kind == "mastodon" else str(int(at.timestamp()))
            head = {"X-RateLimit-Limit": "300", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}
            return web.json_response({"error": "Too many requests"}, status=429, headers=head)
        if fault == "401":
            return web.json_response({"error": "This API requires an authenticated user"}, status=401)
        if fault == "500":
            return web.Response(status=500, text="oops")
        if fault == "html":
            return web.Response(text="<html><body><h1>Welcome to our host</h1></body></html>", content_type="text/html")
        if fault == "empty":
            return web.Response(body=b"", content_type="application/json")
        if fault == "junk":
            return web.Response(body=b'{"results": [', content_type="application/json")
        if fault == "drop":
            request.transport.abort()
            return web.Response()
        if fault == "hang":
            await asyncio.sleep(1)
        return await self.answer(request)

    def time(self):
        """Now, and no two posts at one time."""
        self.last = max(self.last + timedelta(seconds=1), self.game.clock().replace(microsecond=0))
        return self.last


class BlueskyPlace(Place):
    kind = "bluesky"

    def __init__(self, *args, most):
        super().__init__(*args)
        self.view, self.dids = bs.AppView(most=most), {}
        self.bob = self.view.join("bob.example.com")

    async def answer(self, request):
        return await self.view.answer(request)

    def join(self, name):
        self.dids[name] = self.view.join(f"{name}.example.com")

    def address(self, name):
        return f"bluesky:{self.dids[name]}"

    def feed_id(self, name):
        return f"bluesky:{self.dids[name]}"

    def say(self, name, text, above, root):
        now = bs.stamp(self.time())
        return self.view.say(self.dids[name], text, above or "", created=now, indexedAt=now)

    def key(self, post):
        return post.rpartition("/")[2]

    def edit(self, post, text):
        return False

    def delete(self, post):
        if post in self.view.posts and not self.view._answers(post):
            self.view.delete(post)
            return True
        return False

    def noise(self, name, chance):
        now = bs.stamp(self.time())
        uri = self.view.say(self.bob, "Bob.", created=now, indexedAt=now)
        if chance.random() < 0.5:
            now = bs.stamp(self.time())
            who = self.view.accounts[self.dids[name]]
            by = {"$type": "app.bsky.feed.defs#reasonRepost", "by": who, "indexedAt": now}
            self.view.feed.append((now, self.dids[name], uri, by))
        else:
            self.say(name, "No, Bob.", uri, None)


class MastodonPlace(Place):
    kind = "mastodon"

    def __init__(self, *args, most):
        super().__init__(*args)
        self.site = ms.Instance(most=most)

    async def start(self):
        await super().start()
        self.site.port = self.port
        self.site.__class__ = type("Inst", (ms.Instance,), {"host": property(lambda s: f"{self.host}:{self.port}")})
        self.site.join("bob")

    async def answer(self, request):
        return await self.site.answer(request)

    def join(self, name):
        self.site.join(name)

    def address(self, name):
        return f"@{name}@{self.host}:{self.port}"

    def feed_id(self, name):
        return f"mastodon:{name}@{self.host}:{self.port}"

    def _more(self):
        return {"created_at": bs.stamp(self.time())}

    def say(self, name, text, above, root):
        return self.site.say(name, text, above, **self._more())

    def key(self, post):
        return post

    def edit(self, post, text):
        if post in self.site.statuses:
            self.site.statuses[post] |= {"content": f"<p>{text}</p>", "edited_at": bs.stamp(self.time())}
            return True
        return False

    def delete(self, post):
        if any(one["in_reply_to_id"] == post for one in self.site.statuses.values()) or post not in self.site.statuses:
            return False
        self.site.delete(post)
        return True

    def noise(self, name, chance):
        other = self.site.say("bob", "Hm?", **self._more())
        if chance.random() < 0.5:
            self.site.say(name, "", reblog=self.site.statuses[other], **self._more())
        else:
            self.site.say(name, "No.", other, **self._more())


class XPlace(Place):
    """FxTwitter; the mirror shows the same posts."""

    kind = "fxtwitter"

    def __init__(self, *args, most):
        super().__init__(*args)
        self.api, self.most = fx.Api(writers=[fx.LOUD]), most
        self.api.groups = self.game.chance.random() < 0.5
        self.writers = {}

    async def start(self):
        # Its own routes, behind our faults.
        await self.api.start()
        await super().start()

    async def stop(self):
        await super().stop()
        await self.api.stop()

    async def answer(self, request):
        words = request.path.strip("/").split("/")
        self.api.requests.append(request.path_qs)
        fx.PER_PAGE = self.most
        info = SimpleNamespace(query=request.query, match_info={"name": words[2], "key": words[2]})
        if words[1] == "profile" and len(words) == 3:
            return await self.api._profile(info)
        if words[1] == "profile":
            return await self.api._statuses(info)
        return await (self.api._thread(info) if words[1] == "thread" else self.api._status(info))

    def join(self, name):
        self.writers[name] = fx.Writer(key=str(5000000 + len(self.writers)), handle=name, name=name.title())
        self.api.writers.append(self.writers[name])

    def address(self, name):
        return f"fxtwitter:{name}"

    def feed_id(self, name):
        return f"fxtwitter:{name}"

    def _id(self):
        return fx.post_id((self.time() - datetime(2026, 7, 1, tzinfo=UTC)) / timedelta(minutes=1))

    def say(self, name, text, above, root):
        parent = next((one for one in self.api.posts if one["id"] == above), None)
        return self.api.say(fx.status(self._id(), text, self.writers[name], parent=parent))

    def key(self, post):
        return post

    def edit(self, post, text):
        return False

    def delete(self, post):
        if any((one["replying_to"] or {}).get("status") == post for one in self.api.posts):
            return False
        self.api.remove(post)
        return True

    def noise(self, name, chance):
        loud = fx.status(self._id(), "Loud.", fx.LOUD)
        if chance.random() < 0.5:
            self.api.show(fx.repost(loud, self.writers[name]), self.writers[name])
        else:
            self.api.say(loud)
            self.api.say(fx.status(self._id(), "No, Loud.", self.writers[name], parent=loud))


class NitterPlace(Place):
    kind = "nitter"

    def __init__(self, *args, x, most):
        super().__init__(*args)
        self.x, self.most = x, most

    async def answer(self, request):
        name = request.path.strip("/").split("/")[0]
        writer = self.x.writers[name]
        own = [one for one in self.x.api.posts if one["author"]["id"] == writer.key]
        own.sort(key=lambda one: int(one["id"]), reverse=True)
        start = int(request.query.get("cursor", "0"))
        page = own[start : start + self.most]
        statuses = []
        for one in page:
            to = (one["replying_to"] or {}).get("screen_name", "")
            prefix = f"R to @{to}: " if to else ""
            statuses.append(fs.Status(id=int(one["id"]), html=one["text"], prefix=prefix, by=name))
        body = fs.nitter(*statuses, handle=name, host=self.host, name=name.title())
        more = {"Min-Id": str(start + self.most)} if len(own) > start + self.most else {}
        return web.Response(body=body, content_type="application/rss+xml", headers=more)

    def join(self, name): ...

    def address(self, name):
        return f"{self.url}/{name}/rss"

    def feed_id(self, name):
        return f"syndication:{self.url.removeprefix('http://')}/{name}/rss"

    def noise(self, name, chance): ...


class BlogPlace(Place):
    kind = "blog"

    def __init__(self, *args, most):
        super().__init__(*args)
        self.site, self.most, self.next, self.moved = fs.FeedSite(), most, 0, set()

    async def start(self):
        await super().start()
        self.site.url = self.url

    async def answer(self, request):
        return await self.site.answer(request)

    def join(self, name):
        self.site.blog(name, per_page=self.most)

    def address(self, name):
        return f"{self.url}/{name}/feed.xml"

    def say(self, name, text, above, root):
        blog = self.site.blogs[f"{name}2" if name in self.moved else name]
        if root is None:
            self.next += 1
            blog.add(self.next, f"Entry {self.next}", html=f"<p>{text}</p>", at=self.time())
            return f"{name} {self.next}"
        number = int(root.split()[1])
        article = next(one for one in blog.articles if one.number == number)
        blog.edit(number, html=article.html + f"<p>{text}</p>")
        return root

    def key(self, post):
        return f"posts/{post.split()[1]}"

    def edit(self, post, text):
        return False

    def delete(self, post):
        return False

    def noise(self, name, chance): ...

    def move(self, name):
        if name not in self.moved:
            self.moved.add(name)
            blog = self.site.blogs.pop(name)
            blog.name = f"{name}2"
            self.site.blogs[f"{name}2"] = blog
            self.site.moved[f"/{name}/feed.xml"] = f"{self.url}/{name}2/feed.xml"


class Told:
    """A thread as a perfect reader would know it."""

    def __init__(self, number, person):
        self.number, self.person = number, person
        self.atoms, self.roots, self.tips, self.count = [], {}, {}, Counter()
        self.posts = {}  # (place, atom) -> post
        self.seen_at = {}  # place -> whether the place was baselined when the root came
        self.optional, self.edited = set(), set()
        self.begun = self.last = None


class Game:
    """One history."""

    def __init__(self, seed, store="memory", steps=40, verbose=False, kinds="", crash=True, plain=False):
        self.seed, self.chance, self.kind, self.steps = seed, random.Random(seed), store, steps
        self.verbose, self.crash, self.plain = verbose, crash, plain
        self.trail, self.wrong, self.threads, self.queue, self.atom = [], [], [], [], 0
        self.only = kinds.split(",") if kinds else []
        self.most = Counter()
        self.ended = set()

    def clock(self):
        return self.world.clock()

    def note(self, *words):
        self.trail.append(f"{self.clock():%m-%d %H:%M} " + " ".join(map(str, words)))
        if self.verbose:
            print(self.trail[-1], flush=True)

    # -- setting up ---------------------------------------------------------------------------------

    async def begin(self):
        chance = self.chance
        self.folder = Path(tempfile.mkdtemp(prefix="brk", dir="/tmp/brk"))
        self.behind = await self._store()
        policy = Policy(summary="full", settle=timedelta(minutes=chance.choice([0, 10, 30])))
        other = policy
        if not self.plain and chance.random() < 0.3:
            other = Policy(summary="full", settle=policy.settle, digest=Digest.parse("daily 08:00"))
        elif not self.plain and chance.random() < 0.3:
            other = Policy(summary="full", settle=policy.settle, quiet_hours=QuietHours.parse("22:00-07:00"))
        self.policies = Policies(default=policy, channels={"team": other})
        self.lists_only = other.digest is not None
        self.store = CrashingStore(self.behind)
        from tests.fakes import Clock

        clock = Clock()
        self.world = World(
            store=self.store,
            clock=clock,
            channels=(FakeChannel("me"), FakeChannel("team")),
            pace=Pace(burst=500),
            policies=self.policies,
        )
        self.http = None
        most = chance.choice([5, 7, 10])
        x = XPlace(4, self, most=20)
        self.places = {
            "bluesky": BlueskyPlace(2, self, most=most),
            "mastodon": MastodonPlace(3, self, most=most),
            "fxtwitter": x,
            "nitter": NitterPlace(5, self, x=x, most=chance.choice([10, 20])),
            "blog": BlogPlace(6, self, most=most),
        }
        for place in self.places.values():
            await place.start()
        await self.rebuild()
        self.persons = {}
        for name in ("anna", "berta"):
            for place in self.places.values():
                place.join(name)
            kinds = self.only or list(self.places)
            size = min(len(kinds), chance.choice([1, 2, 2, 3, 3]))
            self.persons[name] = chance.sample(kinds, size)
        self.writes_at = {name: tuple(self.persons[name]) for name in self.persons}
        self.channels = {name: chance.choice([(), ("me",), ("me", "team")]) for name in self.persons}
        for name in self.persons:
            for n in range(3):
                self.new_thread(name, 3 if n % 2 else 1, gap=0, old=True)
                self.clock_on(timedelta(hours=5))
        await self.declare()
        for place in self.places.values():
            place.retry = 1800
        await self.round()
        self.note("begin", self.persons, self.channels, "settle", policy.settle, "most", most)

    async def _store(self):
        if self.kind == "tiny":
            return await TinyStore.open(self.folder / "data")
        return MemoryStore()

    async def rebuild(self):
        if self.http:
            await self.http.close()
        self.world.store = self.store
        self.world.build()
        allowed = [f"127.0.0.{n}" for n in range(1, 10)]
        clock = self.world.clock
        self.http = http = Http(user_agent="t", host_delay=0, timeout=0.5, allowed_hosts=allowed, clock=clock)
        sources = self.world.poller.sources
        sources.clear()
        sources |= {
            "bluesky": Bluesky(http, clock=clock, base_url=self.places["bluesky"].url),
            "mastodon": Mastodon(http, clock=clock),
            "fxtwitter": FxTwitter(http, clock=clock, base_url=self.places["fxtwitter"].url),
            "syndication": Syndication(http, clock=clock),
        }

    async def declare(self):
        declared = [
            Declared(addresses=tuple(self.places[kind].address(name) for kind in kinds), channels=self.channels[name])
            for name, kinds in self.persons.items()
        ]
        failed = await self.world.follower.reconcile(declared)
        if failed:
            self.note("reconcile failed", failed)
        return failed

    # -- what is written ----------------------------------------------------------------------------

    def text(self, atom, place):
        words = " ".join(hashlib.sha256(f"{self.seed} {atom} {part}".encode()).hexdigest()[:9] for part in range(8))
        link = {"bluesky": "ex.am/", "mastodon": "https://example.org/long/path/", "blog": "https://example.org/long/path/"}
        who = {"bluesky": "@kim.bsky.example", "mastodon": "@kim@some.example"}.get(place, "@kim_on_x")
        return f"zq{atom}zq {words} {who} {link.get(place, 'https://t.co/')}{atom}"

    def new_thread(self, name, size, gap=1.0, old=False, to=None):
        thread = Told(len(self.threads), name)
        thread.old, thread.begun = old, self.clock()
        self.threads.append(thread)
        gap = 0 if self.calm else gap
        kinds = to or self.writes_at[name]
        kinds = ["fxtwitter" if kind == "nitter" else kind for kind in kinds]
        thread.kinds = list(dict.fromkeys(kinds))
        thread.delay = {}
        for n, kind in enumerate(thread.kinds):
            thread.delay[kind] = timedelta(minutes=0 if n == 0 or old else self.chance.choice([0, 1, 5, 60, 300, 1440]))
        if self.chance.random() < 0.3:
            self.chance.shuffle(thread.kinds)
        thread.merges = self.chance.choice([1, 1, 1, 2]) if size > 3 and not old else 1
        self.more(thread, size, gap)
        return thread

    def more(self, thread, size, gap=1.0):
        atoms = list(range(self.atom, self.atom + size))
        self.atom += size
        thread.atoms += atoms
        for kind in thread.kinds:
            width = thread.merges if kind == "mastodon" else 1
            start = max(self.clock(), getattr(thread, "free", {}).get(kind, self.clock())) + thread.delay[kind]
            pieces = [atoms[at : at + width] for at in range(0, len(atoms), width)]
            for n, piece in enumerate(pieces):
                self.written += 1
                self.queue.append((start + timedelta(minutes=gap * n), self.written, thread, kind, piece))
            free = start + timedelta(minutes=gap * len(pieces)) - thread.delay[kind]
            thread.__dict__.setdefault("free", {})[kind] = free
        thread.last = self.clock() + timedelta(minutes=gap * size)
        self.flush()

    def flush(self):
        now = self.clock()
        due = sorted((one for one in self.queue if one[0] <= now), key=lambda one: one[:2])
        for one in due:
            self.queue.remove(one)
            _, _, thread, kind, piece = one
            place, root = self.places[kind], thread.roots.get(kind)
            text = "\n".join(self.text(atom, kind) for atom in piece)
            post = place.say(thread.person, text, thread.tips.get(kind), root)
            thread.tips[kind] = post
            thread.count[kind] += 1
            if root is None:
                thread.roots[kind] = post
                thread.seen_at[kind] = set(self.well)
                if kind == "fxtwitter":
                    thread.seen_at[kind] |= set()
            for atom in piece:
                thread.posts[kind, atom] = post

    well: frozenset = frozenset()
    """(person, place) pairs that have a baseline now."""

    def clock_on(self, span):
        """Time passes, and what is to be written in it is."""
        end = self.clock() + span
        for at in sorted({one[0] for one in self.queue if one[0] <= end}):
            self.world.clock.now = max(at, self.world.clock.now)
            self.flush()
        self.world.clock.now = end

    async def know(self):
        {feed.address: state for feed, state in await self.behind.feeds()}
        feeds = await self.behind.feeds()
        well = set()
        subs = await self.behind.subscriptions()
        declared = {s.declared: s.feed_id for s in subs}
        by_id = {feed.id: state for feed, state in feeds}
        for name, kinds in self.persons.items():
            for kind in kinds:
                state = by_id.get(declared.get(self.places[kind].address(name)))
                if state is not None and state.baselined:
                    well.add((name, kind))
        self.well = frozenset(well)

    # -- looking ------------------------------------------------------------------------------------

    async def round(self):
        for place in self.places.values():
            place.log.clear()
        len(self.world.channels[0].inbox)
        try:
            due = await self.behind.due_feeds(self.clock())
            await self.world.once.round(due)
        except (Crash, BaseExceptionGroup) as death:
            rest = None if isinstance(death, Crash) else death.split(Crash)[1]
            if rest is not None:
                self.fail("exception", "".join(traceback.format_exception(rest))[-3000:])
            self.note("crashed", self.store.writes[-1:])
            self.store.fuse = -1
            await self.restart()
        except Exception:
            self.fail("exception", traceback.format_exc()[-3000:])
        for kind, place in self.places.items():
            if len(place.log) > self.most[kind]:
                self.most[kind] = len(place.log)
                self.most[kind, "at"] = f"{self.clock():%m-%d %H:%M}"
        found = audit(await books(self.behind, at_work=False))
        if not found.ok:
            self.fail("audit", {k: v for k, v in found.faults.items() if v})
        for feed, state in await self.behind.feeds():
            if "in this program" in state.last_error:
                self.fail("bug", (feed.id, state.last_error))
        if self.verbose:
            for c in (0, 1):
                inbox = self.world.channels[c].inbox
                for m in inbox[self.__dict__.setdefault(f"_s{c}", 0):]:
                    atoms = [a for a in range(self.atom) if f"zq{a}zq" in m.text]
                    mark = "REPEAT" if "may repeat" in m.text else ""
                    self.note(f"   -> {('me', 'team')[c]}: {m.event} {atoms} {m.links[:3]} {mark}")
                self.__dict__[f"_s{c}"] = len(inbox)
        await self.know()

    def fail(self, kind, what):
        if not any(one[0] == kind and str(one[1])[:200] == str(what)[:200] for one in self.wrong):
            self.wrong.append((kind, what, f"{self.clock():%m-%d %H:%M}"))
            self.note("WRONG", kind, str(what)[:1500])

    async def restart(self):
        if self.kind == "tiny":
            await self.behind.close()
            self.behind = await self._store()
            self.store = CrashingStore(self.behind)
        await self.rebuild()
        await self.declare()

    async def wait(self, hours):
        self.clock_on(timedelta(hours=hours))
        await self.round()

    # -- steps --------------------------------------------------------------------------------------

    async def step(self):
        chance = self.chance
        name = chance.choice(list(self.persons))
        roll = chance.random()
        if roll < 0.22:
            t = self.new_thread(name, chance.choice([2, 2, 3, 5, 8]), gap=chance.choice([0, 0.5, 1, 8, 40]))
            self.note("thread", t.number, name, t.atoms, t.kinds, {k: str(v) for k, v in t.delay.items()})
        elif roll < 0.32:
            t = self.new_thread(name, 1)
            self.note("single", t.number, name, t.atoms)
        elif roll < 0.37:
            kind = chance.choice(self.writes_at[name])
            t = self.new_thread(name, chance.choice([2, 3]), to=[kind])
            self.note("thread", t.number, name, t.atoms, "only", kind)
        elif roll < 0.44:
            for kind in self.writes_at[name]:
                for _ in range(chance.choice([1, 3])):
                    self.places[kind].noise(name, chance)
        elif roll < 0.52 and not self.calm:
            own = [t for t in self.threads if not t.old and t.person == name]
            fresh = [t for t in own if self.clock() - t.begun < timedelta(days=2)]
            fresh = [t for t in fresh if all(t.count[k] >= 1 for k in t.kinds) and (len(t.atoms) > 1 or t is fresh[-1])]
            if fresh:
                t = chance.choice(fresh[-4:])
                self.more(t, chance.choice([1, 1, 2]), gap=1)
                self.note("grow", t.number, name, t.atoms)
        elif roll < 0.55:
            self.edit_one(name)
        elif roll < 0.58:
            self.delete_one(name)
        elif roll < 0.66:
            kind = chance.choice(list(self.places))
            place = self.places[kind]
            place.fault, place.retry = chance.choice(FAULTS), chance.choice([60, 1800, 7200])
            self.note("fault", kind, place.fault, place.retry)
        elif roll < 0.74:
            for place in self.places.values():
                place.fault = ""
            self.note("no faults")
        elif roll < 0.77 and not self.plain:
            self.note("restart")
            await self.restart()
        elif roll < 0.80 and self.crash and not self.plain:
            self.store.fuse, self.store.after = chance.randint(1, 6), chance.random() < 0.5
            self.note("fuse", self.store.fuse, "after" if self.store.after else "before")
            await self.wait(chance.choice([0.5, 1, 3]))
            self.store.fuse = -1
        elif roll < 0.82 and not self.plain:
            await self.settings_changed(name)
        elif roll < 0.84 and not self.plain:
            await self.move()
        elif roll < 0.85 and not self.plain and "blog" in self.persons[name]:
            self.places["blog"].move(name)
            self.note("blog moved", name)
        elif self.jumps and roll < 0.86:
            self.world.clock.now += timedelta(hours=chance.choice([-3, -1, -0.2, 40]))
            self.note("clock jumps")
        elif roll < 0.87 and not self.plain:
            channel = chance.choice(self.world.channels)
            channel.mode = chance.choice(["ok", "down", "lost", "arrives, then fails", "away"])
            self.note("channel", channel.name, channel.mode)
        else:
            self.note("wait")
            await self.wait(chance.choice([0.2, 0.5, 1, 1, 3, 7, 13]))

    def edit_one(self, name):
        mine = [t for t in self.threads if t.person == name and "mastodon" in t.roots and not t.old and t.merges == 1]
        if mine:
            t = self.chance.choice(mine)
            atom = self.chance.choice(t.atoms)
            post = t.posts.get(("mastodon", atom))
            if post and self.places["mastodon"].edit(post, "edited now " + self.text(atom, "mastodon")):
                t.edited.add(atom)
                self.note("edit", t.number, atom)

    def delete_one(self, name):
        mine = [t for t in self.threads if t.person == name and not t.old and len(t.atoms) > 2]
        if mine:
            t = self.chance.choice(mine)
            kind = self.chance.choice(t.kinds)
            atoms = [a for a in t.atoms if (kind, a) in t.posts and t.posts[kind, a] == t.tips.get(kind)]
            if atoms and t.count[kind] > 2 and self.places[kind].delete(t.tips[kind]):
                t.optional |= set(atoms)
                for atom in atoms:
                    del t.posts[kind, atom]
                t.deleted = True
                left = [a for a in t.atoms if (kind, a) in t.posts and a not in atoms]
                t.tips[kind] = t.posts[kind, left[-1]]
                t.count[kind] -= 1
                self.note("delete", t.number, kind, atoms)

    keep = calm = jumps = False
    written = 0

    async def settings_changed(self, name):
        if self.keep:
            return
        kinds = self.persons[name]
        if len(kinds) > 1 and self.chance.random() < 0.4:
            gone = self.chance.choice(kinds)
            kinds.remove(gone)
            for t in self.threads:
                if t.person == name:
                    t.__dict__.setdefault("dropped", set()).add(gone)
        elif self.chance.random() < 0.5:
            self.chance.shuffle(kinds)
        else:
            more = [kind for kind in (self.only or self.places) if kind not in kinds]
            if more:
                new = self.chance.choice(more)
                kinds.append(new)
                for t in self.threads:
                    if t.person == name:
                        t.__dict__.setdefault("dropped", set()).add(new)
                self.writes_at[name] = tuple(dict.fromkeys((*self.writes_at[name], new)))
        self.note("settings", name, kinds)
        await self.declare()
        await self.know()

    async def move(self):
        text = await exported(self.behind)
        if self.kind == "tiny":
            await self.behind.close()
            shutil.rmtree(self.folder / "data")
        self.behind = await self._store()
        self.store = CrashingStore(self.behind)
        app = SimpleNamespace(
            store=self.store,
            clock=self.clock,
            finder=self.world.follower.finder,
            channels={c.name: c for c in self.world.channels},
            declared=(),
        )
        path = self.folder / "all.json"
        path.write_text(text, encoding="utf-8")
        await importing.restore(Restore(path=str(path)), app)
        self.note("moved")
        await self.rebuild()
        await self.declare()

    # -- the end ------------------------------------------------------------------------------------

    async def end(self):
        for place in self.places.values():
            place.fault = ""
        for channel in self.world.channels:
            channel.mode = "ok"
        self.note("heal")
        await self.declare()
        for hours in (1, 3, 3, 13, 13, 13, 13, 25, 25, 25, 25, 25, 25):
            await self.wait(hours)

    def required(self, thread):
        """Whether, by any place that was followed all the time, it must be told."""
        dropped = getattr(thread, "dropped", set())
        for kind, _root in thread.roots.items():
            for seen_as in (kind, "nitter") if kind == "fxtwitter" else (kind,):
                if seen_as not in self.persons[thread.person] or seen_as in dropped:
                    continue
                if (thread.person, seen_as) in thread.seen_at[kind] and (thread.count[kind] > 1 or kind == "blog"):
                    if seen_as == "nitter":
                        continue  # may have rolled over
                    return True
        return False

    def check(self):
        for _c, channel in enumerate(self.world.channels):
            for name in self.persons:
                if self.channels[name] and channel.name not in self.channels[name]:
                    continue
                self._check(channel, name)

    def _check(self, channel, name):
        grown_by = defaultdict(list)
        for m in channel.inbox:
            for atom in self._atoms_in(m):
                grown_by[atom].append((m.event, "may repeat" in m.text, m.key))
        for t in (t for t in self.threads if t.person == name):
            first = t.atoms[0]
            news = [one for a in t.atoms[:1] for one in grown_by[a] if one[0] in ("new", None)]
            certain = [one for one in news if not one[1]]
            if t.old:
                if grown_by[first]:
                    self.fail("old told", (channel.name, t.number, grown_by[first]))
                continue
            if self.required(t) and not news:
                self.fail("LOST thread", (channel.name, name, t.number, t.atoms, dict(t.count), t.kinds))
                continue
            if sum(one[0] == "new" for one in certain) > 1:
                self.fail("TWICE thread", (channel.name, name, t.number, t.atoms, certain))
            if not news or not self.required(t):
                continue
            for atom in t.atoms:
                if atom in t.optional:
                    continue
                told = [one for one in grown_by[atom] if atom != first or one[0] == "new"] or grown_by[atom]
                if atom == first and any(one[0] is None for one in grown_by[atom]):
                    continue  # a list names it again where it grew
                if not told:
                    self.fail("LOST post", (channel.name, name, t.number, atom, dict(t.count)))
                elif sum(not one[1] for one in told) > 1 and atom not in t.edited:
                    self.fail("TWICE post", (channel.name, name, t.number, atom, told))

    def _atoms_in(self, message):
        import re

        return {int(one) for one in re.findall(r"zq(\d+)zq", message.text)}

    async def play(self):
        try:
            await self.begin()
            for _ in range(self.steps):
                await self.step()
            await self.end()
            self.check()
        except BaseException:
            self.fail("harness or crash", traceback.format_exc()[-3000:])
        finally:
            for place in self.places.values():
                await place.stop()
            await self.http.close()
            await self.behind.close()
            shutil.rmtree(self.folder, ignore_errors=True)
        return self.wrong


def main():
    parse = argparse.ArgumentParser()
    parse.add_argument("--seed", type=int, default=0)
    parse.add_argument("--many", type=int, default=1)
    parse.add_argument("--steps", type=int, default=40)
    parse.add_argument("--store", default="memory")
    parse.add_argument("--kinds", default="")
    parse.add_argument("--plain", action="store_true")
    parse.add_argument("--no-crash", action="store_true")
    parse.add_argument("--keep", action="store_true", help="no change of settings")
    parse.add_argument("--calm", action="store_true", help="no thread within another, none goes on: a mirror's limits")
    parse.add_argument("--jumps", action="store_true", help="the clock jumps")
    parse.add_argument("-v", action="store_true")
    args = parse.parse_args()
    logging.disable(logging.CRITICAL if not args.v else logging.INFO)
    Path("/tmp/brk").mkdir(exist_ok=True)
    most, bad = Counter(), 0
    for seed in range(args.seed, args.seed + args.many):
        Game.keep, Game.calm, Game.jumps = args.keep, args.calm, args.jumps
        game = Game(seed, args.store, args.steps, args.v, args.kinds, not args.no_crash, args.plain)
        wrong = asyncio.run(game.play())
        for kind in ("bluesky", "mastodon", "fxtwitter", "nitter", "blog"):
            most[kind] = max(most[kind], game.most[kind])
        if wrong:
            bad += 1
            print("seed", seed, game.writes_at, game.channels, "lists" if game.lists_only else "")
            for kind, what, at in wrong[:6]:
                print("   ", at, kind, str(what)[:1200])
    print(f"{args.many} histories, {bad} bad; most requests in a round: {dict(most)}")


if __name__ == "__main__":
    main()
