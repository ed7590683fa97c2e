"""What a server goes through: some faults all the time, and spells of bad weather."""

import random
import time

from airview_herald.sandbox import FaultKind

# What strikes a token strikes all that is in flight with it; a pause holds a whole client.
_RARE = dict.fromkeys(
    ["too_many_seconds", "too_many_date", "too_many", "revoked", "expired"], 1 / 25
)
_CALM = 0.05
_SLOW = {FaultKind.DRIPPED: 0.25, FaultKind.LATE: 0.15, FaultKind.GATEWAY_TIMEOUT: 0.05}
_RESETS = {FaultKind.RESET: 0.15, FaultKind.CLOSED: 0.1, FaultKind.DROPPED: 0.1}
_REFUSALS = 5
_LATEST = 0.8


def rates(share):
    """Return the share of requests that each kind strikes."""
    weights = {kind: _RARE.get(kind, 1.0) for kind in FaultKind}
    return {kind: share * weight / sum(weights.values()) for kind, weight in weights.items()}


class Weather:
    """Changes what a sandbox does to its clients, one spell after another, calm in between.

    Args:
        sandbox: The server.
        proxy: The faulty proxy in front of it.
        pace: How long things take.
        seed: Chooses the order of the spells.

    Attributes:
        spells: How many there were so far, by name.
    """

    def __init__(self, sandbox, proxy, pace, seed):
        self.spells = {}
        self._sandbox = sandbox
        self._proxy = proxy
        self._pace = pace
        self._choose = random.Random(seed)
        self._deck = []
        self._is_calm = False
        self._changes = time.monotonic()
        # A request may be cancelled as soon as it is sent, and is late all the same: the server
        # has to be done with it within `settle` of that, with some time to spare.
        late = _LATEST * (pace.settle - pace.read)
        sandbox.faults.configure(
            read_timeout=pace.read, settle=late, drip=pace.read / 2, retry_after=1
        )

    def go_on(self):
        """Change it, if it is time."""
        if time.monotonic() < self._changes:
            return
        self._is_calm = not self._is_calm
        if self._is_calm:
            self._calm()
            self._changes = time.monotonic() + self._choose.uniform(0.5, 1.5) * self._pace.calm
        else:
            self._spell()
            self._changes = time.monotonic() + self._pace.spell

    def end(self):
        """Let nothing strike any more, and wait for what is late."""
        self._sandbox.unforce()
        self._sandbox.faults.clear()
        self._sandbox.faults.drain()

    def _calm(self):
        faults = self._sandbox.faults
        self._sandbox.unforce()
        faults.clear()
        faults.configure(seed=self._choose.randrange(10**6))
        faults.add("*", "*", rates(_CALM))

    def _spell(self):
        if not self._deck:
            self._deck = [
                "storm",
                "outage",
                "restart",
                "tokens",
                "slow",
                "resets",
                "break",
                "refuse",
            ]
            self._choose.shuffle(self._deck)
        name = self._deck.pop()
        self.spells[name] = self.spells.get(name, 0) + 1
        getattr(self, f"_{name}")()

    def _storm(self):
        after = self._choose.choice([None, 1.0])
        self._sandbox.faults.throttle(30, burst=10, retry_after=after)

    def _outage(self):
        kind = self._choose.choice(["unavailable_html", "reset", "too_many"])
        self._sandbox.faults.outage(self._pace.spell, kind)

    def _restart(self):
        """Stop the server, let nobody reach it for a while, and start it on the same rows."""
        self._sandbox.stop()
        time.sleep(self._pace.spell / 2)
        self._sandbox.start()

    def _tokens(self):
        self._sandbox.expire_tokens()

    def _slow(self):
        self._sandbox.faults.add("*", "*", _SLOW)

    def _resets(self):
        self._sandbox.faults.add("*", "*", _RESETS)

    def _break(self):
        self._proxy.outage(self._pace.spell / 2)

    def _refuse(self):
        self._sandbox.force("PUT", "/monitored-resources/", 400, times=_REFUSALS)
