"""The channel that sends through Apprise: e-mail, Matrix, Slack, and whatever else an Apprise URL reaches.

One place per channel, one message per send; no retry, no split, no cut. What to do after a failure is not decided
here. Apprise is loaded at the first use, and everything of it runs in daemon threads (`threads`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bot.channels import plugins, services
from bot.channels.classify import classify
from bot.channels.listen import Heard, listening, silence
from bot.channels.plugins import Plugin
from bot.channels.services import Security, Service
from bot.errors import ChannelDown, ChannelError, ChannelRejected, DeliveryInDoubt
from bot.model import Limits, Message
from bot.redact import Redactor
from bot.text import one_line
from bot.threads import Job, Threads

_MOST_LATE = 100
"""Late answers that are remembered. Only a send that timed out leaves one, and two threads can hang at once."""

Sender = Any
"""An `apprise.Apprise` with one plugin."""


class AppriseChannel:
    """One place, reached through Apprise. `to` is an Apprise URL or a `Service`."""

    def __init__(self, name: str, to: str | Service, *, timeout: float = 20.0, gap: float | None = None) -> None:
        self.name = name
        self._service = services.plain(to) if isinstance(to, str) else to
        self.gap = self._service.gap if gap is None else gap
        self._limits = self._service.limits
        self._timeout = timeout
        self._redact = Redactor(self._service.secrets)
        self._threads = Threads(f"channel {name}")
        self._late: dict[str, Job] = {}
        self._spare: Sender | None = None
        silence()

    @property
    def limits(self) -> Limits:
        """What one message may hold. For a URL of another kind than the three, known at once only after `check`."""
        if self._limits is None:
            try:
                with listening():
                    self._spare = self._spare or self._build()
                    self._limits = services.plugin_limits(self._spare[0], self._service.kind)
            except ChannelError:
                self._limits = Limits()
        return self._limits

    @limits.setter
    def limits(self, limits: Limits) -> None:
        self._limits = limits

    async def send(self, message: Message) -> str:
        """Send one message; see `Channel.send`. What timed out and arrived after all is not sent again."""
        earlier = self._late.get(message.key)
        if earlier is not None:
            if not earlier.ended:
                raise DeliveryInDoubt(self.name, "an earlier try still runs: it may have arrived")
            del self._late[message.key]
            if earlier.error is None:
                return str(earlier.result)
        if self._threads.full:
            raise ChannelDown(self.name, "earlier sends still hang: the server does not answer")
        job = self._threads.start(lambda: self._deliver(message))
        self._late[message.key] = job
        while len(self._late) > _MOST_LATE:
            del self._late[next(iter(self._late))]
        try:
            await job.wait(self._timeout)
        except TimeoutError:
            raise DeliveryInDoubt(self.name, f"no answer within {self._timeout:g} s: it may have arrived") from None
        del self._late[message.key]
        self._raise(job)
        return str(job.result)

    def succeed(self, before: object) -> None:
        """Take over the sends that still run, if they go where ours go; see `Successor`."""
        if isinstance(before, AppriseChannel):
            self._take_over(before)

    def _take_over(self, before: AppriseChannel) -> None:
        if before._service.target == self._service.target:
            self._threads, self._late = before._threads, before._late

    async def check(self) -> None:
        """Raise `ChannelError` if the channel cannot be built. Sends nothing."""
        if self._threads.full:
            raise ChannelDown(self.name, "earlier sends still hang: the server does not answer")
        job = self._threads.start(self._try_build)
        try:
            await job.wait(self._timeout)
        except TimeoutError:
            raise ChannelError(self.name, "Apprise could not be loaded in time") from None
        self._raise(job)

    async def close(self) -> None:
        """Forget the plugin. Threads that hang are left to end by themselves, and hold up nothing."""
        self._spare = None

    def _raise(self, job: Job) -> None:
        if isinstance(job.error, ChannelError):
            raise job.error
        if job.error is not None:
            # Not chained: the words of an error that nobody foresaw may hold a secret.
            raise ChannelError(self.name, f"unforeseen {type(job.error).__name__} in Apprise")

    # -- in a thread of its own -------------------------------------------------------------------

    def _deliver(self, message: Message) -> str:
        import apprise

        with listening() as heard:
            # A plugin carries what belongs to one message (headers, transaction id), so no two sends share one.
            sender, self._spare = self._spare or self._build(), None
            plugin = sender[0]
            receipt = self._service.prepare(plugin, message)
            title, body, form = services.parts(message, plugin, self._service.kind)
            with sender.notify(body=body, title=self._service.titled(title), body_format=form) as result:
                sent = result.status == apprise.AppriseResultStatus.SUCCESS
        if not sent:
            raise self._failure(heard)
        self._spare = sender
        return receipt()

    def _failure(self, heard: Heard) -> ChannelError:
        # Before anything is cut, which would leave half a secret, and after: JSON may spell it otherwise.
        said = replace(heard.last, said=self._redact(heard.last.said))
        verdict = classify(said, self._service.kind, self._redact(heard.warnings[-1]) if heard.warnings else "")
        reason = self._redact(verdict.reason)
        match verdict.kind:
            case "never":
                return ChannelRejected(self.name, reason)
            case "doubt":
                return DeliveryInDoubt(self.name, reason)
            case "down":
                return ChannelDown(self.name, reason, retry_after=verdict.retry_after)
            case _:
                return ChannelError(self.name, reason, retry_after=verdict.retry_after)

    def _try_build(self) -> None:
        with listening():
            self._spare = self._build()
            if self._limits is None:
                self._limits = services.plugin_limits(self._spare[0], self._service.kind)

    def _build(self) -> Sender:
        """A plugin that does only what it is told. Raises `ChannelError` with what is wrong, without secrets."""
        import apprise

        if self._service.problem:
            raise ChannelError(self.name, self._service.problem)
        plugin = self._instantiate()
        _tame(plugin, self._timeout, self._service.kind)
        if problem := self._service.refuse(plugin):
            raise ChannelError(self.name, problem)
        # Kept with its plugin: made anew for each message, it would look for its translations each time.
        sender = apprise.Apprise(asset=plugin.asset)
        sender.add(plugin)
        return sender

    def _instantiate(self) -> Plugin:
        import apprise
        from apprise.exception import AppriseImproperlyConfigured

        asset = apprise.AppriseAsset(
            app_id="keepcurrent",
            app_desc="keepcurrent",
            app_url="https://pypi.org/project/keepcurrent/",
            # In our thread, without a limit of its own: both would put the send into Apprise's joined pool.
            async_mode=False,
            service_timeout=0,
            # A redirected POST becomes a GET; its 200 would be taken for a delivery (a captive portal does that).
            http_redirects=False,
        )
        try:
            plugin = plugins.built(self._service.target, asset)
        except AppriseImproperlyConfigured as error:
            # Apprise quotes the wrong token in full.
            raise ChannelError(self.name, f"cannot be built: {one_line(self._redact(str(error)))}") from None
        except Exception as error:  # noqa: BLE001
            # Plugins of services we never see raise what they like on odd URLs.
            raise ChannelError(self.name, f"cannot be built: {type(error).__name__}") from None
        if plugin is None:
            schema = one_line(self._redact(self._service.kind))
            raise ChannelError(
                self.name, f"cannot be built: Apprise knows no such service, or the host is missing ({schema}://)"
            )
        return plugin


def _tame(plugin: Plugin, timeout: float, kind: str) -> None:
    """Switch off what a URL may have switched on, and everything that we do ourselves."""
    from apprise import OverflowMode

    plugin.optional = False  # would make each failure a success
    plugin.retry = 0
    plugin.overflow_mode = OverflowMode.UPSTREAM
    plugin.interpret_emojis = False
    plugin.request_rate_per_sec = 0
    plugin.throttle = _no_throttle
    plugin.default_retries = 1
    # Below our own limit, so that a server that hangs is told from a send in doubt where that is possible.
    plugin.socket_connect_timeout = min(15.0, timeout * (0.75 if kind == "email" else 0.25))
    plugin.socket_read_timeout = timeout * 0.7


def _no_throttle(*_: object, **__: object) -> None:
    """In place of Apprise's throttle: it sleeps by wall time, and for as long as a Matrix server's 429 says."""


# -- the kinds by their own words --------------------------------------------------------------------


def email(
    name: str,
    *,
    host: str,
    to: str,
    sender: str,
    sender_name: str = "",
    port: int | None = None,
    security: Security = "starttls",
    user: str = "",
    password: str = "",
    unsubscribe: str = "",
    timeout: float = 20.0,
    gap: float | None = None,
) -> AppriseChannel:
    """Mail to one address. Nothing needs escaping."""
    service = services.email(
        host=host,
        to=to,
        sender=sender,
        sender_name=sender_name,
        port=port,
        security=security,
        user=user,
        password=password,
        unsubscribe=unsubscribe,
    )
    return AppriseChannel(name, service, timeout=timeout, gap=gap)


def matrix(
    name: str,
    *,
    homeserver: str,
    token: str,
    room: str,
    ring: bool = False,
    timeout: float = 20.0,
    gap: float | None = None,
) -> AppriseChannel:
    """A Matrix room: notices that do not ring, unless `ring`."""
    service = services.matrix(homeserver=homeserver, token=token, room=room, ring=ring)
    return AppriseChannel(name, service, timeout=timeout, gap=gap)


def slack(
    name: str,
    *,
    webhook: str = "",
    token: str = "",
    channel: str = "",
    timeout: float = 20.0,
    gap: float | None = None,
) -> AppriseChannel:
    """Slack: an incoming webhook's full address, or a bot's token and a channel."""
    return AppriseChannel(name, services.slack(webhook=webhook, token=token, channel=channel), timeout=timeout, gap=gap)


def plain(name: str, *, url: str, timeout: float = 20.0, gap: float | None = None) -> AppriseChannel:
    """Whatever an Apprise URL names."""
    return AppriseChannel(name, url, timeout=timeout, gap=gap)
