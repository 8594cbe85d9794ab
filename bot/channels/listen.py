"""What Apprise lets slip while it sends: the one place where the cause of a failure is to be had.

Apprise answers yes or no. Its log says more, and beside it passwords (at DEBUG the webhook's path, JSON headers; at
WARNING a malformed Slack token in full; urllib3 prints the paths again). So its loggers end here, at every level,
and what is heard is kept as facts: codes rather than sentences. Decides nothing; that is `classify`.
"""

from __future__ import annotations

import logging
import re
import smtplib
import socket
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import FrameType
from typing import Any, Literal

Trouble = Literal["unresolved", "refused", "unreachable", "timeout", "tls", "unsupported", "dropped", ""]
"""How a connection failed. "dropped" is the only one in which the other side may have read the message."""

Answer = Any
"""A `requests.Response`; requests is loaded only with Apprise."""

_LOUD = ("urllib3", "requests", "charset_normalizer")
_LONGEST_ANSWER = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One answer, or one failure to get any. `said` are the other side's words, unredacted.

    `sending`: the request carried the message. `content`: the answer came to the message itself (SMTP's DATA).
    """

    trouble: Trouble = ""
    smtp: int | None = None
    http: int | None = None
    retry_after: float | None = None
    said: str = ""
    sending: bool = True
    content: bool = False


class Heard:
    """What one send let slip, in order."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.warnings: list[str] = []

    @property
    def last(self) -> Fact:
        """The last thing that happened, which is what the send failed of."""
        return self.facts[-1] if self.facts else Fact()


_listening: ContextVar[Heard | None] = ContextVar("listening", default=None)


@contextmanager
def listening() -> Iterator[Heard]:
    """Hear what Apprise logs in this thread, and in the threads that take over its context."""
    silence()
    heard = Heard()
    token = _listening.set(heard)
    try:
        yield heard
    finally:
        _listening.reset(token)


class _Ear(logging.Filter):
    """Hears every record of Apprise's logger and lets none of them through to any handler."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Hear `record`; never let it pass."""
        if (heard := _listening.get()) is not None:
            self._hear(record, heard)
        return False

    def _hear(self, record: logging.LogRecord, heard: Heard) -> None:
        # Apprise logs from within its `except`, so the exception itself, with its code, is still at hand.
        error = sys.exc_info()[1]
        answer = None if error else _answer_in(sys._getframe())  # noqa: SLF001  the only way to the answer's code and headers
        if fact := _of_error(error) if error else _of_answer(answer) if answer is not None else None:
            heard.facts.append(fact)
        if record.levelno >= logging.WARNING:
            heard.warnings.append(record.getMessage()[:_LONGEST_ANSWER])


_ear = _Ear()


def silence() -> None:
    """Let nothing of Apprise, requests and urllib3 reach the program's own log. Idempotent."""
    apprise = logging.getLogger("apprise")
    apprise.addFilter(_ear)
    apprise.setLevel(logging.DEBUG)
    for name in _LOUD:
        logger = logging.getLogger(name)
        logger.propagate = False
        logger.setLevel(logging.CRITICAL)


def _answer_in(frame: FrameType | None) -> Answer | None:
    """The HTTP answer that the plugin speaks of: its local variable `r`, as in every plugin of Apprise 2.2.

    Without this, a Retry-After header and, for most services, the answer's body are out of reach.
    """
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] != "apprise":
        frame = frame.f_back
    answer = frame.f_locals.get("r") if frame else None
    return answer if isinstance(getattr(answer, "status_code", None), int) else None


def _of_answer(answer: Answer) -> Fact:
    said = answer.content[:_LONGEST_ANSWER].decode("utf-8", "replace") if isinstance(answer.content, bytes) else ""
    return Fact(
        http=answer.status_code,
        retry_after=_seconds(answer.headers.get("Retry-After")),
        said=said,
        sending=_is_send(getattr(answer, "url", "")),
    )


def _seconds(value: object) -> float | None:
    """A Retry-After in seconds; a date is not read, since it needs a clock that both sides agree on."""
    return float(value) if isinstance(value, str) and re.fullmatch(r"\d{1,7}", value.strip()) else None


def _is_send(url: object) -> bool:
    """Whether a request carried the message. Matrix first asks who we are and joins the room."""
    path = str(url)
    return "/_matrix/" not in path or "/send/" in path


def _of_error(error: BaseException) -> Fact | None:
    if isinstance(error, smtplib.SMTPException):
        return _of_smtp(error)
    if type(error).__module__.partition(".")[0] == "requests":
        return _of_requests(error)
    return Fact(trouble=_trouble(error)) if isinstance(error, OSError) else None


def _of_smtp(error: smtplib.SMTPException) -> Fact:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, said = next(iter(error.recipients.values()), (550, b""))
        return Fact(smtp=code, said=_decoded(said))
    if isinstance(error, smtplib.SMTPResponseException):
        # -1: no code could be read in the answer, the connection is not in step any more.
        if error.smtp_code <= 0:
            return _lost(error)
        content = isinstance(error, smtplib.SMTPDataError)
        return Fact(smtp=error.smtp_code, said=_decoded(error.smtp_error), content=content)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return Fact(trouble="unsupported", said=str(error))
    return _lost(error)


def _lost(error: BaseException) -> Fact:
    """A connection that broke. Once DATA had begun, the mail may have been taken."""
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_name == "data" and trace.tb_frame.f_globals.get("__name__") == "smtplib":
            return Fact(trouble="dropped")
        trace = trace.tb_next
    return Fact(trouble="timeout" if "timed out" in str(error) else "unreachable")


def _decoded(said: object) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)


def _of_requests(error: BaseException) -> Fact:
    import requests

    sending = _is_send(getattr(getattr(error, "request", None), "url", ""))
    if isinstance(error, requests.exceptions.SSLError):
        return Fact(trouble="tls", sending=sending)
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return Fact(trouble="timeout", sending=sending)
    if isinstance(error, requests.exceptions.ReadTimeout | requests.exceptions.ChunkedEncodingError):
        return Fact(trouble="dropped", sending=sending)
    if isinstance(error, requests.exceptions.ConnectionError):
        reason = getattr(error.args[0] if error.args else None, "reason", None)
        # A `reason` means that no connection came about; without one it broke after the request had left.
        return Fact(trouble=_trouble(reason) if reason is not None else "dropped", sending=sending)
    return Fact(trouble="unreachable", sending=sending)


def _trouble(error: BaseException) -> Trouble:
    """How a connection failed, from an error or from what caused it."""
    seen: BaseException | None = error
    while seen is not None:
        match seen:
            case socket.gaierror():
                return "unresolved"
            case ConnectionRefusedError():
                return "refused"
            case ssl.SSLError():
                return "tls"
            case TimeoutError():
                return "timeout"
        seen = seen.__cause__ or seen.__context__
    return "unreachable"
