"""Applications that have no environment yet: recorded once, though nothing tells two apart.

AirView takes any number of applications of one name and removes none, and an application is found
by its reference only once it is in an environment. So when the answer that would tell its id is
lost, it is looked for in the list of all. It is adopted as ours if its name and type match, it has
no environment once the lost request has surely ended, its id is above the highest that was known
right before the request, no other call of this client knows it, and no second one is like it. It is
made again if there is none. Otherwise it is left alone and reported.

What this leaves open: another client that records an equal application within those seconds, or
since this one last heard of a new id, a second before unless lists take longer, and leaves it
without an environment until they are over, may find its application adopted.
"""

from __future__ import annotations

from weakref import WeakValueDictionary

import anyio
import attrs

from airview_herald.airview._notes import Asker, Notes
from airview_herald.airview._watermark import Watermark, highest
from airview_herald.airview.models import Application
from airview_herald.airview.readings import RecordedApplication
from airview_herald.errors import (
    AirViewHeraldError,
    DeadlineError,
    RequestFacts,
    TransportError,
)
from airview_herald.transport._call import RetryClass

_MAX_DOUBTS = 10_000


@attrs.define(eq=False)
class _Doubt:
    """A request to record an application whose answer was lost.

    Attributes:
        above: The highest id that was known right before it; `None` if no list could be had.
        until: When it has surely ended, in seconds of the transport's clock.
        facts: What an error may tell of it.
        told: Whose notes have it as an orphan.
    """

    above: int | None
    until: float
    facts: RequestFacts = attrs.field(factory=RequestFacts)
    told: Notes | None = None


class BareApplications:
    """The applications that this client has recorded, and not put into their environment yet."""

    def __init__(self) -> None:
        self._made: dict[str, Application] = {}
        self._doubts: dict[str, _Doubt] = {}
        self._watermark = Watermark()
        # Two requests for equal applications, both lost, could not be told apart.
        self._equal: WeakValueDictionary[tuple[str, str], anyio.Lock] = WeakValueDictionary()

    def get(self, reference: str) -> Application | None:
        """Return the application that waits to be put under a reference, if there is one."""
        return self._made.get(reference)

    def pop(self, reference: str) -> Application | None:
        """Forget an application: it is in its environment, or another one is."""
        self._doubts.pop(reference, None)
        return self._made.pop(reference, None)

    def clear(self) -> None:
        """Forget them all."""
        self._made.clear()
        self._doubts.clear()
        self._watermark.clear()

    async def record(self, asker: Asker, application: Application) -> Application:
        """Return an application with its id, recording it if this client has not.

        Routes: `GET /applications/` and `POST /applications/`; in doubt
        `GET /applications/{id}/application-environments`.

        Raises:
            AirViewHeraldError: It was refused, or whether it was recorded cannot be told; the
                notes have it as an orphan then.
        """
        key = (application.name, application.type)
        lock = self._equal.setdefault(key, anyio.Lock())
        async with lock:
            made = self._made.get(application.reference)
            while made is None:
                made = await self._settle(asker, application) or await self._create(
                    asker, application
                )
            self._made[application.reference] = made
            return made

    async def _create(self, asker: Asker, application: Application) -> Application | None:
        """Record an application; return `None` if the answer is lost."""
        above = await self._watermark.before(asker, application.type)
        sent_at = asker.sender.transport.clock()
        try:
            made = await asker.backend.create_application(application)
        except AirViewHeraldError as error:
            if not error.ambiguous:
                raise
            self._doubt(asker, application, above).facts = error.request
            return None
        except BaseException:
            if asker.operation.in_flight is RetryClass.CREATE:
                self._tell(asker, application, self._doubt(asker, application, above))
            raise
        assert made.id is not None  # noqa: S101 - for the type checker
        self._watermark.made(application.type, made.id, sent_at)
        return made

    async def _settle(self, asker: Asker, application: Application) -> Application | None:
        """Return what a lost request has left; `None` if there was none, or it left nothing."""
        doubt = self._doubts.get(application.reference)
        if doubt is None:
            return None
        if doubt.above is None:
            raise self._given_up(asker, application, "no list had the ids before it")
        try:
            await asker.sender.transport.wait_until(doubt.until, asker.operation)
            # Taken before the list is asked for: others may make applications in the meantime.
            known = self._watermark.known(application.type)
            every = await asker.backend.get_applications(application.type)
            found = await self._candidates(asker, application, doubt.above, every)
        except DeadlineError as late:
            told = self._tell(asker, application, doubt)
            raise _unsettled(f"{late.message}; {told}", doubt) from late
        except BaseException:
            self._tell(asker, application, doubt)
            raise
        if highest(every) < known:
            self._watermark.clear()
            raise self._given_up(asker, application, "the server has lost applications since")
        if len(found) > 1:
            ids = ", ".join(str(each.id) for each in found)
            told = self._tell(asker, application, doubt)
            raise _unsettled(f"its answer was lost, and any of {ids} may be it; {told}", doubt)
        del self._doubts[application.reference]
        if doubt.told is asker.notes:
            asker.notes.settled(application.name)
        return found[0] if found else None

    def _given_up(self, asker: Asker, application: Application, why: str) -> TransportError:
        """Leave what a lost request may have left: the next one records the application anew."""
        doubt = self._doubts.pop(application.reference)
        told = self._tell(asker, application, doubt)
        return _unsettled(f"its answer was lost, and {why}; {told}", doubt)

    async def _candidates(
        self, asker: Asker, application: Application, above: int, every: list[RecordedApplication]
    ) -> list[Application]:
        """Return the applications that a request for one may have left: those above an id."""
        ours = {each.id for each in self._made.values()}
        found = []
        for row in every:
            alike = row.name == application.name and row.id > above and row.id not in ours
            if alike and not await asker.backend.get_application_environments(row.id):
                found.append(attrs.evolve(application, id=row.id))
        return found

    def _doubt(self, asker: Asker, application: Application, above: int | None) -> _Doubt:
        doubt = _Doubt(above, asker.sender.transport.settled_at())
        self._doubts[application.reference] = doubt
        if len(self._doubts) > _MAX_DOUBTS:
            del self._doubts[next(iter(self._doubts))]
        return doubt

    def _tell(self, asker: Asker, application: Application, doubt: _Doubt) -> str:
        """Have the notes of a run say, once, that an application may be left over."""
        if doubt.told is not asker.notes:
            doubt.told = asker.notes
            asker.notes.orphan(application.name, None)
        return f"an application {application.name!r} may be left without an environment"


def _unsettled(reason: str, doubt: _Doubt) -> TransportError:
    facts = attrs.evolve(doubt.facts, ambiguous=False)
    return TransportError(f"POST /applications/: {reason}", facts)
