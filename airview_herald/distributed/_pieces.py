"""The shuffle: each source is split, on a worker, into a piece for each partition.

Pieces are JSON Lines in the shared folder, so that no event passes through the client, and none is
lost with a worker. A source's pieces appear all at once, and never change: who splits it again,
because a result was lost, returns what is there.
"""

from __future__ import annotations

import json
import shutil
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any, ClassVar

import attrs

from airview_herald.airview import ComplianceEvent
from airview_herald.airview._event_lines import LineError, encode
from airview_herald.airview._rules import Rules
from airview_herald.distributed._budget import partition_of
from airview_herald.errors import InputError
from airview_herald.sources import SourceProblem, read_jsonl, read_sarif
from airview_herald.sources.problems import KEPT_PROBLEMS

# How many bytes of lines are held before they are written.
_HELD = 8 * 1024 * 1024
_MANIFEST = "manifest.json"
_DEFINITIONS = "definitions.jsonl"


@attrs.frozen
class Source:
    """One source of events.

    Attributes:
        name: What to call it.
        path: A file; or `None`.
        delayed: What gives an iterable of events when it is computed; or `None`.
    """

    name: str
    path: str | None = None
    delayed: Any = None

    def events(self) -> Iterable[Any]:
        """Return the events.

        Raises:
            InputError: What was computed is nothing to iterate.
        """
        if self.path is not None:
            sarif = ".sarif" in Path(self.path.lower()).suffixes
            return read_sarif(self.path) if sarif else read_jsonl(self.path)
        events: Any = self.delayed.compute(scheduler="synchronous")
        if not isinstance(events, Iterable):
            raise InputError(self.name, f"gives no iterable of events, but {type(events).__name__}")
        return events


@attrs.frozen
class Manifest:
    """What a source was split into.

    Attributes:
        inputs: How many events each partition has of it.
        digests: Of each of its pieces, by partition.
        problems: Parts that gave no event; the first 1,000.
        problem_count: How many there are.
    """

    inputs: dict[int, int]
    digests: dict[int, str]
    problems: tuple[SourceProblem, ...]
    problem_count: int


def split(source: Source, folder: str, partitions: int) -> Manifest:
    """Split a source into its pieces; runs on a worker.

    Args:
        source: The source.
        folder: Where its pieces will be.
        partitions: How many there are.

    Raises:
        InputError: The source gives no events, or is a file that cannot be read as what it is.
        OSError: A file cannot be read or written.
    """
    place = Path(folder)
    if not place.exists():
        making = place.with_name(f"{place.name}.{uuid.uuid4().hex}")
        making.mkdir(parents=True)
        try:
            _Splitting(source, making, partitions).run()
            making.rename(place)
        except OSError:
            # Another worker may have renamed its folder first.
            if not Path(place, _MANIFEST).exists():
                raise
        finally:
            shutil.rmtree(making, ignore_errors=True)
    return _manifest(place)


class _Splitting:
    """One source on its way into pieces."""

    def __init__(self, source: Source, folder: Path, partitions: int) -> None:
        self._source = source
        self._folder = folder
        self._partitions = partitions
        self._lines: dict[int, list[bytes]] = defaultdict(list)
        self._held = 0
        self._inputs: dict[int, int] = defaultdict(int)
        self._digests: dict[int, Any] = defaultdict(lambda: blake2b(digest_size=16))
        # The events that were the first to need some definition.
        self._defining: list[bytes] = []
        self._met: set[Any] = set()
        self._problems: list[SourceProblem] = []
        self._problem_count = 0

    def run(self) -> None:
        """Read the source to its end, and write all there is to write."""
        events = self._source.events()
        for number, event in enumerate(events, 1):
            try:
                self._take(event, encode(event) + b"\n")
            except LineError as error:
                self._refuse(number, str(error))
        self._flush()
        self._problems += getattr(events, "problems", ())
        self._problem_count += getattr(events, "problem_count", 0)
        (self._folder / _DEFINITIONS).write_bytes(b"".join(self._defining))
        manifest = {
            "inputs": self._inputs,
            "digests": {number: each.hexdigest() for number, each in self._digests.items()},
            "problems": [attrs.astuple(each) for each in self._problems[:KEPT_PROBLEMS]],
            "problem_count": self._problem_count,
        }
        (self._folder / _MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")

    def _take(self, event: ComplianceEvent, line: bytes) -> None:
        partition = partition_of(event.application.reference, self._partitions)
        self._lines[partition].append(line)
        self._inputs[partition] += 1
        self._digests[partition].update(line)
        self._held += len(line)
        if self._held > _HELD:
            self._flush()
        definitions = {event.technical_control, event.application.environment}
        if not definitions <= self._met and Rules.broken_by(event) is None:
            self._met |= definitions
            self._defining.append(line)

    def _refuse(self, number: int, why: str) -> None:
        self._problem_count += 1
        if len(self._problems) < KEPT_PROBLEMS:
            self._problems.append(SourceProblem(self._source.name, f"event {number}", why))

    def _flush(self) -> None:
        for partition, lines in self._lines.items():
            with (self._folder / f"{partition}.jsonl").open("ab") as piece:
                piece.writelines(lines)
        self._lines.clear()
        self._held = 0


def _manifest(place: Path) -> Manifest:
    found = json.loads((place / _MANIFEST).read_text(encoding="utf-8"))
    return Manifest(
        inputs={int(number): count for number, count in found["inputs"].items()},
        digests={int(number): digest for number, digest in found["digests"].items()},
        problems=tuple(SourceProblem(*each) for each in found["problems"]),
        problem_count=found["problem_count"],
    )


def digest_of(manifests: Iterable[Manifest], partition: int) -> str:
    """Return the digest of a partition's input."""
    digest = blake2b(digest_size=16)
    for manifest in manifests:
        digest.update(manifest.digests.get(partition, "").encode())
    return digest.hexdigest()


class Pieces(Iterable[ComplianceEvent]):
    """The events of pieces of several sources, in the sources' order.

    Args:
        folder: Where the sources' folders are, named by their numbers.
        sources: How many there are.
        name: Of the pieces.
        problems: What of the sources could not be read; reconciliation asks for it.
        inputs: How many events there are, if that is known.
    """

    blocking: ClassVar[bool] = True

    def __init__(
        self,
        folder: str,
        sources: int,
        name: str,
        *,
        problems: int = 0,
        inputs: int | None = None,
    ) -> None:
        self._folder = folder
        self._files = [Path(folder, str(source), name) for source in range(sources)]
        self._inputs = inputs
        self.problems: int = problems

    @classmethod
    def of(
        cls, partition: int, folder: str, sources: int, *, problems: int = 0, inputs: int
    ) -> Pieces:
        """Return the events of a partition."""
        return cls(folder, sources, f"{partition}.jsonl", problems=problems, inputs=inputs)

    @classmethod
    def defining(cls, folder: str, sources: int) -> Pieces:
        """Return the events that show each definition for the first time in its source."""
        return cls(folder, sources, _DEFINITIONS)

    def __iter__(self) -> Iterator[ComplianceEvent]:
        """Read the pieces.

        Raises:
            OSError: One has a line that is no event, cannot be read, or is gone.
        """
        count = 0
        for file in self._files:
            if file.exists():
                for event in read_jsonl(file, on_problem=_damaged):
                    count += 1
                    yield event
        # Another call may be removing them; reconciliation would close what seems to be missing.
        if self._inputs not in {None, count}:
            raise OSError(f"{self._folder} has {count} of {self._inputs} events that were written")


def _damaged(problem: SourceProblem) -> None:
    raise OSError(f"{problem.file} {problem.where} was written here, and is damaged")
