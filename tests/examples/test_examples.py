"""The recipes in examples/ are complete programs: each runs on the demo platform, as people start it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
import pytest

from ctfy_rx import demo
from ctfy_rx.demo.happenings import RIGHT_ANSWER
from ctfy_rx.demo.running import Platform

from ..support.command import Output
from ..support.ports import own_port
from ..support.waiting import PATIENCE, until

EXAMPLES = Path(__file__).parents[2] / "examples"


class Program:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout
        self.process = process
        self.out = Output(process.stdout)


@contextmanager
def running(*command: str, platform: Platform, token: str, cwd: Path) -> Iterator[Program]:
    env = os.environ | {"CTFY_PLATFORM_URL": platform.url, "CTFY_TOKEN": token, "PYTHONPATH": str(EXAMPLES)}
    process = subprocess.Popen(
        [sys.executable, "-W", "error", *command],
        env=env,
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    program = Program(process)
    try:
        yield program
    finally:
        process.kill()
        process.wait()
        program.out.close()


@pytest.fixture
def platform() -> Iterator[Platform]:
    with demo.platform(teams=3, challenges=6, cache=0.5) as running_platform:
        yield running_platform


def test_the_first_blood_bot_goes_on_where_it_stopped(platform: Platform, tmp_path: Path):
    def bot() -> AbstractContextManager[Program]:
        return running(
            str(EXAMPLES / "first_blood_bot.py"), platform=platform, token=platform.admin_token, cwd=tmp_path
        )

    platform.solve(team=0, challenge=0)
    with bot() as program:
        program.out.wait_for("^.connected as Demo Admin")
        platform.solve(team=1, challenge=0)
        platform.solve(team=1, challenge=1)
        program.out.wait_for(f"{platform.teams[1].name} drew first blood on {platform.challenges[1].name}")
        until((tmp_path / "first_blood.cursor").exists)
    platform.solve(team=2, challenge=1)
    platform.solve(team=2, challenge=2)  # while it is away
    with bot() as program:
        program.out.wait_for(f"{platform.teams[2].name} drew first blood on {platform.challenges[2].name}")
        platform.solve(team=0, challenge=3)
        program.out.wait_for(f"{platform.teams[0].name} drew first blood on {platform.challenges[3].name}")
        assert sum("first blood" in line for line in program.out.lines) == 2


def test_anti_cheat_shows_the_evidence(platform: Platform, tmp_path: Path):
    program = str(EXAMPLES / "anti_cheat.py")
    with running(program, platform=platform, token=platform.admin_token, cwd=tmp_path) as cheat:
        platform.wait_for_connections(1, timeout=PATIENCE)
        platform.share_answer(team=0, challenge=0, made_for=1)
        owner = f"({platform.teams[1].name}|{platform.teams[1].id})"  # no event waits for a name
        cheat.out.wait_for(f"{platform.teams[0].name} gave an answer to .* that was made for {owner}")
        cheat.out.wait_for(f"FLAG{{made-for-{platform.teams[1].id}}}")
        for _ in range(5):
            platform.wrong(team=2, challenge=1)
        cheat.out.wait_for(f"{platform.teams[2].name} gave 5 wrong answers since")
        cheat.out.wait_for("FLAG{not-this-one}")


def test_the_agent_waits_for_its_box_and_goes_by_the_verdicts(platform: Platform, tmp_path: Path):
    box = platform.instance_started(team=0, challenge=0).detail["instance_id"]
    command = [str(EXAMPLES / "agent.py"), box, "FLAG{a}", "FLAG{b}", RIGHT_ANSWER, "FLAG{never}"]
    with running(*command, platform=platform, token=platform.players[0].token, cwd=tmp_path) as agent:
        platform.wait_for_connections(1, timeout=PATIENCE)
        platform.instance_ready(team=0, challenge=0)
        assert agent.process.wait(PATIENCE) == 0
        lines = agent.out.all()
    assert lines == [
        f"my box for {platform.challenges[0].id} is ready at {platform.challenges[0].id}.demo.invalid:31337",
        "'FLAG{a}': flag_wrong",
        "'FLAG{b}': flag_wrong",
        f"'{RIGHT_ANSWER}': flag_correct",
    ]


def test_the_web_application_shares_one_stream_among_its_visitors(platform: Platform, tmp_path: Path):
    port = own_port()
    command = ["-m", "uvicorn", "fastapi_app:app", "--port", str(port)]
    with running(*command, platform=platform, token=platform.admin_token, cwd=tmp_path) as app:
        app.out.wait_for("Uvicorn running")
        platform.wait_for_connections(1, timeout=PATIENCE)
        heard: list[str] = []
        visitors = [threading.Thread(target=visit, args=(port, heard)) for _ in range(3)]
        for visitor in visitors:
            visitor.start()
        until(lambda: heard.count(": connected") == 3)
        platform.solve(team=0, challenge=0)
        for visitor in visitors:
            visitor.join(PATIENCE)
        assert (platform.connections, platform.opened) == (1, 1)
        solves = httpx.get(f"http://127.0.0.1:{port}/solves").json()
        assert [solve["team"] for solve in solves] == [platform.teams[0].name]
        app.process.send_signal(signal.SIGINT)
        app.process.wait(PATIENCE)
    told = [json.loads(line.removeprefix("data: ")) for line in heard if line.startswith("data")]
    assert told == solves * 3


def visit(port: int, heard: list[str]) -> None:
    with httpx.stream("GET", f"http://127.0.0.1:{port}/live", timeout=PATIENCE) as response:
        for line in response.iter_lines():
            heard.append(line)
            if line.startswith("data"):
                return


def test_the_bell_rings_when_something_breaks(platform: Platform, tmp_path: Path):
    program = str(EXAMPLES / "bell.py")
    with running(program, platform=platform, token=platform.admin_token, cwd=tmp_path) as bell:
        bell.out.wait_for("^.connected as Demo Admin")
        bell.out.wait_for(f"leads: .{platform.teams[0].name}")
        platform.break_node()
        assert bell.out.wait_for("node_unhealthy").startswith("\a")
        platform.recover_node()
        assert not bell.out.wait_for("node_recovered").startswith("\a")
        platform.fail_mail()
        platform.fail_mail()
        bell.out.wait_for("ops_failed .*outbox_failed")
        platform.solve(team=2, challenge=0)
        bell.out.wait_for(f"leads: .{platform.teams[2].name}., 1")


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_no_recipe_is_longer_than_a_screen(example: Path):
    assert len(example.read_text().splitlines()) <= 60
