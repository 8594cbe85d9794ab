"""The settings: one TOML file and the environment, read once, checked whole, handed on as frozen values.

The only reader of either. Does not build anything from what it reads; that is `app`.
Every problem is named with its place and, where there is one, the nearest known name; no value of a secret
ever stands in a message.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import replace
from datetime import UTC, timedelta, tzinfo
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, cast, get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ByteSize,
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    SecretStr,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from bot import filters, policy
from bot.errors import SettingsError
from bot.hours import Digest, QuietHours
from bot.model import EventKind
from bot.policy import Policies, Policy, Rule, Summary, Updates
from bot.redact import secrets_in_url
from bot.text import one_line, shorten

T = TypeVar("T")
Locate = Callable[[str, str], str]
"""Gives the id of the feed that an address means at a source ("": at whichever knows it)."""

PREFIX = "KEEPCURRENT_"
FILE_VARIABLE = "KEEPCURRENT_SETTINGS"
FILE_NAME = "settings.toml"

_folder: ContextVar[Path] = ContextVar("_folder", default=Path())
"""What relative paths inside the settings are relative to, while they are being read."""


# -- values -------------------------------------------------------------------------------------------------

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def duration(value: object) -> timedelta:
    """A span of time from `90s`, `30m`, `2h` or `1d`. Raises `ValueError`."""
    if isinstance(value, timedelta):
        return value
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?)([smhd])", value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError("is not a duration; write it like 90s, 30m, 2h or 1d")
    span = timedelta(**{_UNITS[match[2]]: float(match[1])})
    if span > timedelta(days=3650):
        raise ValueError("is longer than ten years")
    return span


Duration = Annotated[timedelta, BeforeValidator(duration)]


def _at_least_a_second(value: timedelta) -> timedelta:
    if value < timedelta(seconds=1):
        raise ValueError("must be at least 1s")
    return value


AtLeastASecond = Annotated[Duration, AfterValidator(_at_least_a_second)]


def _a_day_at_most(value: timedelta) -> timedelta:
    if value > timedelta(days=1):
        raise ValueError('must not be longer than 1d; updates = "digest" gathers what is new')
    return value


Settle = Annotated[Duration, AfterValidator(_a_day_at_most)]


def _at_least_a_day(value: timedelta) -> timedelta:
    if value < timedelta(days=1):
        raise ValueError("must be at least 1d")
    return value


AtLeastADay = Annotated[Duration, AfterValidator(_at_least_a_day)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]


def _is_a_zone(value: str) -> str:
    try:
        if value:
            ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f'"{value}" is no IANA time zone; write it like Europe/Paris') from error
    return value


ZoneName = Annotated[str, AfterValidator(_is_a_zone)]


def _names_in(value: object) -> object:
    """A list; from the environment also its items with commas between them, or JSON. One alone is a list too."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith(('["', "[]")):
        try:
            return json.loads(value)
        except ValueError as error:
            raise ValueError('is no JSON list; write it like ["one", "two"]') from error
    return [name.strip() for name in value.split(",") if name.strip()]


def _at_least_a_megabyte(value: ByteSize) -> ByteSize:
    if value < 1_000_000:
        raise ValueError('must be at least "1MB"')
    return value


Size = Annotated[ByteSize, AfterValidator(_at_least_a_megabyte)]
"""A number of bytes from `10MB` or `5GB`."""


class Section(BaseModel):
    """A table of the settings file. Any secret `KEY` may instead be given as `KEY_file`, a path to read it from."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _read_secret_files(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        data = dict(data)
        for name in secrets_of(cls):
            path = data.pop(f"{name}_file", None)
            if path is not None:
                if data.get(name) is not None:
                    raise ValueError(f"gives both {name} and {name}_file; keep one of them")
                data[name] = _secret_from(str(path), name)
        return data


def secrets_of(model: type[BaseModel]) -> tuple[str, ...]:
    """The names of the fields that hold secrets."""
    return tuple(
        name
        for name, field in model.model_fields.items()
        if field.annotation is SecretStr or SecretStr in get_args(field.annotation)
    )


def _secret_from(path: str, name: str) -> str:
    try:
        return (_folder.get() / path).read_text(encoding="utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not text"
        raise ValueError(f"{name}_file: {path}: {reason}") from error


class Poll(Section):
    """`[poll]`: how often authors are looked at, and how gently."""

    interval: Duration = timedelta(minutes=30)
    min_interval: AtLeastASecond = timedelta(minutes=10)
    max_interval: Duration = timedelta(hours=12)
    concurrency: int = Field(default=32, ge=1, le=1000)
    per_host: int = Field(default=1, ge=1, le=100)
    host_delay: Duration = timedelta(seconds=1)
    timeout: AtLeastASecond = timedelta(seconds=20)
    burst: int = Field(default=5, ge=1)
    requests_per_day: int = Field(default=0, ge=0, le=10_000_000)
    contact: Annotated[str, Field(pattern=r"^[\x20-\x7e]*$")] = ""

    @model_validator(mode="after")
    def _in_order(self) -> Poll:
        if not self.min_interval <= self.max_interval:
            raise ValueError("min_interval must not be longer than max_interval")
        return self


class Delivery(Section):
    """`[delivery]`: how notices are sent."""

    timeout: AtLeastASecond = timedelta(seconds=20)


class Alerts(Section):
    """`[alerts]`: who is told when something goes wrong, and how soon."""

    channels: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names_in)] = ()
    after: int = Field(default=3, ge=1, le=1000)
    silence: Duration = timedelta(days=7)


class Archive(Section):
    """`[archive]`: how long and how much is kept. `max_age` None: for ever."""

    max_age: AtLeastADay | None = None
    max_size: Size = ByteSize(5_000_000_000)
    max_media: Size = ByteSize(10_000_000)

    @model_validator(mode="after")
    def _in_order(self) -> Archive:
        if self.max_media > self.max_size:
            raise ValueError("max_media must not be larger than max_size")
        return self


# -- what is said of notices --------------------------------------------------------------------------------

Off = Literal["off"]


def _off_or(read: Callable[[str], T]) -> Callable[[object], T | Off]:
    """A reader of what `read` takes, or of "off"."""

    def read_or_off(value: object) -> T | Off:
        if isinstance(value, str):
            return "off" if value.strip().casefold() == "off" else read(value)
        if value is None or isinstance(value, (bool, int, float, list, dict)):
            raise ValueError("is not a text")
        return cast("T", value)

    return read_or_off


def _age(text: str) -> timedelta:
    return _at_least_a_second(duration(text))


def _patterns_in(value: object) -> object:
    """Like `_names_in`; a comma inside /…/ parts nothing."""
    if not isinstance(value, str) or value.lstrip().startswith(('["', "[]")):
        return _names_in(value)
    return re.findall(r"/.+?/(?=\s*(?:,|$))|[^,\s][^,]*", value)


def _patterns(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(values) > filters.MOST_PATTERNS:
        raise ValueError(f"holds more than {filters.MOST_PATTERNS}; join some in one expression: /this|that/")
    return tuple(filters.checked(value) for value in values)


Patterns = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_patterns_in), AfterValidator(_patterns)]


def _languages(values: tuple[str, ...]) -> tuple[str, ...]:
    codes = tuple(value.strip().casefold() for value in values)
    for code, value in zip(codes, values, strict=True):
        if code not in LANGUAGES:
            shown = shorten(one_line(value), 40)
            raise ValueError(f'"{shown}" is no language; write the two letters of ISO 639-1, like en, fr or ja')
    return codes


_CODES = (
    "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en "
    "eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv "
    "ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne "
    "ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st "
    "su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu"
)
LANGUAGES = frozenset(_CODES.split())
"""The codes of ISO 639-1."""


Languages = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names_in), AfterValidator(_languages)]


class NoticeKeys(BaseModel):
    """What `[channels.X]` and `[[follow]]` may both say of notices; None: nothing is said.

    The names are those of `Policy`. "off" in [[follow]] undoes what the channel says.
    """

    summary: Summary | None = None
    budget: int | None = Field(default=None, ge=80, le=20_000)
    events: Annotated[tuple[EventKind, ...], NoDecode, BeforeValidator(_names_in)] | None = None
    updates: Updates | None = None
    settle: Settle | None = None
    digest: Annotated[Digest | Off, PlainValidator(_off_or(Digest.parse))] | None = None
    quiet_hours: Annotated[QuietHours | Off, PlainValidator(_off_or(QuietHours.parse))] | None = None
    include: Patterns | None = None
    exclude: Patterns | None = None
    min_posts: int | None = Field(default=None, ge=0, le=10_000)
    languages: Languages | None = None
    max_age: Annotated[timedelta | Off, PlainValidator(_off_or(_age))] | None = None

    def said(self) -> dict[str, object]:
        """The fields of `Policy` that are said here."""
        given = {name: getattr(self, name) for name in NoticeKeys.model_fields}
        said = {name: value for name, value in given.items() if value is not None}
        for name in ("digest", "quiet_hours", "max_age"):
            if said.get(name) == "off":
                said[name] = None
        if "events" in said:
            said["events"] = frozenset(said["events"])
        return said


class ChannelKeys(NoticeKeys):
    """What every `[channels.X]` may say that is not for the channel itself: how its notices are made, and which."""

    timezone: ZoneName | None = None
    images: bool | None = None

    def policy(self, default: Policy) -> Policy:
        """The channel's own policy."""
        said = self.said()
        if self.timezone:
            said["zone"] = ZoneInfo(self.timezone)
        if self.images is not None:
            said["images"] = self.images
        return replace(default, **said)  # type: ignore[arg-type]


class ChannelSection(Section, ChannelKeys):
    """What every `[channels.X]` may say."""

    gap: Duration | None = None


class UrlChannel(ChannelSection):
    """Any Apprise URL."""

    url: SecretStr


class EmailChannel(ChannelSection):
    """`kind = "email"`: one mailbox, through one SMTP server."""

    kind: Literal["email"]
    host: str
    port: int | None = Field(default=None, ge=1, le=65535)
    security: Literal["starttls", "ssl", "none"] = "starttls"
    user: str = ""
    password: SecretStr | None = None
    sender: str
    sender_name: str = "keepcurrent"
    to: str
    unsubscribe: str | None = None

    @field_validator("unsubscribe")
    @classmethod
    def _leads_somewhere(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"(?:mailto:[!#-;=?A-~]+@|https://)[!#-+\--;=?A-~]+", value):
            raise ValueError("must be an address like mailto:you@example.org or https://example.org/stop")
        return value


class MatrixChannel(ChannelSection):
    """`kind = "matrix"`: one room, with an access token."""

    kind: Literal["matrix"]
    homeserver: str
    token: SecretStr
    room: str
    ring: bool = False


class SlackChannel(ChannelSection):
    """`kind = "slack"`: an incoming webhook, or a bot token and a channel."""

    kind: Literal["slack"]
    webhook: SecretStr | None = None
    token: SecretStr | None = None
    channel: str = ""

    @model_validator(mode="after")
    def _one_way(self) -> SlackChannel:
        if (self.webhook is None) == (self.token is None):
            raise ValueError("needs either webhook, or token and channel")
        if self.token is not None and not self.channel:
            raise ValueError('needs channel (like "#threads") beside token')
        return self


class ConsoleChannel(ChannelSection):
    """`kind = "console"`: standard output."""

    kind: Literal["console"]


class ForeignChannel(ChannelKeys):
    """`kind = "package.module:name"`: somebody else's channel; what else stands here is handed to it."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)
    kind: str
    gap: Duration | None = None


_NAMES_A_SECRET = re.compile("token|pass|secret|key|auth|url|hook|credential", re.IGNORECASE)

CHANNEL_MODELS: Mapping[str, type[BaseModel]] = {
    "url": UrlChannel,
    "email": EmailChannel,
    "matrix": MatrixChannel,
    "slack": SlackChannel,
    "console": ConsoleChannel,
    "foreign": ForeignChannel,
}


def _channel_kind(value: object) -> str | None:
    if not isinstance(value, Mapping):
        return next((tag for tag, model in CHANNEL_MODELS.items() if isinstance(value, model)), "url")
    kind = value.get("kind")
    if kind is None:
        return "url"
    if isinstance(kind, str) and ":" in kind:
        return "foreign"
    return kind if kind in CHANNEL_MODELS and kind not in ("url", "foreign") else None


AnyChannel = Annotated[
    Annotated[UrlChannel, Tag("url")]
    | Annotated[EmailChannel, Tag("email")]
    | Annotated[MatrixChannel, Tag("matrix")]
    | Annotated[SlackChannel, Tag("slack")]
    | Annotated[ConsoleChannel, Tag("console")]
    | Annotated[ForeignChannel, Tag("foreign")],
    Discriminator(
        _channel_kind,
        custom_error_type="unknown_kind",
        custom_error_message='unknown kind; it is one of email, matrix, slack, console or "package.module:name"',
    ),
]


def _has_host(url: str) -> bool:
    try:
        return bool(urlsplit(url).hostname)
    except ValueError:
        return False


def _is_a_url(value: str) -> str:
    if not re.match(r"https?://[^/\s]+", value) or not _has_host(value):
        raise ValueError("is not a web address; write it like https://threadreaderapp.com")
    if "@" in value.split("/")[2]:
        raise ValueError("must not hold a user or password: it stands in every notice")
    return value.rstrip("/")


BaseUrl = Annotated[str, AfterValidator(_is_a_url)]


class SourceSection(Section):
    """What every `[sources.X]` may say."""

    enabled: bool = True


class ThreadReaderSource(SourceSection):
    """`[sources.threadreader]`."""

    base_url: BaseUrl = "https://threadreaderapp.com"


class ChainKeys(SourceSection):
    """What a source may say that joins an author's posts to threads itself: which of them are told of."""

    posts: Literal["threads", "all"] = "threads"
    min_posts: int = Field(default=2, ge=2, le=1000)


class FxTwitterSource(ChainKeys):
    """`[sources.fxtwitter]`."""

    base_url: BaseUrl = "https://api.fxtwitter.com"


class BlueskySource(ChainKeys):
    """`[sources.bluesky]`."""

    base_url: BaseUrl = "https://public.api.bsky.app"


class MastodonSource(ChainKeys):
    """`[sources.mastodon]`: any host that speaks its API."""


class SyndicationSource(ChainKeys):
    """`[sources.syndication]`: feeds, on any host. `posts` and `min_posts` are for mirrors of X."""


class Sources(Section):
    """`[sources.X]`: where authors are looked for."""

    threadreader: ThreadReaderSource = ThreadReaderSource()
    fxtwitter: FxTwitterSource = FxTwitterSource()
    bluesky: BlueskySource = BlueskySource()
    mastodon: MastodonSource = MastodonSource()
    syndication: SyndicationSource = SyndicationSource()


class Follow(Section, NoticeKeys):
    """`[[follow]]`: an author, or several addresses of one; and what is said of their notices alone."""

    author: tuple[str, ...]
    source: str = ""
    channels: tuple[str, ...] = ()
    archive_media: bool | None = None

    @field_validator("author", "channels", mode="before")
    @classmethod
    def _one_or_more(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("source")
    @classmethod
    def _is_a_source(cls, value: str) -> str:
        if value and value not in Sources.model_fields:
            raise ValueError(f'"{value}" is no source; it is one of {", ".join(Sources.model_fields)}')
        return value

    @field_validator("author")
    @classmethod
    def _not_empty(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or not all(address.strip() for address in value):
            raise ValueError("is empty")
        return value


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        nested_model_default_partial_update=True,
    )

    data_dir: Path = Path("data")
    timezone: ZoneName = ""
    archive_media: bool = False
    allow_private_hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names_in)] = ()
    poll: Poll = Poll()
    sources: Sources = Sources()
    channels: dict[Name, AnyChannel] = Field(default_factory=dict)
    delivery: Delivery = Delivery()
    alerts: Alerts = Alerts()
    archive: Archive = Archive()
    follow: tuple[Follow, ...] = ()

    @field_validator("allow_private_hosts")
    @classmethod
    def _are_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:
            try:
                ip_network(host.strip("[]").rstrip("."), strict=False)
            except ValueError:
                if not re.fullmatch(r"\w[\w.-]*", host):
                    raise ValueError(f'"{host}" is no host name, address or network like 10.0.0.0/8') from None
        return value

    def secrets(self) -> Iterator[str]:
        """All that no output may hold. Of a foreign channel that is what is named like a secret."""
        for channel in self.channels.values():
            for name, value in channel:
                if isinstance(value, SecretStr):
                    secret = value.get_secret_value()
                    yield from secrets_in_url(secret) if "://" in secret else (secret,)
                elif isinstance(channel, ForeignChannel) and _NAMES_A_SECRET.search(name):
                    yield str(value)

    def unknown_channels(self) -> Iterator[str]:
        """Name each channel that a [[follow]] or [alerts] wants and that is not there."""
        wanted = [(f"[[follow]] {follow.author[0]}", name) for follow in self.follow for name in follow.channels]
        for where, name in (*wanted, *(("[alerts] channels", name) for name in self.alerts.channels)):
            if name not in self.channels:
                yield f'{where}: there is no channel "{name}"{_nearest(name, self.channels)}'

    def policies(self, locate: Locate) -> Policies:
        """What was said about notices. `locate` gives the id of an address's feed, "" if only a site knows it."""
        default = Policy(zone=self.zone)
        return Policies(
            channels={name: channel.policy(default) for name, channel in self.channels.items()},
            rules=tuple(_rule(follow, locate) for follow in self.follow),
            default=default,
            archive_media=self.archive_media,
        )

    def remarks(self, known_languages: Collection[str] = ()) -> Iterator[str]:
        """What is said of notices that is allowed but makes little sense, and what happens then.

        `known_languages`: those that can be recognised; empty: not judged.
        """
        default = Policy(zone=self.zone)
        for name, channel in self.channels.items():
            yield from (f"[channels.{name}] {r}" for r in _remarks(channel, channel.policy(default), known_languages))
        for follow in self.follow:
            rule = _rule(follow, lambda *_: "")
            there = [channel.policy(default) for name, channel in self.channels.items() if rule.leads_to(name)]
            found = (r for own in there for r in _remarks(follow, rule.over(own), known_languages))
            yield from (f"[[follow]] {follow.author[0]} {remark}" for remark in dict.fromkeys(found))

    @property
    def zone(self) -> tzinfo:
        """How dates are shown; the machine's own zone where none is set."""
        if self.timezone:
            return ZoneInfo(self.timezone)
        from tzlocal import get_localzone

        try:
            return get_localzone()
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return UTC  # TZ holds something that is no zone name

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the names are pydantic's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file."""
        return init_settings, env_settings, _File(settings_cls)


class _File(TomlConfigSettingsSource):
    """The settings file. Only the environment parts texts at commas: here "Hello, world" is one phrase."""

    def __call__(self) -> dict[str, Any]:
        data = super().__call__()
        channels, follows = data.get("channels"), data.get("follow")
        for section in (*(channels.values() if isinstance(channels, dict) else ()), *_list(follows)):
            for key in ("include", "exclude"):
                if isinstance(section, dict) and isinstance(section.get(key), str):
                    section[key] = [section[key]]
        return data


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _rule(follow: Follow, locate: Locate) -> Rule:
    return Rule(
        addresses=follow.author,
        feed_ids=frozenset(filter(None, (locate(address, follow.source) for address in follow.author))),
        channels=follow.channels,
        said=follow.said(),
        archive_media=follow.archive_media,
    )


def _remarks(keys: NoticeKeys, merged: Policy, known_languages: Collection[str]) -> Iterator[str]:
    for pattern in (*(keys.include or ()), *(keys.exclude or ())):
        if filters.found_everywhere(pattern):
            yield f"{pattern} is found in an empty text too; did you mean + instead of *?"
    yield from policy.remarks(merged, keys.said(), known_languages)


# -- reading ------------------------------------------------------------------------------------------------


def named_file() -> Path | None:
    """The settings file that the environment names."""
    return Path(os.environ[FILE_VARIABLE]) if os.environ.get(FILE_VARIABLE) else None


def find_file(given: Path | None) -> Path | None:
    """The settings file to read: the one given, `$KEEPCURRENT_SETTINGS`, ./settings.toml, the user's own.

    Raises `SettingsError` if one that was named is not there.
    """
    named = given or named_file()
    if named is not None:
        if not named.is_file():
            raise SettingsError(f"{named}: there is no such settings file; `keepcurrent init {named}` writes one")
        return named
    return next((path for path in default_files() if path.is_file()), None)


def default_files() -> tuple[Path, ...]:
    """Where a settings file is looked for when none is named."""
    from platformdirs import user_config_path

    return Path(FILE_NAME), user_config_path("keepcurrent") / FILE_NAME


def names_channels() -> bool:
    """Whether the environment alone sets a channel up, as in a container without a settings file."""
    return any(name.upper().startswith(f"{PREFIX}CHANNELS") for name in os.environ)


def load(path: Path | None) -> Settings:
    """Read the settings file (None: the environment alone). Raises `SettingsError` with all that is wrong.

    That a [[follow]] names a channel which is not there is left to `Settings.unknown_channels`.
    """
    environ = os.environ
    folder = path.parent.absolute() if path else Path.cwd()
    problems = list(_unknown_variables(environ))
    token = _folder.set(folder)
    try:
        settings = _read(path)
    except ValidationError as error:
        found = (_problem(item, path, environ) for item in error.errors(include_url=False, include_input=False))
        named = {problem.split(": ")[1] for problem in problems}
        problems += [p for p in found if p.split(": ")[1] not in named]
        raise SettingsError(*problems) from None
    finally:
        _folder.reset(token)
    if problems:
        raise SettingsError(*problems)
    return settings.model_copy(update={"data_dir": folder / settings.data_dir})


def _read(path: Path | None) -> Settings:
    class FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=path)

    try:
        return FromFile()
    except tomllib.TOMLDecodeError as error:
        bom = path is not None and path.read_bytes().startswith(b"\xef\xbb\xbf")
        mend = " (the file begins with a byte order mark: save it as UTF-8 without one)" if bom else ""
        if "overwrite a value" in str(error):
            mend = " (the key stands there a second time: leave one of the two out)"
        raise SettingsError(f"{path}: {error}{mend}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: is not UTF-8 text") from error
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        if isinstance(error, ValidationError):
            raise
        broken = [name for name, value in sorted(os.environ.items()) if _is_broken_json(name, value)]
        raise SettingsError(*(f"environment: {name}: is not JSON" for name in broken or ["one variable"])) from error


def _is_broken_json(name: str, value: str) -> bool:
    tables = {PREFIX + name.upper() for name, below in _all_names().items() if below}
    if name.upper() not in tables and not (name.upper().startswith(PREFIX) and value.lstrip().startswith(("[", "{"))):
        return False
    try:
        json.loads(value)
    except ValueError:
        return True
    return False


def made(**values: object) -> Settings:
    """Settings from values alone, without a file or the environment; for the demo and for tests."""

    class Made(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],  # noqa: ARG003 - the names are pydantic's
            init_settings: PydanticBaseSettingsSource,
            *_: PydanticBaseSettingsSource,
            **others: PydanticBaseSettingsSource,  # noqa: ARG003
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return (init_settings,)

    return Made(**values)  # type: ignore[arg-type]


# -- words --------------------------------------------------------------------------------------------------

Names = dict[str, "Names"]
"""The names that may stand in a table, each with those below it; "*" stands for any name."""


def _names(model: type[BaseModel]) -> Names:
    names: Names = {name: {} for name in (*model.model_fields, *(f"{name}_file" for name in secrets_of(model)))}
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            names[name] = _names(field.annotation)
    return names


def _all_names() -> Names:
    names = _names(Settings)
    names["follow"] = _names(Follow)
    every_key: Names = {name: {} for model in CHANNEL_MODELS.values() for name in _names(model)}
    names["channels"] = {"*": every_key}
    return names


def _beside(path: Sequence[str], names: Names) -> tuple[int, Names]:
    """How many parts of a path are known, and the names that may stand where the knowledge ends."""
    for depth, part in enumerate(path):
        below = names.get(part, names.get("*"))
        if below is None:
            return depth, names
        names = below
    return len(path), names


def _unknown_variables(environ: Mapping[str, str]) -> Iterator[str]:
    """Name every KEEPCURRENT_ variable that sets nothing: pydantic-settings ignores those silently."""
    for variable in sorted(environ):
        if not variable.upper().startswith(PREFIX) or variable.upper() == FILE_VARIABLE:
            continue
        parts = variable[len(PREFIX) :].lower().split("__")
        depth, names = _beside(parts, _all_names())
        if depth < len(parts):
            meant = ["__".join((*parts[:depth], name)).upper() for name in _paths(names)]
            yield f"environment: {variable}: unknown variable{_nearest('__'.join(parts).upper(), meant, PREFIX)}"


def _paths(names: Names) -> Iterator[str]:
    for name, below in names.items():
        yield name
        yield from (f"{name}__{path}" for path in _paths(below))


def _problem(item: ErrorDetails, path: Path | None, environ: Mapping[str, str]) -> str:
    """One line for one thing wrong: where it stands, what is wrong, what was meant."""
    loc = _names_of_place(item["loc"])
    variable = PREFIX + "__".join(loc).upper()
    section = PREFIX + "__".join(loc[:2]).upper() + "__"
    if any(name.upper() == variable for name in environ):
        where = f"environment: {variable}"
    elif loc[0] == "channels" and any(name.upper().startswith(section) for name in environ):
        where = f"environment ({section}…) and {path or 'no file'}: {_place(loc)}"
    else:
        where = ": ".join(filter(None, (str(path) if path else "settings", _place(loc))))
    if item["type"] == "extra_forbidden":
        return f"{where}: unknown key{_nearest(loc[-1], _siblings(item, loc))}"
    if item["type"] == "missing":
        return f"{where}: is missing"
    return f"{where}: {_WORDS.get(item['type'], item['msg'].removeprefix('Value error, ').removeprefix('Input '))}"


def _names_of_place(loc: Sequence[int | str]) -> list[str]:
    """The names on the way to what is wrong: without the kind of a channel, and without places in a list of values."""
    if loc and loc[0] == "follow":
        return [str(part) for i, part in enumerate(loc) if i < 2 or isinstance(part, str)]
    return [str(part) for i, part in enumerate(loc) if isinstance(part, str) and not (loc[0] == "channels" and i == 2)]


_WORDS = {
    "byte_size": 'is not a size; write it like "10MB" or "5GB"',
    "byte_size_unit": 'is not a size; write it like "10MB" or "5GB"',
    "path_type": "is not a path",
    "tuple_type": "is not a list",
    "dict_type": "is not a table",
    "model_type": "is not a table",
    "model_attributes_type": "is not a table",
    "string_type": "is not a text",
    "int_type": "is not a whole number",
    "int_parsing": "is not a whole number",
    "string_pattern_mismatch": "holds a character that cannot stand there (names: letters, digits, - and _)",
    "bool_parsing": "is neither true nor false",
    "bool_type": "is neither true nor false",
}
"""What pydantic says in Python's words, in people's."""


def _siblings(item: ErrorDetails, loc: Sequence[str]) -> Iterable[str]:
    if loc[0] == "channels" and len(item["loc"]) > 3:
        return _names(CHANNEL_MODELS[str(item["loc"][2])])
    return _beside([part for part in loc if not part.isdigit()], _all_names())[1]


def _place(loc: Sequence[str]) -> str:
    """Where a key stands, as it is spelled in the file: `[channels.me] url`, `[poll] interval`, `timezone`."""
    if not loc:
        return ""
    if loc[0] == "follow":
        which = f" number {int(loc[1]) + 1}" if len(loc) > 1 and loc[1] != "0" and loc[1].isdigit() else ""
        return " ".join((f"[[follow]]{which}", *(part for part in loc[1:] if not part.isdigit())))
    depth = 2 if loc[0] in ("channels", "sources") else 1 if _all_names().get(loc[0]) else 0
    table = loc[:depth]
    return " ".join((*([f"[{'.'.join(table)}]"] if table else []), *loc[len(table) :]))


def _nearest(name: str, known: Iterable[str], prefix: str = "") -> str:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f'; did you mean "{prefix}{near[0]}"?' if near else ""
