"""A forked child: what was open before is not for it, what was idle works, and its parent does not notice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ctfy_rx.demo.running import Platform

from ..support.servers import Server, authority
from ..support.waiting import until
from .test_processes import ran, talks

FORKING = """
import asyncio, gc, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of each fork with threads

def in_a_child(work):
    sys.stdout.flush()
    child = os.fork()
    if not child:
        try:
            said = work()
            os.write(1, f"{said}\\n".encode())
            os._exit(0)
        except BaseException as error:
            os.write(1, f"{type(error).__name__}: {error}\\n".encode())
            os._exit(1)
    return os.WEXITSTATUS(os.waitpid(child, 0)[1])

def goes_on():
    print("goes on", next(iter(stream)) and stream.stats.connections, stream.stats.reconnects, flush=True)

def refused(use):
    try:
        use()
    except ctfy_rx.StreamClosed as error:
        return "opened before fork: make one in this process" in str(error)

def connections():
    count = 0
    for fd in os.listdir("/proc/self/fd"):
        try:
            count += os.readlink(f"/proc/self/fd/{fd}").startswith("socket:")
        except OSError:
            pass
    return count

def opened():
    stream.subscribe(lambda _: heard.set())
    heard.wait()
"""


@pytest.fixture
def talking() -> Iterator[Server]:
    with Server(talks) as server:
        yield server


USES = {
    "subscribe": "stream.subscribe(print)",
    "derived": "stream.solves().subscribe(print)",
    "plain": "stream.map(str).subscribe(print)",
    "for": "list(stream)",
    "to_iter": "list(ctfy_rx.to_iter(stream.map(str)))",
    "wait": "stream.wait()",
    "connect": "stream.connect()",
    "opened": "stream.opened().wait()",
    "record": "stream.record(os.devnull)",
    "async for": "asyncio.run(stream.next_event())",
    "each": "asyncio.run(stream.each(asyncio.sleep))",
    "an iterator of before": "next(items)",
    "an async iterator of before": "asyncio.run(anext(async_items))",
}


def test_whoever_uses_what_was_open_is_refused_and_told_what_to_do(talking: Server):
    program = f"""{FORKING}
async def make_an_iterator():
    return aiter(stream)

opened()
items = iter(stream)
async_items = asyncio.run(make_an_iterator())
in_a_child(lambda: [refused(lambda: eval(use)) for use in {list(USES.values())!r}])
goes_on()
"""
    assert ran(program, talking.url).splitlines() == [str([True] * len(USES)), "goes on 1 0"]


@pytest.mark.parametrize(
    "ending",
    [
        "stream.close()",
        "stream.__exit__(None, None, None)",
        "items.close()",
        "subscription.dispose()",
        "held.dispose()",
        "globals().update(items=None, subscription=None, held=None, stream=None)",
    ],
)
def test_what_a_child_ends_or_forgets_ends_for_its_parent_in_no_way(talking: Server, ending: str):
    program = f"""{FORKING}
subscription, held, items = stream.subscribe(), stream.connect(), iter(stream)
next(items)

def end():
    exec({ending!r}, globals())
    gc.collect()
    return connections()

in_a_child(end)
goes_on()
"""
    assert ran(program, talking.url).splitlines() == ["0", "goes on 1 0"]


def test_a_child_that_leaves_its_parents_with_in_order_ends_nothing(talking: Server):
    program = f"""{FORKING}
with stream:
    opened()
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        goes_on()
"""
    assert ran(program, talking.url) == "goes on 1 0\n"


def test_a_child_has_no_descriptor_of_its_parents_connections_and_ends_those_of_its_own(p: Platform):
    """Nor of those on which the log is read."""
    program = f"""{FORKING}
import os
stream = ctfy_rx.events(sys.argv[1], token=os.environ["TOKEN"])
stream.connect()
stream.opened().wait()
before = connections()

def child():
    mine = ctfy_rx.events(sys.argv[1], token=os.environ["TOKEN"])
    at_first = connections()
    with mine:
        mine.opened().wait()
        mine.subscribe()
    return before > at_first, at_first

in_a_child(child)
print(stream.status.current.state, stream.stats.connections)
"""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TOKEN", p.admin_token)
        assert ran(program, p.url) == "(True, 0)\nopen 1\n"
    until(lambda: p.connections == 0)


def test_over_tls_too_the_parent_goes_on(tmp_path: Path):
    authority().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with Server(talks, tls=True) as server:
        program = f"""{FORKING}
import ssl
stream = ctfy_rx.events(sys.argv[1], verify=ssl.create_default_context(cafile={str(tmp_path / "ca.pem")!r}))
opened()
in_a_child(lambda: (stream.close(), gc.collect(), connections())[2])
goes_on()
"""
        assert ran(program, server.url) == "0\ngoes on 1 0\n"


ON_A_LOOP = """
async def main():
    before = connections()  # of the loop with itself
    items = aiter(stream)
    await anext(items)
    child = os.fork()
    if not child:
        {in_the_child}
    assert os.waitpid(child, 0)[1] == 0
    for _ in range(5):
        await anext(items)
    print("goes on", stream.stats.connections, stream.stats.reconnects)
    stream.close()

asyncio.run(main())
"""


@pytest.mark.parametrize(
    "in_the_child",
    [
        "os._exit(0)",
        "stream.close(); gc.collect(); os._exit(connections() - before)",
        "sys.exit(0)",  # asyncio.run cleans up, in the child
    ],
)
def test_a_child_of_a_coroutine_ends_nothing(talking: Server, in_the_child: str):
    program = FORKING + ON_A_LOOP.format(in_the_child=in_the_child)
    assert ran(program, talking.url) == "goes on 1 0\n"


def test_what_was_idle_works_in_the_child_and_in_its_parent(talking: Server):
    program = f"""{FORKING}
opened_before = stream.subscribe(lambda _: heard.set())
heard.wait()
opened_before.dispose()  # idle again
in_a_child(lambda: next(iter(stream)).event)
print(next(iter(stream)).event)
"""
    assert ran(program, talking.url) == "tick\ntick\n"
    assert len(talking.requests) == 3


def test_subscribers_of_a_stream_that_was_not_connected_yet_hear_it_in_the_process_that_connects_it(
    talking: Server,
):
    program = f"""{FORKING}
stream = ctfy_rx.events(sys.argv[1], autoconnect=False)
stream.subscribe(lambda _: heard.set())

def connect():
    stream.connect()
    return heard.wait(30)

in_a_child(connect)
print(heard.is_set())
"""
    assert ran(program, talking.url) == "True\nFalse\n"


def test_a_lock_that_another_thread_held_at_the_fork_holds_up_no_child(talking: Server):
    """Neither where it is refused, nor where it may use what was idle."""
    program = f"""{FORKING}
idle = ctfy_rx.events(sys.argv[1])
opened()
locked, over = threading.Event(), threading.Event()

def hold():
    with idle._pipeline._state, idle._pipeline.events._state, idle._pipeline._status._lock:
        with stream._pipeline._state, stream._pipeline.events._state, stream._pipeline._status._lock:
            locked.set()
            over.wait()

threading.Thread(target=hold, daemon=True).start()
locked.wait()
in_a_child(lambda: (
    refused(lambda: stream.subscribe(print)),
    refused(stream.wait),
    stream.close(),
    "opened before fork" in repr(stream),
    stream.status.subscribe(lambda _: None) and stream.status.current.state,
    next(iter(idle)).event,
))
over.set()
"""
    assert ran(program, talking.url) == "(True, True, None, True, 'closed', 'tick')\n"


def test_a_shared_observable_that_was_open_is_refused_too(talking: Server):
    program = f"""{FORKING}
from ctfy_rx import frames, operators as op
shared = frames(sys.argv[1]).pipe(op.retry_with_backoff(), op.parse(), op.share())
subscription = shared.subscribe(lambda _: heard.set())
heard.wait()
in_a_child(lambda: (refused(lambda: shared.subscribe(print)), subscription.dispose()))
heard.clear()
print(heard.wait(30))
"""
    assert ran(program, talking.url) == "(True, None)\nTrue\n"
    assert len(talking.requests) == 1


def test_a_worker_of_a_pool_makes_its_own(talking: Server):
    program = f"""{FORKING}
import multiprocessing

def work(_):
    try:
        stream.wait(0)
    except ctfy_rx.StreamClosed:
        with ctfy_rx.events(sys.argv[1]) as mine:
            return next(iter(mine)).event

opened()
with multiprocessing.get_context("fork").Pool(2) as pool:
    print(pool.map(work, range(2)))
goes_on()
"""
    assert ran(program, talking.url) == "['tick', 'tick']\ngoes on 1 0\n"
