"""The operators, for `pipe`, in the order in which a stream is built; ``import ctfy_rx.operators as op``.

Throttling, sampling, windows and all else are reactivex's own, in `reactivex.operators`.
"""

from ctfy_rx.operators.alerts import alerts
from ctfy_rx.operators.bloods import first_bloods
from ctfy_rx.operators.buffered import buffered
from ctfy_rx.operators.by_name import achievements, announcements, instances, wrong_answers
from ctfy_rx.operators.of_event import of_event
from ctfy_rx.operators.parse import parse
from ctfy_rx.operators.rate import rate
from ctfy_rx.operators.record import record
from ctfy_rx.operators.retry import retry_with_backoff
from ctfy_rx.operators.share import share
from ctfy_rx.operators.solves import distinct_by, solved_challenges, solves
from ctfy_rx.operators.suspicion import burst, shared_flags
from ctfy_rx.operators.where import by_actor, by_competition, by_team, where

__all__ = [
    "achievements",
    "alerts",
    "announcements",
    "buffered",
    "burst",
    "by_actor",
    "by_competition",
    "by_team",
    "distinct_by",
    "first_bloods",
    "instances",
    "of_event",
    "parse",
    "rate",
    "record",
    "retry_with_backoff",
    "share",
    "shared_flags",
    "solved_challenges",
    "solves",
    "where",
    "wrong_answers",
]
