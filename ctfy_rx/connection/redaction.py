"""Secrets, taken out of texts, of what the HTTP libraries log, and of what we log."""

from __future__ import annotations

import logging
import re
from contextvars import ContextVar
from threading import Lock
from weakref import ref

from ctfy_rx.connection.either_httpx import LOGGERS

__all__ = ["Secrets", "keep_out_of_our_log", "redact_logs"]

_UNMISTAKABLE = 6  # characters
_BEFORE_VALUE = "(?:(?<=[=:\"'])|(?<=3[Dd])|(?<=3[Aa])|(?<=2[27]))"  # those four may be percent-encoded
_AFTER_VALUE = r"(?![\w~.:/-])"
_COMPRESSED_HEADERS = ("Encoded header block to %s", "Decoding %s")


class Secrets:
    """Takes secrets out of texts, also where some characters of them are percent-encoded, once or more often.

    Short ones only where they are a value, or the whole text: elsewhere their letters may well stand for
    something else. The first one is the `token`.

    >>> Secrets("pt_a/b").hidden("GET /events?token=pt_a%2Fb")
    'GET /events?token=***'
    >>> Secrets(None, "demo").hidden("GET /demo/stream?password=demo")
    'GET /demo/stream?password=***'
    """

    def __init__(self, token: str | None = None, *others: str | None) -> None:
        longest_first = sorted({each for each in (token, *others) if each}, key=len, reverse=True)
        long = [each for each in longest_first if len(each) >= _UNMISTAKABLE]
        short = _any_of([each for each in longest_first if len(each) < _UNMISTAKABLE])
        self._unmistakable = _any_of(long)
        self._values = re.compile(
            rf"{_BEFORE_VALUE}(?:{short.pattern}){_AFTER_VALUE}|\A(?:{short.pattern})\Z"
        )
        self._token = _any_of([each for each in long if each == token])
        self._are_there = bool(longest_first)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return self._are_there

    def hidden(self, text: str) -> str:
        """`text` with ``***`` in the place of each secret."""
        return self._values.sub("***", self._unmistakable.sub("***", text))

    def hidden_in_prose(self, text: str) -> str:
        """The same, but for short secrets."""
        return self._unmistakable.sub("***", text)

    def without_token(self, address: str) -> str:
        """What to request of another origin at `address`, into which a server may have put the token. All
        else is requested as it is: a password may well be a word that stands in a path."""
        return self._token.sub("***", address)


def _any_of(secrets: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(_in_any_form, secrets)) or r"(?!)")


def _in_any_form(secret: str) -> str:
    return "".join(
        f"(?:{re.escape(character)}|{_percent_encoded(character)}{'|[+]' if character == ' ' else ''})"
        for character in secret
    )


def _percent_encoded(character: str) -> str:
    # The percent sign of an encoded text that is encoded again becomes %25.
    return "".join(f"(?i:%(?:25)*{byte:02x})" for byte in character.encode("utf-8", "surrogatepass"))


_hidden_here: ContextVar[Secrets | None] = ContextVar("ctfy_rx secrets", default=None)


def redact_logs(secrets: Secrets) -> None:
    """Hide `secrets` in what the HTTP libraries log from now on in this thread or task.

    At DEBUG, httpcore logs the headers of responses, whose Location may repeat the token, and hpack those of
    requests, whose ``:path`` holds it.
    """
    _hidden_here.set(secrets)
    for name in LOGGERS:
        logging.getLogger(name).addFilter(_hide)


def _hide(record: logging.LogRecord) -> bool:
    secrets = _hidden_here.get()
    if secrets is not None:
        if record.msg in _COMPRESSED_HEADERS:
            return False  # whoever reads the log can undo the Huffman coding, but no search sees through it
        text = record.getMessage()
        hidden = secrets.hidden(text)
        if hidden != text:
            record.msg, record.args = hidden, ()
    return True


_known: tuple[ref[Secrets], ...] = ()
_knowing = Lock()


def keep_out_of_our_log(secrets: Secrets) -> Secrets:
    """Hide `secrets`, as long as somebody holds them, in whatever is logged under ``ctfy_rx``: what an app's
    own function raises, and the log repeats with its traceback, may be an URL with a token."""
    global _known  # noqa: PLW0603 - those of this process
    with _knowing:
        _known = (*(each for each in _known if each() is not None), ref(secrets))
    logging.getLogger("ctfy_rx").addFilter(_hide_known)
    return secrets


def _hide_known(record: logging.LogRecord) -> bool:
    text = record.getMessage()
    hidden = _without_known(text)
    if hidden != text:
        record.msg, record.args = hidden, ()
    if record.exc_info and record.exc_info[0] is not None:
        trace = logging.Formatter().formatException(record.exc_info)
        hidden = _without_known(trace)
        if hidden != trace:
            record.exc_info, record.exc_text = None, hidden  # which formatters show in its place
    return True


def _without_known(text: str) -> str:
    for secrets in _known:
        held = secrets()
        if held is not None:
            text = held.hidden_in_prose(text)
    return text
