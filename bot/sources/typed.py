"""Pure: an address as a person typed or pasted it, to its parts.

Knows no site, and does not say whether anything is at the address.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, unquote, urlsplit


def bare(address: str) -> str:
    """Without the white space and the brackets that come along where people copy it: `<https://a.example>`."""
    return address.strip().strip("<>")


def split(address: str) -> SplitResult | None:
    """The address as a URL of the web; people leave the scheme out."""
    try:
        url = urlsplit(address if "://" in address else f"https://{address.removeprefix('//')}")
        _ = url.port  # raises for what is no port
    except ValueError:
        return None
    return url if url.scheme in ("http", "https") and not re.search(r"[\s\x00-\x1f\x7f]", address) else None


def words(path: str, prefix: str = "") -> list[str]:
    """The parts of a path, at a site that may live under a path itself."""
    return unquote(path).removeprefix(prefix.rstrip("/")).strip("/").split("/")
