"""python3-gevent-websocket, which is a server only: gevent_peer.py"""

import struct
import sys

import gevent
from gevent.fileobject import FileObjectThread
from gevent.pywsgi import WSGIServer
from geventwebsocket.exceptions import WebSocketError
from geventwebsocket.handler import WebSocketHandler
from geventwebsocket.websocket import Header, WebSocket
from lines import decode, encode, say, say_closed, say_message, split

current = None
close_frame = b""


def on_pong(self, header, payload):
    say("pong", encode(payload))


def on_close(self, header, payload):
    # What the peer says when it closes is kept nowhere else.
    global close_frame
    close_frame = payload
    close(self, header, payload)


close = WebSocket.handle_close
WebSocket.handle_pong = on_pong
WebSocket.handle_close = on_close


class Script:
    def app_protocol(self, path):
        return "chat.v2"

    def __call__(self, environ, start_response):
        global current, close_frame
        current = environ["wsgi.websocket"]
        close_frame = b""
        say("open")
        try:
            while (message := current.receive()) is not None:
                say_message(message)
        except WebSocketError:
            pass
        code = struct.unpack("!H", close_frame[:2])[0] if close_frame else None
        say_closed(code, close_frame[2:])
        return []


class Handler(WebSocketHandler):
    def upgrade_websocket(self):
        if self.path != "/refuse":
            return super().upgrade_websocket()
        self.start_response("403 Forbidden", [])
        return [b"Not here"]


def send_fragments(socket, parts):
    for index, part in enumerate(parts):
        opcode = socket.OPCODE_CONTINUATION if index else socket.OPCODE_TEXT
        header = Header.encode_header(index == len(parts) - 1, opcode, b"", len(part), 0)
        socket.raw_write(header + part)


def obey(kind, words):
    if kind == "text":
        current.send(decode(words[0]).decode())
    elif kind == "binary":
        current.send(decode(words[0]), binary=True)
    elif kind == "fragments":
        send_fragments(current, [decode(word) for word in words])
    elif kind == "ping":
        current.send_frame(decode(words[0]).decode(), current.OPCODE_PING)
    elif kind == "close":
        current.close()


server = WSGIServer(("127.0.0.1", 0), Script(), handler_class=Handler, log=None)
server.start()
say("ready", str(server.server_port))
for line in FileObjectThread(sys.stdin.buffer, "rb"):
    try:
        obey(*split(line.decode()))
    except WebSocketError:
        pass
