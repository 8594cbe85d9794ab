"""Settings: what is read, from where, and how what is wrong is told."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.errors import SettingsError
from bot.hours import Digest, QuietHours
from bot.policy import Policy, Rule
from bot.settings import Archive, NoticeKeys, Settings, duration, find_file, load, made


@pytest.fixture(autouse=True)
def nothing_from_outside(monkeypatch):
    import os

    for name in [name for name in os.environ if name.startswith("KEEPCURRENT_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Read a settings file of this text, with these variables."""

    def read(text: str, **variables: str) -> Settings:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        path = tmp_path / "settings.toml"
        path.write_text(text)
        return load(path)

    return read


def problems(read, text, **variables):
    with pytest.raises(SettingsError) as caught:
        read(text, **variables)
    return [problem.replace(str(caught), "").split("settings.toml: ")[-1] for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "seconds"), [("0s", 0), ("90s", 90), ("30m", 1800), ("2h", 7200), ("1d", 86400), ("1.5h", 5400)]
)
def test_durations(text, seconds):
    """Seconds, minutes, hours, days."""
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "5 m", "-5m", "m", "1w", 5, None, "1h30m"])
def test_what_is_no_duration(text):
    """Anything else is refused, with how to write one."""
    with pytest.raises(ValueError, match="90s, 30m, 2h or 1d"):
        duration(text)


def test_an_empty_file_gives_the_defaults(read, tmp_path):
    """Nothing has to be set; the data folder lies beside the file."""
    settings = read("")

    assert settings.data_dir == tmp_path / "data"
    assert (settings.poll.interval, settings.poll.per_host) == (timedelta(minutes=30), 1)
    assert settings.sources.threadreader.base_url == "https://threadreaderapp.com"


def test_the_environment_wins_over_the_file(read):
    """Every key may come from the environment, also inside a channel."""
    text = '[poll]\ninterval = "1h"\nburst = 9\n[channels.me]\nkind = "console"\n'
    settings = read(text, KEEPCURRENT_POLL__INTERVAL="2h", KEEPCURRENT_CHANNELS__NEW__URL="json://x")

    assert (settings.poll.interval, settings.poll.burst) == (timedelta(hours=2), 9)
    assert list(settings.channels) == ["me", "new"]


def test_a_secret_may_stand_in_a_file(read, tmp_path):
    """`KEY_file` is read, relative to the settings file, without its line end."""
    (tmp_path / "token").write_text("geheim\n")
    text = '[channels.me]\nkind = "matrix"\nhomeserver = "https://x"\nroom = "!a:x"\ntoken_file = "token"\n'

    assert read(text).channels["me"].token.get_secret_value() == "geheim"


def test_a_secret_file_may_come_from_the_environment(read, tmp_path):
    """So may its path."""
    (tmp_path / "u").write_text("json://x")

    assert read("", KEEPCURRENT_CHANNELS__ME__URL_FILE="u").channels["me"].url.get_secret_value() == "json://x"


def test_secrets_do_not_show(read):
    """A settings value can be printed."""
    settings = read('[channels.me]\nurl = "json://user:hush@localhost"\n')

    assert "hush" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("intervall = 3", "intervall: unknown key"),
        ('[poll]\nintervall = "3m"', '[poll] intervall: unknown key; did you mean "interval"?'),
        ('[poll]\ninterval = "abc"', "[poll] interval: is not a duration; write it like 90s, 30m, 2h or 1d"),
        ('[poll]\nmin_interval = "0s"', "[poll] min_interval: must be at least 1s"),
        ('[poll]\nmin_interval = "2d"', "[poll]: min_interval must not be longer than max_interval"),
        ("[poll]\nper_host = 0", "[poll] per_host: should be greater than or equal to 1"),
        ('timezone = "Europe/Pari"', 'timezone: "Europe/Pari" is no IANA time zone; write it like Europe/Paris'),
        ('[channels.me]\nkind = "matrx"', "[channels.me]: unknown kind; it is one of email, matrix, slack, console"),
        ('[channels.me]\nkind = "email"\nhots = "x"', '[channels.me] hots: unknown key; did you mean "host"?'),
        ('[channels.me]\nkind = "email"\nsender = "x"\nto = "y"', "[channels.me] host: is missing"),
        ('[channels.me]\nkind = "slack"', "[channels.me]: needs either webhook, or token and channel"),
        ('[channels.me]\nkind = "slack"\ntoken = "x"', '[channels.me]: needs channel (like "#threads") beside token'),
        ('[channels.me]\nurl_file = "nowhere"', "[channels.me]: url_file: nowhere: No such file or directory"),
        ('[channels."a b"]\nkind = "console"', "[channels.a b]"),
        ('[sources.threadreder]\nbase_url = "x"', "[sources.threadreder]: unknown key; did you mean"),
        ('[sources.threadreader]\nbase_url = "x"', "[sources.threadreader] base_url: is not a web address"),
        ('[[follow]]\nauthr = "@a"', '[[follow]] authr: unknown key; did you mean "author"?'),
        ('[[follow]]\nauthor = []', "[[follow]] author: is empty"),
        ("[poll", "Expected"),
        ('[poll]\ntimeout = "0s"', "[poll] timeout: must be at least 1s"),
        ('[poll]\ninterval = "99999d"', "[poll] interval: is longer than ten years"),
        ('[poll]\ncontact = "a\\nb"', "[poll] contact: holds a character that cannot stand there"),
        ("data_dir = 3", "data_dir: is not a path"),
        ("poll = 3", "[poll]: is not a table"),
        ('allow_private_hosts = ["10.0.0.0/99"]', 'allow_private_hosts: "10.0.0.0/99" is no host name'),
        ('[sources.threadreader]\nbase_url = "http://[::1"', "base_url: is not a web address"),
        ('[sources.threadreader]\nbase_url = "https://u:p@x"', "base_url: must not hold a user or password"),
        ("\ufeffdata_dir = 'x'", "byte order mark"),
        ('data_dir = "x"\ndata_dir = "y"', "stands there a second time"),
    ],
)
def test_what_is_wrong_is_named_with_its_mend(read, text, problem):
    """One line: the place as it is spelled in the file, what is wrong, what was meant."""
    assert any(problem in told for told in problems(read, text))


def test_alert_channels_that_are_not_there_are_named(read):
    """[alerts] is held to the same names."""
    channels = '[channels.me]\nkind = "console"\n[channels.team]\nkind = "console"\n'
    settings = read(f'{channels}[alerts]\nchannels = ["me", "tema"]\n')

    assert list(settings.unknown_channels()) == ['[alerts] channels: there is no channel "tema"; did you mean "team"?']


@pytest.mark.parametrize("value", ["me,team", "me, team", '["me", "team"]'])
def test_alerts_from_the_environment(read, value):
    """Names with commas between them, or JSON; and the other keys as everywhere."""
    others = {"KEEPCURRENT_ALERTS__AFTER": "5", "KEEPCURRENT_ALERTS__SILENCE": "0s"}
    settings = read("", KEEPCURRENT_ALERTS__CHANNELS=value, **others)

    assert settings.alerts.channels == ("me", "team")
    assert (settings.alerts.after, settings.alerts.silence) == (5, timedelta(0))


def test_one_alert_channel_needs_no_list(read):
    """`channels = "me"` is a list of one, as in [[follow]]."""
    assert read('[alerts]\nchannels = "me"').alerts.channels == ("me",)


def test_channels_that_are_not_there_are_named(read):
    """Each [[follow]] that names one, with the nearest that is there."""
    follows = '[[follow]]\nauthor = "@a"\nchannels = ["mee"]\n[[follow]]\nauthor = "@b"\nchannels = ["x"]\n'

    assert list(read(f'{follows}[channels.me]\nkind = "console"').unknown_channels()) == [
        '[[follow]] @a: there is no channel "mee"; did you mean "me"?',
        '[[follow]] @b: there is no channel "x"',
    ]


def test_all_that_is_wrong_is_told(read):
    """Not only the first."""
    assert len(problems(read, 'a = 1\n[poll]\nb = 2\ninterval = "x"\n[channels.c]\nkind = "d"\n')) == 4


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("KEEPCURRENT_POLL_INTERVAL", 'unknown variable; did you mean "KEEPCURRENT_POLL__INTERVAL"?'),
        ("KEEPCURRENT_POLL__INTERVL", 'unknown variable; did you mean "KEEPCURRENT_POLL__INTERVAL"?'),
        ("KEEPCURRENT_CHANNELS__ME__URLL", 'unknown variable; did you mean "KEEPCURRENT_CHANNELS__ME__URL"?'),
        ("KEEPCURRENT_NONSENSE", "unknown variable"),
    ],
)
def test_a_variable_that_sets_nothing_is_named(read, name, problem):
    """pydantic-settings would ignore a typo in the environment."""
    assert problems(read, '[channels.me]\nkind = "console"', **{name: "3m"}) == [f"environment: {name}: {problem}"]


def test_a_variable_with_broken_json_is_named(read):
    """A list in the environment is JSON, or told not to be."""
    for broken in ("[{", "@ann"):
        assert problems(read, "", KEEPCURRENT_FOLLOW=broken) == ["environment: KEEPCURRENT_FOLLOW: is not JSON"]


def test_a_list_of_hosts_may_stand_in_the_environment_as_people_write_it(read):
    """With commas, or as JSON."""
    for text in ("10.0.0.0/8, a.example", '["10.0.0.0/8", "a.example"]'):
        settings = read("", KEEPCURRENT_ALLOW_PRIVATE_HOSTS=text)

        assert settings.allow_private_hosts == ("10.0.0.0/8", "a.example")


def test_no_secret_in_a_problem(read):
    """What is wrong with a channel is told without what is secret in it."""
    text = '[channels.me]\nkind = "slack"\nwebhook = "hush"\ntoken = "hush"\nfoo = "hush"\n'

    assert not any("hush" in problem for problem in problems(read, text))


def test_an_author_or_a_list(read):
    """`author` is one address, or several of one person."""
    settings = read('[[follow]]\nauthor = "@a"\n[[follow]]\nauthor = ["@b", "@c"]\n')

    assert [follow.author for follow in settings.follow] == [("@a",), ("@b", "@c")]


def test_a_foreign_channel_keeps_its_own_keys(read):
    """A dotted kind is somebody else's: what stands beside it is handed on."""
    channel = read('[channels.me]\nkind = "some.module:Channel"\nspeed = 3\n').channels["me"]

    assert {name: value for name, value in channel if value is not None} == {"kind": "some.module:Channel", "speed": 3}


def test_the_zone(read):
    """A named zone is used; without one, the machine's."""
    assert read('timezone = "Asia/Tokyo"').zone == ZoneInfo("Asia/Tokyo")
    assert read("").zone is not None


def test_the_file_that_is_found(tmp_path, monkeypatch):
    """The one given, then $KEEPCURRENT_SETTINGS, then ./settings.toml; one that was named must be there."""
    monkeypatch.chdir(tmp_path)
    named = tmp_path / "named.toml"
    named.write_text("")
    assert find_file(None) is None
    (tmp_path / "settings.toml").write_text("")

    assert find_file(None) == Path("settings.toml")
    monkeypatch.setenv("KEEPCURRENT_SETTINGS", str(named))
    assert find_file(None) == named
    with pytest.raises(SettingsError, match="keepcurrent init"):
        find_file(tmp_path / "missing.toml")


def test_values_alone_ignore_the_environment(monkeypatch):
    """The demo is not changed by what is set outside."""
    monkeypatch.setenv("KEEPCURRENT_POLL__BURST", "9")

    assert made(poll={"per_host": 3}).poll.burst == 5


# -- what is said of notices --------------------------------------------------------------------------------

ME = '[channels.me]\nkind = "console"\n'
KINDS = {
    "url": 'url = "json://x"',
    "email": 'kind = "email"\nhost = "x"\nsender = "a@x"\nto = "b@x"',
    "matrix": 'kind = "matrix"\nhomeserver = "https://x"\nroom = "!a:x"\ntoken = "t"',
    "slack": 'kind = "slack"\nwebhook = "https://x"',
    "console": 'kind = "console"',
    "foreign": 'kind = "tests.fakes:FakeChannel"',
}
ALL_KEYS = """
summary = "full"
budget = 300
events = ["new", "gone"]
updates = "digest"
settle = "5m"
digest = "weekly Mon 8:00"
quiet_hours = "22:00-07:00"
include = ["cyber", "/nis ?2/"]
exclude = "sponsored"
min_posts = 3
languages = ["EN", "fr"]
max_age = "30d"
"""
SAID = {
    "summary": "full",
    "budget": 300,
    "events": frozenset(["new", "gone"]),
    "updates": "digest",
    "settle": timedelta(minutes=5),
    "digest": Digest.parse("weekly mon 08:00"),
    "quiet_hours": QuietHours.parse("22:00-07:00"),
    "include": ("cyber", "/nis ?2/"),
    "exclude": ("sponsored",),
    "min_posts": 3,
    "languages": ("en", "fr"),
    "max_age": timedelta(days=30),
}


def nowhere(*_: str) -> str:
    return ""


def own(settings: Settings, name: str = "me") -> Policy:
    return settings.policies(nowhere).channels[name]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_channel_takes_what_is_said_of_notices(read, kind):
    """All the keys, and its own time zone and pictures."""
    text = f'timezone = "UTC"\n[channels.me]\n{KINDS[kind]}\n{ALL_KEYS}timezone = "Asia/Tokyo"\nimages = true\n'

    assert own(read(text)) == Policy(**SAID, zone=ZoneInfo("Asia/Tokyo"), images=True)


def test_every_field_of_a_policy_can_be_set():
    """Each is a key of channels, and but for the zone and pictures, of [[follow]]."""
    fields = {field.name for field in dataclasses.fields(Policy)}

    assert set(NoticeKeys.model_fields) == set(SAID) == fields - {"zone", "images"}


def test_a_channel_that_says_nothing_goes_by_the_defaults(read):
    """In the zone of all."""
    assert own(read(f'timezone = "Asia/Tokyo"\n{ME}')) == Policy(zone=ZoneInfo("Asia/Tokyo"))


def test_a_follow_is_a_rule(read):
    """With what it says, and the authors that can be told offline."""
    text = f'{ME}[[follow]]\nauthor = ["@ann", "https://x/1"]\nchannels = "me"\narchive_media = true\n{ALL_KEYS}'
    policies = read(f"archive_media = false\n{text}").policies({"@ann": "threadreader:ann", "https://x/1": ""}.get)
    ids = frozenset(["threadreader:ann"])
    rule = Rule(addresses=("@ann", "https://x/1"), feed_ids=ids, channels=("me",), said=SAID, archive_media=True)

    assert (policies.rules, policies.archive_media) == ((rule,), False)


def test_a_follow_that_says_nothing_is_a_rule_too(read):
    """Only where its threads go."""
    rules = read(f'{ME}[[follow]]\nauthor = "@ann"\n').policies(nowhere).rules

    assert rules == (Rule(addresses=("@ann",)),)


def test_off_and_nothing_undo_what_the_channel_says(read):
    """`[[follow]]` wins, also with "off", an empty list and zero."""
    undo = 'digest = "off"\nquiet_hours = "OFF"\nmax_age = "off"\nmin_posts = 0\n'
    undo += "include = []\nexclude = []\nlanguages = []\n"
    settings = read(f'[channels.me]\n{KINDS["console"]}\n{ALL_KEYS}[[follow]]\nauthor = "@a"\n{undo}')
    (rule,) = settings.policies(nowhere).rules
    kept = {name: SAID[name] for name in ("summary", "budget", "events", "updates", "settle")}

    assert rule.over(own(settings)) == Policy(**kept, zone=settings.zone)


def test_off_is_another_setting_than_none(read):
    """So that a running bot sees that it was added."""
    follow = f'{ME}[[follow]]\nauthor = "@a"\n'

    assert read(follow).model_dump() != read(f'{follow}digest = "off"\n').model_dump()


def test_in_the_file_a_comma_parts_nothing(read):
    """A phrase may hold one: taking "world" alone would exclude half of all threads."""
    text = f'{ME}exclude = "Hello, world"\n[[follow]]\nauthor = "@a"\ninclude = "a, b"\n'
    settings = read(text)

    assert own(settings).exclude == ("Hello, world",)
    assert settings.policies(nowhere).rules[0].said == {"include": ("a, b",)}


@pytest.mark.parametrize(
    ("key", "value", "field", "expected"),
    [
        ("INCLUDE", "data protection, /x{1,2}, y/ ,c", "include", ("data protection", "/x{1,2}, y/", "c")),
        ("EXCLUDE", '["a, b", "c"]', "exclude", ("a, b", "c")),
        ("LANGUAGES", "en, FR", "languages", ("en", "fr")),
        ("EVENTS", "new,gone", "events", frozenset(["new", "gone"])),
        ("DIGEST", "hourly", "digest", Digest.parse("hourly")),
        ("MIN_POSTS", "3", "min_posts", 3),
        ("MAX_AGE", "2d", "max_age", timedelta(days=2)),
        ("IMAGES", "true", "images", True),
        ("TIMEZONE", "Asia/Tokyo", "zone", ZoneInfo("Asia/Tokyo")),
    ],
)
def test_what_is_said_of_notices_may_come_from_the_environment(read, key, value, field, expected):
    """Lists with commas or as JSON."""
    settings = read(ME, **{f"KEEPCURRENT_CHANNELS__ME__{key}": value})

    assert getattr(own(settings), field) == expected


def test_the_archive_s_bounds(read):
    """Sizes and times as people write them; also from the environment."""
    settings = read('[archive]\nmax_size = "500MB"\nmax_age = "90d"\n', KEEPCURRENT_ARCHIVE__MAX_MEDIA="1.5 MB")

    assert settings.archive == Archive(max_age=timedelta(days=90), max_size="500MB", max_media=1_500_000)
    assert made().archive == Archive(max_age=None, max_size=5_000_000_000, max_media=10_000_000)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('summary = "highlight"', "[channels.me] summary: should be 'highlights', 'preview' or 'full'"),
        ("budget = 3", "[channels.me] budget: should be greater than or equal to 80"),
        ('events = ["new", "neu"]', "[channels.me] events: should be 'new', 'grown' or 'gone'"),
        ('updates = "later"', "[channels.me] updates: should be 'off', 'digest' or 'now'"),
        ('settle = "5"', "[channels.me] settle: is not a duration"),
        ('digest = "dayly 08:00"', '[channels.me] digest: is no digest; write it like "hourly", "daily 08:00"'),
        ("digest = true", "[channels.me] digest: is not a text"),
        ('quiet_hours = "22:00"', '[channels.me] quiet_hours: are no quiet hours; write them like "22:00-07:00"'),
        ('include = ["a", "/(b/"]', '[channels.me] include: "/(b/" is no regular expression: missing ) at position 2'),
        ("exclude = 3", "[channels.me] exclude: is not a list"),
        ('exclude = ["a", 3]', "[channels.me] exclude: is not a text"),
        ('exclude = ""', '[channels.me] exclude: "" is empty: it would be found everywhere'),
        (f"include = {['a'] * 101}", "[channels.me] include: holds more than 100; join some in one expression"),
        ("min_posts = -1", "[channels.me] min_posts: should be greater than or equal to 0"),
        ('languages = "English"', '[channels.me] languages: "English" is no language; write the two letters of ISO'),
        ('languages = ["jp"]', '[channels.me] languages: "jp" is no language'),
        ('max_age = "0s"', "[channels.me] max_age: must be at least 1s"),
        ('timezone = "Paris"', '[channels.me] timezone: "Paris" is no IANA time zone; write it like Europe/Paris'),
        ('sumary = "full"', '[channels.me] sumary: unknown key; did you mean "summary"?'),
        ("archive_media = true", "[channels.me] archive_media: unknown key"),
        ('[[follow]]\nauthor = "@a"\nexlude = "x"', '[[follow]] exlude: unknown key; did you mean "exclude"?'),
        ('[[follow]]\nauthor = "@a"\nevents = ["x"]', "[[follow]] events: should be 'new', 'grown' or 'gone'"),
        ('[[follow]]\nauthor = "@a"\nimages = true', "[[follow]] images: unknown key"),
        ('[archive]\nmax_sise = "1GB"', '[archive] max_sise: unknown key; did you mean "max_size"?'),
        ('[archive]\nmax_size = "5 XB"', '[archive] max_size: is not a size; write it like "10MB" or "5GB"'),
        ("[archive]\nmax_size = 5", '[archive] max_size: must be at least "1MB"'),
        ('[archive]\nmax_media = "9GB"', "[archive]: max_media must not be larger than max_size"),
        ('[archive]\nmax_age = "1h"', "[archive] max_age: must be at least 1d"),
    ],
)
def test_what_is_wrong_about_notices_is_named_with_its_mend(read, text, problem):
    """One line for each, with its place and the value's mend."""
    (told,) = problems(read, f"{ME}{text}\n")

    assert problem in told


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("KEEPCURRENT_CHANNELS__ME__DIGST", "x", 'unknown variable; did you mean "KEEPCURRENT_CHANNELS__ME__DIGEST"?'),
        ("KEEPCURRENT_CHANNELS__ME__BUDGET", "x", "is not a whole number"),
        ("KEEPCURRENT_CHANNELS__ME__SUMMARY", "fulll", "should be 'highlights', 'preview' or 'full'"),
        ("KEEPCURRENT_CHANNELS__ME__EXCLUDE", '["a', 'is no JSON list; write it like ["one", "two"]'),
        ("KEEPCURRENT_CHANNELS__ME__EVENTS", "new,x", "should be 'new', 'grown' or 'gone'"),
        ("KEEPCURRENT_ARCHIVE__MAX_SISE", "1", 'unknown variable; did you mean "KEEPCURRENT_ARCHIVE__MAX_SIZE"?'),
    ],
)
def test_what_is_wrong_in_the_environment_is_named_as_it_stands_there(read, name, value, problem):
    """By the variable's name."""
    assert problems(read, ME, **{name: value}) == [f"environment: {name}: {problem}"]


@pytest.mark.parametrize("value", ["mailto:stop@example.org?subject=stop", "https://example.org/stop?id=1&x=%20"])
def test_a_mail_may_say_how_to_be_left(read, value):
    """By an address to write to, or a page."""
    settings = read(f'[channels.me]\n{KINDS["email"]}\nunsubscribe = "{value}"\n')

    assert dict(settings.channels["me"])["unsubscribe"] == value


@pytest.mark.parametrize("value", ["", "stop@example.org", "http://x", "mailto:x", "https://x>,<http://y", "https://é"])
def test_what_is_no_way_to_be_left_is_refused(read, value):
    """It stands in a mail's header: nothing that could end it."""
    text = f"[channels.me]\n{KINDS['email']}\nunsubscribe = '{value}'\n"

    assert "unsubscribe: must be an address like mailto:you@example.org" in problems(read, text)[0]


def test_a_mail_s_way_to_be_left_is_of_mail_only(read):
    """Other channels have no header for it."""
    assert "unsubscribe: unknown key" in problems(read, f'{ME}unsubscribe = "mailto:a@b"\n')[0]


def test_what_makes_little_sense_is_remarked_on_where_it_is_said(read):
    """Once for a channel, and for each [[follow]] what it brings into it."""
    channel = f'{ME}digest = "daily 08:00"\nquiet_hours = "22:00-09:00"\nexclude = ["/x*/", "ad"]\n'
    quiet = '[[follow]]\nauthor = "@ann"\n'
    loud = '[[follow]]\nauthor = "@bob"\nupdates = "now"\ninclude = ["ad"]\n'

    assert list(read(f"{channel}{quiet}{loud}").remarks()) == [
        "[channels.me] /x*/ is found in an empty text too; did you mean + instead of *?",
        '[channels.me] digest = "daily 08:00" lies in quiet_hours = "22:00-09:00": it waits until they end, at 09:00',
        '[[follow]] @bob "ad" stands in include and in exclude: no thread that holds it is sent',
        '[[follow]] @bob updates = "now" beside digest = "daily 08:00": growth goes with the digest, as all does',
    ]


def test_what_is_so_in_every_channel_is_remarked_on_once(read):
    """One line for a [[follow]], not one for each channel."""
    channels = "".join(f'[channels.{name}]\nkind = "console"\n' for name in "abc")

    assert len(list(read(f'{channels}[[follow]]\nauthor = "@a"\nupdates = "digest"\n').remarks())) == 1


def test_a_language_that_nobody_can_tell_is_remarked_on(read):
    """Where it is known which can be told."""
    settings = read(f'{ME}languages = ["en", "vo"]\n')

    assert list(settings.remarks()) == []
    assert ['"vo" cannot be recognised' in remark for remark in settings.remarks({"en"})] == [True]
