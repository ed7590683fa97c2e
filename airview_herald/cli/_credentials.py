"""AirView's credential: from the environment, a file or stdin, and never from an argument."""

from __future__ import annotations

import os
from collections.abc import Mapping

import attrs
import httpx

from airview_herald._secret import Secret
from airview_herald.auth import BearerToken
from airview_herald.auth import _environment as environment
from airview_herald.cli._ends import UsageError
from airview_herald.cli._file_names import beginning, called

# No token is longer; and a device such as /dev/zero never ends.
_LONGEST = 64 * 1024


@attrs.frozen
class Credential:
    """A credential, and where it is from.

    Attributes:
        auth: What sends it; `None` sends none.
        where: The option, the file or the variables.
    """

    auth: httpx.Auth | None
    where: str


def airview_credential(
    token_file: str | None, *, allow_http: bool = False, environ: Mapping[str, str] | None = None
) -> Credential:
    """Return the credential that holds: the option's, else the environment's, else none.

    Args:
        token_file: The file with a token that was asked for; `-` is stdin.
        allow_http: Accept a plain http token endpoint on another machine.
        environ: The environment; that of the process unless a test brings its own.

    Raises:
        UsageError: The file cannot be read.
        ConfigurationError: The environment says two things, or half of one, or the credential
            cannot be used.
    """
    if token_file:
        return Credential(BearerToken(token_in(token_file)), called(token_file))
    variables = os.environ if environ is None else environ
    return Credential(*environment.airview_credential(variables, allow_http=allow_http))


def token_in(file: str) -> Secret:
    """Return the token in a file; `-` is stdin.

    Raises:
        UsageError: It cannot be read, or is none.
        ConfigurationError: It cannot be sent.
    """
    name = called(file)
    try:
        content = beginning(file, _LONGEST + 1)
        if len(content) > _LONGEST:
            raise UsageError(name, f"is longer than a token: {_LONGEST} bytes at most")
        text = content.decode("utf-8-sig").strip()
    except OSError as error:
        raise UsageError(name, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(name, "is not text") from None
    if not text:
        raise UsageError(name, "has no token")
    return Secret(text, name)
