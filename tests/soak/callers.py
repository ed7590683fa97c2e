"""Single operations of both clients, several at a time, some of them cancelled midway."""

import anyio
from account import lane_name
from feeds import CHECKS, STATES, application

from airview_herald.airview import ComplianceEvent, Resource
from airview_herald.errors import AirViewHeraldError

_AT_ONCE = 4
_READINGS = 12
_LANES = 6
_PAGE = 20


class Caller:
    """One client after another, each with operations at the same time.

    Args:
        site: Where it calls.
        name: Tells what it makes from what others make.
    """

    def __init__(self, site, name):
        self._site = site
        self._name = name
        self._choose = site.choose(name)
        self._generation = 0
        self._number = 0

    async def live(self):
        """Call until it is over."""
        while not self._site.over:
            await self.generation()

    async def generation(self):
        """Open a client, call, and close it."""
        self._generation += 1
        async with self._connect() as client, anyio.create_task_group() as group:
            for _ in range(_AT_ONCE):
                group.start_soon(self._some, client)

    async def _some(self, client):
        for _ in range(self._site.pace.calls):
            if not self._site.over:
                await self._call(client)

    def _connect(self):
        raise NotImplementedError

    async def _call(self, client):
        raise NotImplementedError

    def _mark(self):
        self._number += 1
        return f"{self._here} {self._number}"

    @property
    def _here(self):
        return f"{self._site.loop}-{self._name}-{self._generation}"

    async def _fate(self, done, call, *arguments, **options):
        """Await a call, or cancel it, and return what its caller knows of it then."""
        fate = "unknown"
        with anyio.move_on_after(self._patience()) as scope:
            try:
                await call(*arguments, **options)
                fate = done
            except AirViewHeraldError as error:
                self._site.ledger.write("count", name=f"calls: {type(error).__name__}")
                fate = "unknown" if error.ambiguous else "refused"
        self._site.ledger.write("count", name="calls cancelled", more=int(scope.cancelled_caught))
        return fate

    async def _read(self, call, *arguments, **options):
        """Await what may fail, as long as it fails as documented, or cancel it."""
        with anyio.move_on_after(self._patience()):
            try:
                return await call(*arguments, **options)
            except AirViewHeraldError as error:
                self._site.ledger.write("count", name=f"reads: {type(error).__name__}")
        return None

    def _patience(self):
        if self._choose.random() < 0.15:
            return self._choose.uniform(0, self._site.pace.cut / 4)
        return None


class AirViewCaller(Caller):
    """Events one by one, exclusions, and what there is to read."""

    def _connect(self):
        return self._site.airview(self._site.url(self._choose))

    async def _call(self, airview):
        choose = self._choose
        kind = choose.choices(
            ["event", "exclusion", "reading", "exclusions", "plan", "resource"], [8, 2, 2, 1, 1, 1]
        )[0]
        await getattr(self, f"_{kind}")(airview)

    def _of(self, number):
        return ComplianceEvent(
            f"r-{number}",
            application(self._here),
            CHECKS[number % len(CHECKS)],
            self._choose.choice(STATES),
            str(self._number),
        )

    async def _event(self, airview):
        self._number += 1
        event = self._of(self._choose.randrange(_LANES))
        fate = await self._fate("recorded", airview.handle_compliance_event, event)
        lane = lane_name(
            event.application.reference, event.technical_control.reference, event.resource_reference
        )
        serial = int(event.additional_data)
        self._site.ledger.write("single", lane=lane, serial=serial, fate=fate)

    async def _exclusion(self, airview):
        control = await self._read(airview.handle_control, CHECKS[0].control)
        placed = await self._read(
            airview.backend.get_application_environment_by_reference, self._here
        )
        if control is None or placed is None:
            return
        place, mark = placed.application_environment_id, self._mark()
        resource = await self._read(airview.backend.create_resource, mark, place)
        if resource is not None:
            fate = await self._fate(
                "confirmed", airview.backend.create_exclusion, mark, control.id, [resource]
            )
            self._site.ledger.write("mark", table="exclusion", mark=mark, fate=fate)

    async def _exclusions(self, airview):
        found = await self._read(airview.get_exclusions_by_state, "PENDING")
        for each in (found or [])[:1]:
            await self._read(airview.set_exclusion_resource_state, each.id, "ACTIVE")

    async def _reading(self, airview):
        await self._read(airview.get_compliance, ["applicationName"])
        await self._read(airview.backend.get_environments)
        await self._read(airview.backend.get_applications)

    async def _plan(self, airview):
        await self._read(airview.plan, [self._of(n) for n in range(_LANES)])

    async def _resource(self, airview):
        await self._read(airview.handle_resource, Resource(self._mark(), application(self._here)))


class HeraldCaller(Caller):
    """Notifications, listings of them by pages, and subscriptions that come and go.

    Args:
        site: Where it calls.
        name: Tells what it makes from what others make.
        key: The access key, both halves of it.
    """

    def __init__(self, site, name, key):
        super().__init__(site, name)
        self._key = key
        self._sent = set()

    def _connect(self):
        self._sent.clear()
        return self._site.herald(self._site.url(self._choose), self._key)

    @property
    def _type(self):
        return f"soak/{self._here}"

    async def _call(self, herald):
        kind = self._choose.choices(["notification", "listing", "subscription"], [8, 2, 2])[0]
        await getattr(self, f"_{kind}")(herald)

    async def _notification(self, herald):
        mark = self._mark()
        fate = await self._fate(
            "confirmed",
            herald.send_notification,
            type=self._type,
            notification_data={},
            asset_data={},
            payload={"mark": mark},
        )
        self._site.ledger.write("mark", table="notification", mark=mark, fate=fate)
        if fate == "confirmed":
            self._sent.add(mark)

    async def _listing(self, herald):
        """Read every page, going on after failures; what was sent before has to be there once."""
        sent, resume, found = set(self._sent), None, []
        for _ in range(_READINGS):
            listing = herald.get_account_notification_by_type(
                self._type, sort="asc", limit=_PAGE, resume=resume
            )
            try:
                async for each in listing:
                    found.append(each.payload.extra["mark"])  # noqa: PERF401 - kept if it fails
            except AirViewHeraldError as error:
                self._site.ledger.write("count", name=f"listings: {type(error).__name__}")
                resume = listing.resume_token or resume
            else:
                self._check(sent, found)
                return

    def _check(self, sent, found):
        self._site.ledger.write("count", name="listings")
        if missing := sent - set(found):
            self._site.ledger.write("trouble", text=f"not in a listing: {sorted(missing)}")
        if len(found) > len(set(found)):
            self._site.ledger.write("trouble", text=f"twice in a listing: {self._type}")

    async def _subscription(self, herald):
        made, mark = [], self._mark()

        async def make():
            made.append(
                await herald.create_subscription(
                    name=mark, class_="event", notification_type=self._type
                )
            )

        fate = await self._fate("confirmed", make)
        if made:
            (here,) = made
            await self._read(herald.update_subscription, here.id, active=False)
            await self._read(
                herald.add_subscriber, here.id, subscriber="u-1", subscriber_type="user"
            )
            gone = await self._fate("gone", herald.delete_subscription, here.id)
            fate = {"gone": "gone", "refused": "confirmed"}.get(gone, "unknown")
        self._site.ledger.write("mark", table="subscription", mark=mark, fate=fate)
