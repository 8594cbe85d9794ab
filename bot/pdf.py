"""A thread as a PDF: its page, printed by WeasyPrint, which comes with the extra `keepcurrent[pdf]`.

Fetches nothing: pictures are drawn where their points were handed in, else they are named. Blocks for as long as it
takes (300 long posts: 5 s of processor time), so call it in a thread of its own. Does not decide what the page shows.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import replace
from functools import cache
from types import ModuleType
from typing import Final

from bot.errors import NoPdf
from bot.model import Entry
from bot.render.look import PICTURE_TYPES, Look, Picture
from bot.render.page import for_paper

_NO_EXTRA: Final = 'unroll --format pdf needs the extra: pip install "keepcurrent[pdf]"'
_NO_LIBRARY: Final = "unroll --format pdf needs Pango, a system library: on Debian, apt-get install libpangoft2-1.0-0"
_FONTS: Final = "apt-get install fonts-noto-core fonts-noto-cjk fonts-noto-color-emoji"
_NO_FONT: Final = f"unroll --format pdf needs fonts, and there are none here: on Debian, {_FONTS}"

_LONGEST: Final = 2_000_000
"""How much is printed, in characters, with 400 for each post: 10,000 posts took 1.1 GB of memory and a minute."""
_MOST_POINTS: Final = 40_000_000
"""The largest picture that is drawn. A few kB can say that they are a picture of gigabytes."""
_DPI: Final = 200
_QUALITY: Final = 85
_MOST_NAMED: Final = 12

log = logging.getLogger(__name__)


def pdf(entry: Entry, look: Look) -> bytes:
    """The thread's page on paper. Raises `NoPdf`, in one line, where something that it needs is not installed."""
    weasyprint = load()
    if sum(len(post.text) + 400 for post in entry.posts) > _LONGEST:
        raise NoPdf(f"a thread of {len(entry.posts)} posts is too long for a PDF; --format html has it whole")
    fetcher = weasyprint.urls.URLFetcher(allowed_protocols=("data",))
    html = for_paper(entry, replace(look, pictures=_drawable(look.pictures), remote_images=False))
    page = weasyprint.HTML(string=html, base_url=None, url_fetcher=fetcher)
    document = page.render(optimize_images=True, dpi=_DPI, jpeg_quality=_QUALITY, pdf_tags=True)
    made: bytes = document.write_pdf(optimize_images=True, dpi=_DPI, jpeg_quality=_QUALITY, pdf_tags=True)
    _tell_missing(frozenset(code for font in document.fonts.values() for code in font.missing))
    return made


@cache
def load() -> ModuleType:
    """WeasyPrint, once it is sure that it can work here. Raises `NoPdf`. To be called in the main thread first."""
    try:
        # Without fonts it only warns, and Pango then ends the whole program (WeasyPrint 70, Pango 1.50: a segmentation
        # fault); without Pango it prints to standard output, where the PDF goes.
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("error", UserWarning)
            import weasyprint
            import weasyprint.urls
    except ImportError as error:
        raise NoPdf(_NO_EXTRA) from error
    except OSError as error:
        raise NoPdf(_NO_LIBRARY) from error
    except UserWarning as error:
        raise NoPdf(_NO_FONT) from error
    module: ModuleType = weasyprint
    return module


def _drawable(pictures: Mapping[str, Picture]) -> dict[str, Picture]:
    return {url: picture for url, picture in pictures.items() if _is_drawable(picture)}


def _is_drawable(picture: Picture) -> bool:
    """Whether the points are a picture of a size that can be drawn, by its own head, which is all that is read here."""
    from PIL import Image

    kinds = [kind.removeprefix("image/").upper() for kind in PICTURE_TYPES]
    try:
        with Image.open(io.BytesIO(picture.data), formats=kinds) as image:
            return image.width * image.height <= _MOST_POINTS
    except Exception:  # noqa: BLE001 - whatever a damaged picture makes of its reader
        return False


def _tell_missing(codes: frozenset[int]) -> None:
    """Say which characters no font here has, so that they are boxes in the PDF."""
    if codes:
        named = " ".join(chr(code) for code in sorted(codes)[:_MOST_NAMED])
        more = f" and {len(codes) - _MOST_NAMED} more" if len(codes) > _MOST_NAMED else ""
        log.error("the PDF has boxes for characters that no font here has (%s%s): on Debian, %s", named, more, _FONTS)
