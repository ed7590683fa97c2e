"""From what a tool wrote as a file's URI to the path that names it.

Tools write absolute `file:` URIs, relative ones against a base that they name and do not define,
unencoded paths and Windows paths. A place here is a root (`/`, `C:/`, `//server/`,
`https://host/`, or empty when it is not known) and a decoded, normalised path below it.
"""

from __future__ import annotations

import os
import posixpath
import re
from bisect import bisect_right
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote_to_bytes

from airview_herald._quoted import quoted
from airview_herald.errors import InputError
from airview_herald.sources._sarif_document import FaultError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airview_herald.sources._sarif_document import ArtifactLocation

__all__ = ["OutsideError", "Paths", "Place", "directory"]

# Far longer than tools write; without a limit the chains of n bases take n * n steps.
_LONGEST_CHAIN = 100
# Longer than a path may be on any system.
_LONGEST = 8_000

_DRIVE = re.compile(r"/?([A-Za-z]):(?:/|$)")
# At least two letters, as one is a drive; and a slash, as `a:b.py` is a file's name.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(?=/)")


class OutsideError(FaultError):
    """A file is not below the directory that the caller named."""


class Place(NamedTuple):
    """A root, and a path below it without a leading slash."""

    root: str
    path: str

    def __str__(self) -> str:
        return self.root + self.path

    @property
    def folded(self) -> str:
        """The path as it is compared."""
        # Windows ignores case, and tools on it differ in how they write a path.
        return self.path.casefold() if ":/" in self.root and "//" not in self.root else self.path

    def joined(self, path: str) -> Place:
        """Return a place below, or above as far as `..` leads and the root allows."""
        return Place(self.root, _normal(f"{self.path}/{path}", rooted=bool(self.root)))


def directory(path: str | os.PathLike[str]) -> tuple[Place, ...]:
    """Return the place of a directory of this machine, with symbolic links and without.

    Reports may have been written elsewhere: an absolute one need not be there, and a Windows path
    is one on every system.

    Raises:
        InputError: It is no directory.
    """
    text: Any = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(text, str):
        raise InputError("base", f"must be the path of a directory, not {type(text).__name__}")
    if re.match(r"[A-Za-z]:[/\\]|\\\\", text):
        return (_place(text.replace("\\", "/")),)
    may_be_elsewhere = text.startswith("/") and not os.path.exists(text)  # noqa: PTH110 - never raises
    if "\0" in text or not (os.path.isdir(text) or may_be_elsewhere):  # noqa: PTH112 - likewise
        raise InputError("base", f"{quoted(text)} is no directory", path)
    places = (os.path.abspath(text), os.path.realpath(text))  # noqa: PTH100 - resolve() follows links
    return tuple(dict.fromkeys(_place(place.replace(os.sep, "/")) for place in places))


class _Directories:
    """Finds the nearest of some directories that a file is below, however many there are.

    In order, what is between a directory and a path below it is below that directory too. So the
    last one that comes before a path holds it, or is below those that do.

    Args:
        places: The directories.
    """

    def __init__(self, places: Iterable[Place]) -> None:
        roots: dict[str, set[str]] = {}
        for place in places:
            roots.setdefault(place.root, set()).add(f"{place.folded}/" if place.path else "")
        self._sorted = {root: sorted(paths) for root, paths in roots.items()}
        # For each directory the index of the one that encloses it; -1 for none.
        self._around: dict[str, list[int]] = {root: [] for root in roots}
        for root, paths in self._sorted.items():
            for index, path in enumerate(paths):
                self._around[root].append(self._holding(root, path, index - 1))

    def relative(self, place: Place) -> str | None:
        """Return the path of a file from the nearest one; `None` when it is below none."""
        paths = self._sorted.get(place.root, [])
        index = self._holding(place.root, place.folded, bisect_right(paths, place.folded) - 1)
        return None if index < 0 else place.path.split("/", paths[index].count("/"))[-1]

    def _holding(self, root: str, path: str, index: int) -> int:
        """Return the index of the nearest directory around a path, from `index` outwards."""
        while index >= 0 and not path.startswith(self._sorted[root][index]):
            index = self._around[root][index]
        return index


class Paths:
    """Names the files of one run.

    Args:
        bases: The run's `originalUriBaseIds`.
        within: The directory that the caller named, under each of its names; empty for none.
    """

    def __init__(self, bases: Mapping[str, ArtifactLocation], within: tuple[Place, ...]) -> None:
        self._bases = bases
        self._chains: dict[str, tuple[Place | None, str]] = {}
        self._within = within
        uris = {base.uri for base in bases.values() if base.uri}
        tops = {_from_uri(uri) for uri in uris if len(uri) <= _LONGEST}
        self._directories = _Directories(within or filter(_is_known, tops))

    def name(self, uri: str, base_id: str | None) -> str:
        """Return the file's path: relative where that is possible, else absolute.

        Raises:
            OutsideError: It is not below the directory that the caller named.
            FaultError: It, or what it is relative to, is longer than any path, or what that is
                relative to goes on for too long.
        """
        _fits(uri)
        place = _from_uri(uri)
        if place.root:
            if self._within:
                return self._below(place)
            path = self._directories.relative(place)
            return str(place) if path is None else path
        top, below = self._base(base_id)
        below = _normal(f"{below}/{place.path}", rooted=False)
        if self._within:
            return self._below((top or self._within[0]).joined(below))
        if top is not None and below.startswith(".."):
            return str(top.joined(below))
        return below

    def _below(self, place: Place) -> str:
        """Return the path below the directory that the caller named."""
        path = self._directories.relative(place)
        if path is None:
            base = quoted(str(self._within[0]))
            raise OutsideError("", f"{quoted(str(place))} is not below the base {base}")
        return path

    def _base(self, base_id: str | None) -> tuple[Place | None, str]:
        """Return the top of a chain of bases, if it is known, and the path below it."""
        if base_id is None:
            return None, ""
        if base_id not in self._chains:
            self._chains[base_id] = self._followed(base_id)
        return self._chains[base_id]

    def _followed(self, base_id: str) -> tuple[Place | None, str]:
        """Return where a chain of bases leads; a circular one leads nowhere."""
        below, seen = "", set()
        base = self._bases.get(base_id)
        while base is not None and base_id not in seen:
            seen.add(base_id)
            if len(seen) > _LONGEST_CHAIN:
                raise FaultError("", f"has a chain of more than {_LONGEST_CHAIN} bases")
            _fits(base.uri or "")
            place = _from_uri(base.uri or "")
            if place.root:
                return (place if _is_known(place) else None), below
            below = f"{place.path}/{below}"
            _fits(below)
            base_id = base.uri_base_id or ""
            base = self._bases.get(base_id)
        return None, below


def _fits(uri: str) -> None:
    if len(uri) > _LONGEST:
        raise FaultError("", f"a URI has {len(uri)} characters, at most {_LONGEST} are read")


def _is_known(top: Place) -> bool:
    """Whether a base says anything: Trivy writes `file:///` for whatever it looked at."""
    return top.root not in {"", "/"} or top.path != ""


def _from_uri(uri: str) -> Place:
    text = uri.replace("\\", "/")
    scheme = _SCHEME.match(text)
    if scheme is None:
        return _place(_unquoted(text))
    rest = _unquoted(text[scheme.end() :])
    if scheme[1].lower() != "file":
        host, _, path = rest.lstrip("/").partition("/")
        return Place(f"{scheme[1].lower()}://{host}/", _normal(path, rooted=True))
    if rest.startswith("//"):
        # The host is empty, this machine, a drive if a slash was left out, or else a server.
        host, _, path = rest[2:].partition("/")
        if host in {"", "localhost"}:
            rest = f"/{path}"
        elif _DRIVE.match(host):
            rest = rest[2:]
    return _place(rest)


def _place(path: str) -> Place:
    drive = _DRIVE.match(path)
    if drive:
        return Place(f"{drive[1].upper()}:/", _normal(path[drive.end() :], rooted=True))
    if path.startswith("//"):
        host, _, rest = path.lstrip("/").partition("/")
        return Place(f"//{host}/", _normal(rest, rooted=True))
    root = "/" if path.startswith("/") else ""
    return Place(root, _normal(path, rooted=bool(root)))


def _normal(path: str, *, rooted: bool) -> str:
    path = path.lstrip("/")
    normal = posixpath.normpath(f"/{path}")[1:] if rooted else posixpath.normpath(path)
    return "" if normal == "." else normal


def _unquoted(text: str) -> str:
    """Decode percent-escapes; leave those alone that are no UTF-8, and so no escapes."""
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        return text
