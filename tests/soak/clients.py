"""The clients of a soak, in a process of their own: their traffic, and what they hold meanwhile.

python clients.py SETTINGS, which is JSON; on a line of stdin letters are sent again.
"""

import asyncio
import gc
import json
import logging
import socket
import sys
import time
from pathlib import Path

import anyio
from callers import AirViewCaller, HeraldCaller
from feeds import Feed
from leaks import held, left_over, objects, working_threads
from ledger import LEDGER, Ledger
from place import FULL, SMALL, Site

from airview_herald.transport import AiohttpTransport

_CLOSING = 3.0
_TURN = 0.1
_PLANTED = 100
_SAMPLES = 12


class Clients:
    """All the traffic of a process.

    Args:
        settings: What the program was given.
        ledger: Where it is written what clients were told.
    """

    def __init__(self, settings, ledger):
        self._loop = settings["loop"]
        self._pace = SMALL if settings["small"] else FULL
        self._ledger = ledger
        self._seconds = settings["seconds"]
        self._plants = settings["plants"]
        self._planted = []
        self._site = Site(
            self._loop,
            settings["seed"],
            self._pace,
            settings["folder"],
            ledger,
            settings["urls"],
            self._plants,
        )
        feeds = [Feed(self._site, f"{self._loop}-feed{n}") for n in range(settings["feeds"])]
        self._feeds = feeds
        self._all = [
            *feeds,
            AirViewCaller(self._site, "airview"),
            HeraldCaller(self._site, "herald", settings["key"]),
        ]

    async def run(self):
        """Let traffic be, then send letters again; tell of what is held."""
        # What is made once, and kept, is made here.
        if self._loop == "asyncio":
            await AiohttpTransport().aclose()
        async with anyio.create_task_group() as group:
            for each in self._all:
                group.start_soon(each.generation)
        await anyio.sleep(_TURN)
        before, kinds = self._now(), objects()
        self._site.run_for(self._seconds)
        async with anyio.create_task_group() as group:
            group.start_soon(self._watch)
            for each in self._all:
                group.start_soon(each.live)
        after = await self._quiet(before)
        left = left_over(before, after)
        if any(line.startswith("objects") for line in left):
            left += left_over(kinds, objects())
        for line in left:
            self._ledger.write("trouble", text=f"{self._loop}, left over: {line}")
        self._ledger.write("held", loop=self._loop, before=before, after=after)
        self._ledger.write("quiet", loop=self._loop)
        # Nothing else is going on: the event loop may as well wait.
        sys.stdin.readline()
        for feed in self._feeds:
            await feed.replay()

    async def _watch(self):
        """Take samples as long as there is traffic."""
        began = time.monotonic()
        interval = min(self._pace.sample, self._seconds / _SAMPLES)
        while not self._site.over:
            await anyio.sleep(interval)
            self._plant()
            at = round(time.monotonic() - began, 2)
            self._ledger.write("sample", loop=self._loop, at=at, **held(self._loop))

    async def _quiet(self, before):
        """Return what is held once nothing goes on; what is being closed has some time for it."""
        until = time.monotonic() + _CLOSING
        while left_over(before, now := self._now()) and time.monotonic() < until:  # noqa: ASYNC110
            await anyio.sleep(_TURN)  # nobody tells when the last connection is closed
        return now

    def _now(self):
        """Return what is held now, but for threads that wait for work: they end later."""
        gc.collect()
        return held(self._loop) | {"threads": working_threads()}

    def _plant(self):
        """Put in the leaks that are asked for, to see that they are found."""
        for _ in range(_PLANTED):
            if "socket" in self._plants:
                self._planted.append(socket.socket())
            if "task" in self._plants:
                self._planted.append(asyncio.create_task(anyio.sleep_forever()))
            if "object" in self._plants:
                self._planted.append(self._site.airview("http://127.0.0.1"))


def main():
    """Run until the end."""
    settings = json.loads(sys.argv[1])
    logging.disable(logging.WARNING)
    ledger = Ledger(Path(settings["folder"]) / LEDGER.format(settings["loop"]))
    try:
        anyio.run(Clients(settings, ledger).run, backend=settings["loop"])
    finally:
        ledger.close()


if __name__ == "__main__":
    main()
