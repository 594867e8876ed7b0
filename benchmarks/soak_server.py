"""What `soak.py` hears: ``python soak_server.py EVENTS PER_CONNECTION`` prints its URL and serves.

Event `n` says so in `solve_time_s`. Each connection gets the events that follow those of the one before it,
and is ended in order. `/me` is an admin, and the activity log holds each event whose frame was sent.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
STEP = timedelta(milliseconds=100)
HEAD = "HTTP/1.1 200 OK\r\nContent-Type: {}\r\n{}\r\n"
ME = {"id": "1", "display_name": "root", "is_admin": True, "token_kind": "user", "competition_teams": []}
COMMON = {"challenge_id": "LOAD-0000", "actor_id": "0e2cc501", "actor_name": "Player", "actor_type": "team"}
FLAG = {"instance_id": "716758f5", "flag_id": "flag", "competition_id": "loadtest", "ip": "127.0.0.1"}


class Contest:
    """How many events there were so far."""

    def __init__(self, events: int, share: int) -> None:
        self.events = events
        self.share = share
        self.sent = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer requests until the client goes, or the stream's share is over."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                target = urlsplit(head.split(b" ", 2)[1].decode())
                if target.path.endswith("/events"):
                    await self.stream(writer)
                    break
                content = ME if target.path.endswith("/me") else self.log(parse_qs(target.query))
                body = json.dumps(content).encode()
                writer.write(
                    HEAD.format("application/json", f"Content-Length: {len(body)}\r\n").encode() + body
                )
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client has gone
        finally:
            writer.close()

    async def stream(self, writer: asyncio.StreamWriter) -> None:
        """The next share of the events, in pieces of a few dozen."""
        writer.write(HEAD.format("text/event-stream", "Connection: close\r\n").encode() + b": connected\n\n")
        end = min(self.sent + self.share, self.events)
        while self.sent < end:
            last = min(self.sent + 50, end)
            frames = [frame(number) for number in range(self.sent, last)]
            self.sent = last
            writer.write(b"".join(frames))
            await writer.drain()
        if end == self.events:
            await asyncio.sleep(3600)

    def log(self, asked: dict[str, list[str]]) -> dict[str, object]:
        """A page of the rows, newest first."""
        since = asked.get("since", [None])[0]
        first = 0
        if since is not None:
            first = max(0, -((BEGIN - datetime.fromisoformat(since)) // STEP))
        offset, limit = int(asked["offset"][0]), int(asked["limit"][0])
        newest = self.sent - 1 - offset
        items = [row(number) for number in range(newest, max(newest - limit, first - 1), -1)]
        return {"items": items, "total": self.sent - first, "limit": limit, "offset": offset}


def frame(number: int) -> bytes:
    """Event `number` on the wire."""
    data = json.dumps({**COMMON, **FLAG, "solve_time_s": number}, separators=(",", ":"))
    return f"event: flag_correct\ndata: {data}\n\n".encode()


def row(number: int) -> dict[str, object]:
    """Event `number` in the log."""
    at = (BEGIN + number * STEP).isoformat()
    detail = {**FLAG, "solve_time_s": number}
    return {"id": str(number + 1), "timestamp": at, "event": "flag_correct", **COMMON, "detail": detail}


async def main(events: int, share: int) -> None:
    """Serve until killed."""
    server = await asyncio.start_server(Contest(events, share).serve, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
