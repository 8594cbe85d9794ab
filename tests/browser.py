"""A real browser, Debian's Chromium, that draws a page and measures it. Loads nothing but the page's own file.

Where there is no Chromium the test is skipped with a reason, but not in CI, which installs one.
"""

from __future__ import annotations

import base64
import json
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.needed import missing

CHROMIUM = Path("/usr/bin/chromium")
PATIENCE = 60.0
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--hide-scrollbars", "--remote-debugging-pipe"),
    # Whatever a page asks for outside of itself goes nowhere.
    *("--proxy-server=http://127.0.0.1:1", "--proxy-bypass-list=<-loopback>"),
)
MEASURE = """(() => {
  const name = (one) => one.tagName.toLowerCase() + (one.className ? "." + one.className : "");
  const wide = [...document.body.querySelectorAll("*")].filter((one) => {
    const box = one.getBoundingClientRect();
    return box.width > 0 && (box.right > innerWidth + 0.5 || box.left < -0.5);
  });
  const style = getComputedStyle(document.body);
  return {
    viewport: innerWidth, width: document.documentElement.scrollWidth, height: document.documentElement.scrollHeight,
    wide: [...new Set(wide.map(name))], background: style.backgroundColor, color: style.color,
    font: style.fontSize, images: [...document.images].map((one) => one.naturalWidth), title: document.title,
  };
})()"""


def screenshot(html_path: Path, width: int, height: int, dark: bool = False) -> bytes:
    """The page as a PNG, from its top: `height` 0 is the whole of it."""
    with _page(html_path.resolve().as_uri(), width, height or 800, dark) as page:
        asked = {"format": "png", "captureBeyondViewport": height == 0}
        return base64.b64decode(page.ask("Page.captureScreenshot", **asked)["data"])


def measure(html: str, width: int, height: int = 800, dark: bool = False, also: str = "0") -> dict[str, Any]:
    """What the page is like at this width: how wide it really is, what sticks out, its colours, what it asked for.

    `requests` are the addresses outside of the page itself; `said` is what a script of the page put on the console.
    `also` is a JavaScript expression of the test's own, whose value comes back under that name.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.html"
        path.write_text(html, encoding="utf-8")
        with _page(path.as_uri(), width, height, dark) as page:
            found = page.ask("Runtime.evaluate", expression=MEASURE, returnByValue=True)["result"]["value"]
            answer = page.ask("Runtime.evaluate", expression=also, returnByValue=True)["result"]["value"]
            return {**found, "also": answer, "requests": page.requests, "said": page.said}


def printed(html_path: Path) -> bytes:
    """The page as the browser prints it, a PDF."""
    with _page(html_path.resolve().as_uri(), 800, 800, False) as page:
        return base64.b64decode(page.ask("Page.printToPDF", printBackground=False, preferCSSPageSize=True)["data"])


@contextmanager
def _page(url: str, width: int, height: int, dark: bool) -> Iterator[_Page]:
    with _browser() as pipe:
        target = pipe.ask("Target.createTarget", url="about:blank")["targetId"]
        session = pipe.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = _Page(pipe, session, url)
        for domain in ("Page", "Network", "Runtime", "Log"):
            page.ask(f"{domain}.enable")
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        page.ask("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        page.ask("Emulation.setEmulatedMedia", media="", features=[scheme])
        page.ask("Page.navigate", url=url)
        page.wait_for("Page.loadEventFired")
        yield page


@contextmanager
def _browser() -> Iterator[_Pipe]:
    """A Chromium of our own, with a new profile, spoken to through a pipe: no port, no driver."""
    if not CHROMIUM.exists():
        missing(str(CHROMIUM), "apt-get install chromium")
    (theirs_in, ours_out), (ours_in, theirs_out) = os.pipe(), os.pipe()

    def as_three_and_four() -> None:
        # Where Chromium expects its pipe; first out of the way, because either may be 3 or 4 itself.
        reads, writes = os.dup(theirs_in), os.dup(theirs_out)
        os.dup2(reads, 3)
        os.dup2(writes, 4)

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            close_fds=False,
            preexec_fn=as_three_and_four,
            env={**os.environ, "HOME": profile},
        )
        os.close(theirs_in)
        os.close(theirs_out)
        pipe = _Pipe(ours_out, ours_in)
        try:
            yield pipe
            pipe.send("Browser.close")
            process.wait(10)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            os.close(ours_out)
            os.close(ours_in)


class _Pipe:
    """Chromium's debugging protocol: JSON, each message ended by a zero byte."""

    def __init__(self, writes: int, reads: int) -> None:
        self._writes, self._reads = writes, reads
        self._buffer = b""
        self._number = 0
        self.events: list[dict[str, Any]] = []

    def ask(self, method: str, session: str = "", **params: Any) -> Any:
        number = self.send(method, session, **params)
        while "id" not in (message := self.read()) or message["id"] != number:
            self.events.append(message)
        assert "error" not in message, f"{method}: {message['error']}"
        return message["result"]

    def send(self, method: str, session: str = "", **params: Any) -> int:
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        raw = json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0"
        while raw:
            raw = raw[os.write(self._writes, raw) :]
        return self._number

    def read(self) -> dict[str, Any]:
        latest = time.monotonic() + PATIENCE
        # Not `select`: tests of the store that die by intent leave thousands of files open for a while.
        answers = select.poll()
        answers.register(self._reads, select.POLLIN)
        while b"\0" not in self._buffer:
            assert answers.poll(max(latest - time.monotonic(), 0) * 1000), "Chromium does not answer"
            more = os.read(self._reads, 1 << 20)
            assert more, "Chromium ended"
            self._buffer += more
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)


class _Page:
    """One page of it."""

    def __init__(self, pipe: _Pipe, session: str, url: str) -> None:
        self._pipe, self._session, self._url = pipe, session, url

    def ask(self, method: str, **params: Any) -> Any:
        return self._pipe.ask(method, self._session, **params)

    def wait_for(self, event: str) -> None:
        while not self._events(event):
            self._pipe.events.append(self._pipe.read())

    def _events(self, method: str) -> list[dict[str, Any]]:
        return [one["params"] for one in self._pipe.events if one.get("method") == method]

    @property
    def requests(self) -> list[str]:
        urls = [one["request"]["url"] for one in self._events("Network.requestWillBeSent")]
        return [url for url in urls if url != self._url and not url.startswith("data:")]

    @property
    def said(self) -> list[str]:
        return [str(one["args"]) for one in self._events("Runtime.consoleAPICalled")] + [
            one["message"] for one in self._events("Page.javascriptDialogOpening")
        ]
