"""`airview-herald whoami`."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from airview_herald.cli._airview_options import Server
from airview_herald.cli._ends import ExitCode, UsageError, code_of, complain, told
from airview_herald.cli._file_names import FileName
from airview_herald.cli._herald_options import Account
from airview_herald.cli._output import Json, Output
from airview_herald.cli._trust import Authorities, Certificate, Key
from airview_herald.herald._settings import Settings

_NOWHERE = "neither AirView (AIRVIEW_BASE_URL) nor Herald (ALERTLOGIC_*, a profile) is configured"
_COLUMNS = ("service", "url", "credential", "account", "system", "system_id")


async def whoami(  # noqa: PLR0913 - the options that there are
    *,
    base_url: Annotated[str | None, Parameter(env_var="AIRVIEW_BASE_URL")] = None,
    system_name: Annotated[str | None, Parameter(env_var="AIRVIEW_SYSTEM_NAME")] = None,
    token_file: Annotated[
        FileName | None, Parameter(env_var="AIRVIEW_TOKEN_FILE", allow_leading_hyphen=True)
    ] = None,
    profile: str | None = None,
    endpoint: str | None = None,
    ca: Authorities = None,
    cert: Certificate = None,
    key: Key = None,
    json: Json = None,
) -> int:
    """Show which settings hold for each service that is configured, and log in.

    Args:
        base_url: AirView: where the API is.
        system_name: AirView: the name of the system that records.
        token_file: AirView: a file with a token, `-` for stdin.
        profile: Herald: the section of `~/.alertlogic/config`; by default what ALERTLOGIC_PROFILE
            says.
        endpoint: Herald: `production`, `integration`, `map`, or a URL; by default what
            ALERTLOGIC_ENDPOINT or the profile says.
        ca: A file with private authorities, trusted beside those of the machine.
        cert: A file with a client certificate, for servers that ask for one.
        key: The file with its private key; by default `cert` has that too.
    """
    asked = [_herald(Account(profile=profile, endpoint=endpoint, ca=ca, cert=cert, key=key))]
    if base_url:
        server = Server(base_url=base_url, token_file=token_file, ca=ca, cert=cert, key=key)
        asked.insert(0, _airview(server, system_name))
    rows: list[dict[str, Any]] = []
    codes: list[int] = []
    for each in asked:
        try:
            row = await each
        except Exception as error:  # noqa: BLE001 - one service does not hide the other
            complain(told(error))
            codes.append(code_of(error))
        else:
            if row is not None:
                rows.append(row)
    if not rows and not codes:
        raise UsageError("whoami", _NOWHERE)
    if rows:
        Output(json).rows(rows, _COLUMNS)
    return max(codes, default=ExitCode.DONE)


async def _airview(server: Server, system_name: str | None) -> dict[str, Any] | None:
    credential = server.credential()
    async with server.client(credential) as airview:
        # The name does not matter: the server answers only to a valid credential.
        name = system_name or "airview-herald"
        system_id = await airview.backend.get_system_id_by_name(name)
    return {
        "service": "AirView",
        "url": server.base_url,
        "credential": credential.where,
        "system": system_name,
        "system_id": system_id if system_name else None,
    }


async def _herald(account: Account) -> dict[str, Any] | None:
    """Return what holds for Herald; `None` if it is not configured."""
    settings = Settings.find(profile=account.profile, global_endpoint=account.endpoint)
    if settings.access_key_id is None:
        return None
    async with account.client() as herald:
        login = await herald.get_login_account_id()
    return {
        "service": "Herald",
        "url": settings.urls.get("aims") or settings.urls["herald"],
        "credential": settings.access_key_from,
        "login": login,
        "account": settings.account_id or login,
    }
