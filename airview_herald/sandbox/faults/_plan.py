"""All that is set about faults, and what came of it."""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

from airview_herald.sandbox.faults._kinds import FaultKind
from airview_herald.sandbox.faults._limits import Clock, Outage, Throttle
from airview_herald.sandbox.faults._rules import Rule
from airview_herald.sandbox.faults._schedule import Schedule

_THROTTLED = "throttled"


@dataclass(frozen=True, slots=True)
class Settings:
    """What `Faults.configure` sets, and says."""

    seed: int = 0
    in_a_row: int = 3
    read_timeout: float = 1.0
    settle: float = 2.0
    retry_after: float = 1.0
    drip: float = 0.5

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            ValueError: A number is negative.
        """
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name != "seed" and value < 0:
                raise ValueError(f"{field.name} is not negative, as {value} is")

    def delay(self, extent: float) -> float:
        """Return the seconds after which a late request is carried out."""
        return self.read_timeout + (0.1 + 0.7 * extent) * self.settle


class Asked(NamedTuple):
    """A request, as far as faults depend on it.

    Attributes:
        method: Its method.
        path: Its path as routes name it.
        kinds: What can strike it.
        identity: What makes it equal to others.
    """

    method: str
    path: str
    kinds: tuple[FaultKind, ...]
    identity: tuple[bytes, ...]


class Met(NamedTuple):
    """What a request meets.

    Attributes:
        name: What it is counted and recorded as.
        kind: What happens to it.
        extent: How much of it, in [0, 1): where an answer is cut, how late a request is.
        settings: What holds for it.
    """

    name: str
    kind: FaultKind
    extent: float
    settings: Settings


class Plan:
    """Decides what each request meets, and counts; callable from any thread.

    Args:
        clock: Monotonic seconds.

    Attributes:
        active: Whether anything may strike.
        pending: How many late requests are still to be carried out.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self.active: bool = False
        self.pending: int = 0
        self._clock = clock
        self._changed = threading.Condition()
        self._settings = Settings()
        self._schedule = self._scheduled()
        self._rules: list[Rule] = []
        self._throttle: Throttle | None = None
        self._outage: Outage | None = None
        self._struck: Counter[str] = Counter()

    def configure(self, changes: Mapping[str, Any]) -> None:
        """Change settings, and forget which requests were seen."""
        with self._changed:
            self._settings = replace(self._settings, **changes)
            self._schedule = self._scheduled()

    def add(self, rule: Rule) -> None:
        """Add a rule before those that there are."""
        with self._changed:
            self._rules.insert(0, rule)
            self.active = True

    def throttle(self, rate: float, burst: int, retry_after: float | None) -> None:
        """Let some requests a second through from now on."""
        throttle = Throttle(rate, burst, retry_after, self._clock)
        with self._changed:
            self._throttle = throttle
            self.active = True

    def outage(self, seconds: float, kind: FaultKind) -> None:
        """Let no request through for some seconds."""
        with self._changed:
            self._outage = Outage(self._clock() + seconds, kind)
            self.active = True

    def clear(self) -> None:
        """Let every request through from now on, and forget which were seen."""
        with self._changed:
            self._rules.clear()
            self._throttle = self._outage = None
            self._schedule = self._scheduled()
            self.active = False

    def meet(self, asked: Asked) -> Met | None:
        """Decide about a request that comes now."""
        with self._changed:
            if self._outage is not None:
                if self._clock() < self._outage.until:
                    kind = self._outage.kind
                    return Met(kind, kind, 0.0, self._settings)
                self._outage = None
            if self._throttle is not None and not self._throttle.admits():
                return self._throttled(self._throttle.retry_after)
            rule = next((rule for rule in self._rules if rule.fits(asked.method, asked.path)), None)
            if rule is None:
                return None
            strike = self._schedule.strike(asked.identity, rule.shares(asked.kinds))
            return strike and Met(strike.kind, *strike, self._settings)

    def count(self, met: Met) -> None:
        """Count a request that was struck."""
        with self._changed:
            self._struck[str(met.name)] += 1

    @contextlib.contextmanager
    def late(self) -> Iterator[None]:
        """Count a request as still to be carried out."""
        with self._changed:
            self.pending += 1
        try:
            yield
        finally:
            with self._changed:
                self.pending -= 1
                self._changed.notify_all()

    def drain(self, timeout: float) -> bool:
        """Wait until nothing is left to be carried out; return whether that is so."""
        with self._changed:
            return self._changed.wait_for(lambda: not self.pending, timeout)

    @property
    def struck(self) -> dict[str, int]:
        """How many requests each kind struck so far."""
        with self._changed:
            return dict(self._struck)

    def _throttled(self, retry_after: float | None) -> Met:
        if retry_after is None:
            return Met(_THROTTLED, FaultKind.TOO_MANY, 0.0, self._settings)
        settings = replace(self._settings, retry_after=retry_after)
        return Met(_THROTTLED, FaultKind.TOO_MANY_SECONDS, 0.0, settings)

    def _scheduled(self) -> Schedule[FaultKind]:
        return Schedule(self._settings.seed, self._settings.in_a_row)
