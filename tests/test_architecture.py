"""Who may import whom. The rule keeps the pure modules pure and the adapters ignorant of the flow."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

BOT = Path(__file__).parents[1] / "bot"
MODULES = sorted(path.relative_to(BOT) for path in BOT.rglob("*.py"))

# What a module may import of ours. A name ending in "." is a package: any module in it.
ALLOWED = {
    "model": {"rhythm"},
    "numbering": {"model"},
    "text": {"model", "numbering"},
    "points": {"model", "numbering", "text"},
    "summary": {"model", "points", "text"},
    "language": {"text"},
    "facts": {"model", "language", "text"},
    "redact": set(),
    "log": {"redact", "text"},
    "times": set(),
    "show": {"redact", "text"},
    "errors": {"model"},
    "protocols": {"model", "errors", "budget"},
    "conditional": {"model"},
    "schedule": {"model", "errors", "conditional", "rhythm"},
    "diff": {"model", "errors", "routing", "schedule"},
    "audit": {"model"},
    "compose": {"model", "policy", "text", "compose."},
    "compose.": {
        "model",
        "facts",
        "growth",
        "language",
        "markdown",
        "numbering",
        "policy",
        "summary",
        "text",
        "times",
        "compose.",
    },
    "growth": {"model", "text"},
    "rhythm": {"times"},
    "budget": set(),
    "spending": {"budget", "errors", "model", "protocols", "rhythm", "schedule"},
    "lookup": {"errors", "model", "protocols"},
    "markdown": {"text"},
    "orders": {"model"},
    "outbox": {"model", "errors"},
    "persons": {"model"},
    "alerts": {"model", "persons", "times", "routing"},
    "render": {"model", "render."},
    "render.": {"markdown", "model", "text", "times", "render."},
    "pdf": {"model", "errors", "render."},
    "allowance": set(),
    "addresses": {"threads"},
    "bodies": set(),
    "hosts": {"conditional"},
    "http": {"model", "errors", "allowance", "conditional", "addresses", "bodies", "hosts"},
    "routing": {"model", "facts", "policy", "filters", "hours"},
    "looks": {"model", "schedule", "growth", "routing"},
    "trail": {"model", "growth", "routing", "text"},
    "likeness": {"model", "text"},
    "twins": {"model", "protocols", "diff", "likeness", "looks", "reading", "routing"},
    "reading": {"model", "errors", "protocols", "diff", "likeness", "looks", "routing"},
    "poll": {"model", "errors", "allowance", "protocols", "diff", "looks", "schedule", "reading", "routing"}
    | {"twins", "spending"},
    "gallery": {"media", "policy", "poll", "protocols", "relook"},
    "relook": {"model", "errors", "allowance", "diff", "growth", "likeness", "looks", "schedule", "poll", "protocols"}
    | {"routing"},
    "composing": {"model", "errors", "compose.", "policy", "threads"},
    "dispatch": {"model", "errors", "protocols", "compose.", "composing", "policy", "routing", "schedule"},
    "inspection": {"model", "protocols", "alerts", "outbox", "poll", "dispatch", "routing"},
    "hours": set(),
    "policy": {"model", "hours"},
    "filters": {"language", "model", "policy", "text", "times"},
    "threads": set(),
    "pictures": set(),
    "search": {"model", "text"},
    "media": {"model", "errors", "allowance", "protocols", "pictures", "http"},
    "upkeep": {"model", "outbox", "protocols", "schedule"},
    "finding": {"model", "errors", "protocols"},
    "follow": {"model", "errors", "protocols", "diff", "finding", "poll"},
    "settings": {"model", "errors", "filters", "hours", "policy", "redact", "text"},
    "sources.": {"model", "errors", "conditional", "http", "text", "threads", "sources."},
    "stores.": {"model", "budget", "rhythm", "errors", "text", "times", "search", "pictures", "stores."},
    "channels.": {"model", "errors", "redact", "markdown", "text", "threads", "channels."},
    "runners.": {"model", "errors", "protocols", "schedule", "allowance", "poll", "dispatch", "upkeep", "inspection"}
    | {"gallery", "relook", "runners."},
    "app": {"model", "errors", "protocols", "schedule", "poll", "dispatch", "follow", "http", "redact", "settings"}
    | {"alerts", "finding", "gallery", "inspection", "media", "relook", "rhythm", "routing", "runners.", "spending"}
    | {"opening", "upkeep"},
    "opening": {"protocols", "settings"},
    "perform": {
        *("model", "errors", "schedule", "routing", "dispatch", "lookup", "poll", "relook", "finding", "follow"),
        *("times", "orders", "outbox", "app", "importing"),
    },
    "importing": {"model", "errors", "schedule", "finding", "orders", "outbox", "app", "exchange."},
    "exchange": set(),
    "exchange.": {"model", "errors", "text", "exchange."},
    "reload": {"errors", "log", "redact", "settings", "threads"},
    "door.": {"errors", "orders", "perform", "app", "door."},
    "service": {"errors", "finding", "protocols", "settings", "upkeep", "runners.", "app", "perform", "reload"}
    | {"door.", "opening", "text"},
}
PURE = [
    *("model", "errors", "redact", "text", "times", "conditional", "schedule", "diff", "audit"),
    *("render/look", "render/plain", "render/page"),
    *("orders", "outbox", "persons", "alerts", "hours", "policy", "filters", "growth", "routing", "looks", "trail"),
    *("search", "pictures", "markdown", "likeness", "rhythm", "budget"),
    *("compose/__init__", "compose/fit", "compose/forms", "compose/titles", "compose/told", "compose/view"),
    *("compose/edits", "compose/hidden", "compose/wording"),
    *("numbering", "points", "summary", "language", "facts"),
    "sources/chains",
    *("exchange/wanted", "exchange/opml", "exchange/handles", "exchange/mastodon_csv", "exchange/x_archive"),
    *("exchange/whole", "exchange/detect", "exchange/listed"),
    "stores/moving",
    *("sources/mastodon_addresses", "sources/mastodon_bookmark", "sources/mastodon_posts", "sources/mastodon_text"),
    *("sources/x_addresses", "sources/threadreader_addresses", "sources/fxtwitter_addresses"),
    *("sources/fxtwitter_posts", "sources/fxtwitter_threads", "sources/fxtwitter_bookmark"),
    *("sources/html_words", "sources/json_answers", "sources/nitter", "sources/stored", "sources/typed"),
    *("sources/syndication_addresses", "sources/syndication_cursor", "sources/syndication_entries"),
    *("sources/syndication_pages", "sources/syndication_paging", "sources/syndication_reading"),
    "sources/syndication_times",
    *("sources/feeds", "sources/feeds_charsets", "sources/feeds_dates", "sources/feeds_json", "sources/feeds_links"),
    *("sources/feeds_sax", "sources/feeds_text", "sources/feeds_writer", "sources/feeds_xml"),
    *("sources/bluesky_addresses", "sources/bluesky_bookmark", "sources/bluesky_embeds", "sources/bluesky_pages"),
    *("sources/bluesky_posts", "sources/bluesky_text"),
]
IMPURE_MODULES = {"asyncio", "logging", "random", "secrets", "socket", "time", "os", "threading", "pathlib"}


def imports(path: Path) -> set[str]:
    """The modules of ours that a file imports, by their name below `bot`; and other top-level modules as they are."""
    found = set()
    for node in ast.walk(ast.parse((BOT / path).read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            package = (BOT.parent / node.module.replace(".", "/")).is_dir()
            found |= {f"{node.module}.{alias.name}" for alias in node.names} if package else {node.module}
    return found


def ours(path: Path) -> set[str]:
    return {name.removeprefix("bot.") for name in imports(path) if name.startswith("bot.")} - {"__version__"}


def name_of(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def rule(name: str) -> set[str] | None:
    package = name.split(".", maxsplit=1)[0] + "."
    return ALLOWED.get(name, ALLOWED.get(package) if "." in name else None)


@pytest.mark.parametrize("path", [path for path in MODULES if rule(name_of(path)) is not None], ids=str)
def test_a_module_imports_only_what_it_may(path):
    """The import rule holds. (The commands and the packages' own files may import anything.)"""
    allowed = rule(name_of(path))
    packages = tuple(name for name in allowed if name.endswith("."))
    wrong = {name for name in ours(path) if name not in allowed and not name.startswith(packages)}

    assert not wrong


@pytest.mark.parametrize("name", PURE)
def test_a_pure_module_touches_nothing_outside(name):
    """No I/O, no clock, no chance, no log in the modules that decide."""
    path = Path(f"{name}.py")
    source = (BOT / path).read_text()

    assert not {module.split(".")[0] for module in imports(path)} & IMPURE_MODULES
    assert not re.search(r"\bdatetime\.now\(|\bdate\.today\(|\bopen\(", source)


ADAPTERS = ("sources", "stores", "channels")


@pytest.mark.parametrize("path", [path for path in MODULES if path.parts[0] not in ADAPTERS], ids=str)
def test_only_the_composition_root_and_the_demo_know_adapters(path):
    """An adapter is known by its name in a table, not by an import."""
    name = name_of(path)
    adapters = {n for n in ours(path) if n.split(".")[0] in ADAPTERS}
    if name.split(".")[0] in ("commands", "demo"):
        adapters -= {"stores.memory", "channels.console"}

    assert not adapters


def test_no_module_has_a_name_that_says_nothing():
    """No utils, helpers, common, manager, handler."""
    assert not {path.stem for path in MODULES} & {"utils", "helpers", "common", "manager", "handler", "misc"}


def test_only_settings_reads_the_environment():
    """Settings are read once, in one place. (`show` asks TERM and NO_COLOR, which are the terminal's.)"""
    readers = {name_of(p) for p in MODULES if re.search(r"os\.environ|os\.getenv", (BOT / p).read_text())}

    assert readers <= {"settings", "show", "cli"}
