"""How a server of the tests stops listening: with nothing of it left half open."""

from __future__ import annotations

import asyncio

# An accepted connection is a task, then a transport, a protocol and the task of its line: a turn
# of the loop each.
_TURNS = 5


async def leave(server: asyncio.Server, lines: set[asyncio.Task[None]]) -> None:
    """Stop listening and cancel all lines, those of connections that just came in among them.

    `Server.close()` alone makes asyncio forget a connection that is accepted in the same turn: its
    socket is left to the garbage collector, which warns (Python 3.11 to 3.13).
    """
    loop = asyncio.get_running_loop()
    for each in server.sockets:
        loop.remove_reader(each.fileno())
    for _ in range(_TURNS):
        await asyncio.sleep(0)
    server.close()
    for line in lines:
        line.cancel()
    await asyncio.gather(*lines, return_exceptions=True)
