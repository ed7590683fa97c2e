"""How fast a server of limited capacity is written to by more and more workers, simulated.

    python benchmarks/capacity.py [--workers 1 2 4 8 16] [--cpu MICROSECONDS] [--slots N] ...

Nothing is sent. Each worker has a processor of its own, so many requests in flight, and the rate
law of the package. The server works on so many requests at a time and lets the others wait; or it
has an allowance of requests a second, and answers 429 beyond it.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
from collections import deque
from collections.abc import Callable
from statistics import median

from result_tables import Table

from airview_herald.transport._rate import AdaptiveRate

# The share of the time that is not measured, while queues fill and rates settle.
_SETTLED = 0.5
# Seconds' worth of its allowance that the server lets clients save up.
_BURST = 0.1
_DONE = 204
_REFUSED = 429


def main() -> int:
    """Simulate what is asked for and return the exit code."""
    options = _options()
    capacity = options.slots / options.service
    print(
        f"{options.cpu} µs of a processor for each request, {options.in_flight} in flight for each "
        f"worker, {options.latency * 1e3:g} ms on the way and {options.service * 1e3:g} ms of work"
    )
    queueing = [_simulated(workers, options, None) for workers in options.workers]
    _show(
        f"A server that works on {options.slots} at a time: {capacity:,.0f}/s", queueing, capacity
    )
    refusing = [_simulated(workers, options, options.allowance) for workers in options.workers]
    _show(f"A server that allows {options.allowance:,.0f}/s", refusing, options.allowance)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--in-flight", type=int, default=16)
    parser.add_argument("--cpu", type=float, default=300.0, help="microseconds for a request")
    parser.add_argument("--latency", type=float, default=0.005, help="seconds there and back")
    parser.add_argument("--service", type=float, default=0.015, help="seconds of the server's work")
    parser.add_argument("--slots", type=int, default=60, help="requests it works on at a time")
    parser.add_argument("--allowance", type=float, default=2_000.0, help="requests a second")
    parser.add_argument("--seconds", type=float, default=60.0, help="of the simulation's time")
    return parser.parse_args()


class Simulation:
    """What happens when, one thing after another."""

    def __init__(self) -> None:
        self.now = 0.0
        self._coming: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def at(self, when: float, then: Callable[[], None]) -> None:
        """Have something happen at a time."""
        heapq.heappush(self._coming, (when, next(self._numbers), then))

    def run(self, seconds: float) -> None:
        """Let time pass."""
        while self._coming and self._coming[0][0] <= seconds:
            self.now, _, then = heapq.heappop(self._coming)
            then()


class Server:
    """Works on so many requests at a time, or refuses what is beyond its allowance.

    Args:
        simulation: Its time.
        slots: How many it works on.
        service: Seconds for each.
        allowance: Requests a second; `None` for no limit but its slots.
    """

    def __init__(
        self, simulation: Simulation, slots: int, service: float, allowance: float | None
    ) -> None:
        self._simulation = simulation
        self._free = slots
        self._service = service
        self._allowance = allowance
        self._tokens = 0.0
        self._filled_at = 0.0
        self._waiting: deque[Callable[[int], None]] = deque()

    def receive(self, answer: Callable[[int], None]) -> None:
        """Take a request; `answer` is told the status of its answer."""
        if not self._allowed():
            answer(_REFUSED)
        elif self._free:
            self._free -= 1
            self._work(answer)
        else:
            self._waiting.append(answer)

    def _allowed(self) -> bool:
        if self._allowance is None:
            return True
        now = self._simulation.now
        earned = (now - self._filled_at) * self._allowance
        self._tokens = min(self._allowance * _BURST, self._tokens + earned)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def _work(self, answer: Callable[[int], None]) -> None:
        def done() -> None:
            answer(_DONE)
            if self._waiting:
                self._work(self._waiting.popleft())
            else:
                self._free += 1

        self._simulation.at(self._simulation.now + self._service, done)


class Worker:
    """Sends one request after another in each of its lanes, as fast as it may.

    Attributes:
        times: Seconds that requests took which ended after the beginning.
        refused: How many of them were refused.
    """

    def __init__(self, simulation: Simulation, server: Server, options: argparse.Namespace) -> None:
        self.times: list[float] = []
        self.refused = 0
        self._simulation = simulation
        self._server = server
        self._cpu = options.cpu / 1e6
        self._way = options.latency / 2
        self._measured_from = options.seconds * _SETTLED
        self._rate = AdaptiveRate()
        self._busy_until = 0.0
        for _ in range(options.in_flight):
            simulation.at(0.0, self._send)

    def _send(self) -> None:
        simulation, now = self._simulation, self._simulation.now
        if not self._rate.take(now):
            simulation.at(now + max(self._rate.wait(now), 1e-4), self._send)
            return
        self._rate.meter.send(now)
        self._busy_until = max(now, self._busy_until) + self._cpu
        simulation.at(self._busy_until + self._way, lambda: self._server.receive(answered))

        def answered(status: int) -> None:
            simulation.at(simulation.now + self._way, lambda: self._received(now, status))

    def _received(self, sent_at: float, status: int) -> None:
        now = self._simulation.now
        if status == _REFUSED:
            self._rate.throttled(sent_at, now)
        if now >= self._measured_from:
            if status == _REFUSED:
                self.refused += 1
            else:
                self.times.append(now - sent_at)
        self._send()


def _simulated(
    workers: int, options: argparse.Namespace, allowance: float | None
) -> tuple[int, float, float, float]:
    """Return workers, requests a second, their median time, and the share that was refused."""
    simulation = Simulation()
    server = Server(simulation, options.slots, options.service, allowance)
    every = [Worker(simulation, server, options) for _ in range(workers)]
    simulation.run(options.seconds)
    times = [each for worker in every for each in worker.times]
    refused = sum(worker.refused for worker in every)
    span = options.seconds * (1 - _SETTLED)
    return workers, len(times) / span, median(times), refused / (refused + len(times))


def _show(title: str, rows: list[tuple[int, float, float, float]], capacity: float) -> None:
    columns = ["workers", "requests/s", "of the capacity, %", "median, ms", "refused, %"]
    shown = [
        [
            str(workers),
            f"{rate:,.0f}",
            f"{100 * rate / capacity:.0f}",
            f"{1e3 * seconds:.0f}",
            f"{100 * refused:.1f}",
        ]
        for workers, rate, seconds, refused in rows
    ]
    print(Table(title, columns, shown).plain())


if __name__ == "__main__":
    raise SystemExit(main())
