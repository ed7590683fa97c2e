"""Whom a command trusts, and which certificate it shows."""

from __future__ import annotations

import ssl
from typing import Annotated, TypeAlias

from cyclopts import Parameter

from airview_herald.cli._file_names import FileName
from airview_herald.transport import tls_context

Authorities: TypeAlias = Annotated[FileName | None, Parameter(env_var="AIRVIEW_HERALD_CA")]
Certificate: TypeAlias = Annotated[FileName | None, Parameter(env_var="AIRVIEW_HERALD_CERT")]
Key: TypeAlias = Annotated[FileName | None, Parameter(env_var="AIRVIEW_HERALD_KEY")]


def verifying(ca: str | None, cert: str | None, key: str | None) -> ssl.SSLContext | bool:
    """Return what says whom a client trusts; true for the machine's own store.

    Raises:
        ConfigurationError: A file cannot be used, or there is a key without its certificate.
    """
    if ca is cert is key is None:
        return True
    return tls_context(ca=ca, cert=cert, key=key)
