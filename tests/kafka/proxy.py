"""A network that fails on command: a port that forwards to a broker, late, not at all, or into nothing.

It runs in a thread of its own; its methods return when the fault is there.
"""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator, Mapping
from typing import Self

from tests.kafka.broker import HOST, Broker, free_ports

PIECE = 65536
MOST_PIECES = 256  # on the way at once, in each direction
ANSWER_S = 10.0


class Proxy:
    def __init__(self) -> None:
        self.port = free_ports(1)[0]
        self.target = 0
        self.seconds = 0.0
        self._swallows = False
        self._swallowed: set[asyncio.StreamWriter] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self.heal()

    def cut(self) -> None:
        """Connections break, and new ones are refused."""
        self._do(self._cut())

    def half_open(self) -> None:
        """Connections stay, and new ones are accepted; nothing that is sent arrives."""
        self._swallows = True

    def delay(self, seconds: float) -> None:
        """Everything arrives so much later, in order; round trips take twice as long."""
        self.seconds = seconds

    def heal(self) -> None:
        """As new; connections that lost something break, as they would on a host that has forgotten them."""
        self._do(self._heal())

    def close(self) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(ANSWER_S)
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _do(self, what: Coroutine[object, object, None]) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(ANSWER_S)

    async def _heal(self) -> None:
        self._swallows = False
        self.seconds = 0.0
        self._break(self._swallowed)
        if self._server is None:
            self._server = await asyncio.start_server(self._connected, HOST, self.port)

    async def _cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        self._break(self._writers)

    async def _close(self) -> None:
        await self._cut()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _break(self, writers: set[asyncio.StreamWriter]) -> None:
        for writer in writers:
            writer.transport.abort()
        writers.clear()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._server is None:  # cut between the accept and now
            writer.transport.abort()
            return
        self._writers.add(writer)
        try:
            if self._swallows:
                await self._swallow(reader, writer)
            else:
                await self._forward(reader, writer)
        finally:
            self._writers.discard(writer)
            self._swallowed.discard(writer)
            writer.transport.abort()

    async def _swallow(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._swallowed.add(writer)
        with contextlib.suppress(OSError):
            while await reader.read(PIECE):
                pass

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            behind, before = await asyncio.open_connection(HOST, self.target)
        except OSError:
            return
        if self._server is None:
            before.transport.abort()
            return
        self._writers.add(before)
        pumps = [asyncio.ensure_future(self._pump(reader, before)), asyncio.ensure_future(self._pump(behind, writer))]
        try:
            # One direction at its end is the end of both: no Kafka client closes by halves.
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            self._writers.discard(before)
            self._swallowed.discard(before)
            before.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(MOST_PIECES)
        delivery = asyncio.ensure_future(self._deliver(line, writer))
        try:
            while piece := await reader.read(PIECE):
                await line.put((self._loop.time() + self.seconds, piece))
            await line.put((0.0, b""))
            await delivery
        except OSError:
            pass
        finally:
            delivery.cancel()
            await asyncio.gather(delivery, return_exceptions=True)

    async def _deliver(self, line: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        while True:
            due, piece = await line.get()
            if not piece:
                return
            await asyncio.sleep(due - self._loop.time())
            if self._swallows:
                self._swallowed.add(writer)
            else:
                writer.write(piece)
                await writer.drain()


@contextlib.contextmanager
def proxied(settings: Mapping[str, str] = {}) -> Iterator[tuple[Broker, Proxy]]:
    """A broker whose clients come through a proxy, whatever address they began with; `direct` goes past it."""
    with Proxy() as proxy:
        broker = Broker(advertised_port=proxy.port, settings=settings)
        proxy.target = broker.port
        with broker:
            yield broker, proxy
