"""Live views in the cells of a Jupyter kernel: shown in place by a display id, stopped with their cell."""

from __future__ import annotations

import contextvars
import sys
import uuid
from types import FrameType
from typing import Any

from ctfy_rx.notebook.picture import Bundle, Picture, Stoppable

__all__ = ["Cell", "kernel_shell", "stop_all"]


def kernel_shell() -> Any:
    """The shell of the Jupyter kernel that this is, or None."""
    ipython = sys.modules.get("IPython")  # where nobody has imported it there is none
    shell = ipython.get_ipython() if ipython else None
    return shell if getattr(shell, "kernel", None) is not None else None


class Cell:
    """The place of one display in a notebook.

    It belongs to the cell that runs when it is made. `update` is the one thing that a thread may do to a
    notebook: what it prints or displays lands in whatever cell runs meanwhile.
    """

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._run = _request(shell)
        self._context = contextvars.copy_context()
        self._display_id = uuid.uuid4().hex

    def display(self, picture: Picture) -> None:
        """Show `picture` here, in the running cell."""
        self._publish(picture.bundle())

    def update(self, picture: Picture) -> None:
        """Show `picture` in the place of what was shown; from any thread."""
        bundle = picture.bundle()
        try:
            self._publish(bundle, update=True)
        except LookupError:  # ipykernel 7.0 knows no request on any thread but its own
            self._context.copy().run(self._publish, bundle, update=True)

    def close(self) -> None:
        """Nothing more is shown."""

    def is_running(self) -> bool:
        """Whether the run of the cell that made this goes on."""
        return _request(self._shell) == self._run

    def keep(self, view: Stoppable) -> None:
        """Stop `view` when its cell runs again or is interrupted."""
        _watch(self._shell).keep(view)

    def forget(self, view: Stoppable) -> None:
        """`view` has stopped."""
        _watch(self._shell).forget(view)

    def _publish(self, bundle: Bundle, *, update: bool = False) -> None:
        self._shell.display_pub.publish(
            data=bundle, metadata={}, transient={"display_id": self._display_id}, update=update
        )


class _Watch:
    """The live views of a kernel, by their cells. An interrupt stops those of the cell that it interrupts;
    where no cell runs, all of them."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._views: dict[Stoppable, str] = {}
        shell.events.register("pre_run_cell", self._begin)
        shell.events.register("post_run_cell", self._end)

    def keep(self, view: Stoppable) -> None:
        self._views[view] = _cell(self._shell)
        if hasattr(self._shell.kernel, "saved_sigint_handler"):  # in force between cells, and ignores it
            self._shell.kernel.saved_sigint_handler = self._interrupted

    def forget(self, view: Stoppable) -> None:
        self._views.pop(view, None)

    def stop(self, cell: str | None = None) -> None:
        for view, its_cell in tuple(self._views.items()):
            if cell is None or cell == its_cell:
                view.stop()

    def _begin(self, _: Any) -> None:
        self.stop(_cell(self._shell))

    def _end(self, result: Any) -> None:
        if isinstance(result.error_in_exec, KeyboardInterrupt):
            self.stop(_cell(self._shell))

    def _interrupted(self, _: int, __: FrameType | None) -> None:
        self.stop()


_watches: dict[Any, _Watch] = {}  # of one shell: a process holds one kernel


def _watch(shell: Any) -> _Watch:
    if shell not in _watches:
        _watches[shell] = _Watch(shell)
    return _watches[shell]


def stop_all() -> None:
    """Stop every live view of this kernel."""
    for watch in tuple(_watches.values()):
        watch.stop()


def _request(shell: Any) -> str:
    """The request that runs a cell, and with it this one run of it."""
    return str(shell.get_parent()["header"]["msg_id"])


def _cell(shell: Any) -> str:
    """The cell that runs; for a front end that does not tell, what is in it."""
    request = shell.get_parent()
    return str(request["metadata"].get("cellId") or request["content"].get("code"))
