"""`Secret` shows its value to nobody who does not ask for it."""

import copy
import pickle

import attrs
import pytest

from airview_herald._secret import Secret
from airview_herald.errors import ConfigurationError

VALUE = "hunter2"


@attrs.frozen
class Owner:
    """Something with a credential."""

    key: Secret


@pytest.mark.parametrize(
    "shown",
    [
        str,
        repr,
        format,
        "{}".format,
        lambda secret: f"{secret!s} {secret!r} {secret}",
        lambda secret: "%s %r" % (secret, secret),  # noqa: UP031 - what old logging calls do
        lambda secret: repr(Owner(secret)),
        lambda secret: repr([secret]),
        ascii,
    ],
)
def test_a_secret_is_masked(shown):
    """No way of making text of a secret, or of its owner, shows the value."""
    text = shown(Secret(VALUE))
    assert "**********" in text
    assert VALUE not in text


def test_a_secret_is_revealed_on_request():
    """`reveal` is the one door to the value."""
    assert Secret(VALUE).reveal() == VALUE


def test_a_secret_takes_a_secret():
    """A secret of a secret holds the same value."""
    assert Secret(Secret(VALUE)).reveal() == VALUE


@pytest.mark.parametrize("owner", [Secret(VALUE), Owner(Secret(VALUE)), {"key": Secret(VALUE)}])
@pytest.mark.parametrize("copier", [pickle.dumps, copy.deepcopy])
def test_a_secret_is_not_pickled(owner, copier):
    """Pickling a secret, or whatever holds one, is refused with a way out."""
    with pytest.raises(TypeError, match="cannot be pickled: pass credentials by environment"):
        copier(owner)


def test_a_secret_has_no_dict():
    """Debuggers and serializers that look into `vars()` find nothing."""
    assert not hasattr(Secret(VALUE), "__dict__")


def test_secrets_are_compared_by_value():
    """Equal secrets are equal and hash alike; a plain text is no secret."""
    assert Secret(VALUE) == Secret(VALUE)
    assert hash(Secret(VALUE)) == hash(Secret(VALUE))
    assert Secret(VALUE) != Secret("other")
    assert Secret(VALUE) != VALUE
    assert hash(Secret(VALUE)) != hash(VALUE)


@pytest.mark.parametrize("value", ["", None, b"hunter2", 7])
def test_a_secret_is_a_text_with_something_in_it(value):
    """Nothing, or something that is no text, is refused by name."""
    with pytest.raises(ConfigurationError) as caught:
        Secret(value, "client_secret")
    assert str(caught.value) == "client_secret: must be a text that is not empty"


@pytest.mark.parametrize(
    "value", ["a\nb", "a\r\nX: y", "a\0", "a\tb", "a\x7f", "pässword", "a\u2028"]
)
def test_a_secret_fits_in_a_header(value):
    """A character that no header may carry is refused, and the message does not quote it."""
    with pytest.raises(ConfigurationError, match=r"^token: must be printable ASCII") as caught:
        Secret(value, "token")
    assert value not in str(caught.value)
    assert value not in repr(caught.value)
