"""What share of the last requests came to nothing; older ones count less and less.

It begins as if 20 requests had gone well, since one failure alone says nothing: four in a row are
17 in a hundred then. Who looks at it only in trouble need not count what goes well before. Once a
few hundred are counted it takes eleven in a row to be more than 15 in a hundred.
"""

from __future__ import annotations

# How many of the latest make up about two thirds of the share.
_MEMORY = 64
_KEPT = 1 - 1 / _MEMORY
# Successes assumed before the first one, so that a single failure says little.
_TAKEN_FOR_GRANTED = 20.0


class Share:
    """A running share.

    Attributes:
        value: The share, from 0 to about 1.
    """

    __slots__ = ("_bad", "_known", "value")

    def __init__(self) -> None:
        self.value: float = 0.0
        self._known = _TAKEN_FOR_GRANTED
        self._bad = 0.0

    def count(self) -> None:
        """Count a request."""
        self._known = self._known * _KEPT + 1.0
        self._bad *= _KEPT
        self.value = self._bad / self._known

    def spoil(self) -> None:
        """Note that one of those that were counted came to nothing."""
        self._bad += 1.0
        self.value = self._bad / self._known
