"""Whether to look for a resource or to create it at once: the last resources tell which."""

from __future__ import annotations

import anyio

# The weight of the latest answer in the average.
_LEARNING = 0.25


class Guess:
    """Guess whether the next resource is known to the server.

    A wrong guess costs a request. The first runs of a feed meet new resources, later ones known
    resources, so the first resource of a client is a scout: the others wait for its answer.
    """

    __slots__ = ("_known", "_scout")

    def __init__(self) -> None:
        # The estimated probability; `None` before the first answer.
        self._known: float | None = None
        self._scout: anyio.Event | None = None

    @property
    def likelihood(self) -> float | None:
        """How likely the next resource is known; `None` as long as there was none."""
        return self._known

    def go_on(self, likelihood: float) -> None:
        """Take up what an earlier client has learnt of the same resources, in place of a scout."""
        if self._scout is None:
            self._scout = anyio.Event()
            self._scout.set()
            self._known = likelihood

    async def known_is_likelier(self) -> bool:
        """Return whether the next resource is more likely known than new."""
        if self._scout is None:
            self._scout = anyio.Event()
            return False
        if self._known is None:
            await self._scout.wait()
        return self._known is not None and self._known > 0.5  # noqa: PLR2004 - the likelier of two

    def learn(self, *, was_known: bool | None) -> None:
        """Note whether a resource was known to the server; `None` if that was not found out."""
        if was_known is not None:
            before = float(was_known) if self._known is None else self._known
            self._known = before + _LEARNING * (was_known - before)
        if self._scout is not None:
            self._scout.set()
