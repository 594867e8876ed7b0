"""What wakes a blocked reader holds in a signal handler and in a forked child."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from ctfy_rx.connection.clients import Lifeline


class Stream:
    """Stands where httpcore has its network stream."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def get_extra_info(self, _: str) -> socket.socket:
        return self.sock


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.settimeout(5)
        yield ours, theirs


def test_a_signal_handler_that_cuts_in_the_middle_of_a_cut_does_not_deadlock(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    class Interrupted(socket.socket):
        interruptions = 0

        def setsockopt(self, *_: Any) -> None:  # the moment at which the lock is held
            self.interruptions += 1
            if self.interruptions == 1:
                signal.raise_signal(signal.SIGUSR1)

    ours, theirs = pair
    lifeline = Lifeline()
    before = signal.signal(signal.SIGUSR1, lambda *_: lifeline.cut())
    try:
        with Interrupted(fileno=os.dup(ours.fileno())) as sock:
            lifeline.hold(Stream(sock))
            lifeline.cut()
            assert sock.interruptions == 2
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert theirs.recv(1) == b""


@pytest.mark.filterwarnings(
    "ignore:This process:DeprecationWarning"
)  # of fork, if a thread is left somewhere
def test_a_cut_in_a_forked_child_leaves_the_parents_connection_alone(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = pair
    lifeline = Lifeline()
    lifeline.hold(Stream(ours))
    child = os.fork()
    if not child:
        lifeline.cut()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    ours.sendall(b"alive")
    assert theirs.recv(5) == b"alive"
    lifeline.cut()
    assert theirs.recv(1) == b""


def test_a_connection_that_is_kept_alive_is_held_once_and_closed_ones_are_let_go() -> None:
    lifeline = Lifeline()
    pairs = [socket.socketpair() for _ in range(3)]
    streams = [Stream(near) for near, _ in pairs]
    for _ in range(100):
        for stream in streams:
            lifeline.hold(stream)
    pairs[0][0].close()
    lifeline.hold(streams[1])
    assert vars(lifeline)["_sockets"] == [pairs[2][0], pairs[1][0]]
    for pair in pairs:
        for each in pair:
            each.close()
