"""What `EventStream.scoreboard` gives: the boards, and a wall of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reactivex import Observable

from ctfy_rx.contest.values import Scoreboard
from ctfy_rx.delivery.guard import Keeper
from ctfy_rx.delivery.guarded import Composed
from ctfy_rx.stats import Stats
from ctfy_rx.status import Status

if TYPE_CHECKING:
    from ctfy_rx.notebook import LiveView
    from ctfy_rx.notebook.painting import Watched

__all__ = ["Boards"]


class Boards(Composed[Scoreboard]):
    """The boards of a contest, on the connection of `stream`; of the only one where `competition` is None."""

    def __init__(
        self, boards: Observable[Scoreboard], competition: str | None, stream: Watched, keeper: Keeper
    ) -> None:
        super().__init__(boards, keeper)
        self._competition = competition
        self._stream = stream

    def __repr__(self) -> str:
        return f"<Boards of {self._competition or 'the contest that runs'}, {self._stream!r}>"

    @property
    def status(self) -> Observable[Status]:
        """That of the stream."""
        return self._stream.status

    @property
    def stats(self) -> Stats:
        """Those of the stream."""
        return self._stream.stats

    def live(self, *, teams: int = 20) -> LiveView:
        """A score wall of the `teams` best, in this cell or on this terminal. See `notebook.live`."""
        from ctfy_rx.notebook import ScoreWall, live  # noqa: PLC0415 - loaded by those who look

        return live(self, ScoreWall(teams=teams))
