"""The operators, for `pipe`, in the order in which a stream is built; ``import ctfy_rx.operators as op``.

Throttling, sampling, windows and all else are reactivex's own, in `reactivex.operators`.
"""

from ctfy_rx.operators.names import achievements, announcements, instances, wrong_answers
from ctfy_rx.operators.of_event import of_event
from ctfy_rx.operators.parse import parse
from ctfy_rx.operators.retry import retry_with_backoff
from ctfy_rx.operators.share import share
from ctfy_rx.operators.solves import distinct_by, solved_challenges, solves
from ctfy_rx.operators.where import by_actor, by_competition, where

__all__ = [
    "achievements",
    "announcements",
    "by_actor",
    "by_competition",
    "distinct_by",
    "instances",
    "of_event",
    "parse",
    "retry_with_backoff",
    "share",
    "solved_challenges",
    "solves",
    "where",
    "wrong_answers",
]
