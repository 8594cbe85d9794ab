"""Settings: what is read, from where, and how what is wrong is told."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.errors import SettingsError
from bot.settings import Settings, duration, find_file, load, made


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

    assert dict(channel) == {"kind": "some.module:Channel", "speed": 3, "gap": None}


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
