"""A Jupyter kernel for tests, and what a front end sees of it."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from jupyter_client.manager import KernelManager

from ..support.waiting import PATIENCE


class Front:
    """A front end: runs cells, and keeps what comes, each output with the cell whose request it answers.

    `shown` is the picture of each display by its id, as it was updated last, and `updates` counts them.
    """

    def __init__(self, manager: KernelManager) -> None:
        self.manager = manager
        self.client = manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=PATIENCE)
        self.shown: dict[str, dict[str, str]] = {}
        self.updates = 0
        self.printed: dict[str, str] = {}  # by cell
        self.places: dict[str, list[str]] = {}  # the displays of each cell
        self._cells: dict[str, str] = {}  # of each request
        self._idle: set[str] = set()

    def run(self, code: str, cell: str, *, tells_cell: bool = True) -> None:
        """Run `code` in `cell`, until it has ended; the outputs of an earlier run are gone."""
        self.finish(self.start(code, cell, tells_cell=tells_cell))

    def finish(self, request: str) -> None:
        """Take in what comes until the cell of `request` has ended."""
        self.until(lambda: request in self._idle)

    def start(self, code: str, cell: str, *, tells_cell: bool = True) -> str:
        """Begin to run `code` in `cell`."""
        for display in self.places.pop(cell, ()):
            self.shown.pop(display, None)
        self.printed[cell] = ""
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}}
        message = self.client.session.msg("execute_request", {**content, "allow_stdin": False})
        if tells_cell:
            message["metadata"]["cellId"] = cell
        self._cells[message["header"]["msg_id"]] = cell
        self.client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def until(self, condition: Callable[[], bool]) -> None:
        """Take in what comes, until `condition` holds."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"{self.printed} {self.shown}"
            try:
                self._take(self.client.get_iopub_msg(timeout=0.1))
            except queue.Empty:
                continue

    def text(self, cell: str) -> str:
        """The one display of `cell`, as text; nothing while it has not come."""
        displays = self.places.get(cell, [])
        assert len(displays) <= 1
        return "".join(self.shown[display]["text/plain"] for display in displays)

    def _take(self, message: dict[str, Any]) -> None:
        request = message["parent_header"].get("msg_id", "")
        cell, content = self._cells.get(request, ""), message["content"]
        match message["msg_type"]:
            case "display_data":
                display = content["transient"].get("display_id", request)
                self.places.setdefault(cell, []).append(display)
                self.shown[display] = content["data"]
            case "update_display_data":
                self.updates += 1
                self.shown[content["transient"]["display_id"]] = content["data"]
            case "stream":
                self.printed[cell] = self.printed.get(cell, "") + content["text"]
            case "execute_result":
                self.printed[cell] = self.printed.get(cell, "") + content["data"]["text/plain"]
            case "error":
                self.printed[cell] = self.printed.get(cell, "") + content["ename"]
            case "status" if content["execution_state"] == "idle":
                self._idle.add(request)
            case _:
                pass


@contextmanager
def front() -> Iterator[Front]:
    """A kernel of this Python, with a front end."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel()
    try:
        end = Front(manager)
        try:
            yield end
        finally:
            end.client.stop_channels()
    finally:
        manager.shutdown_kernel(now=True)
