"""Which requests are struck: a pure function of a seed and of the requests themselves."""

import hashlib
from collections.abc import Hashable, Sequence
from typing import Generic, NamedTuple, TypeVar

_Kind = TypeVar("_Kind", bound=Hashable)
_UNITS = 2.0**64
_WORD = 8


class Strike(NamedTuple, Generic[_Kind]):
    """A request's fault.

    Attributes:
        kind: What it meets.
        extent: How much of it, in [0, 1): where an answer is cut, how late a request is.
    """

    kind: _Kind
    extent: float


class Schedule(Generic[_Kind]):
    """Decides about each request by itself, in whichever order they come.

    The n-th time that equal requests are seen, the decision is that of the n-th time, whatever
    was seen in between. About 200 bytes are kept for every request that differs.

    Args:
        seed: Another one decides otherwise.
        in_a_row: How many times in a row equal requests are struck at most.
    """

    def __init__(self, seed: int, in_a_row: int) -> None:
        self._key = hashlib.blake2b(str(seed).encode(), digest_size=32).digest()
        self._in_a_row = in_a_row
        # By request: how often it was seen, and how many times in a row it has been struck.
        self._seen: dict[bytes, tuple[int, int]] = {}

    def strike(
        self, request: Sequence[bytes], shares: Sequence[tuple[_Kind, float]]
    ) -> Strike[_Kind] | None:
        """Decide about a request that is seen now.

        Args:
            request: What makes it equal to others.
            shares: The kinds that may strike it, each with its probability.
        """
        identity = self._digest(b"\0".join((b"%d" % len(part)) + part for part in request))
        seen, struck = self._seen.get(identity, (0, 0))
        numbers = self._digest(identity + seen.to_bytes(_WORD, "big"))
        chance = int.from_bytes(numbers[:_WORD], "big") / _UNITS
        kind = _choose(chance, shares) if struck < self._in_a_row else None
        self._seen[identity] = (seen + 1, 0 if kind is None else struck + 1)
        if kind is None:
            return None
        # A float of 64 bits can round up to 1.
        extent = (int.from_bytes(numbers[_WORD:], "big") >> 11) / 2.0**53
        return Strike(kind, extent)

    def _digest(self, data: bytes) -> bytes:
        return hashlib.blake2b(data, digest_size=2 * _WORD, key=self._key).digest()


def _choose(chance: float, shares: Sequence[tuple[_Kind, float]]) -> _Kind | None:
    for kind, share in shares:
        if chance < share:
            return kind
        chance -= share
    return None
