"""The chat with gevent-websocket 0.10."""

import struct
import sys
from urllib.parse import parse_qsl

from gevent.pywsgi import WSGIServer
from geventwebsocket.exceptions import WebSocketError
from geventwebsocket.handler import WebSocketHandler

people = set()


def name_of(environ):
    return dict(parse_qsl(environ["QUERY_STRING"])).get("name")


class Handler(WebSocketHandler):
    def upgrade_websocket(self):
        if name_of(self.environ) is None:
            self.start_response("401 Unauthorized", [])
            return [b"Who are you?"]
        return super().upgrade_websocket()


def tell(text):
    for other in list(people):
        try:
            other.send(text)
        except WebSocketError:
            pass


def chat(environ, start_response):
    ws, name = environ["wsgi.websocket"], name_of(environ)
    tell(f"{name} joined")
    people.add(ws)
    try:
        while (message := ws.receive()) is not None:
            if message == "/quit":
                # close() leaves the code out.
                ws.send_frame(struct.pack("!H", 4000) + b"Goodbye", ws.OPCODE_CLOSE)
            else:
                tell(f"{name}: {message}")
    except WebSocketError:
        pass
    finally:
        people.remove(ws)
        tell(f"{name} left")
    return []


server = WSGIServer(("127.0.0.1", int((sys.argv[1:] or [8002])[0])), chat, handler_class=Handler)
server.start()
print(f"Listening on http://127.0.0.1:{server.server_port}/", flush=True)
server.serve_forever()
