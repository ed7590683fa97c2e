"""An event loop in a thread of its own."""

import asyncio
import threading
from collections.abc import Callable, Coroutine


class LoopThread:
    """Serves from construction until what it serves returns.

    Args:
        name: The thread's name.
        serve: Serves, and calls what it is given as soon as it does.

    Raises:
        Exception: What kept it from serving.
    """

    def __init__(
        self, name: str, serve: Callable[[Callable[[], None]], Coroutine[None, None, None]]
    ) -> None:
        self._serve = serve
        self._begun = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()
        self._begun.wait()
        if self._failure is not None:
            self.join()
            raise self._failure

    def join(self) -> None:
        """Wait for its end."""
        self._thread.join()

    def _run(self) -> None:
        try:
            # The same kind of loop on all platforms, whatever policy the caller's program sets.
            with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                runner.run(self._serve(self._begun.set))
        except Exception as error:
            if self._begun.is_set():
                raise
            self._failure = error
        finally:
            # If it failed to begin, whoever makes it still has to stop waiting.
            self._begun.set()
