"""No token in anything that a failing program shows: its output, its log, its command line."""

from __future__ import annotations

import os
import subprocess
import sys
from base64 import b64encode
from pathlib import Path
from urllib.parse import quote

import pytest

from ..support.children import Child
from ..support.servers import CLOSE_DELIMITED, Peer, Script, Server, frame, redirect, reply, sends
from ..support.waiting import PATIENCE, until

TOKEN = "pt_s3cr/t+k=y~z"
FORMS = (
    TOKEN,
    quote(TOKEN, safe=""),
    quote(quote(TOKEN, safe=""), safe=""),
    b64encode(TOKEN.encode()).decode(),
    b64encode(f"Bearer {TOKEN}".encode()).decode(),
    "s3cr",
)

PROGRAM = """
import gc, logging, os, sys, threading, traceback, warnings
logging.basicConfig(level=logging.DEBUG, stream=sys.stdout)
warnings.simplefilter("always")
import ctfy_rx
ended, errors = threading.Event(), []
stream = ctfy_rx.events(os.environ["URL"], token=os.environ["SECRET"], max_attempts=2, initial=0.01)
statuses = []
def note(status):
    print(status, repr(status))
    statuses.append(status.state)
    if statuses.count("waiting") == 2:  # each connection brings an event: it would go on for ever
        ended.set()
stream.status.subscribe(note)
stream.subscribe(
    lambda event: 1 / 0, on_error=lambda error: (errors.append(error), ended.set()), on_completed=ended.set
)
ended.wait(30)
print(repr(stream), repr(stream.status), stream.status.current)
print([repr(each) for each in gc.get_objects() if type(each).__module__.startswith("ctfy_rx")])
def fails():
    raise RuntimeError("again") from errors[0] if errors else None
thread = threading.Thread(target=fails)
thread.start()
thread.join()
stream.close()
for error in errors:
    print(error.args, vars(error))
    raise error
"""


def echoing(status: int) -> Script:
    """Repeats all of the request in the body and a header."""

    def script(peer: Peer) -> None:
        target = peer.read_request()
        body = f"{target} {quote(target, safe='')} ".encode() + peer.request
        peer.send(reply(status, body, X_Target=target, Content_Type="text/html"))

    return script


def onwards(peer: Peer) -> None:
    peer.send(redirect(f"/login?next={quote(peer.read_request(), safe='')}"))


def assert_clean(text: str) -> None:
    for form in FORMS:
        assert form not in text, text[max(0, text.index(form) - 300) :][:600]


@pytest.mark.parametrize(
    "script",
    [
        *map(echoing, (401, 403, 404, 503, 200)),
        onwards,
        sends(CLOSE_DELIMITED, frame("a")),
        sends(b"nonsense\r\n\r\n"),
    ],
    ids=["401", "403", "404", "503", "200", "redirects", "streams", "no HTTP"],
)
def test_a_failing_program_shows_no_token(script: Script) -> None:
    with Server(script) as server:
        env = os.environ | {"URL": server.url, "SECRET": TOKEN}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, timeout=60, check=False
        )
        sent = b"".join(peer.request for peer in server.requests)
    assert quote(TOKEN, safe="").encode() in sent or TOKEN.encode() in sent
    assert "Status" in done.stdout or "Connecting" in done.stdout
    assert_clean(done.stdout + done.stderr)


def test_the_command_line_shows_no_token_in_its_output_nor_in_the_list_of_processes(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN)
    file.chmod(0o600)
    command = [sys.executable, "-m", "ctfy_rx.cli", "watch", "--token-file", str(file)]
    with Server(sends(stay=True)) as server:
        env = {name: value for name, value in os.environ.items() if not name.startswith("CTFY")}
        with Child(
            [*command, "--platform-url", server.url],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            until(lambda: server.requests or process.poll() is not None)
            listed = Path(f"/proc/{process.pid}/cmdline").read_text(encoding="utf-8")
            names = "".join(
                (task / "comm").read_text() for task in Path(f"/proc/{process.pid}/task").iterdir()
            )
            process.terminate()
            output = process.communicate(timeout=PATIENCE)[0]
        assert server.requests, output
    assert "--token-file" in listed
    assert_clean(listed + names + output)


@pytest.mark.parametrize("other", ["port", "scheme"])
def test_no_token_goes_to_another_port_or_scheme(other: str) -> None:
    with Server(sends(reply(404)), tls=other == "scheme") as elsewhere:
        target = elsewhere.url if other == "port" else elsewhere.url.replace("https", "http")
        with Server(sends(redirect(target + "/api/v1/events"))) as server:
            env = os.environ | {"URL": server.url, "SECRET": TOKEN}
            subprocess.run(
                [sys.executable, "-c", PROGRAM], env=env, capture_output=True, timeout=60, check=False
            )
            assert server.requests
        for peer in elsewhere.requests:
            assert_clean(peer.request.decode("latin-1"))
        assert elsewhere.peers
