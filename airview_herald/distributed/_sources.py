"""What a caller may give as sources, put into a list of single ones."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from airview_herald.distributed._pieces import Source
from airview_herald.errors import InputError


def single_sources(sources: Any) -> list[Source]:
    """Return single sources, in their order.

    Args:
        sources: As for `ingest`.

    Raises:
        InputError: One of them is nothing that events are read from, or matches no file.
    """
    given = sources if isinstance(sources, list | tuple) else [sources]
    found = [each for number, one in enumerate(given) for each in _sources(one, number)]
    if not found:
        raise InputError("sources", "must not be empty", sources)
    return found


def _sources(given: Any, number: int) -> Iterator[Source]:
    field = f"sources[{number}]"
    if isinstance(given, str | os.PathLike):
        for path in _files(os.fspath(given), field):
            yield Source(path, path=str(Path(path).absolute()))
    elif isinstance(given, _delayed()):
        yield Source(field, delayed=_alone(given))
    elif hasattr(given, "to_delayed"):
        for part, delayed in enumerate(given.to_delayed()):
            yield Source(f"{field}, partition {part}", delayed=_alone(delayed))
    else:
        rule = "must be a file, a delayed iterable of events or a bag of them"
        raise InputError(field, f"{rule}, not {type(given).__name__}", given)


def _files(name: str, field: str) -> list[str]:
    if Path(name).exists() or not glob.has_magic(name):
        return [name]
    matched = glob.glob(name, recursive=True)  # noqa: PTH207 - a pattern may be absolute
    files = sorted(each for each in matched if Path(each).is_file())
    if not files:
        raise InputError(field, f"{name} matches no file")
    return files


def _delayed() -> Any:
    return import_module("dask.delayed").Delayed


def _alone(delayed: Any) -> Any:
    """Return a part of a graph without the rest of it."""
    return import_module("dask").optimize(delayed)[0]
