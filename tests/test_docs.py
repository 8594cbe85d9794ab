"""The documents tell the truth: what they show is loaded, run or compared here."""

from __future__ import annotations

import re
import shlex
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from bot import cli
from bot.commands.setting import example
from bot.policy import Policy
from bot.settings import CHANNEL_MODELS, Archive, Follow, Settings, load, made
from tests.trials.__main__ import TRIALS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
EXAMPLE = (ROOT / "settings.example.toml").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def uncommented() -> str:
    """The example with every commented setting in force; what gives a secret twice gives it once."""
    lines = [re.sub(r"^#(?=[a-z_\[])|^##(?=[a-z])", "", line) for line in EXAMPLE.splitlines()]
    return "\n".join(lines)


def test_init_writes_the_example():
    """What `init` writes is exactly settings.example.toml."""
    assert example() == EXAMPLE
    assert 'bot/settings.example.toml' in (ROOT / "pyproject.toml").read_text()


def test_the_example_is_valid_as_it_stands(tmp_path):
    """A fresh `init` loads, and sets nothing but defaults."""
    (tmp_path / "settings.toml").write_text(EXAMPLE)

    assert load(tmp_path / "settings.toml").model_dump(exclude={"data_dir"}) == made().model_dump(
        exclude={"data_dir"}
    )


def test_every_commented_setting_is_valid(tmp_path):
    """Each example in it works when the mark before it is removed."""
    text = uncommented()
    for name in re.findall(r'"(/run/secrets/\w+)"', text):
        (tmp_path / Path(name).name).write_text("secret")
        text = text.replace(name, str(tmp_path / Path(name).name))
    (tmp_path / "settings.toml").write_text(text)
    settings = load(tmp_path / "settings.toml")

    assert list(settings.channels) == ["mail", "room", "team", "phone", "screen"]
    assert settings.follow[0].author == ("@morcos_pierre",)


def load_uncommented() -> dict[str, Any]:
    return tomllib.loads(uncommented())


def test_the_example_shows_the_defaults():
    """A commented value of [poll], [delivery], [alerts], [archive] and [sources] is the default, where there is one."""
    shown = load_uncommented()
    shown["poll"].pop("contact")
    shown["alerts"].pop("channels")
    shown["archive"].pop("max_age")
    sections = {name: shown[name] for name in ("poll", "delivery", "alerts", "archive", "sources")}

    assert made(**sections).model_dump() == made().model_dump()


def test_the_example_names_every_setting():
    """Every key that can be set is explained where it is set."""
    shown = EXAMPLE + "KEY_file"
    for model in (*CHANNEL_MODELS.values(), Settings, Follow, Archive):
        for name in model.model_fields:
            assert re.search(rf"\b{name}\b", shown), name


def test_the_example_shows_the_default_of_what_is_said_of_notices():
    """A commented key of notices is the default, but for those of which the default is to have none."""
    shown = load_uncommented()["channels"]["screen"]
    for name in ("digest", "quiet_hours", "include", "exclude", "languages", "max_age", "timezone"):
        shown.pop(name)
    policy = made(channels={"screen": shown}).policies(lambda _: "").channels["screen"]

    assert policy == Policy(zone=policy.zone)


def test_every_command_of_the_readme_exists():
    """Each `keepcurrent …` line of the README is one the command line takes."""
    lines = [line for block in (*blocks("sh"), *blocks("cron"), *blocks("ini")) for line in block.splitlines()]
    called = [re.search(r"(?:^|bin/)keepcurrent ([^&]+)$", line) for line in lines]
    commands = [match[1] for match in called if match]
    assert len(commands) > 10
    for command in commands:
        cli.parser().parse_args(shlex.split(command))


def test_the_readme_s_settings_are_valid(tmp_path):
    """The channels that the README writes with printf load after what `init` wrote."""
    for number, block in enumerate(b for b in blocks("sh") if "printf" in b):
        written = "".join(re.findall(r"printf '(.*?)'", block)).replace("\\n", "\n")
        path = tmp_path / f"{number}.toml"
        path.write_text(EXAMPLE + written)

        assert len(load(path).channels) == 1


def test_the_readme_s_example_of_notices_is_valid(tmp_path):
    """Its keys load for a channel of any kind, and nothing in it is remarked on."""
    (block,) = blocks("toml")
    path = tmp_path / "settings.toml"
    path.write_text(block.replace("[channels.team]", '[channels.team]\nkind = "console"'))

    assert list(load(path).remarks()) == []


def test_the_readme_table_lists_every_command():
    """No command is missing from the README, none is there that does not exist."""
    actions = next(action for action in cli.parser()._actions if action.dest == "command")
    listed = re.findall(r"^\| `(\w+)", README, re.MULTILINE)
    listed += re.findall(r"^\| `pause ADDRESS…`, `(resume)", README, re.MULTILINE)

    assert set(listed) == set(actions.choices)


def test_ci_runs_the_readme_s_test_command():
    """What decides about a change is what a stranger would type."""
    (command,) = [block.strip() for block in blocks("sh") if "pytest" in block]

    assert command in (ROOT / ".ci" / "run").read_text()


def test_the_templates_are_packaged():
    """What notices and pages are made of ships with the package."""
    packaged = {path.name for path in files("bot").joinpath("templates").iterdir()}

    assert packaged >= {"notice.html", "notice.txt", "page.html"}


@pytest.mark.parametrize("command", ["init", "follow", "poll", "unroll", "outbox"])
def test_help_of_a_command(command, capsys):
    """`keepcurrent COMMAND --help` says what it does."""
    with pytest.raises(SystemExit) as caught:
        cli.main([command, "--help"])

    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: keepcurrent {command}")


@pytest.mark.parametrize(
    "path", ["README.md", "SECURITY.md", "docs/guarantee.md", "docs/summaries.md", "docs/moving.md", "docs/authors.md"]
)
def test_every_link_of_a_document_leads_somewhere(path):
    """A page that names a test names one that is there."""
    document = ROOT / path
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", document.read_text(encoding="utf-8"))
    missing = [link for link in links if not (document.parent / link).exists()]

    assert (bool(links), missing) == (True, [])


def test_the_guarantee_names_only_trials_that_there_are():
    """And every one of them, so that none is forgotten."""
    named = re.findall(r"`trials (\w+)`", (ROOT / "docs" / "guarantee.md").read_text(encoding="utf-8"))

    assert set(named) == set(TRIALS)
