"""What kind of picture some bytes are, by how they begin: what a site says of them is not believed.

Pure. Does not know SVG: that is a document with scripts, not a picture. Five formats in ten lines: a library for this
(filetype, puremagic) would know hundreds that are not wanted here.
"""

from __future__ import annotations

from collections.abc import Mapping

ENDINGS: Mapping[str, str] = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "image/avif": ".avif",
    "video/mp4": ".mp4",
}
"""The kinds that are kept, each with the ending of its files. (Sites serve animated GIFs as MP4.)"""

TYPES: Mapping[str, str] = {ending: mime for mime, ending in ENDINGS.items()}
"""The kinds, by their ending."""

_BRANDS = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    **dict.fromkeys((b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V "), "video/mp4"),
}


def mime_of(data: bytes) -> str:
    """The kind; "" if it is none that is kept."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    return _BRANDS.get(data[8:12], "") if data[4:8] == b"ftyp" else ""
