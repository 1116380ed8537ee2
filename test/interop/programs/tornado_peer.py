"""python3-tornado as a client or a server: tornado_peer.py client|server"""

import asyncio
import sys

from lines import decode, encode, lines, say, say_closed, say_message
from tornado.httpclient import HTTPClientError
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketClosedError, WebSocketHandler, websocket_connect

MAX_SIZE = 2**24
current = None


class Script(WebSocketHandler):
    def select_subprotocol(self, subprotocols):
        return "chat.v2" if "chat.v2" in subprotocols else None

    def get_compression_options(self):
        return {}

    def open(self):
        global current
        current = self
        say("open", self.selected_subprotocol or "")

    def on_message(self, message):
        say_message(message)

    def on_pong(self, data):
        say("pong", encode(data))

    def on_close(self):
        say_closed(self.close_code, self.close_reason)


class Refuse(RequestHandler):
    def get(self):
        self.set_status(403)
        self.finish("Not here")


async def listen(socket):
    while (message := await socket.read_message()) is not None:
        say_message(message)
    say_closed(socket.close_code, socket.close_reason)


async def dial(url, protocols):
    global current
    try:
        current = await websocket_connect(
            url,
            subprotocols=protocols.split(",") if protocols else None,
            compression_options={},
            max_message_size=MAX_SIZE,
        )
    except HTTPClientError as error:
        say("refused", str(error.code))
        return
    current.on_pong = lambda data: say("pong", encode(data))
    say("open", current.selected_subprotocol or "")
    asyncio.create_task(listen(current))


async def obey(kind, words):
    if kind == "connect":
        await dial(*words)
    elif kind == "text":
        await current.write_message(decode(words[0]).decode())
    elif kind == "binary":
        await current.write_message(decode(words[0]), binary=True)
    elif kind == "ping":
        current.ping(decode(words[0]))
    elif kind == "close":
        current.close(*((int(words[0]), decode(words[1]).decode()) if words else (1000, "")))


async def main():
    if sys.argv[1] == "server":
        routes = [("/script", Script), ("/refuse", Refuse)]
        server = HTTPServer(Application(routes, websocket_max_message_size=MAX_SIZE))
        sockets = bind_sockets(0, "127.0.0.1")
        server.add_sockets(sockets)
        say("ready", str(sockets[0].getsockname()[1]))
    else:
        say("ready")
    async for kind, words in lines():
        try:
            await obey(kind, words)
        except WebSocketClosedError:
            pass


asyncio.run(main())
