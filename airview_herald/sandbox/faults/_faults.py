"""The faults that strike the sandbox's routes, as a test sets them."""

from collections.abc import Callable, Collection, Mapping, Sequence

from airview_herald.sandbox._served import check_route
from airview_herald.sandbox.faults._kinds import REFUSALS, FaultKind
from airview_herald.sandbox.faults._plan import Plan
from airview_herald.sandbox.faults._rules import Rule


class Faults:
    """Faults that strike the routes of a sandbox; callable from any thread.

    Nothing strikes until it is told to. A decision depends on the seed, on a request's method,
    target and body, and on how many times such a request was seen, and so not on the order in
    which requests come: runs that send the same meet the same. Runs whose requests differ, by ids
    that hang on which of two creates was faster say, differ there. `throttle` and `outage` go by
    the clock instead.

    Faults strike whatever a route does, forced or not, and before tokens are looked at. The
    record of a request says which `fault` struck it and, if it was carried out all the same, what
    the service would have `served`.

        sandbox.faults.everywhere(0.15, seed=7)
        sandbox.faults.add("PUT", "/monitored-resources/", {"late": 0.1, "dropped": 0.1})
    """

    def __init__(
        self, plan: Plan, served: Callable[[], Sequence[tuple[str, Collection[str]]]]
    ) -> None:
        self._plan = plan
        self._served = served

    def configure(  # noqa: PLR0913 - its settings
        self,
        *,
        seed: int | None = None,
        in_a_row: int | None = None,
        read_timeout: float | None = None,
        settle: float | None = None,
        retry_after: float | None = None,
        drip: float | None = None,
    ) -> None:
        """Change what is given, and forget which requests were seen.

        Args:
            seed: Which of the many possible schedules; 0 at first.
            in_a_row: How many times in a row equal requests are struck at most, so that whoever
                repeats one gets through; 3 at first.
            read_timeout: Seconds after which the client no longer waits for an answer; 1 at first.
            settle: Seconds after that in which a `late` request is carried out: its delay is the
                read timeout and from 10 to 80 % of these; 2 at first.
            retry_after: Seconds that a 429 with `Retry-After` says, rounded up; 1 at first.
            drip: Seconds that a `dripped` answer takes; 0.5 at first.

        Raises:
            ValueError: A number is negative.
        """
        given = {
            "seed": seed,
            "in_a_row": in_a_row,
            "read_timeout": read_timeout,
            "settle": settle,
            "retry_after": retry_after,
            "drip": drip,
        }
        self._plan.configure({name: value for name, value in given.items() if value is not None})

    def everywhere(self, rate: float, *, seed: int | None = None) -> None:
        """Strike a share of all requests with every kind that can, each equally likely.

        Args:
            rate: The share, 0 to 1.
            seed: As `configure` takes it.

        Raises:
            ValueError: The rate is out of range.
        """
        self.add("*", "*", rate)
        self.configure(seed=seed)

    def add(self, method: str, path: str, rates: float | Mapping[str, float]) -> None:
        """Strike the requests of a route; of several that fit, the latest one counts.

        Args:
            method: The method, in any case; `*` for any.
            path: The path as sent, slashes included, below `airview_url`, such as
                `/applications/{id}`, or below `herald_url`, such as `/oauth2/token`; what is in
                braces stands for any one segment, and `*` for every route.
            rates: The share of requests that each `FaultKind` strikes, or of those that any kind
                does, all that can equally likely; 0 spares the route.

        Raises:
            ValueError: There is no such kind, the shares are none, or no route of the sandbox is
                of that method and path.
        """
        struck_method = None if method == "*" else method.upper()
        struck_path = None if path == "*" else path
        check_route(struck_method, struck_path, self._served())
        self._plan.add(Rule(struck_method, struck_path, rates))

    def throttle(self, rate: float, *, burst: int = 1, retry_after: float | None = None) -> None:
        """Let some requests a second through, and answer the rest 429.

        Args:
            rate: Requests a second, of all routes together.
            burst: Requests at once after a pause.
            retry_after: Seconds that `Retry-After` says, rounded up; without it there is none.

        Raises:
            ValueError: A number is out of range.
        """
        self._plan.throttle(rate, burst, retry_after)

    def outage(self, seconds: float, kind: str = FaultKind.UNAVAILABLE_HTML) -> None:
        """Refuse every request for some seconds from now.

        Args:
            seconds: How long.
            kind: What each of them meets: a 429, a 503, `reset` or `closed`.

        Raises:
            ValueError: With that kind requests may be carried out, or the seconds are negative.
        """
        if kind not in REFUSALS:
            raise ValueError(f"an outage is one of {', '.join(sorted(REFUSALS))}, not {kind}")
        if not seconds >= 0:
            raise ValueError(f"an outage takes some seconds, not {seconds}")
        self._plan.outage(seconds, FaultKind(kind))

    def clear(self) -> None:
        """Strike nothing from now on, and forget which requests were seen.

        `struck` counts on, and what is `late` is still carried out.
        """
        self._plan.clear()

    @property
    def struck(self) -> dict[str, int]:
        """How many requests each kind struck so far; those that were throttled as `throttled`."""
        return self._plan.struck

    @property
    def pending(self) -> int:
        """How many `late` requests are still to be carried out."""
        return self._plan.pending

    def drain(self, timeout: float = 60.0) -> None:
        """Wait until no `late` request is left to be carried out.

        Args:
            timeout: Seconds to wait at most.

        Raises:
            TimeoutError: Some are left.
        """
        if not self._plan.drain(timeout):
            raise TimeoutError(f"{self.pending} late requests are left after {timeout} s")
