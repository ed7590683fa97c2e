"""Where Herald is and who asks: from arguments, the environment, and the INI file."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import attrs

from airview_herald._home import at_home
from airview_herald._origin import checked_url
from airview_herald._secret import Secret
from airview_herald.auth._aims import PRODUCTION
from airview_herald.errors import ConfigurationError
from airview_herald.herald._profile import Profile, Setting

_GLOBAL = {
    "production": PRODUCTION,
    "integration": "https://api.global-integration.product.dev.alertlogic.com",
}
_RESIDENCIES = ("default", "us", "emea")
_SERVICES = ("herald", "aims")
_SKIP = "skip"
_URL = re.compile(r"https?://", re.IGNORECASE)


@attrs.frozen
class Settings:
    """What is configured, found once and checked.

    Each value comes from an argument, else from the environment, else from the profile, else from
    the default. The two halves of the access key are never mixed from two of these.

    Attributes:
        access_key_id: The id of the access key, when one is configured.
        secret_key: Its secret, when one is configured.
        access_key_from: Where the access key is from, for messages; empty when there is none.
        account_id: The account that calls are for when they name none.
        residency: Where an account's data lie: `default`, `us` or `emea`.
        urls: Where services are, as far as that is configured: `aims`, the global host, and
            `herald`, unless the Endpoints service tells.
        urls_from: Where the URLs are from, for messages.
        profile: The file and the section, for messages.
        overruling: The variables that hold in place of what a profile says that the caller named.
    """

    access_key_id: Secret | None
    secret_key: Secret | None
    access_key_from: str
    account_id: str | None
    residency: str
    urls: Mapping[str, str]
    urls_from: str
    profile: str
    overruling: tuple[str, ...]

    @property
    def skips(self) -> bool:
        """Whether the access key is the pair that means that no credential is sent."""
        pair = (self.access_key_id, self.secret_key)
        return all(half is not None and half.reveal() == _SKIP for half in pair)

    @classmethod
    def find(  # noqa: PLR0913 - the settings that there are
        cls,
        *,
        access_key_id: str | None = None,
        secret_key: str | Secret | None = None,
        account_id: str | None = None,
        profile: str | None = None,
        global_endpoint: str | None = None,
        residency: str | None = None,
        keyless: bool = False,
        allow_http: bool = False,
        environ: Mapping[str, str] | None = None,
    ) -> Self:
        """Return the settings that hold here.

        Args:
            access_key_id: The caller's, or `None`.
            secret_key: The caller's, or `None`.
            account_id: The caller's, or `None`.
            profile: The section of the file that the caller asks for, or `None`.
            global_endpoint: `production`, `integration`, `map`, a URL, or `None`.
            residency: The caller's, or `None`.
            keyless: Whether the caller has another credential, so that an access key that is
                configured elsewhere is none of this client's.
            allow_http: Whether credentials may go to another machine over plain http.
            environ: The environment; that of the process unless a test brings its own.

        Raises:
            ConfigurationError: A setting cannot work; the message names it and where it is from.
        """
        sources = _Sources(os.environ if environ is None else environ, profile)
        key = (None, None, "") if keyless else sources.pair(access_key_id, secret_key)
        account = sources.find("account_id", account_id, "ALERTLOGIC_ACCOUNT_ID")
        endpoint = sources.find("global_endpoint", global_endpoint, "ALERTLOGIC_ENDPOINT")
        where = sources.find("residency", residency, "ALERTLOGIC_RESIDENCY")
        if where is not None and where.value not in _RESIDENCIES:
            raise ConfigurationError(f"{where.where}: must be one of {', '.join(_RESIDENCIES)}")
        urls, urls_from = _urls(endpoint, sources, allow_http=allow_http)
        return cls(
            *key,
            account_id=None if account is None else account.value,
            residency=_RESIDENCIES[0] if where is None else where.value,
            urls=urls,
            urls_from=urls_from,
            profile=str(sources.profile),
            overruling=tuple(sources.overruling),
        )


class _Sources:
    """Where settings come from, in the order of their precedence."""

    def __init__(self, environ: Mapping[str, str], profile: str | None) -> None:
        self._environ = environ
        self._asked = profile is not None
        self._folder = at_home("~/.alertlogic")
        file = environ.get("ALERTLOGIC_CONFIG")
        name = _argument("profile", profile) or self._variable("ALERTLOGIC_PROFILE")
        self.profile = Profile(
            at_home(file) if file else self._folder / "config",
            "default" if name is None else name.value,
            named=name is not None,
        )
        self.profile.check()
        self.overruling: list[str] = []

    def find(self, key: str, argument: str | None, variable: str) -> Setting | None:
        """Return a setting from the first source that has it."""
        found = _argument(key, argument)
        if found is None:
            found = self._variable(variable)
            if found is not None and self._overrules(key, found):
                self.overruling.append(variable)
        return found or self.profile.get(key)

    def pair(
        self, access_key_id: str | None, secret_key: str | Secret | None
    ) -> tuple[Secret | None, Secret | None, str]:
        """Return both halves of the access key from one source, and which that is."""
        keys = ("access_key_id", "secret_key")
        given = (access_key_id, secret_key)
        halves = [_argument(*each) for each in zip(keys, given, strict=True)]
        if halves == [None, None]:
            halves = [self._variable(f"ALERTLOGIC_{key.upper()}") for key in keys]
            if None not in halves and any(map(self._overrules, keys, halves)):
                self.overruling.append("the access key")
        elif None in halves:
            missing, other = keys if access_key_id is None else reversed(keys)
            raise ConfigurationError(f"{missing}: must be given together with {other}")
        alone = next((half for half in halves if half is not None), None)
        if None in halves:
            halves = [self.profile.get(key) for key in keys]
            alone = next((half for half in halves if half is not None), alone)
        found = [half for half in halves if half is not None]
        if len(found) < len(halves):
            if alone is None:
                return None, None, ""
            raise ConfigurationError(
                f"{alone.where}: the other half of the access key is missing, and {self.profile} "
                "has no whole one"
            )
        first, second = (Secret(half.value, half.where) for half in found)
        return first, second, ", ".join(half.where for half in found)

    def map_file(self) -> Path:
        """Return where the endpoint map is."""
        name = self.find("endpoint_map_file", None, "ALERTLOGIC_ENDPOINT_MAP")
        return self._folder / at_home("endpoint_map.json" if name is None else name.value)

    def _overrules(self, key: str, variable: Setting | None) -> bool:
        """Whether the caller has named a profile, and it contradicts a variable."""
        if variable is None or not self._asked:
            return False
        kept = self.profile.get(key)
        return kept is not None and kept.value != variable.value

    def _variable(self, name: str) -> Setting | None:
        value = self._environ.get(name)
        return Setting(value, name) if value else None


def _argument(name: str, value: str | Secret | None) -> Setting | None:
    if value is None:
        return None
    if isinstance(value, Secret):
        value = value.reveal()
    if not isinstance(value, str):
        raise ConfigurationError(f"{name}: must be a text, not {type(value).__name__}")
    if not value:
        raise ConfigurationError(f"{name}: must not be empty")
    return Setting(value, name)


def _urls(
    endpoint: Setting | None, sources: _Sources, *, allow_http: bool
) -> tuple[dict[str, str], str]:
    """Return the URLs that are configured, and who says so."""
    if endpoint is None:
        endpoint = Setting("production", "global_endpoint")
    if endpoint.value in _GLOBAL:
        return {"aims": _GLOBAL[endpoint.value]}, endpoint.where
    if endpoint.value == "map":
        file = sources.map_file()
        return _mapped(file, allow_http=allow_http), str(file)
    if _URL.match(endpoint.value):
        url = checked_url(endpoint.value, endpoint.where, allow_http=allow_http)
        return dict.fromkeys(_SERVICES, url), endpoint.where
    raise ConfigurationError(
        f"{endpoint.where}: must be production, integration, map, or an http(s) URL"
    )


def _mapped(file: Path, *, allow_http: bool) -> dict[str, str]:
    """Return the URLs in the file of an endpoint map."""
    try:
        urls = json.loads(file.read_text("utf-8-sig"))
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise ConfigurationError(f"{file}: is not JSON") from None
    if not isinstance(urls, dict) or "herald" not in urls:
        raise ConfigurationError(f"{file}: must be an object of URLs with one for herald")
    return {
        service: checked_url(urls[service], f"{file} {service}", allow_http=allow_http)
        for service in _SERVICES
        if service in urls
    }
