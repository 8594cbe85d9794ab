"""A thread as a PDF: that it can be made here, that every script is drawn, and that nothing is fetched."""

from __future__ import annotations

import logging
import re
import socket
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from bot import pdf
from bot.errors import NoPdf
from bot.model import Post
from bot.render import Look, Picture
from tests.command import environment
from tests.needed import missing, program
from tests.servers.notices import PARIS
from tests.threads_to_show import ESSAY, KEPT, SCRIPTS, WORLD, png

LOOK = Look(zone=PARIS)


@pytest.fixture
def able() -> None:
    """A machine on which PDFs can be made."""
    try:
        pdf.load()
    except NoPdf as error:
        missing("what makes a PDF", str(error))


def said_by(tool: str, made: bytes, *options: str) -> bytes:
    """What one of Poppler's programs makes of a PDF."""
    command = [program(tool, "poppler-utils"), *options]
    return subprocess.run(command, input=made, capture_output=True, check=True, timeout=60).stdout


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What we say that a person sees at any level of talk; WeasyPrint's own remarks nobody sees."""
    return [one.getMessage() for one in caplog.records if one.name == "bot.pdf" and one.levelno >= logging.ERROR]


def pictures_in(made: bytes) -> int:
    return len(re.findall(rb"^ +\d+ +\d+ image", said_by("pdfimages", made, "-list", "-"), re.MULTILINE))


def colours(made: bytes, page: int = 1) -> set[tuple[int, int, int]]:
    """Strong colours on a page: of emoji, of flags, of pictures."""
    drawn = said_by("pdftoppm", made, "-r", "60", "-f", str(page), "-l", str(page), "-")
    points = drawn.split(b"\n", 3)[3]
    seen = {tuple(points[at : at + 3]) for at in range(0, len(points) - 2, 3)}
    return {(r, g, b) for r, g, b in seen if max(r, g, b) - min(r, g, b) > 100}


def test_a_pdf_is_made_that_can_be_read(able):
    """Title and words are in it as text."""
    made = pdf.pdf(ESSAY, LOOK)
    words = " ".join(said_by("pdftotext", made, "-", "-").decode().split())

    assert made.startswith(b"%PDF-")
    assert b"Why do bridges hum?" in said_by("pdfinfo", made, "-")
    assert "It is called vortex shedding. #physics" in words


def test_every_script_is_drawn(able, caplog):
    """No character is a box: nothing is missing, and each script has a font of its own in the file."""
    made = pdf.pdf(WORLD, LOOK)
    fonts = said_by("pdffonts", made, "-").decode()

    assert told(caplog) == []
    assert {one for one in ("CJK", "Devanagari", "Tamil", "Thai", "Color-Emoji") if one not in fonts} == set()


def test_a_number_is_on_one_line(able):
    """At the edge of the page, where there is room for one digit only."""
    lines = said_by("pdftotext", pdf.pdf(WORLD, LOOK), "-layout", "-", "-").decode().splitlines()

    assert [line.split()[0] for line in lines if "quoted" in line] == [str(len(SCRIPTS))]


@pytest.mark.parametrize("name", ["emoji", "flags"])
def test_emoji_and_flags_have_colours(able, name):
    """And the digits beside them are not taken for emoji."""
    bare = replace(ESSAY, url="", author=replace(ESSAY.author, url=""))
    coloured, plain = (
        colours(pdf.pdf(replace(bare, posts=(Post(id="1", text=text),)), LOOK)) for text in (SCRIPTS[name], "1 2 3 # *")
    )

    assert len(coloured) > 5
    assert plain == set()


def test_a_box_is_told(able, caplog):
    """A character that no font has is named, with the mend."""
    pdf.pdf(replace(ESSAY, posts=(Post(id="1", text="private: \U000f1234"),)), LOOK)

    (said,) = told(caplog)
    assert "\U000f1234" in said
    assert "fonts-noto-core" in said


def test_a_picture_is_drawn(able):
    """One that was handed in is in the file."""
    assert pictures_in(pdf.pdf(ESSAY, replace(LOOK, pictures={KEPT: png()}))) == 1


@pytest.mark.parametrize(
    "picture",
    [
        Picture(mime="image/png", data=b"no picture"),
        Picture(mime="image/png", data=b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
        Picture(mime="image/png", data=png(30_000, 1).data.replace(*(n.to_bytes(4, "big") for n in (30_000, 2**30)))),
        Picture(mime="image/png", data=png(8_000, 8_000).data),
    ],
    ids=["damaged", "svg", "lies about its size", "too large"],
)
def test_a_picture_that_would_do_harm_is_named_instead(able, picture):
    """Nothing of it is drawn, and the thread is."""
    made = pdf.pdf(ESSAY, replace(LOOK, pictures={KEPT: picture}))

    assert pictures_in(made) == 0
    assert b"A bridge in fog" in said_by("pdftotext", made, "-", "-")


def test_a_picture_that_a_page_would_load_is_named(able):
    """What a PDF has was handed in, also where the user lets a page load the rest."""
    words = said_by("pdftotext", pdf.pdf(ESSAY, replace(LOOK, remote_images=True)), "-", "-")

    assert b"Picture: A bridge in fog" in words


def test_nothing_is_fetched(able, monkeypatch, tmp_path):
    """Whatever a page asks for, nobody hears of it and no file of this machine is read."""
    (tmp_path / "own.png").write_bytes(png().data)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        asks = f'<link rel=stylesheet href="{url}/a.css"><img src="{url}/1.png"><img src="{tmp_path.as_uri()}/own.png">'
        monkeypatch.setattr(pdf, "for_paper", lambda *_: f"<html><head></head><body>{asks}words</body></html>")
        made = pdf.pdf(ESSAY, LOOK)
        with pytest.raises(BlockingIOError):
            server.accept()

    assert pictures_in(made) == 0


def test_300_posts_do_not_take_long(able):
    """About 2 s of processor time here; a bound that a slow machine keeps too."""
    posts = tuple(Post(id=str(n), text=f"{n}/ " + "The wind is never steady. " * 10) for n in range(300))
    started = time.process_time()
    pdf.pdf(replace(ESSAY, posts=posts), LOOK)

    assert time.process_time() - started < 40


def test_a_thread_without_end_is_refused(able):
    """10,000 posts took 1.1 GB of memory."""
    posts = tuple(Post(id=str(n), text="x") for n in range(10_000))

    with pytest.raises(NoPdf, match="10000 posts is too long for a PDF; --format html"):
        pdf.pdf(replace(ESSAY, posts=posts), LOOK)


# -- what may be missing, each in a program of its own: WeasyPrint is loaded once ---------------------------------

_NO_EXTRA = "import sys; sys.modules['weasyprint'] = None; "
_NO_PANGO = """
import cffi, sys
real = cffi.FFI.dlopen
def dlopen(self, name, flags=0):
    if name and "pango" in name:
        raise OSError("cannot load library " + name)
    return real(self, name, flags)
cffi.FFI.dlopen = dlopen
"""
_LOAD = """
from bot import pdf
from bot.errors import NoPdf
try:
    pdf.load()
except NoPdf as error:
    print(error)
"""


def loaded(before: str, **env: str) -> str:
    """What a program prints that finds out whether it can make PDFs."""
    command = [sys.executable, "-W", "ignore", "-c", before + _LOAD]
    done = subprocess.run(command, capture_output=True, timeout=60, check=True, text=True, env=environment(**env))
    return done.stdout


def test_without_the_extra_it_is_named():
    """One line, which can be typed."""
    assert loaded(_NO_EXTRA) == 'unroll --format pdf needs the extra: pip install "keepcurrent[pdf]"\n'


def test_without_pango_it_is_named(able):
    """One line, with the package; WeasyPrint's own words do not get into the PDF that goes to standard output."""
    assert loaded(_NO_PANGO) == (
        "unroll --format pdf needs Pango, a system library: on Debian, apt-get install libpangoft2-1.0-0\n"
    )


def test_without_fonts_they_are_named(able, tmp_path):
    """One line, and no crash: Pango without fonts ends the program."""
    config = tmp_path / "fonts.conf"
    config.write_text('<?xml version="1.0"?><fontconfig><dir>/nonexistent</dir></fontconfig>')

    assert loaded("", FONTCONFIG_FILE=str(config)) == (
        "unroll --format pdf needs fonts, and there are none here: on Debian, "
        "apt-get install fonts-noto-core fonts-noto-cjk fonts-noto-color-emoji\n"
    )


def test_all_that_is_needed_is_here(able):
    """Nothing to say."""
    assert loaded("") == ""
