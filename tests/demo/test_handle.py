"""The demo platform as users script it: what each method does to streams, log and routes."""

from __future__ import annotations

import gc
import logging
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress

import httpx
import pytest

import ctfy_rx
from ctfy_rx import demo
from ctfy_rx.demo.happenings import Stage
from ctfy_rx.demo.running import Platform
from ctfy_rx.demo.verbs import Unknown
from ctfy_rx.errors import MissingExtra

from ..support.children import Child
from ..support.threads import started
from ..support.waiting import PATIENCE, Background, until
from .wire import Frame, frame, stream


@pytest.fixture
def p() -> Iterator[Platform]:
    with demo.platform(teams=3) as running:
        yield running


def get(p: Platform, path: str, token: str | None = None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token or p.admin_token}"}
    return httpx.get(f"{p.url}/api/v1{path}", headers=headers)


def next_frame(chunks: Iterator[bytes]) -> Frame:
    return frame(next(chunk for chunk in chunks if not chunk.startswith(b":")))


def names(chunks: Iterator[bytes], count: int) -> list[str]:
    return [next_frame(chunks)[0] for _ in range(count)]


def test_streams_are_counted_while_they_live_and_for_ever(p: Platform):
    with stream(p.url), stream(p.url, p.admin_token):
        assert (p.connections, p.opened) == (2, 2)
    until(lambda: p.connections == 0)
    assert p.opened == 2


def test_each_verb_sends_its_frames(p: Platform):
    where = {"team": 0, "challenge": 0}
    verbs: list[tuple[Callable[[], object], list[str]]] = [
        (lambda: p.solve(**where), ["flag_correct", "meta_stats", "scoreboard_updated"]),
        (lambda: p.wrong(**where), ["flag_wrong"]),
        (lambda: p.achievement(team=0), ["achievement_unlocked"]),
        (lambda: p.instance_started(**where), ["instance_started", "meta_stats"]),
        (lambda: p.instance_ready(**where), ["instance_ready"]),
        (lambda: p.instance_stopped(**where), ["instance_stopped", "meta_stats"]),
        (lambda: p.announce("Hello"), ["announcement_created"]),
        (p.break_node, ["node_status", "node_unhealthy", "meta_stats"]),
        (p.recover_node, ["node_status", "node_recovered"]),
    ]
    with stream(p.url, p.admin_token) as chunks:
        for act, expected in verbs:
            act()
            assert names(chunks, len(expected)) == expected


def test_a_verb_returns_what_it_did(p: Platform):
    answer = p.solve(team=1, challenge=2)
    assert (answer.right, answer.rank, answer.fully_solved) == (True, 1, True)
    assert answer.row == p.rows[-1]
    assert answer.row.team_id == p.teams[1].id
    assert p.wrong(team=1, challenge=2).rank == 0
    assert p.announce("Hello", "there").title == "Hello"


def test_teams_challenges_and_players_go_by_index_id_name_or_themselves(p: Platform):
    team, challenge = p.teams[1], p.challenges[2]
    player = team.players[1]
    rows = [
        p.wrong(team=1, challenge=2, player=1).row,
        p.wrong(team=team.id, challenge=challenge.id, player=player.id).row,
        p.wrong(team=team.name, challenge=challenge.name, player=player.name).row,
        p.wrong(team=team, challenge=challenge, player=player).row,
    ]
    assert {(row.team_id, row.challenge_id, row.actor_id) for row in rows} == {
        (team.id, challenge.id, player.user_id)
    }


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"team": "Nobody", "challenge": 0}, "there is no team 'Nobody': choose one of Null Pointers, "),
        ({"team": 99, "challenge": 0}, "there is no team number 99: count from 0 to 2"),
        ({"team": 0, "challenge": "x"}, "there is no challenge 'x': choose one of Cookie Monster, "),
        (
            {"team": 0, "challenge": 0, "player": 9},
            "there is no player of Null Pointers number 9: count from 0 to ",
        ),
        (
            {"team": 0, "challenge": 0, "flag_id": "root"},
            "this challenge has no flag 'root': choose one of flag",
        ),
    ],
)
def test_who_or_what_is_unknown_is_said_in_a_sentence(p: Platform, asked: dict[str, object], sentence: str):
    with pytest.raises(Unknown) as caught:
        p.solve(**asked)  # type: ignore[arg-type]
    assert isinstance(caught.value, KeyError)
    assert str(caught.value).startswith(sentence)
    assert p.rows == []


def test_a_challenge_with_two_flags_is_solved_by_both(p: Platform):
    challenge = next(challenge for challenge in p.challenges if len(challenge.flags) == 2)
    assert not p.solve(team=0, challenge=challenge).fully_solved
    assert p.solve(team=0, challenge=challenge, flag_id="root").fully_solved


def test_an_instance_has_an_address_once_it_is_ready(p: Platform):
    started = p.instance_started(team=0, challenge=0)
    path, token = f"/instances/{started.detail['instance_id']}", p.teams[0].players[1].token
    assert get(p, path, token).json()["services"] == []
    p.instance_ready(team=0, challenge=0)
    [service] = get(p, path, token).json()["services"]
    assert (service["host"], service["port"]) == ("cookie-monster.demo.invalid", 31337)
    p.instance_stopped(team=0, challenge=0, player=0)
    assert get(p, path, token).status_code == 404


def test_an_instances_actor_is_the_player_the_team_or_the_platform(p: Platform):
    where = {"team": 0, "challenge": 0}
    team = p.teams[0]
    actors = [
        p.instance_started(**where).actor_id,
        p.instance_ready(**where).actor_id,
        p.instance_stopped(**where).actor_id,
    ]
    assert actors == [team.players[0].user_id, team.id, "platform"]


def test_a_secret_badge_is_translated_in_the_frame_and_not_in_the_log(p: Platform):
    with stream(p.url, p.admin_token) as chunks:
        row = p.achievement(team=0, badge="secret_handshake")
        _, data = next_frame(chunks)
    assert data["localized"]["zh-CN"]["name"]
    assert "localized" not in row.detail


def test_a_keepalive_comes_when_nothing_else_does():
    with demo.platform(keepalive=0.05) as p, stream(p.url) as chunks:
        assert [next(chunks), next(chunks)] == [b": keepalive\n\n"] * 2


def test_a_reader_that_is_too_slow_loses_the_oldest_frames(p: Platform):
    """Behind what the sockets hold, 64 frames wait for a slow reader; newer ones push out older ones."""
    with stream(p.url) as chunks:
        for number in range(300):
            p.send("big", {"number": number, "text": "x" * 100_000})
        until(lambda: p.dropped > 0)
        p.drop_connections(clean=True)
        frames = b"".join(chunks).removesuffix(b"\n\n").split(b"\n\n")
    heard = [frame(whole + b"\n\n")[1]["number"] for whole in frames]
    assert heard == sorted(heard)
    assert heard[-64:] == list(range(300 - 64, 300))
    assert len(heard) == 300 - p.dropped


def test_one_caller_holds_only_so_many_streams():
    with demo.platform(streams_per_caller=2) as p:
        with stream(p.url, p.admin_token), stream(p.url, p.admin_token), stream(p.url):
            refused = httpx.get(f"{p.url}/api/v1/events", params={"token": p.admin_token})
        until(lambda: p.connections == 0)
        with stream(p.url, p.admin_token):
            assert p.connections == 1
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_streams")
    assert refused.json()["detail"] == "this caller already holds 2 live event streams"


def test_no_cap_is_no_limit():
    with demo.platform(streams_per_caller=0) as p, stream(p.url), stream(p.url), stream(p.url):
        assert p.connections == 3


def test_a_client_that_leaves_at_once_is_not_counted_for_ever(p: Platform):
    """Also one that is gone before the first byte of its answer."""
    port = int(p.url.rpartition(":")[2])
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: x\r\n\r\n")
    until(lambda: p.opened >= 1 and get(p, "/health").is_success)
    until(lambda: p.connections == 0)


def test_dropped_connections_break_off_in_mid_air(p: Platform):
    with stream(p.url) as chunks, stream(p.url, p.admin_token):
        assert p.drop_connections() == 2
        assert p.connections == 0
        with pytest.raises(httpx.RemoteProtocolError):
            next(chunks)


def test_connections_ended_cleanly_deliver_what_is_queued_first(p: Platform):
    with stream(p.url) as chunks:
        p.send("last", {})
        assert p.drop_connections(clean=True) == 1
        assert [frame(chunk)[0] for chunk in chunks] == ["last"]


def test_a_restart_cuts_streams_and_keeps_port_and_log(p: Platform):
    url = p.url
    p.solve(team=0, challenge=0)
    with stream(p.url) as chunks:
        p.restart()
        with pytest.raises(httpx.RemoteProtocolError):
            next(chunks)
    assert p.url == url
    assert get(p, "/admin/activities").json()["total"] == 1
    with stream(p.url, p.admin_token) as chunks:
        p.solve(team=0, challenge=1)
        assert next_frame(chunks)[0] == "flag_correct"


def test_while_it_is_down_nobody_connects_and_the_log_goes_on(p: Platform):
    with ThreadPoolExecutor(1) as pool:
        restarting = pool.submit(p.restart, 0.3)
        until(lambda: refuses(p))
        p.solve(team=0, challenge=0)
        restarting.result()
    assert get(p, "/admin/activities").json()["total"] == 1


def refuses(p: Platform) -> bool:
    try:
        httpx.get(f"{p.url}/api/v1/health")
    except httpx.ConnectError:
        return True
    except httpx.TransportError:  # cut in the middle of the answer
        return False
    return False


def test_an_expired_token_is_a_bad_one_from_then_on(p: Platform):
    token = p.players[0].token
    with stream(p.url, token) as open_before:
        assert p.expire_token(token) == p.players[0]
        with stream(p.url, token) as opened_after:
            p.wrong(team=0, challenge=0)
            p.announce("Hello")
            assert names(open_before, 2) == ["flag_wrong", "announcement_created"]
            assert names(opened_after, 1) == ["announcement_created"]
    assert get(p, "/me", token).status_code == 403


def test_an_unknown_token_cannot_expire_and_is_not_repeated(p: Platform):
    with pytest.raises(Unknown) as caught:
        p.expire_token("pt_secret")
    assert "pt_secret" not in str(caught.value)


def test_ids_of_deleted_rows_come_again(p: Platform):
    for challenge in range(3):
        p.wrong(team=0, challenge=challenge)
    assert [row.id for row in p.delete_newest_rows(2)] == [3, 2]
    assert p.wrong(team=0, challenge=0).row.id == 2
    assert len(p.delete_newest_rows(99)) == 2
    assert p.rows == []


def test_a_frame_of_ones_own_goes_to_whom_it_says(p: Platform):
    with (
        stream(p.url, p.admin_token) as admin,
        stream(p.url, p.players[0].token) as player,
        stream(p.url) as nobody,
    ):
        assert p.send("for_all", {"a": 1}) == 3
        assert p.send("for_a_team", {}, team=0) == 2
        assert p.send("for_admins", {}, admin_only=True) == 1
        assert p.send("end") == 3
        p.send("", "two\nlines", id="7", retry=50)
        assert [next(admin) for _ in range(5)][3:] == [
            b"event: end\ndata: \n\n",
            b"id: 7\nretry: 50\ndata: two\ndata: lines\n\n",
        ]
        assert next(player) == b'event: for_all\ndata: {"a":1}\n\n'
        assert next(player).startswith(b"event: for_a_team")
        assert [next(nobody) for _ in range(2)][1].startswith(b"event: end")


def test_bytes_of_ones_own_go_as_they_are(p: Platform):
    with stream(p.url) as chunks:
        assert p.send_bytes(b"\xff\r\rdata") == 1
        assert next(chunks) == b"\xff\r\rdata"


def test_many_threads_may_script_at_once(p: Platform):
    with stream(p.url, p.admin_token) as chunks, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: p.wrong(team=n % 3, challenge=n % 5), range(60)))
        heard = [next_frame(chunks)[1]["actor_id"] for _ in range(60)]
    assert [row.id for row in p.rows] == list(range(1, 61))
    assert heard == [row.actor_id for row in p.rows]


def test_a_contest_plays_by_itself_and_ends():
    with demo.platform(contest=True, speed=1_000_000.0, teams=3) as p, stream(p.url):
        assert p.wait_for_contest(timeout=PATIENCE)
        kinds = {row.event for row in p.rows}
    assert {"flag_correct", "flag_wrong", "achievement_unlocked", "instance_ready", "node_unhealthy"} <= kinds
    assert len({row.team_id for row in p.rows} - {""}) == 3


def test_a_contest_that_breaks_is_an_error_at_the_end(monkeypatch: pytest.MonkeyPatch):
    def oversleep(*_: object) -> None:
        raise RuntimeError("the organisers overslept")

    monkeypatch.setattr(Stage, "announce", oversleep)
    overslept = pytest.raises(RuntimeError, match="overslept")
    with no_thread_left(), overslept, demo.platform(contest=True, speed=1e6) as p, stream(p.url):
        assert p.wait_for_contest(timeout=PATIENCE)


def test_contests_follow_one_another_each_with_another_seed_and_the_board_twitches_between_them():
    over: list[int] = []
    with demo.platform(
        contest=True, endless=True, speed=100_000.0, teams=3, on_over=lambda: over.append(1)
    ) as p:
        tokens = [player.token for player in p.players]
        with ctfy_rx.events(p.url, token=p.admin_token, log=False) as events:
            heard: list[ctfy_rx.Event] = []
            events.subscribe(heard.append)
            until(lambda: len(over) == 3)
        rows = p.rows
        assert [player.token for player in p.players] == tokens
    stories = [
        [(row.event, row.challenge_id) for row in rows if row.detail.get("competition_id") == contest]
        for contest in ("demo", "demo-2", "demo-3")
    ]
    assert all(len(story) > 10 for story in stories)
    assert stories[0] != stories[1] != stories[2]
    names = [event.event for event in heard]
    assert "scoreboard_updated,scoreboard_updated,scoreboard_updated" in ",".join(names)


def test_the_next_contest_begins_with_an_empty_board_and_the_same_accounts():
    with demo.platform(cache=3600.0) as p:
        url, me = f"{p.url}/api/v1", {"Authorization": f"Bearer {p.players[0].token}"}

        def flags(competition: str) -> int:
            board = httpx.get(f"{url}/competitions/{competition}/scoreboard", timeout=PATIENCE)
            return sum(item["flags_solved"] for item in board.raise_for_status().json()["items"])

        p.solve(team=0, challenge=0)
        assert flags("demo") == 1
        p.stage.begin_contest(2)
        assert (p.competition_id, flags("demo-2")) == ("demo-2", 0)
        assert httpx.get(f"{url}/competitions/demo/scoreboard", timeout=PATIENCE).status_code == 404
        assert httpx.get(f"{url}/me", headers=me, timeout=PATIENCE).status_code == 200
        assert p.solve(team=0, challenge=0).rank == 1


def test_a_contest_that_is_left_is_not_over():
    p = demo.platform(contest=True, speed=1.0).start()
    with stream(p.url):
        waiting = Background(lambda: p.wait_for_contest(PATIENCE))
        p.stop()
    assert waiting.join() is False


def test_a_contest_waits_for_somebody_who_listens():
    with demo.platform(contest=True, speed=1e6) as p:
        assert not p.wait_for_contest(timeout=0.1)
        assert p.rows == []
        with stream(p.url, p.admin_token) as chunks:
            assert b"announcement_created" in next(chunks)


def test_leaving_in_mid_contest_ends_it():
    with no_thread_left(), demo.platform(contest=True, speed=1.0) as p, stream(p.url):
        assert not p.wait_for_contest(timeout=0.0)


def test_nothing_is_left_behind():
    with no_thread_left(), demo.platform() as p, stream(p.url):
        pass
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{p.url}/api/v1/health")


def test_a_client_that_has_only_just_connected_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch):
    left: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: left.append(str(unraisable.exc_value)))
    for _ in range(40):
        with demo.platform(teams=2, challenges=2) as p:
            client = just_connected(p)
        client.close()
        gc.collect()
    assert [line for line in left if "unclosed" in line] == []


def test_a_client_that_has_only_just_connected_is_cut_by_a_restart(p: Platform):
    for _ in range(40):
        with just_connected(p) as client:
            p.restart()
            wait_for_the_end(client)


def test_restarts_at_once_come_one_after_the_other(p: Platform):
    with ThreadPoolExecutor(4) as pool:
        for restarting in [pool.submit(p.restart, 0.01) for _ in range(8)]:
            restarting.result()
    with stream(p.url):
        assert p.connections == 1


def test_the_block_ends_in_mid_restart():
    with no_thread_left(), ThreadPoolExecutor(1) as pool:
        with demo.platform() as p:
            restarting = pool.submit(p.restart, 3600.0)
            until(lambda: refuses(p))
        restarting.result()
    assert refuses(p)


def just_connected(p: Platform) -> socket.socket:
    """A client whose request is on its way."""
    client = socket.create_connection(("127.0.0.1", int(p.url.rpartition(":")[2])), timeout=PATIENCE)
    client.sendall(b"GET /api/v1/events HTTP/1.1\r\nhost: x\r\n\r\n")
    return client


def wait_for_the_end(client: socket.socket) -> None:
    """Read until the connection breaks off; a TimeoutError if it does not."""
    with suppress(ConnectionResetError):
        while client.recv(4096):
            pass


@contextmanager
def no_thread_left() -> Iterator[None]:
    before = started("ctfy-rx-demo")
    yield
    assert started("ctfy-rx-demo") == before


def test_the_block_ends_also_while_clients_listen():
    with ExitStack() as listening:
        with demo.platform() as p:
            chunks = listening.enter_context(stream(p.url))
        with pytest.raises(httpx.RemoteProtocolError):
            next(chunks)


def test_nothing_is_logged(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]):
    caplog.set_level(logging.INFO)
    with demo.platform() as p:
        with stream(p.url, p.admin_token):
            p.drop_connections()
        p.restart()
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []
    assert capfd.readouterr() == ("", "")


def test_a_port_that_is_taken_is_an_error_that_leaves_nothing_behind(p: Platform):
    port = int(p.url.rpartition(":")[2])
    with no_thread_left(), pytest.raises(OSError, match="in use"), demo.platform(port=port):
        pass


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "starlette", None)
    with pytest.raises(
        MissingExtra, match=r'The demo platform needs an extra: pip install "ctfy-rx\[demo\]"'
    ):
        demo.platform()


def test_no_token_is_in_a_repr(p: Platform):
    assert "pt_demo" not in f"{p!r} {p.players!r} {p.teams!r} {p.state!r}"


def test_serving_in_the_foreground_hands_over_the_platform_and_ends_with_the_interrupt():
    seen: list[str] = []

    def interrupt(running: Platform) -> None:
        seen.append(get(running, "/health").json()["status"])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        demo.serve(port=0, ready=interrupt)
    assert seen == ["ok"]


def test_serving_goes_on_until_ctrl_c():
    program = "from ctfy_rx import demo; demo.serve(port=0, ready=lambda p: print(p.url, flush=True))"
    with Child([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as serving:
        assert serving.stdout is not None
        url = serving.stdout.readline().decode().strip()
        with stream(url) as chunks:
            assert next_frame(chunks)[0] in {"announcement_created", "scoreboard_updated", "node_unhealthy"}
        serving.send_signal(signal.SIGINT)
        serving.communicate(timeout=PATIENCE)
    assert serving.returncode == -signal.SIGINT


def test_waiting_for_connections_ends_when_that_many_are_live():
    with demo.platform() as p, httpx.stream("GET", f"{p.url}/api/v1/events"):
        p.wait_for_connections(1)
        assert p.connections == 1


def test_waiting_for_connections_that_do_not_come_is_an_error_that_says_how_many_there_are():
    with demo.platform() as p, pytest.raises(TimeoutError, match=r"0 streams are live after 0\.01 s, not 3"):
        p.wait_for_connections(3, timeout=0.01)
