"""When a client may send: what a server's answers have to say about that, for all that it sends.

Three things keep a client waiting. A *hold*: a server that turned a request away has said for how
long, by `Retry-After`. A *gate*: a server has answered nothing yet, nobody has reached it for a
second, or the retries that a client may spend are used up, so its batches wait, and one request a
second tries whether the server is there. And a *rate*, after a 429. Hold and gate are cool-down:
nothing new begins, and the clocks of a batch's events stand still. Waiting for the rate is not on
an event's clock either.

Batches wait in line, each for as long as its patience lasts. Single calls wait beside the line,
know no gate, and fail rather than wait beyond their deadline.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable

from airview_herald.errors import CooldownError, DeadlineError, RequestFacts
from airview_herald.transport._gate import Gate
from airview_herald.transport._operation import Operation, Patience
from airview_herald.transport._rate import AdaptiveRate

# Seconds after which a waiter looks again, as things may have changed.
_LOOK_AGAIN = 0.1
_UNREACHED = 1.0


class Pacing:
    """Say when the next request may go out; shared by all that a client sends.

    Args:
        clock: Seconds, monotonic.
        sleep: Waits that many seconds.

    Attributes:
        quiet: Whether nothing keeps anybody waiting, so that nobody need ask.
    """

    def __init__(
        self, clock: Callable[[], float], sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        # False until a first answer shows that the server is there.
        self.quiet: bool = False
        self._met = False
        self._unreached_since: float | None = None
        self._gate = Gate()
        self._rate = AdaptiveRate()
        self._held_until = -math.inf
        self._holds = 0
        self._opened_at = -math.inf
        self._cooling_since: float | None = None
        self._cooled = 0.0
        self._vain_since: float | None = None

    @property
    def gate_closed(self) -> bool:
        """Whether batches wait for a probe to succeed."""
        return self._gate.closed

    def sending(self, now: float) -> None:
        """Note that a request is sent."""
        self._rate.meter.send(self.active(now))

    def throttled(self, sent_at: float, *, asked: bool) -> None:
        """Note a 429 of the service.

        Args:
            sent_at: When the request was sent.
            asked: Whether the server asked for a pause with it.
        """
        now = self.active(self._in_vain())
        sent_at = min(sent_at - self._cooled, now)
        self._rate.throttled(sent_at, now, asked=asked, paused=self._cooled)

    @property
    def brakes(self) -> int:
        """How often a server has slowed this client down, or asked for a pause."""
        return self._rate.falls + self._holds

    @property
    def held_for(self) -> float:
        """Seconds for which a server has asked to be left alone from now on."""
        return max(0.0, self._held_until - self._clock())

    def limit(self, per_second: float | None) -> None:
        """Send no more than so many requests a second; `None` lifts that."""
        self._rate.ceiling = per_second
        if per_second is not None:
            self.quiet = False

    def slow(self, pause: float) -> None:
        """Do as another client of the same server was told to.

        Args:
            pause: Seconds in which to send nothing new; 0 to send more slowly only.
        """
        if pause > 0:
            self._hold(pause)
        else:
            self.quiet = False
            self._rate.slow(self.active(self._clock()), self._cooled)

    def hold(self, seconds: float) -> None:
        """Send nothing new for so many seconds: a server that turned a request away says so."""
        self._holds += 1
        self._hold(seconds)

    def _hold(self, seconds: float) -> None:
        if seconds > 0:
            now = self._in_vain()
            self._held_until = max(self._held_until, now + seconds)
            self._cool(now)
            self._rate.resume()

    def missed(self, *, connected: bool) -> bool:
        """Note a request that was not answered, or not by the service.

        Args:
            connected: Whether there was a connection. Then it may have failed for what it was.

        Returns:
            Whether the server is not there: it has answered nothing yet, or nobody has reached it
            for a second.
        """
        if not self._met:
            return True
        if connected:
            self._unreached_since = None
            return False
        now = self._in_vain()
        if self._unreached_since is None:
            self._unreached_since = now
        return now - self._unreached_since >= _UNREACHED

    def close_gate(self) -> None:
        """Let batches wait until a probe succeeds: the server is not there, or fails too much."""
        now = self._in_vain()
        self._gate.close(now)
        self._cool(now)

    def succeeded(self) -> None:
        """Note, where it is not quiet, that a request was answered: the server is there."""
        now = self._clock()
        self._met, self._unreached_since = True, None
        if self._gate.closed:
            self._gate.open()
            self._opened_at = now
        self._settle(now)
        if self._cooling_since is None:
            self._vain_since = None
            self.quiet = self._rate.per_second is None and self._rate.ceiling is None

    def active(self, now: float) -> float:
        """Return a time on the clock that stands still during cool-down."""
        if self._cooling_since is None:
            return now - self._cooled
        self._settle(now)
        return (now if self._cooling_since is None else self._cooling_since) - self._cooled

    async def admit(self, operation: Operation) -> None:
        """Wait until an operation may send its next request, and take a slot for it.

        Args:
            operation: The account; what it waits here is not on a batch's event's clock.

        Raises:
            CooldownError: A batch's patience is at its end.
            DeadlineError: A single call would wait beyond its deadline; `retry_after` says how
                long.
        """
        patience = operation.patience
        if patience is None:
            await self._admitted(operation, None)
            return
        began = self.active(self._clock())
        async with patience.line:
            await self._admitted(operation, patience)
        operation.waited += self.active(self._clock()) - began

    async def cool_down(self, patience: Patience, is_trying: Callable[[], bool]) -> None:
        """Wait, on a batch's patience, until the client may begin something new.

        Args:
            patience: How long that may take.
            is_trying: Whether the batch has anything under way that may open the gate. If not,
                it may begin something as soon as a probe may go out: nobody else may try.

        Raises:
            CooldownError: Its patience is at its end.
        """
        while self._cooling_since is not None:
            now = self._clock()
            self._settle(now)
            if self._cooling_since is None:
                return
            seconds = self._pause(now, patience)
            if not seconds and not is_trying():
                return
            await self._sleep(seconds or _LOOK_AGAIN)

    async def _admitted(self, operation: Operation, patience: Patience | None) -> None:
        slots = operation.slots
        while True:
            while (seconds := self._wait(operation, patience)) > 0:
                await self._sleep(seconds)
            if slots is not None:
                await slots.acquire()
            if self._take(self._clock(), batch=patience is not None):
                return
            if slots is not None:
                slots.release()

    def _wait(self, operation: Operation, patience: Patience | None) -> float:
        """Return the seconds until it is worth asking again; 0 when one may send."""
        now = self._clock()
        self._settle(now)
        if patience is not None:
            seconds = self._pause(now, patience)
        else:
            # The rate's clock stops while the gate is closed, so that its tokens would never come.
            rated = 0.0 if self._gate.closed else self._rate.wait(self.active(now))
            seconds = max(self._held_until - now, rated)
            if 0 < seconds >= operation.remaining(self._clock):
                raise DeadlineError(
                    f"the server wants a pause of {seconds:.1f} s, which would exceed the "
                    f"operation's {operation.deadline:g} s",
                    RequestFacts(retry_after=seconds),
                )
        return max(0.0, seconds)

    def _pause(self, now: float, patience: Patience) -> float:
        """Return how long a batch waits before it looks again."""
        if self._vain_since is not None:
            vain = max(now, self._held_until) - patience.tried_since(self._vain_since, now)
            if vain > patience.limit:
                raise CooldownError(
                    f"the server was not reached, or turned everything away, for {vain:.1f} s; "
                    f"max_cooldown is {patience.limit:g} s"
                )
        held = self._held_until - now
        if held > 0:
            return held
        # As in `_wait`, the rate does not apply while the gate is closed.
        closed = self._gate.closed
        seconds = self._gate.wait(now) if closed else self._rate.wait(self.active(now))
        return min(seconds, _LOOK_AGAIN)

    def _take(self, now: float, *, batch: bool) -> bool:
        self._settle(now)
        if now < self._held_until:
            return False
        if self._gate.closed:
            return not batch or self._gate.take(now)
        return self._rate.take(self.active(now))

    def _in_vain(self) -> float:
        """Note that a request was made in vain, and return the time."""
        now = self._clock()
        self.quiet = False
        if self._vain_since is None:
            self._vain_since = now
        return now

    def _cool(self, now: float) -> None:
        if self._cooling_since is None:
            self._cooling_since = now

    def _settle(self, now: float) -> None:
        """Note the end of a cool-down that is over by now."""
        if self._cooling_since is None or self._gate.closed or now < self._held_until:
            return
        ended = max(self._held_until, self._opened_at, self._cooling_since)
        self._cooled += ended - self._cooling_since
        self._cooling_since = None
