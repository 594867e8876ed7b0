"""What a process does with a live stream: it ends, it is interrupted by a signal, it forks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from ..support.servers import CLOSE_DELIMITED, Peer, Server, frame
from ..support.waiting import PATIENCE

BEGINNING = """
import os, signal, sys, threading, time
import ctfy_rx
stream = ctfy_rx.events(sys.argv[1])
heard = threading.Event()
"""


def talks(peer: Peer) -> None:
    """Sends an event every few milliseconds, until the peer has gone."""
    peer.read_request()
    peer.send(CLOSE_DELIMITED)
    while not peer.gone.wait(0.005):
        peer.send(frame("tick"))


def falls_silent(peer: Peer) -> None:
    peer.read_request()
    peer.send(CLOSE_DELIMITED, frame("tick"))
    peer.stay()


@pytest.fixture
def talking() -> Iterator[Server]:
    with Server(talks) as server:
        yield server


@pytest.fixture
def silent() -> Iterator[Server]:
    with Server(falls_silent) as server:
        yield server


def ran(program: str, url: str) -> str:
    """What `program` prints. It must end by itself, in order, and complain of nothing."""
    done = subprocess.run(
        [sys.executable, "-c", BEGINNING + program, url],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.stderr, done.returncode) == ("", 0)
    return done.stdout


def test_a_program_ends_though_its_stream_is_live_and_waits_for_data(silent: Server):
    program = "stream.subscribe(lambda _: heard.set()); heard.wait(); print('over')"
    assert ran(program, silent.url) == "over\n"


def test_a_program_ends_in_the_middle_of_a_flood_that_a_callback_prints(talking: Server):
    program = "stream.subscribe(lambda event: (print(event), heard.set())); heard.wait()"
    for _ in range(5):
        assert "tick" in ran(program, talking.url)


def test_a_program_ends_though_its_stream_waits_for_a_reconnect(silent: Server):
    program = """
stream = ctfy_rx.events("http://127.0.0.1:1", initial=60)
stream.status.subscribe(lambda status: heard.set() if status.state == "waiting" else None)
stream.subscribe(print)
heard.wait()
"""
    assert ran(program, silent.url) == ""


def test_a_program_ends_though_asyncio_run_leaves_a_live_stream_behind(talking: Server):
    program = """
import asyncio
async def main():
    stream.subscribe(lambda _: None, lambda error: print(type(error).__name__))
    return await stream.next_event()
print(asyncio.run(main()).event)
"""
    assert ran(program, talking.url) == "tick\n"


@pytest.mark.parametrize(
    "waiting",
    [
        "for event in stream: pass",
        "stream.wait()",
        "[event for event in stream.filter(lambda _: False)]",
        "list(ctfy_rx.to_iter(stream.of_event('never')))",
    ],
)
def test_a_signal_handler_may_close_the_stream_that_its_thread_waits_for(silent: Server, waiting: str):
    program = f"""
signal.signal(signal.SIGALRM, lambda *_: stream.close())
stream.subscribe(lambda _: signal.setitimer(signal.ITIMER_REAL, 0.05))
{waiting}
print(stream.status.current)
"""
    assert ran(program, silent.url) == "closed\n"


def test_a_signal_handler_may_close_a_stream_in_the_middle_of_whatever_its_thread_does_to_it(talking: Server):
    program = """
def handler(*_):
    current.close()
    closed.append(current)

closed = []
signal.signal(signal.SIGALRM, handler)
for round in range(60):
    current = ctfy_rx.events(sys.argv[1], initial=0.01)
    signal.setitimer(signal.ITIMER_REAL, 0.0002 + 0.00005 * round)
    try:
        while current not in closed:
            with ctfy_rx.to_iter(current.take(2)) as items:
                next(items, None)
            current.subscribe(lambda _: None).dispose()
    except ctfy_rx.StreamClosed:
        pass
while len(threading.enumerate()) > 1:
    time.sleep(0.01)
print(len(closed))
"""
    assert ran(program, talking.url) == "60\n"


FORKS = """
import gc, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of each fork with threads
iterator = iter(stream)
next(iterator)
child = os.fork()
if not child:
    def refused(use):
        try:
            use()
        except ctfy_rx.StreamClosed as error:
            assert "forked" in str(error), error
        else:
            raise AssertionError(use)
    refused(lambda: stream.subscribe(print))
    refused(lambda: next(iterator))
    refused(lambda: next(iter(stream)))
    refused(stream.wait)
    refused(stream.connect)
    iterator.close()
    stream.close()
    del iterator, stream
    gc.collect()
    for event in ctfy_rx.events(sys.argv[1]):
        os._exit(0)
assert os.waitpid(child, 0)[1] == 0
for _ in range(20):
    next(iterator)
print(stream.stats.connections, stream.stats.reconnects)
"""


def test_a_forked_child_is_refused_its_parents_stream_hurts_it_not_and_may_open_its_own(talking: Server):
    assert ran(FORKS, talking.url) == "1 0\n"
    assert len(talking.requests) == 2


def test_a_stream_that_was_not_open_at_the_fork_serves_parent_and_child(talking: Server):
    program = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)
with stream:
    next(iter(stream))
stream = ctfy_rx.events(sys.argv[1])
while len(threading.enumerate()) > 1:
    time.sleep(0.01)
child = os.fork()
os.write(1, next(iter(stream)).event.encode() + bytes([10]))  # in one piece: both write to one pipe
if not child:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""
    assert ran(program, talking.url) == "tick\ntick\n"
    assert len(talking.requests) == 3
