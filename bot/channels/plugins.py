"""Builds the one plugin of Apprise that a place needs, by Apprise's own class for it.

`Apprise.instantiate` first loads all of its 130 plugins: 0.1 s of CPU and 19 MB, whichever is asked for. Where the
class cannot be told from the schema, that is still done. A test compares both for every schema that Apprise knows.
Knows no settings and sends nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from apprise import AppriseAsset  # loaded when the first channel is built

Plugin = Any
"""An Apprise plugin; Apprise ships no types that strict mode accepts."""

_SCHEMA = re.compile(r"\s*([a-z0-9]{1,32})://.*$", re.IGNORECASE)
_MODULES: Mapping[str, str] = {
    "mailto": "email",
    "json": "custom_json",
    "form": "custom_form",
    "xml": "custom_xml",
    "tgram": "telegram",
    "mmost": "mattermost",
    "rocket": "rocketchat",
    "pover": "pushover",
}
"""Modules that are not called as their schema is; those of rarer services are not worth a line."""


def built(target: str | Mapping[str, Any], asset: AppriseAsset) -> Plugin | None:
    """What `Apprise.instantiate` makes of an Apprise URL or of its parts. Raises what the plugin raises."""
    kind = plugin_class(_schema(target))
    said = kind and (kind.parse_url(target.replace("/#", "/%23")) if isinstance(target, str) else dict(target))
    if kind is None or (said and said.get("schema") not in kind.schemas(kind)):
        import apprise

        whole = target if isinstance(target, str) else dict(target)
        return apprise.Apprise.instantiate(whole, asset=asset, suppress_exceptions=False)
    if not said or not kind.enabled:
        return None
    plugin = kind(**said | {"tag": set(), "asset": asset})
    return plugin if plugin.enabled else None


def plugin_class(schema: str) -> Plugin | None:
    """The class that serves a schema, if the name of its module can be guessed: `ntfys` is in `ntfy`."""
    for name in filter(None, (schema, schema.removesuffix("s"))):
        try:
            module = import_module(f"apprise.plugins.{_MODULES.get(name, name)}")
        except ImportError:
            continue
        for said, found in vars(module).items():
            if said.startswith("Notify") and hasattr(found, "app_id") and schema in found.schemas(found):
                return found
    return None


def _schema(target: str | Mapping[str, Any]) -> str:
    if not isinstance(target, str):
        return str(target.get("schema", ""))
    found = _SCHEMA.match(target)
    return found[1].lower() if found else ""
