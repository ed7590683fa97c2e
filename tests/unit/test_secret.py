"""`Secret` shows its value to nobody who does not ask for it."""

import base64
import copy
import html
import json
import pickle
import re
import time
import traceback
from urllib.parse import quote, quote_plus

import attrs
import pytest

from airview_herald._secret import Secret, masked
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


@pytest.mark.parametrize("value", ["hunter2\n", "pässword"])
def test_a_refused_secret_is_in_no_variable(value):
    """Tools that show the variables of a traceback's frames find it in none of this package's."""
    with pytest.raises(ConfigurationError) as caught:
        Secret(value)
    frames = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__)]
    assert frames[-1].f_code.co_name == "__init__"
    assert value not in map(str, frames[-1].f_locals.values())


@pytest.mark.parametrize(
    "secret",
    [
        *("planted+/=&'\"<", "pässword-7", Secret("planted+/=&")),
        # What follows the first 32 characters.
        "planted-in-a-token-of-some-length" + "+/=&'\"<_" * 3,
    ],
)
def test_what_repeats_a_secret_is_masked(secret):
    """In each form in which it may be repeated, and nothing beside it."""
    text = secret.reveal() if isinstance(secret, Secret) else secret
    for form in (
        text,
        quote(text),
        quote(text, safe=""),
        quote_plus(text),
        html.escape(text),
        json.dumps(text),
        # As PHP and .NET write JSON, .NET a part of a URL, and OWASP's encoders HTML.
        json.dumps(text).replace("/", "\\/"),
        "".join(c if c.isalnum() else f"\\u{ord(c):04X}" for c in text),
        re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), quote(text, safe="")),
        "".join(c if c.isalnum() else f"&#x{ord(c):X};" for c in text),
        "".join(c if c.isalnum() else f"&#{ord(c)};" for c in text),
        base64.b64encode(text.encode()).decode(),
        base64.urlsafe_b64encode(text.encode()).decode(),
    ):
        content = masked(f"before:{form}:after".encode(), ["nowhere", secret]).decode()
        bare = content.replace('"', "").replace("=", "")
        assert bare == "before:**********:after"


def test_the_longest_of_several_secrets_is_masked_whole():
    """One that begins another leaves no rest of it."""
    assert masked(b"token-17-b", ["token", "token-17-b"]) == b"**********"


def test_a_secret_without_letters_is_masked_too():
    """There is nothing in it that says at once whether it is there."""
    assert masked(b"a %2b%2f&#45;\\u002d b", ["+/--"]) == b"a ********** b"


def test_what_is_in_other_words_too_is_not_masked():
    """A text of a few letters hides nothing and would spoil a lot."""
    assert masked(b"a product", ["pro"]) == b"a product"


def test_a_long_secret_hides_nothing_behind_it():
    """As many characters as it has are masked, though what follows is made of the same."""
    secret = "Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"
    assert masked(f"{secret} is out of date".encode(), [secret]) == b"********** is out of date"


def test_a_secret_that_repeats_itself_is_masked_in_no_time():
    """It may begin at each of its characters, and is not read to its end each time."""
    secret, content = "a=" * 8_000 + "b", b"a%3D" * 20_000
    began = time.process_time()
    assert b"a%3D" * 8_000 not in masked(content, [secret])
    assert time.process_time() - began < 1
