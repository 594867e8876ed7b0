"""Secrets, taken out of texts and of what the HTTP libraries log."""

from __future__ import annotations

import logging
import re
from contextvars import ContextVar

__all__ = ["Secrets", "redact_logs"]

_LOGGERS = (
    "httpx",
    "httpx2",
    *(
        f"{package}.{part}"
        for package in ("httpcore", "httpcore2")
        for part in ("connection", "http11", "http2", "proxy", "socks")
    ),
    "hpack.hpack",
    "hpack.table",
)
_COMPRESSED_HEADERS = ("Encoded header block to %s", "Decoding %s")


class Secrets:
    """Takes secrets out of texts, also where some characters of them are percent-encoded, once or more often.

    >>> Secrets("pt_a/b").hidden("GET /events?token=pt_a%2Fb")
    'GET /events?token=***'
    """

    def __init__(self, *secrets: str | None) -> None:
        longest_first = sorted({secret for secret in secrets if secret}, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(_in_any_form, longest_first)) or r"(?!)")

    def hidden(self, text: str) -> str:
        """`text` with ``***`` in the place of each secret."""
        return self._pattern.sub("***", text)


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
    for name in _LOGGERS:
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
