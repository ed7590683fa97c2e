"""Batches: cut short at any moment, gone on with, and at last sent again from their letters."""

import contextlib

import anyio
from account import lane_name

from airview_herald.airview import (
    Application,
    ComplianceEvent,
    Control,
    Environment,
    QualityModel,
    TechnicalControl,
    TechnicalControlAction,
)
from airview_herald.errors import FinishedError, IngestAborted
from airview_herald.sources import read_jsonl

STATES = ("FLAGGED", "MONITORING", "UNRESPONSIVE")
_TOO_LONG = "x" * 501
_BATCHES = 3
_MOST_RUNS = 60
CHECKS = [
    TechnicalControl(
        f"Check {n}",
        f"check-{n}",
        TechnicalControlAction.LOG,
        control=Control(f"Rule {n % 2}", QualityModel.SECURITY),
    )
    for n in range(3)
]


def application(reference):
    """Return an application of a reference."""
    return Application(f"Application {reference}", reference, environment=Environment("Test", "T"))


class Feed:
    """One batch after another, each brought to its end however often it is cut short.

    A generation is a client and applications that no other one has. Its first batch is gone on
    with by other clients, too, which nothing but the file of state tells what may be running.

    Args:
        site: Where it sends.
        name: Tells its applications from those of others.
    """

    def __init__(self, site, name):
        self._site = site
        self._name = name
        self._choose = site.choose(name)
        self._generation = 0
        self._serial = 0

    async def live(self):
        """Send batches until it is over."""
        while not self._site.over:
            await self.generation()

    async def generation(self):
        """Send some batches about the same resources."""
        self._generation += 1
        here = f"{self._name}-{self._generation}"
        url = self._site.url(self._choose)  # a file of state is of one
        async with contextlib.AsyncExitStack() as clients:
            airview = await self._connect(clients, url)
            for number in range(_BATCHES):
                if number and self._site.over:
                    break
                batch = self._batch(here, number)
                while not await batch.run(airview):
                    if not number and self._choose.random() < 0.5:
                        await clients.aclose()
                        airview = await self._connect(clients, url)

    def _turns(self):
        """Return which resource each event is about: some come again, now or later."""
        numbers = range(self._site.pace.resources)
        turns = [*numbers, *self._choose.choices(numbers, k=len(numbers) // 2)]
        self._choose.shuffle(turns)
        return [n for n in turns for _ in range(self._choose.choice([1, 1, 1, 3]))]

    async def replay(self):
        """Send the letters again that are left, those of each generation by one client."""
        for path in sorted(self._site.folder.glob(f"{self._name}-*.jsonl")):
            letters = list(read_jsonl(path))
            async with self._site.airview(self._site.url(self._choose)) as airview:
                report = await airview.ingest(letters, dead_letters=path)
            left = sum(len(each.resource_reference) <= 500 for each in read_jsonl(path))
            for name, more in (("letters sent again", report.inputs), ("letters left", left)):
                self._site.ledger.write("count", name=name, more=more)
            if left:
                self._site.ledger.write("trouble", text=f"{path.name}: {left} letters are left")

    async def _connect(self, clients, url):
        http = self._site.connections(self._choose)
        if http is not None:
            await clients.enter_async_context(http)
        return await clients.enter_async_context(self._site.airview(url, http))

    def _batch(self, here, number):
        choose = self._choose
        apps = [application(f"{here}-{n}") for n in range(2)]
        events = []
        for n in self._turns():
            self._serial += 1
            broken = choose.random() < 0.02
            events.append(
                ComplianceEvent(
                    _TOO_LONG if broken else f"r-{n}",
                    apps[n % 2],
                    CHECKS[n % 3],
                    choose.choice(STATES),
                    str(self._serial),
                )
            )
        options = {
            "concurrency": choose.choice([2, 6, 16]),
            "window": choose.choice([None, 24]),
            "coalesce": choose.random() < 0.2,
            "deadline": self._site.pace.deadline,
            "dead_letters": self._site.folder / f"{here}.jsonl",
        }
        if not number or choose.random() < 0.7:
            options["state"] = self._site.folder / f"{here}-{number}.db"
        return _Batch(self._site, choose, f"{here}/{number}", events, options)


class _Batch:
    """One batch, run until it has come to its end.

    Args:
        site: Where it is sent.
        choose: Chooses how it is cut short.
        name: What it is called.
        events: Its events.
        options: What `stream` and `ingest` take.
    """

    def __init__(self, site, choose, name, events, options):
        self._site = site
        self._choose = choose
        self._name = name
        self._events = events
        self._options = options
        self._runs = 0
        lanes = [
            [
                None
                if each.resource_reference == _TOO_LONG
                else lane_name(
                    each.application.reference,
                    each.technical_control.reference,
                    each.resource_reference,
                ),
                int(each.additional_data),
            ]
            for each in events
        ]
        site.ledger.write("batch", batch=name, events=lanes)

    async def run(self, airview):
        """Run it, or go on with it; return whether it has come to its end."""
        told = []

        def tell(outcome):
            if "outcome" not in self._site.plants or outcome.index != 7:
                told.append([outcome.index, outcome.status, outcome.superseded_by])

        self._runs += 1
        options = {**self._options, "on_outcome": tell}
        try:
            if self._choose.random() < 0.4 or self._site.over or self._runs > _MOST_RUNS // 2:
                report, end = await self._whole(airview, options)
            else:
                report, end = await self._cut(airview, options)
        except FinishedError:
            # It was cut as it ended.
            return self._done()
        self._tell(told, report, end)
        if self._runs > _MOST_RUNS:
            self._site.ledger.write("trouble", text=f"{self._name} does not come to its end")
            return True
        return self._done() if end == "complete" or "state" not in options else False

    async def _whole(self, airview, options):
        try:
            return await airview.ingest(self._events, **options), "complete"
        except IngestAborted as error:
            return error.report, f"aborted by {type(error.__cause__).__name__}"

    async def _cut(self, airview, options):
        """Run it as a stream, and cancel it or leave it at some moment, if it lasts that long."""
        choose, end = self._choose, "cancelled"
        moment = choose.uniform(0, self._site.pace.cut)
        last = choose.randrange(2 * len(self._events))
        run = airview.stream(self._events, grace=choose.choice([0, 0.05, 2.0]), **options)
        with anyio.move_on_after(moment):
            try:
                async with run:
                    end = await self._watch(run, last)
            except IngestAborted as error:
                end = f"aborted by {type(error.__cause__).__name__}"
        return run.report, end

    @staticmethod
    async def _watch(run, last):
        seen = 0
        async for _ in run:
            if seen == last:
                return "left"
            seen += 1
        return "complete"

    def _tell(self, told, report, end):
        names = ("inputs", "recorded", "failed", "unknown", "skipped", "not_attempted", "requests")
        self._site.ledger.write(
            "run",
            batch=self._name,
            told=told,
            unknown=[each.index for each in report.failures if each.status == "unknown"],
            report={name: getattr(report, name) for name in names},
            end=end,
        )
        if self._runs > 1 and "state" in self._options:
            self._site.ledger.write("count", name="resumed")

    def _done(self):
        if "state" in self._options:
            self._options["state"].unlink(missing_ok=True)
        return True
