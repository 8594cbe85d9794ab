"""Apprise's plugins, one by one: the same as where Apprise loads all of them and chooses itself."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from apprise import Apprise, AppriseAsset, NotificationManager

from bot.channels.plugins import built, plugin_class

SCHEMAS = sorted(NotificationManager().schemas())
UNKNOWN = ("nope", "base", "https", "import", "_x", "s", "", "JSON", " json", "mailtoss")
RESTS = (
    *("", "localhost", "localhost/a/b", "a b/%20/ü?x=1", "host\nx", "//", "?to=x"),
    *("user:pass@localhost/#chan/@me", "user:pass@host:8080/?format=html&to=a@b.c", "token@host/!r:h?mode=hookshot"),
    f"{'A' * 30}/{'B' * 30}/{'C' * 30}",
)


def outcome(build: Any, *args: Any, **options: Any) -> Any:
    """The plugin's class and its own address, or what is wrong."""
    try:
        plugin = build(*args, asset=AppriseAsset(async_mode=False), **options)
    except Exception as error:
        return type(error), str(error)
    return None if plugin is None else (type(plugin), plugin.url())


@pytest.mark.parametrize("schema", SCHEMAS)
def test_the_class_is_apprises_own_choice_or_left_to_it(schema):
    """No name of a module leads to another service."""
    assert plugin_class(schema) in (None, NotificationManager()[schema])


@pytest.mark.parametrize("schema", ["mailto", "mailtos", "matrix", "matrixs", "slack", "json", "jsons", "ntfys"])
def test_the_class_of_common_services_is_found_at_once(schema):
    """Were a module renamed, all of them would be loaded."""
    assert plugin_class(schema) is NotificationManager()[schema]


@pytest.mark.parametrize("schema", [*SCHEMAS, *UNKNOWN])
def test_addresses_come_to_the_same(schema):
    """Also those that are refused, with the same words."""
    urls = [f"{schema}://{rest}" for rest in RESTS]

    expected = [outcome(Apprise.instantiate, url, suppress_exceptions=False) for url in urls]
    assert expected == [outcome(built, url) for url in urls]


@pytest.mark.parametrize("target", [{"schema": "json", "host": "a"}, {"schema": "nope"}, {"schema": "slack"}, {}])
def test_parts_come_to_the_same(target):
    """As mail, Matrix and Slack are built by their own words."""
    expected = outcome(Apprise.instantiate, dict(target), suppress_exceptions=False)

    assert expected == outcome(built, target)


def test_one_plugin_does_not_load_the_others():
    """That is what it is for."""
    code = (
        "import sys; from apprise import AppriseAsset; from bot.channels.plugins import built\n"
        "built('json://localhost', AppriseAsset())\n"
        "print(*sorted(name.split('.')[2] for name in sys.modules if name.startswith('apprise.plugins.')))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout.split() == ["base", "custom_json"]
