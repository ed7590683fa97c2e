"""The INI file of Alert Logic's tools, a section of which is a profile."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import attrs

from airview_herald._quoted import printable
from airview_herald.errors import ConfigurationError

# How much of a section's name a message shows.
_SHOWN = 80


@attrs.frozen
class Setting:
    """A value, and where it was found."""

    value: str = attrs.field(repr=False)
    where: str


class Profile:
    """A section of the file, read when it is first asked for a value.

    A file that is not there holds nothing. One that is there is read without interpolation: a
    secret may hold a `%`.

    Args:
        file: Where the file is.
        name: The section.
        named: Whether somebody asked for this very section, so that it must be there.
    """

    def __init__(self, file: Path, name: str, *, named: bool) -> None:
        self._file = file
        self._name = name
        self._named = named

    def __str__(self) -> str:
        return f"{self._file} [{printable(self._name, _SHOWN)}]"

    def get(self, key: str) -> Setting | None:
        """Return a value of the section, or `None` when it is not there or empty.

        Raises:
            ConfigurationError: The file cannot be read, or lacks the section that was asked for.
        """
        value = self._values.get(key)
        return Setting(value, f"{self} {key}") if value else None

    def check(self) -> None:
        """Refuse a section that was asked for and is not there.

        Raises:
            ConfigurationError: It is not, or the file cannot be read.
        """
        if self._named:
            _ = self._values

    @cached_property
    def _values(self) -> Mapping[str, str]:
        sections = _read(self._file)
        if self._named and self._name not in sections:
            raise ConfigurationError(
                f"profile: there is no [{printable(self._name, _SHOWN)}] in {self._file}"
                + ("" if sections else ", which is not there or empty")
            )
        return sections.get(self._name, {})


def _read(file: Path) -> dict[str, dict[str, str]]:
    """Return the sections of a file; none when it is not there."""
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read: {error.strerror}") from None
    sections = _parse(content)
    if isinstance(sections, str):
        raise ConfigurationError(f"{file}{sections}")
    return sections


def _parse(content: bytes) -> dict[str, dict[str, str]] | str:
    """Return the sections in a file, or what is wrong with it, and on which line.

    The exceptions themselves hold the line, on which there may be a secret: none of them becomes
    the context of another.
    """
    import configparser  # noqa: PLC0415 - only who has such a file needs it

    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return ": is not UTF-8 text"
    except configparser.Error as error:
        line = getattr(error, "lineno", None) or next(iter(getattr(error, "errors", [])), [None])[0]
        return f"{'' if line is None else f', line {line}'}: {type(error).__name__}"
    return {name: dict(parser.items(name)) for name in parser.sections()}
