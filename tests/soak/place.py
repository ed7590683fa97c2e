"""Where the traffic of a soak goes, and how its clients are made."""

import math
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

import httpx

from airview_herald import AirView, Herald
from airview_herald.auth import ClientCredentials
from airview_herald.transport import AiohttpTransport, Retry


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How long things take, in seconds, and how much of them there is.

    Attributes:
        read: The read timeout of clients.
        settle: Within which the server ends what it has begun, after that.
        cut: Within which batches and calls are cancelled.
        deadline: What an event may take.
        retry: How soon clients repeat.
        calm: Of the weather between two spells.
        spell: Of a spell of bad weather.
        tokens: For which a token holds.
        sample: Between two samples of what a process holds, at most.
        resources: Of a feed, of which a batch has one event or two.
        calls: Of each of those that call at the same time, until their client is closed.
    """

    read: float
    settle: float
    cut: float
    deadline: float
    retry: float
    calm: float
    spell: float
    tokens: float
    sample: float
    resources: int
    calls: int


FULL = Pace(
    read=1.0,
    settle=2.0,
    cut=4.0,
    deadline=15.0,
    retry=0.25,
    calm=10.0,
    spell=3.0,
    tokens=6.0,
    sample=10.0,
    resources=40,
    calls=12,
)
SMALL = Pace(
    read=0.25,
    settle=0.8,
    cut=0.4,
    deadline=3.0,
    retry=0.01,
    calm=0.5,
    spell=0.25,
    tokens=1.0,
    sample=0.2,
    resources=20,
    calls=5,
)


class Site:
    """What all traffic of a process shares.

    Args:
        loop: The event loop, by its name.
        seed: Chooses what is done.
        pace: How long things take.
        folder: Where files go.
        ledger: Where it is written what clients were told.
        urls: The bases of the server, of which each client takes one.
        plants: Defects that are put in, by name.
    """

    def __init__(self, loop, seed, pace, folder, ledger, urls, plants):
        self.loop = loop
        self.pace = pace
        self.folder = Path(folder)
        self.ledger = ledger
        self.plants = plants
        self._urls = urls
        self._seed = seed
        self._ends = math.inf

    def run_for(self, seconds):
        """Let traffic be for some seconds from now."""
        self._ends = time.monotonic() + seconds

    @property
    def over(self):
        """Whether nothing new is to begin."""
        return time.monotonic() >= self._ends

    def choose(self, name):
        """Return a source of choices, the same ones for a seed and a name."""
        return Random(f"{self._seed} {self.loop} {name}")

    def url(self, choose):
        """Return a base of the server."""
        return choose.choice(self._urls)

    def airview(self, url, http=None):
        """Make a client of AirView with a credential of its own."""
        self.ledger.write("count", name="clients")
        return AirView(
            f"{url}/airview",
            system_name="soak",
            system_stage="MONITOR",
            referencing_type="soak",
            auth=ClientCredentials(f"{url}/oauth2/token", "sandbox-client", "sandbox-secret"),
            http=http,
            timeout=self._timeout,
            settle=self.pace.settle,
            retry=self._retry,
        )

    def herald(self, url, key):
        """Make a client of Herald."""
        self.ledger.write("count", name="clients")
        return Herald(
            access_key_id=key[0],
            secret_key=key[1],
            global_endpoint=url,
            timeout=self._timeout,
            retry=self._retry,
        )

    def connections(self, choose):
        """Return connections to be closed by whoever asked, or `None` for a client's own."""
        if self.loop == "asyncio" and choose.random() < 0.3:
            return AiohttpTransport()
        return None

    @property
    def _timeout(self):
        return httpx.Timeout(5, read=self.pace.read)

    @property
    def _retry(self):
        return Retry(base=self.pace.retry, cap=8 * self.pace.retry)
