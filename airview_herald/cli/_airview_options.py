"""The options of all commands that ask AirView."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import attrs
from cyclopts import Group, Parameter

from airview_herald.airview import AirView
from airview_herald.cli._credentials import Credential, airview_credential
from airview_herald.cli._file_names import FileName
from airview_herald.cli._trust import Authorities, Certificate, Key, verifying
from airview_herald.transport._options import TIMEOUT

_CONNECTION = Group.create_ordered("Connection")
# A client has to have a system's name, though reading routes make no use of it.
_NO_SYSTEM = "airview-herald"

Stage: TypeAlias = Literal["BUILD", "MONITOR"]


@Parameter(name="*", group=_CONNECTION)
@attrs.frozen(kw_only=True)
class Server:
    """Where AirView is, and who asks.

    Attributes:
        base_url: Where the API is, with its prefix if it has one.
        token_file: A file with a token, `-` for stdin; by default what the environment says, as
            the top of `airview-herald --help` tells.
        timeout: Seconds for connecting, and for each read and write; by default 5 and 30.
        allow_http: Accept a plain http URL of another machine, though credentials travel.
        ca: A file with private authorities, trusted beside those of the machine.
        cert: A file with a client certificate, for servers that ask for one.
        key: The file with its private key; by default `cert` has that too.
    """

    base_url: Annotated[str, Parameter(env_var="AIRVIEW_BASE_URL")]
    token_file: Annotated[
        FileName | None, Parameter(env_var="AIRVIEW_TOKEN_FILE", allow_leading_hyphen=True)
    ] = None
    timeout: float | None = None
    allow_http: Annotated[bool, Parameter(negative=(), show_default=False)] = False
    ca: Authorities = None
    cert: Certificate = None
    key: Key = None

    def credential(self) -> Credential:
        """Return the credential that holds."""
        return airview_credential(self.token_file, allow_http=self.allow_http)

    def client(self, credential: Credential | None = None) -> AirView:
        """Return a client for reading."""
        return self._client(credential, _NO_SYSTEM, "MONITOR", _NO_SYSTEM, settle=0.0)

    def _client(
        self,
        credential: Credential | None,
        system: str,
        stage: str,
        referencing: str,
        *,
        settle: float,
    ) -> AirView:
        return AirView(
            self.base_url,
            system_name=system,
            system_stage=stage,
            referencing_type=referencing,
            auth=(credential or self.credential()).auth,
            timeout=TIMEOUT if self.timeout is None else self.timeout,
            allow_http=self.allow_http,
            verify=verifying(self.ca, self.cert, self.key),
            settle=settle,
        )


@Parameter(name="*", group=_CONNECTION)
@attrs.frozen(kw_only=True)
class System(Server):
    """Where AirView is, who asks, and for which system.

    Attributes:
        base_url: Where the API is, with its prefix if it has one.
        token_file: A file with a token, `-` for stdin; by default what the environment says, as
            the top of `airview-herald --help` tells.
        timeout: Seconds for connecting, and for each read and write; by default 5 and 30.
        allow_http: Accept a plain http URL of another machine, though credentials travel.
        ca: A file with private authorities, trusted beside those of the machine.
        cert: A file with a client certificate, for servers that ask for one.
        key: The file with its private key; by default `cert` has that too.
        system_name: The name of the system that records.
        system_stage: The stage it looks at; counts when the system is first recorded.
        referencing_type: The type under which applications are referenced, such as
            `aws_account_id`.
        settle: Seconds within which the server surely ends or drops what it did not answer.
    """

    system_name: Annotated[str, Parameter(env_var="AIRVIEW_SYSTEM_NAME")]
    system_stage: Annotated[Stage, Parameter(env_var="AIRVIEW_SYSTEM_STAGE")] = "MONITOR"
    referencing_type: Annotated[str, Parameter(env_var="AIRVIEW_REFERENCING_TYPE")]
    settle: float = 30.0

    def client(self, credential: Credential | None = None) -> AirView:
        """Return a client of the system."""
        return self._client(
            credential,
            self.system_name,
            self.system_stage,
            self.referencing_type,
            settle=self.settle,
        )
