"""The chat with Django Channels 4, served by Daphne."""

import logging
import sys
from urllib.parse import parse_qsl

from django.conf import settings

settings.configure(CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}})

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from daphne.server import Server
from django.urls import path


class Chat(AsyncWebsocketConsumer):
    async def connect(self):
        self.name = dict(parse_qsl(self.scope["query_string"].decode())).get("name")
        if self.name is None:
            return await self.close()
        await self.tell(f"{self.name} joined")
        await self.channel_layer.group_add("chat", self.channel_name)
        await self.accept()

    async def receive(self, text_data=None, bytes_data=None):
        if text_data == "/quit":
            await self.close(4000)
        else:
            await self.tell(f"{self.name}: {text_data}")

    async def disconnect(self, code):
        await self.channel_layer.group_discard("chat", self.channel_name)
        if self.name is not None:
            await self.tell(f"{self.name} left")

    async def tell(self, text):
        await self.channel_layer.group_send("chat", {"type": "chat.told", "text": text})

    async def chat_told(self, event):
        await self.send(event["text"])


logging.basicConfig(level=logging.INFO, format="%(message)s")
port = int((sys.argv[1:] or [8002])[0])
application = ProtocolTypeRouter({"websocket": URLRouter([path("chat", Chat.as_asgi())])})
Server(application, endpoints=[f"tcp:port={port}:interface=127.0.0.1"]).run()
