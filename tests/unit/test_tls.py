"""What is asked of a context for TLS, and what is wrong with the files for one."""

import ssl
import sys

import certifi
import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from airview_herald.auth import Secret
from airview_herald.errors import ConfigurationError
from airview_herald.transport import _tls, tls_context

PASSWORD = "planted-password"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Keep certificates and keys of all kinds in files."""
    folder = tmp_path_factory.mktemp("files")
    issued = trustme.CA().issue_cert("scanner@example.com")
    other = trustme.CA().issue_cert("scanner@example.com")
    issued.cert_chain_pems[0].write_to_path(folder / "client.pem")
    issued.private_key_pem.write_to_path(folder / "client.key")
    issued.private_key_and_cert_chain_pem.write_to_path(folder / "both.pem")
    other.private_key_pem.write_to_path(folder / "other.key")
    key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
    for name, form in (
        ("locked.key", serialization.PrivateFormat.PKCS8),
        ("locked-as-ever.key", serialization.PrivateFormat.TraditionalOpenSSL),
    ):
        locked = key.private_bytes(
            serialization.Encoding.PEM,
            form,
            serialization.BestAvailableEncryption(PASSWORD.encode()),
        )
        (folder / name).write_bytes(locked)
    (folder / "text.pem").write_text("no certificate")
    (folder / "empty").mkdir()
    return folder


def test_servers_are_verified_by_the_system_s_store():
    """Their names too, and at TLS 1.2 at least."""
    context = tls_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.cert_store_stats()["x509_ca"] > 0


def test_it_is_as_strict_as_python_s_own_default():
    """What a release of Python checks besides is checked here too."""
    assert tls_context().verify_flags == ssl.create_default_context().verify_flags


def test_nobody_but_the_named_authority_is_trusted(folder):
    """Without the system's store."""
    context = tls_context(ca=folder / "client.pem", system=False)
    assert context.cert_store_stats()["x509"] == 1


@pytest.mark.skipif(sys.platform in _tls._OWN_STORES, reason="its store is no file")
def test_a_machine_without_a_store_has_the_public_authorities(folder, monkeypatch):
    """A container without the package of certificates reaches public servers all the same."""
    paths = ssl.DefaultVerifyPaths(None, str(folder / "empty"), "", "", "", "")
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
    monkeypatch.setattr(ssl.SSLContext, "set_default_verify_paths", lambda _: None)
    monkeypatch.setattr(_tls, "_KNOWN_STORES", (str(folder / "none.pem"),))
    known = tls_context(ca=certifi.where(), system=False).cert_store_stats()
    assert tls_context().cert_store_stats() == known
    monkeypatch.setattr(_tls, "_KNOWN_STORES", (str(folder / "client.pem"),))
    assert tls_context().cert_store_stats()["x509"] == 1


@pytest.mark.parametrize(
    "given",
    [
        {"cert": "client.pem", "key": "client.key"},
        {"cert": "both.pem"},
        {"cert": "client.pem", "key": "locked.key", "password": PASSWORD},
        {"cert": "client.pem", "key": "locked.key", "password": Secret(PASSWORD)},
        {"cert": "client.pem", "key": "locked-as-ever.key", "password": PASSWORD},
    ],
)
def test_a_client_certificate_is_taken_from_files(folder, given):
    """In one or two, the key encrypted or not."""
    files = {name: folder / value for name, value in given.items() if name != "password"}
    tls_context(**given | files)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"system": False}, "ca: must be given where the system's store is not trusted"),
        ({"ca": ""}, "ca: must be the path of a file"),
        ({"ca": 7}, "ca: must be the path of a file"),
        ({"ca": "none.pem"}, "ca: {}/none.pem cannot be read: No such file or directory"),
        ({"ca": "text.pem"}, "ca: {}/text.pem holds no certificate in PEM"),
        ({"key": "client.key"}, "cert: must be given together with key or password"),
        ({"password": PASSWORD}, "cert: must be given together with key or password"),
        ({"cert": "none.pem"}, "cert: {}/none.pem cannot be read: No such file or directory"),
        (
            {"cert": "client.pem", "key": "none.key"},
            "key: {}/none.key cannot be read: No such file or directory",
        ),
        ({"cert": "empty"}, "cert: {}/empty cannot be read: Is a directory"),
        (
            {"cert": "client.pem"},
            "cert: {0}/client.pem and {0}/client.pem hold no certificate and private key in PEM",
        ),
        (
            {"cert": "text.pem", "key": "client.key"},
            "cert: {0}/text.pem and {0}/client.key hold no certificate and private key in PEM",
        ),
        (
            {"cert": "client.pem", "key": "other.key"},
            "key: {0}/other.key does not belong to the certificate in {0}/client.pem",
        ),
        (
            {"cert": "client.pem", "key": "locked.key"},
            "password: must be given: {}/locked.key is encrypted",
        ),
        (
            {"cert": "client.pem", "key": "locked.key", "password": "wrong-password"},
            "password: does not open {}/locked.key",
        ),
        (
            {"cert": "client.pem", "key": "locked-as-ever.key", "password": "wrong-password"},
            "password: does not open {}/locked-as-ever.key",
        ),
    ],
)
def test_what_cannot_be_used_is_named(folder, given, message):
    """By the argument and the file, without the password."""
    files = {
        name: folder / value
        for name, value in given.items()
        if name in {"ca", "cert", "key"} and value and isinstance(value, str)
    }
    with pytest.raises(ConfigurationError) as caught:
        tls_context(**given | files)
    assert str(caught.value) == message.format(folder)
