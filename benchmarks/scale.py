"""How much of everything a run measures."""

from __future__ import annotations

from typing import NamedTuple


class Scale(NamedTuple):
    """The size of a run.

    Attributes:
        rounds: How often each case is measured, in turn with the others.
        requests: Requests in a case of `requests`.
        in_flight: How many are in flight.
        save_events: Events, and bare saves, in a case of `events`.
        ingest_events: Events in a case of `ingest`.
        sequential_events: Events that the sequential client sends in a case of `ingest`.
        notifications: Notifications that are paged through.
        memory_events: The batches whose memory is compared.
        import_rounds: How often each import is timed.
    """

    rounds: int
    requests: int
    in_flight: tuple[int, ...]
    save_events: int
    ingest_events: int
    sequential_events: int
    notifications: int
    memory_events: tuple[int, ...]
    import_rounds: int


FULL = Scale(
    rounds=7,
    requests=2000,
    in_flight=(1, 16, 64, 256),
    save_events=4000,
    ingest_events=10_000,
    sequential_events=60,
    notifications=10_000,
    memory_events=(10_000, 100_000, 1_000_000),
    import_rounds=25,
)
QUICK = Scale(
    rounds=2,
    requests=300,
    in_flight=(16, 64, 256),
    save_events=600,
    ingest_events=500,
    sequential_events=8,
    notifications=1000,
    memory_events=(2000, 20_000),
    import_rounds=5,
)
