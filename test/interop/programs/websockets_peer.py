"""python3-websockets as a client or a server: websockets_peer.py client|server [CA file]"""

import asyncio
import ssl
import sys
from http import HTTPStatus

from lines import decode, encode, lines, say, say_closed, say_message
from websockets.exceptions import ConnectionClosed, InvalidStatusCode
from websockets.legacy.client import connect
from websockets.legacy.server import serve

LIMITS = {"max_size": None, "ping_interval": None}
current = None


async def listen(socket, *_):
    global current
    current = socket
    say("open", socket.subprotocol or "")
    try:
        async for message in socket:
            say_message(message)
    except ConnectionClosed:
        pass
    say_closed(socket.close_code, socket.close_reason)


async def dial(url, protocols):
    options = dict(LIMITS, subprotocols=protocols.split(",") if protocols else None)
    if url.startswith("wss:"):
        options["ssl"] = ssl.create_default_context(cafile=sys.argv[2])
    try:
        socket = await connect(url, **options)
    except InvalidStatusCode as error:
        say("refused", str(error.status_code))
    else:
        asyncio.create_task(listen(socket))


async def ping(socket, data):
    await (await socket.ping(data))
    say("pong", encode(data))


async def obey(kind, words):
    if kind == "connect":
        await dial(*words)
    elif kind == "text":
        await current.send(decode(words[0]).decode())
    elif kind == "binary":
        await current.send(decode(words[0]))
    elif kind == "fragments":
        await current.send([decode(word).decode() for word in words])
    elif kind == "ping":
        asyncio.create_task(ping(current, decode(words[0])))
    elif kind == "close":
        code, reason = (int(words[0]), decode(words[1]).decode()) if words else (1000, "")
        asyncio.create_task(current.close(code, reason))


async def refuse(path, _headers):
    if path == "/refuse":
        return HTTPStatus.FORBIDDEN, [], b"Not here"


async def main():
    if sys.argv[1] == "server":
        server = await serve(
            listen, "127.0.0.1", 0, process_request=refuse, subprotocols=["chat.v2"], **LIMITS
        )
        say("ready", str(server.sockets[0].getsockname()[1]))
    else:
        say("ready")
    async for kind, words in lines():
        await obey(kind, words)


asyncio.run(main())
