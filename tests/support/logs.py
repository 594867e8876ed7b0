"""What our own code has logged: asyncio may complain of another test's task at any time."""

from __future__ import annotations

import logging

import pytest

__all__ = ["our_errors"]


def our_errors(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """What was logged under ``ctfy_rx``, at ERROR or above."""
    return [each for each in caplog.records if each.name == "ctfy_rx" and each.levelno >= logging.ERROR]
