"""How events are divided, by application, and how the budget is, among those at work."""

from __future__ import annotations

from hashlib import blake2b


def partition_of(application: str, partitions: int) -> int:
    """Return the partition of an application, the same one in every process.

    All events of an application are in one partition, and so is each lane.

    Args:
        application: The application's reference.
        partitions: How many there are.
    """
    # Not checked: a reference that breaks a rule makes its event fail on the worker.
    text = str(application).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8).digest()) % partitions


def share(total: int, holders: int, rank: int) -> int:
    """Return the share of one holder of a budget; the shares add up to all of it.

    Args:
        total: The budget.
        holders: How many share it.
        rank: The holder's place among them, from 0.

    Returns:
        At least 1: who is at work cannot do with less, so that more holders than budget exceed it.
    """
    each, rest = divmod(total, max(1, holders))
    return max(1, each + (rank < rest))
