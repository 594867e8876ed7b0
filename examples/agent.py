"""An agent on the event loop: waits for its box, tries answers, and goes by the verdicts.

    CTFY_PLATFORM_URL=http://127.0.0.1:8100 CTFY_TOKEN=pt_... python agent.py INSTANCE ANSWER...

The token is a player's session token: API tokens (pf_...) hear no events.
"""

import asyncio
import os
import sys

import httpx

import ctfy_rx

PLATFORM, TOKEN = os.environ["CTFY_PLATFORM_URL"], os.environ["CTFY_TOKEN"]


async def submit(http: httpx.AsyncClient, instance: str, answer: str) -> None:
    body = {"instance_id": instance, "question_id": "flag", "answer": answer}
    (await http.post("/api/v1/submissions", json=body)).raise_for_status()


async def main(instance: str, answers: list[str]) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        ctfy_rx.events(PLATFORM, token=TOKEN) as stream,
        httpx.AsyncClient(base_url=PLATFORM, headers=headers) as http,
    ):
        verdicts = stream.verdicts().where(instance_id=instance)
        async with ctfy_rx.to_async_iter(verdicts) as coming:
            await stream.opened()  # whoever speaks before they listen misses the answer
            box = await stream.instance(instance).ready(timeout=600)
            print(f"my box for {box.challenge_id} is ready at {box.host}:{box.port}", flush=True)
            for answer in answers:
                await submit(http, instance, answer)
                verdict = await anext(coming)
                print(f"{answer!r}: {verdict.event}", flush=True)
                if verdict.event == "flag_correct":
                    return
    raise SystemExit("none of them was right")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2:]))
