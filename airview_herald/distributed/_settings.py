"""What every worker has to know: the server, and how far each of them may go."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

import attrs
import httpcore
import httpx

from airview_herald._numbers import is_number
from airview_herald.airview import AirView, Reconciliation
from airview_herald.airview._ingest_settings import IngestSettings
from airview_herald.airview._rules import Rules
from airview_herald.airview.models import SystemStage
from airview_herald.auth._environment import airview_credential
from airview_herald.errors import ConfigurationError, InputError
from airview_herald.transport import tls_context
from airview_herald.transport._connections import default_backend

_FACTORY = re.compile(r"[\w.]+:[\w.]+")

CredentialFactory = Callable[[], httpx.Auth | str | None]


def _importable(factory: CredentialFactory | str | None) -> str | None:
    """Return the name by which any process can import a factory.

    Raises:
        ConfigurationError: There is none: what it refers to would travel, secrets and all.
    """
    if isinstance(factory, str) and not _FACTORY.fullmatch(factory):
        # The value is not shown, because it may be the credential itself.
        raise ConfigurationError("credential: must be 'module:function', and not a credential")
    if factory is None or isinstance(factory, str):
        return factory
    module, name = getattr(factory, "__module__", ""), getattr(factory, "__qualname__", "")
    if not module or module == "__main__" or not name or "<" in name:
        raise ConfigurationError(
            "credential: must be a function of a module that workers can import, or its name as "
            f"'module:function', not {type(factory).__name__} {name or module}"
        )
    return f"{module}:{name}"


@attrs.frozen(kw_only=True)
class ServerSettings:
    """The server that workers record on, and as which system; holds no secret.

    A worker takes its credential from its own environment, as `airview-herald` does:
    `AIRVIEW_TOKEN`, or `AIRVIEW_TOKEN_URL`, `AIRVIEW_CLIENT_ID` and `AIRVIEW_CLIENT_SECRET`, and
    `AIRVIEW_SCOPE`. Where that does not do it calls a factory.

    Attributes:
        base_url: Where the API is, with its prefix if it has one.
        system_name: The name of the system that records.
        system_stage: The stage it looks at; counts when the system is first recorded.
        referencing_type: The type under which applications are referenced, such as
            `aws_account_id`.
        credential: A function of a module that workers can import, or its name as
            `'module:function'`: called on the worker for each partition, it returns what
            `AirView` takes as `auth`. It travels as its name.
        timeout: Seconds for connecting, at most 5, and for each read and write.
        allow_http: Accept a plain http URL of another machine, though credentials travel.
        cache_size: How many ids of resources a partition remembers.
        settle: Seconds within which the server surely ends or drops what it did not answer.
        ca: A file of private authorities, by its path on the workers; trusted beside those of
            their machines.
        cert: A file with a client certificate, likewise, for a server that asks for one.
        key: The file with its private key; by default `cert` has that too.

    Raises:
        ConfigurationError: A setting cannot work, or the factory has no name to be imported by.
        InputError: The system's name or stage breaks a rule.
    """

    base_url: str
    system_name: str
    system_stage: SystemStage | str = SystemStage.MONITOR
    referencing_type: str
    credential: str | None = attrs.field(default=None, converter=_importable)
    timeout: float = 30.0
    allow_http: bool = False
    cache_size: int = 250_000
    settle: float = 30.0
    ca: str | None = None
    cert: str | None = None
    key: str | None = None

    def __attrs_post_init__(self) -> None:
        """Check what can be checked where the workers are not."""
        self.check()

    def backend(
        self, network_backend: httpcore.AsyncNetworkBackend | None = None
    ) -> httpx.AsyncBaseTransport:
        """Return what carries requests from this process.

        Args:
            network_backend: What opens its sockets.

        Raises:
            ConfigurationError: A certificate cannot be used here.
        """
        if self.ca is self.cert is self.key is None:
            return default_backend(network_backend=network_backend)
        verify = tls_context(ca=self.ca, cert=self.cert, key=self.key)
        return default_backend(verify=verify, network_backend=network_backend)

    def client(self, http: httpx.AsyncBaseTransport | None = None) -> AirView:
        """Return a client with the credential of this process.

        Args:
            http: What carries its requests.

        Raises:
            ConfigurationError: A setting cannot work, or there is no such factory.
        """
        return self._client(self._auth(), http)

    def check(self) -> tuple[str, str, str]:
        """Return the URL, system and referencing type, once a client takes the settings.

        Raises:
            ConfigurationError: A setting cannot work.
            InputError: The system's name or stage breaks a rule.
        """
        client = self._client(None, None)
        config = client._recorder.sender.config  # noqa: SLF001 - a client of this package
        return config.base_url, config.system_name, config.referencing_type

    def _client(self, auth: httpx.Auth | str | None, http: Any) -> AirView:
        return AirView(
            self.base_url,
            system_name=self.system_name,
            system_stage=self.system_stage,
            referencing_type=self.referencing_type,
            auth=auth,
            http=http,
            timeout=self.timeout,
            allow_http=self.allow_http,
            cache_size=self.cache_size,
            settle=self.settle,
        )

    def _auth(self) -> httpx.Auth | str | None:
        if self.credential is None:
            return airview_credential(os.environ, allow_http=self.allow_http)[0]
        module, _, name = self.credential.partition(":")
        try:
            factory: Any = import_module(module)
            for part in name.split("."):
                factory = getattr(factory, part)
        except (ImportError, AttributeError, ValueError):
            raise ConfigurationError(
                f"credential: {self.credential!r} cannot be imported here; it is 'module:function'"
            ) from None
        made: httpx.Auth | str | None = factory()
        return made


@attrs.frozen(kw_only=True)
class Limits:
    """How far the cluster may go; see `airview_herald.distributed.ingest`."""

    concurrency: int
    rate: float | None
    lease: float
    deadline: float
    max_cooldown: float
    max_failures: int | None
    grace: float
    coalesce: bool
    reconcile: bool | Reconciliation

    def check(self) -> None:
        """Check the limits.

        Raises:
            InputError: One breaks a rule.
        """
        IngestSettings.of(
            window=None, on_outcome=None, progress=None, state=None, dead_letters=None, **self.batch
        )
        if self.rate is not None and (not is_number(self.rate) or not self.rate > 0):
            raise InputError("rate", "must be requests a second, more than 0", self.rate)
        if not is_number(self.lease) or not self.lease > 0:
            raise InputError("lease", "must be a number of seconds, more than 0", self.lease)
        reconciliation = self.reconcile
        if not isinstance(reconciliation, bool) and (
            reconciliation.applications or reconciliation.complete is not None
        ):
            rule = "takes a state only on a cluster: no applications, and no callable"
            raise InputError("reconcile", rule, reconciliation)

    @property
    def batch(self) -> dict[str, Any]:
        """The arguments of a partition's batch."""
        return attrs.asdict(self, recurse=False, filter=attrs.filters.exclude("rate", "lease"))


def check_partitions(partitions: int | None) -> None:
    """Check the number of partitions.

    Raises:
        InputError: It is out of its range.
    """
    if partitions is not None:
        Rules(partitions).integer("partitions", partitions)
