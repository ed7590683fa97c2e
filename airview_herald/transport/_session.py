"""The life of a client: entered once, used in the event loop that entered it, and closed."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, Self

from airview_herald._event_loop import running_loop
from airview_herald.transport._connections import Connections


class Session:
    """Keep a client to its block and to its event loop.

    Args:
        connections: What it sends with; closed at the end of the block.
    """

    def __init__(self, connections: Connections) -> None:
        self.connections = connections
        self._loop: object = None
        self._closed = False

    def enter(self) -> None:
        """Begin the block.

        Raises:
            RuntimeError: It was begun before.
        """
        if self._closed:
            raise RuntimeError("a client is entered once; make another one")
        if self._loop is not None:
            raise RuntimeError(
                "this client is entered already, and with it what `with_options` gives: use it "
                "as it is"
            )
        self._loop = running_loop()

    def check(self) -> None:
        """Refuse use outside the block, or in another event loop.

        Raises:
            RuntimeError: It is one of these.
        """
        if self._loop is None:
            raise RuntimeError("this client must be entered first: use it inside `async with`")
        if self._closed:
            raise RuntimeError("this client is closed: use it inside `async with`")
        if self._loop is not running_loop():
            raise RuntimeError(
                "this client belongs to the event loop that it was entered in, which is not the "
                "one that runs here: make one client for each event loop"
            )

    async def aclose(self) -> None:
        """End the block."""
        self._closed = True
        await self.connections.aclose()


class SessionClient:
    """A client that is used as `async with`."""

    _session: Session

    async def __aenter__(self) -> Self:
        self._session.enter()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._session.aclose()

    # For type checkers it is enough that there is no `__enter__`.
    if not TYPE_CHECKING:

        def __enter__(self) -> NoReturn:
            """Refuse `with`, in which nothing could be awaited."""
            raise TypeError(f"{type(self).__name__} is entered by `async with`, not by `with`")

        __exit__ = __enter__
