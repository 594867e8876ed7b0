"""Live views: what a stream does, on the screen while it does it. In a notebook's cell, without any package
more; on a terminal with rich.

::

    view.py      what becomes of the items       items.py race.py heat.py rate.py wall.py   each a view
    tally.py     who found which flag            picture.py   a view at one moment, and its place
    painting.py  painted when it has changed     cells.py terminal.py   in a notebook, on a terminal
    live.py      all of it together              blame.py   the user's own line, of an error

>>> import reactivex
>>> from ctfy_rx import notebook
>>> class Sum(notebook.View):
...     total = 0
...     def add(self, item):
...         self.total += item
...     def grid(self):
...         return notebook.Grid(["sum"], [[str(self.total)]])
>>> view = notebook.live(reactivex.of(20, 22), Sum())  # doctest: +NORMALIZE_WHITESPACE
sum
42
● ended after 2 items
"""

from ctfy_rx.notebook.cells import stop_all
from ctfy_rx.notebook.heat import HeatMap
from ctfy_rx.notebook.items import LastItems
from ctfy_rx.notebook.live import ViewName, live
from ctfy_rx.notebook.painting import LiveView
from ctfy_rx.notebook.race import ScoreRace
from ctfy_rx.notebook.rate import EventRate
from ctfy_rx.notebook.view import Grid, View
from ctfy_rx.notebook.wall import ScoreWall

__all__ = [
    "EventRate",
    "Grid",
    "HeatMap",
    "LastItems",
    "LiveView",
    "ScoreRace",
    "ScoreWall",
    "View",
    "ViewName",
    "live",
    "stop_all",
]
