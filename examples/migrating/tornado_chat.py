"""The chat with Tornado 6."""

import asyncio
import sys

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application
from tornado.websocket import WebSocketClosedError, WebSocketHandler


class Chat(WebSocketHandler):
    people = set()

    def prepare(self):
        self.name = self.get_query_argument("name", None)
        if self.name is None:
            self.set_status(401)
            self.finish("Who are you?")

    def tell(self, text):
        for other in self.people:
            try:
                other.write_message(text)
            except WebSocketClosedError:
                pass

    def open(self):
        self.tell(f"{self.name} joined")
        self.people.add(self)

    def on_message(self, message):
        if message == "/quit":
            self.close(4000, "Goodbye")
        else:
            self.tell(f"{self.name}: {message}")

    def on_close(self):
        self.people.remove(self)
        self.tell(f"{self.name} left")


async def main(port=8002):
    sockets = bind_sockets(int(port), "127.0.0.1")
    HTTPServer(Application([("/chat", Chat)])).add_sockets(sockets)
    print(f"Listening on http://127.0.0.1:{sockets[0].getsockname()[1]}/", flush=True)
    await asyncio.Future()


asyncio.run(main(*sys.argv[1:]))
