"""The clock of tests that wait for nothing."""

import anyio.lowlevel

BEGAN = 1000.0


class Clock:
    """A clock that only sleeping, or the test, moves.

    Attributes:
        now: Seconds.
        slept: The seconds of each sleep.
    """

    def __init__(self):
        self.now = BEGAN
        self.slept = []

    def __call__(self):
        return self.now

    async def sleep(self, seconds):
        await anyio.lowlevel.checkpoint()
        self.slept.append(seconds)
        self.now += seconds

    @property
    def passed(self):
        return self.now - BEGAN
