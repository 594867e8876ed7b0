"""The contest by name: what people came for, made of events and of what the platform answers.

::

    values.py           boards, boxes                     questions.py  what is asked, what the answers mean
    directory.py        what ids mean                     naming.py     a directory, kept up to date
    refreshing.py       fetched again when it has changed eventual.py   one item that is to come
    merge_alongside.py  other sources among the items     streams.py    the methods of `EventStream`
    bloods.py           first bloods without an admin     boxes.py      an instance, until it is ready
    admins.py           what others are refused           mine.py       whose an event is
"""

__all__: list[str] = []
