"""Who asks the platform who we are: a further client, beside the one that reads, and only where it may."""

from __future__ import annotations

import threading

import httpx
import pytest

import ctfy_rx
from ctfy_rx.demo.running import Platform

from ..support.servers import CLOSE_DELIMITED, Peer, Server, frame
from ..support.waiting import until


class Clients:
    """Makes clients, and notes which of them asked for what, on which thread."""

    def __init__(self) -> None:
        self.made: list[httpx.Client] = []
        self.asked: list[tuple[int, str, str]] = []

    def __call__(self) -> httpx.Client:
        number = len(self.made)

        def note(request: httpx.Request) -> None:
            self.asked.append((number, request.url.path, threading.current_thread().name))

        self.made.append(httpx.Client(event_hooks={"request": [note]}))
        return self.made[-1]

    def of(self, path: str) -> list[tuple[int, str]]:
        return [(number, thread) for number, asked, thread in self.asked if asked == f"/api/v1/{path}"]


def test_a_further_client_made_the_same_way_asks_and_is_never_the_one_that_reads(p: Platform):
    clients = Clients()
    with ctfy_rx.events(p.url, token=p.admin_token, client_factory=clients, initial=0.02) as stream:
        stream.subscribe()
        until(lambda: p.connections)
        p.drop_connections()
        until(lambda: len(clients.of("events")) == 2 and len(clients.of("me")) == 2)
        who = str(stream.status.current)
        readers, askers = clients.of("events"), clients.of("me")
    assert not {number for number, _ in readers} & {number for number, _ in askers}
    assert askers[1][1] == "ctfy_rx log reader"  # beside the reader, which has the connection open by now
    assert who.endswith(" (admin)")  # its token was shown
    until(lambda: all(client.is_closed for client in clients.made))


def says_one_thing(peer: Peer) -> None:
    peer.read_request()
    peer.send(CLOSE_DELIMITED, frame("hello"))


@pytest.mark.parametrize(("path", "token"), [("/stream", "pt_secret"), ("", None)])
def test_nobody_is_asked_where_the_address_is_no_platforms_or_there_is_no_token(path: str, token: str | None):
    clients = Clients()
    with Server(says_one_thing) as server:
        stream = ctfy_rx.events(server.url + path, token=token, client_factory=clients, auto_reconnect=False)
        assert [event.event for event in stream] == ["hello"]
    assert len(clients.made) == len(clients.asked) == 1
