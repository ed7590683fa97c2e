"""Which servers are trusted, and which certificate is shown to those that ask for one."""

from __future__ import annotations

import logging
import os
import re
import ssl
import sys
from pathlib import Path
from typing import TypeAlias

from airview_herald._home import at_home
from airview_herald._secret import Secret
from airview_herald.errors import ConfigurationError

logger = logging.getLogger("airview_herald")

PathLike: TypeAlias = str | os.PathLike[str]
Verify: TypeAlias = ssl.SSLContext | bool

_OWN_STORES = ("darwin", "win32")
# Where systems keep their certificates, which an OpenSSL that came with Python may not know:
# Debian and its like, Red Hat's, SUSE's, and Alpine's and the BSDs'.
_KNOWN_STORES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/cert.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
# The names that `openssl rehash` gives to certificates, by which OpenSSL finds them.
_HASHED = re.compile(r"[0-9a-f]{8}\.[0-9]+")


def tls_context(
    *,
    ca: PathLike | None = None,
    system: bool = True,
    cert: PathLike | None = None,
    key: PathLike | None = None,
    password: str | Secret | None = None,
) -> ssl.SSLContext:
    """Return a context for `verify=`: whom a client trusts, and which certificate it shows.

    Certificates and the names in them are verified, and nothing older than TLS 1.2 is spoken. The
    variable `SSLKEYLOGFILE` has no effect: set the context's `keylog_filename` to the same end.

    Args:
        ca: A file of PEM certificates, or a folder of them as `openssl rehash` leaves it; trusted
            beside the system's store, so that a gateway of a private authority and a public token
            endpoint can both be reached.
        system: Whether the system's store is trusted: that of macOS and Windows, the folders of
            OpenSSL elsewhere, or what `SSL_CERT_FILE` and `SSL_CERT_DIR` name in its place.
        cert: A file with a client certificate, and with those between it and its authority, in PEM.
        key: The file of its private key; by default `cert` holds that too.
        password: What the key is encrypted with.

    Raises:
        ConfigurationError: A file cannot be used, or what is given does not go together; the
            message names the argument.
    """
    if not system and ca is None:
        raise ConfigurationError("ca: must be given where the system's store is not trusted")
    context = _trusting_the_system() if system else _trusting_nobody()
    if ca is not None:
        _trust(context, "ca", ca)
    if cert is not None:
        _show(context, cert, key, password)
    elif key is not None or password is not None:
        raise ConfigurationError("cert: must be given together with key or password")
    return context


def checked_verify(verify: Verify) -> Verify:
    """Return what a caller gives for `verify`.

    Raises:
        ConfigurationError: It is neither a context nor a bool.
    """
    if not isinstance(verify, ssl.SSLContext | bool):
        raise ConfigurationError(
            "verify: must be an ssl.SSLContext or a bool; tls_context(ca=...) makes one of a file"
        )
    return verify


def context_for(verify: Verify) -> ssl.SSLContext:
    """Return the context that a setting stands for.

    Args:
        verify: A context; true for the system's store; or false for no verification at all.

    Raises:
        ConfigurationError: The environment names a store that cannot be used.
    """
    if not isinstance(verify, bool):
        return verify
    if verify:
        return tls_context()
    logger.warning("verify: certificates are not verified, so that anybody may be the server")
    context = _trusting_nobody()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _trusting_nobody() -> ssl.SSLContext:
    # Not `ssl.create_default_context`, which writes the keys of all connections to the file that
    # SSLKEYLOGFILE names.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if sys.version_info >= (3, 13):  # as in `ssl.create_default_context` from then on
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
    return context


def _trusting_the_system() -> ssl.SSLContext:
    named = {name: os.environ[name] for name in _VARIABLES if os.environ.get(name)}
    if not named and sys.platform in _OWN_STORES:
        import truststore  # noqa: PLC0415 - installed where it is needed

        # A subclass of `ssl.SSLContext` that has the system check each certificate.
        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context = _trusting_nobody()
    for name, path in named.items():
        _trust(context, name, path)
    if not named:
        context.set_default_verify_paths()
        if not _has_default_store():
            context.load_verify_locations(_store_elsewhere())
    return context


def _has_default_store() -> bool:
    """Return whether there are certificates where OpenSSL looks for them."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile is not None:
        return True
    files = () if paths.capath is None else Path(paths.capath).iterdir()
    return any(_HASHED.fullmatch(file.name) for file in files)


def _store_elsewhere() -> str:
    """Return a file of the system's, or else the public authorities that Mozilla trusts."""
    import certifi  # noqa: PLC0415 - the last resort

    return next(filter(os.path.isfile, _KNOWN_STORES), None) or certifi.where()


def _trust(context: ssl.SSLContext, field: str, path: PathLike) -> None:
    """Trust the certificates in a file, or in a folder."""
    where = _path(field, path)
    try:
        if where.is_dir():
            context.load_verify_locations(capath=where)
        else:
            context.load_verify_locations(cafile=where)
    except ssl.SSLError:
        raise ConfigurationError(f"{field}: {where} holds no certificate in PEM") from None
    except OSError as error:
        raise _unreadable(field, where, error) from None


def _show(
    context: ssl.SSLContext,
    cert: PathLike,
    key: PathLike | None,
    password: str | Secret | None,
) -> None:
    """Have a client certificate shown to servers that ask for one."""
    file = _path("cert", cert)
    key_file = file if key is None else _path("key", key)
    field = "cert" if key is None else "key"
    for each, where in (("cert", file), (field, key_file)):
        try:
            where.open("rb").close()
        except OSError as error:
            raise _unreadable(each, where, error) from None
    held = None if password is None else Secret(password, "password")
    asked = False

    def ask() -> str:
        nonlocal asked
        asked = True
        # Without a password OpenSSL asks on the terminal, where a service would wait for ever.
        if held is None:
            raise ConfigurationError(f"password: must be given: {key_file} is encrypted")
        return held.reveal()

    try:
        context.load_cert_chain(file, key_file, ask)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            fault = f"key: {key_file} does not belong to the certificate in {file}"
        elif asked:
            fault = f"password: does not open {key_file}"
        else:
            fault = f"cert: {file} and {key_file} hold no certificate and private key in PEM"
        raise ConfigurationError(fault) from None


def _path(field: str, path: PathLike) -> Path:
    if not isinstance(path, str | os.PathLike) or not os.fspath(path):
        raise ConfigurationError(f"{field}: must be the path of a file")
    return at_home(path)


def _unreadable(field: str, path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(f"{field}: {path} cannot be read: {error.strerror}")
