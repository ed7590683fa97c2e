"""The options of all commands that ask Herald."""

from __future__ import annotations

from typing import Annotated

import attrs
from cyclopts import Group, Parameter

from airview_herald.cli._credentials import token_in
from airview_herald.cli._file_names import FileName
from airview_herald.cli._trust import Authorities, Certificate, Key, verifying
from airview_herald.herald import Herald
from airview_herald.transport._options import TIMEOUT

_CONNECTION = Group.create_ordered("Connection")


@Parameter(name="*", group=_CONNECTION)
@attrs.frozen(kw_only=True)
class Account:
    """Where Herald is, and who asks: options, else `ALERTLOGIC_*`, else a profile.

    Attributes:
        profile: The section of `~/.alertlogic/config`, or of the file that ALERTLOGIC_CONFIG names;
            by default what ALERTLOGIC_PROFILE says.
        account_id: The account; by default what ALERTLOGIC_ACCOUNT_ID or the profile says, else
            the credential's own.
        endpoint: `production`, `integration`, `map`, or the URL of what serves everything, such
            as a sandbox; by default what ALERTLOGIC_ENDPOINT or the profile says, else
            production.
        residency: Where the account's data lie: `default`, `us` or `emea`; by default what
            ALERTLOGIC_RESIDENCY or the profile says.
        token_file: A file with an AIMS token, `-` for stdin, in place of an access key.
        timeout: Seconds for connecting, and for each read and write; by default 5 and 30.
        allow_http: Accept plain http URLs of other machines, though credentials travel.
        ca: A file with private authorities, trusted beside those of the machine.
        cert: A file with a client certificate, for servers that ask for one.
        key: The file with its private key; by default `cert` has that too.
    """

    profile: str | None = None
    account_id: str | None = None
    endpoint: str | None = None
    residency: str | None = None
    token_file: Annotated[FileName | None, Parameter(allow_leading_hyphen=True)] = None
    timeout: float | None = None
    allow_http: Annotated[bool, Parameter(negative=(), show_default=False)] = False
    ca: Authorities = None
    cert: Certificate = None
    key: Key = None

    def client(self) -> Herald:
        """Return a client."""
        return Herald(
            aims_token=token_in(self.token_file) if self.token_file else None,
            account_id=self.account_id,
            profile=self.profile,
            global_endpoint=self.endpoint,
            residency=self.residency,
            timeout=TIMEOUT if self.timeout is None else self.timeout,
            allow_http=self.allow_http,
            verify=verifying(self.ca, self.cert, self.key),
        )


# Where no option is given the client looks at its environment and its profile.
CONFIGURED = Account()
