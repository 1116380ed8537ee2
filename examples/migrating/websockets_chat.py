"""The chat with websockets 10.4."""

import asyncio
import sys
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

import websockets

people = set()


def name_of(path):
    return dict(parse_qsl(urlsplit(path).query)).get("name")


async def check(path, headers):
    if name_of(path) is None:
        return HTTPStatus.UNAUTHORIZED, [], b"Who are you?"


async def chat(ws):
    name = name_of(ws.path)
    websockets.broadcast(people, f"{name} joined")
    people.add(ws)
    try:
        async for message in ws:
            if message == "/quit":
                await ws.close(4000, "Goodbye")
            else:
                websockets.broadcast(people, f"{name}: {message}")
    except websockets.ConnectionClosedError:
        pass
    finally:
        people.remove(ws)
        websockets.broadcast(people, f"{name} left")


async def main(port=8002):
    async with websockets.serve(chat, "127.0.0.1", int(port), process_request=check) as server:
        port = server.sockets[0].getsockname()[1]
        print(f"Listening on http://127.0.0.1:{port}/", flush=True)
        await asyncio.Future()


asyncio.run(main(*sys.argv[1:]))
