"""A web application with one stream for all its visitors: the last solves as JSON, and live as events.

    pip install fastapi uvicorn
    CTFY_PLATFORM_URL=http://127.0.0.1:8100 CTFY_TOKEN=pt_... uvicorn fastapi_app:app

However many visitors there are, one connection is open to the platform. What they get holds no addresses
and no ids of people; the names of anonymous teams reach an administrator's token, so leave those teams out.
"""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from reactivex.scheduler.eventloop import AsyncIOScheduler

import ctfy_rx

stream = ctfy_rx.events()
solves = stream.solves().named()
latest: deque[dict[str, str]] = deque(maxlen=20)
public: set[str] = set()


def shown(event: ctfy_rx.Event) -> dict[str, str]:
    team = event.team_name if event.team_id in public else "an anonymous team"
    return {"at": event.at.isoformat(), "team": str(team), "challenge": str(event.challenge_name)}


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    public.update(await stream.public_teams())
    async with stream:
        loop = AsyncIOScheduler(asyncio.get_running_loop())  # it drives the stream: no thread
        solves.subscribe(lambda event: latest.append(shown(event)), print, scheduler=loop)
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/solves")
async def last_solves() -> list[dict[str, str]]:
    return list(latest)


@app.get("/live")
async def live() -> StreamingResponse:
    async def lines() -> AsyncIterator[str]:
        yield ": connected\n\n"
        async for event in solves:
            yield f"data: {json.dumps(shown(event))}\n\n"

    return StreamingResponse(lines(), media_type="text/event-stream")
