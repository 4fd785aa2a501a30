"""A man in the middle who understands MQTT: he sits between every program and the broker.

He reads whole packets, and for each PUBLISH decides by a generator of random numbers of his own
(seed, client, number of its connection) whether it is lost, doubled, held back behind others,
delayed or torn in two. Links can be cut, stalled, or left alive in one direction only.
"""

import asyncio
import random
import struct
import threading
import time

from schedule import CLEAR, DRIZZLE

CONNECT, PUBLISH, PUBACK = 1, 3, 4
UP, DOWN = 0, 1
HELD_S = 0.08  # a packet that is held back goes on after so long if nothing overtakes it


async def read_packet(reader):
    """One whole MQTT packet as bytes; raises IncompleteReadError at the end of the stream."""
    head = await reader.readexactly(1)
    length = shift = 0
    while True:
        byte = await reader.readexactly(1)
        head += byte
        length |= (byte[0] & 0x7F) << shift
        shift += 7
        if not byte[0] & 0x80:
            break
        if shift > 21:
            raise ValueError("the length of a packet has more than four bytes")
    return head + await reader.readexactly(length)


def packet_body(packet):
    """The bytes after the fixed header."""
    i = 1
    while packet[i] & 0x80:
        i += 1
    return packet[i + 1:]


def text_at(body, offset):
    (length,) = struct.unpack_from(">H", body, offset)
    return body[offset + 2:offset + 2 + length].decode("utf-8", "replace"), offset + 2 + length


class Publish:
    """What the man in the middle needs to know of a PUBLISH packet."""

    def __init__(self, packet):
        self.packet, self.quality = packet, packet[0] >> 1 & 3
        self.topic, offset = text_at(packet_body(packet), 0)
        self.number = packet_body(packet)[offset:offset + 2] if self.quality else b""

    def again(self):
        """The same with the DUP flag, as a sender that saw no PUBACK would send it."""
        return bytes([self.packet[0] | 8]) + self.packet[1:] if self.quality else self.packet

    def acknowledgement(self):
        return b"\x40\x02" + self.number


class Direction:
    """One half of a link: packets from `reader` to `writer`."""

    def __init__(self, link, number, reader, writer, back):
        self.link, self.number = link, number
        self.reader, self.writer, self.back = reader, writer, back
        self.gate = asyncio.Event()
        self.gate.set()
        self.held = []  # (time at which it goes on, packet)

    async def run(self):
        while True:
            packet = await self._next()
            await self.gate.wait()
            if packet[0] >> 4 == CONNECT:
                self.link.name_it(packet)
            if packet[0] >> 4 == PUBLISH:
                await self._publish(Publish(packet))
            else:
                await self._send(packet)

    async def _next(self):
        """The next packet; meanwhile what is held back goes on when nothing overtakes it."""
        reading = asyncio.ensure_future(read_packet(self.reader))
        try:
            while not reading.done():
                await asyncio.wait([reading], timeout=self._patience())
                await self._release(False)
            return reading.result()
        finally:
            reading.cancel()

    def _patience(self):
        return max(0.001, self.held[0][0] - time.monotonic()) if self.held else None

    async def _release(self, overtaken):
        """What was held back goes on when its time has come, or when another has overtaken it."""
        while self.held and (overtaken or self.held[0][0] <= time.monotonic()):
            _, packet = self.held.pop(0)
            await self.gate.wait()
            await self._send(packet)

    async def _send(self, packet):
        self.writer.write(packet)
        await self.writer.drain()

    async def _publish(self, publish):
        weather, rng, link = self.link.weather(), self.link.rng, self.link
        draw = rng.random()
        for what in ("lose", "swallow", "cut"):
            draw -= getattr(weather, what)
            if draw < 0:
                link.tell(what, self.number, publish.topic)
                await getattr(self, f"_{what}")(publish)
                return
        if rng.random() < weather.reorder and not self.held:
            link.tell("hold", self.number, publish.topic)
            self.held.append((time.monotonic() + HELD_S, publish.packet))
            return
        if rng.random() < weather.delay:
            await asyncio.sleep(rng.uniform(0, weather.delay_s))
        await self._send(publish.packet)
        if rng.random() < weather.double:
            link.tell("double", self.number, publish.topic)
            await self._send(publish.again())
        await self._release(True)

    async def _lose(self, publish):
        """A broker that has said "I have it" and dies: the PUBACK proves nothing."""
        if publish.quality:
            self.back.write(publish.acknowledgement())
            await self.back.drain()

    async def _swallow(self, publish):
        pass

    async def _cut(self, publish):
        half = self.link.rng.randrange(1, len(publish.packet))
        await self._send(publish.packet[:half])
        self.link.cut()


class Link:
    """One connection of one program, from its CONNECT to its end."""

    def __init__(self, middle, reader, writer, broker_reader, broker_writer):
        self.middle, self.name = middle, "?"
        self.rng = random.Random(f"{middle.seed} ?")
        self.writers = (writer, broker_writer)
        self.directions = [Direction(self, UP, reader, broker_writer, writer),
                           Direction(self, DOWN, broker_reader, writer, broker_writer)]

    def name_it(self, packet):
        """The client's name is in its CONNECT; HQ's has the name of its feed behind it."""
        body = packet_body(packet)
        _, offset = text_at(body, 0)
        client, _ = text_at(body, offset + 4)
        self.name = "hq" if client.startswith("hq-") else client
        number = self.middle.count(self.name)
        self.rng = random.Random(f"{self.middle.seed} {self.name} {number}")
        self.tell("connect", UP, f"number {number}")

    def weather(self):
        return self.middle.weather_of(self.name)

    def tell(self, what, direction, words):
        self.middle.tell(self.name, what, "down" if direction else "up", words)

    def cut(self):
        """A reset in both directions; what is under way is lost."""
        for writer in self.writers:
            writer.transport.abort()

    async def run(self):
        tasks = [asyncio.ensure_future(direction.run()) for direction in self.directions]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for writer in self.writers:
                writer.close()


class Middle:
    """Listens on `port` of the loopback, in a thread of its own, until stop()."""

    def __init__(self, seed, broker_port, log_path):
        self.seed, self.broker_port = seed, broker_port
        self.log = open(log_path, "w", buffering=1)
        self.started = time.monotonic()
        self.links, self.connections, self.counts = set(), {}, {}
        self.weathers, self.refusing, self.everywhere = {}, False, None
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, name="middle", daemon=True)
        ready = threading.Event()
        self.loop.call_soon(lambda: asyncio.ensure_future(self._listen(ready)))
        self.thread.start()
        if not ready.wait(10):
            raise TimeoutError("the man in the middle does not listen")

    def _run(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    async def _listen(self, ready):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        ready.set()

    async def _serve(self, reader, writer):
        if self.refusing:
            writer.transport.abort()
            return
        try:
            broker = await asyncio.open_connection("127.0.0.1", self.broker_port)
        except OSError:
            writer.transport.abort()
            return
        link = Link(self, reader, writer, *broker)
        self.links.add(link)
        try:
            await link.run()
        except asyncio.CancelledError:
            pass
        finally:
            self.links.discard(link)

    def tell(self, name, what, direction, words):
        key = what, direction
        self.counts[key] = self.counts.get(key, 0) + 1
        self.log.write(f"{time.monotonic() - self.started:9.3f} {name:<14} {what:<8} "
                       f"{direction:<4} {words}\n")

    def count(self, name):
        self.connections[name] = self.connections.get(name, 0) + 1
        return self.connections[name]

    def weather_of(self, name):
        return self.everywhere or self.weathers.get(name, DRIZZLE)

    # --- what the run asks for, from another thread ----------------------------------------------

    def _do(self, act):
        done = threading.Event()

        def run():
            act()
            done.set()
        self.loop.call_soon_threadsafe(run)
        done.wait(10)

    def _links_of(self, name):
        return [link for link in self.links if name in (link.name, "every link")]

    def cut(self, name):
        self._do(lambda: [link.cut() for link in self._links_of(name)])

    def gates(self, name, is_open, directions=(UP, DOWN)):
        """Lets packets of `name` pass in these directions, or holds them where they are."""
        def act():
            for link in self._links_of(name):
                for direction in directions:
                    gate = link.directions[direction].gate
                    (gate.set if is_open else gate.clear)()
        self._do(act)

    def set_weather(self, name, weather):
        self._do(lambda: self.weathers.__setitem__(name, weather))

    def clear_weather(self, name):
        self._do(lambda: self.weathers.pop(name, None))

    def refuse(self, refusing):
        def act():
            self.refusing = refusing
            if refusing:
                for link in list(self.links):
                    link.cut()
        self._do(act)

    def heal(self, weather=CLEAR):
        """From here on every link works, in one weather for all; those that stand are kept."""
        def act():
            self.everywhere, self.refusing = weather, False
            self.weathers.clear()
            for link in self.links:
                for direction in link.directions:
                    direction.gate.set()
        self._do(act)

    def stop(self):
        if not self.thread.is_alive():
            return
        asyncio.run_coroutine_threadsafe(self._end(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()
        self.log.close()

    async def _end(self):
        self.server.close()
        for link in list(self.links):
            link.cut()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
