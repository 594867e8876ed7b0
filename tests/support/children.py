"""Processes that a test starts, and does not leave behind."""

from __future__ import annotations

import subprocess
from types import TracebackType
from typing import Any


class Child(subprocess.Popen[Any]):
    """A process that has ended when its block has, whatever happened there."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        super().__exit__(kind, error, trace)
