"""The line protocol of lines.ts, for programs in Python."""

import asyncio
import base64
import sys


def say(*words):
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


def encode(data):
    if isinstance(data, str):
        data = data.encode()
    return base64.b64encode(data).decode()


def decode(word):
    return base64.b64decode(word)


def say_message(message):
    say("text" if isinstance(message, str) else "binary", encode(message))


def say_closed(code, reason):
    say("closed", str(code or 1005), encode(reason or ""))


def split(line):
    kind, *words = line.rstrip("\n").split(" ")
    return kind, words


async def lines():
    """The lines of standard input as (kind, words), until it ends."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=2**24)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield split(line.decode())
