import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airview_herald.errors import InputError
from airview_herald.sources import decode_reference, encode_reference

_ALPHABET = re.compile(r"[A-Za-z0-9_.~/-]*")
_ANY_TEXT = st.text(st.characters())


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("ruff/S101", "ruff/S101"),
        ("arn:aws:iam::123:role/x y", "arn~3Aaws~3Aiam~3A~3A123~3Arole/x~20y"),
        ("~", "~7E"),
        ("é€", "~C3~A9~E2~82~AC"),
        ("a\n", "a~0A"),
        ("", ""),
    ],
)
def test_references_read_as_far_as_they_can(text, reference):
    """What AirView takes stays as it is, and everything else is a byte in hexadecimal."""
    assert encode_reference(text) == reference
    assert decode_reference(reference) == text


@given(_ANY_TEXT)
def test_every_text_comes_back(text):
    """Encoding any text, lone surrogates included, can be undone."""
    assert decode_reference(encode_reference(text)) == text


@given(_ANY_TEXT)
def test_references_keep_to_the_alphabet(text):
    """No text leads to a character that AirView refuses."""
    assert _ALPHABET.fullmatch(encode_reference(text))


@given(st.text("~aAfF019 é/", max_size=12))
def test_a_reference_stands_for_one_text_only(reference):
    """What decodes at all is exactly what encoding gives."""
    try:
        text = decode_reference(reference)
    except InputError:
        return
    assert encode_reference(text) == reference


@pytest.mark.parametrize("reference", ["~", "~4", "~zz", "~3a", "~41", "~FF", "a b", "é"])
def test_what_is_no_reference_is_refused(reference):
    """Stray tildes, lower-case digits, needless escapes, broken UTF-8 and foreign characters."""
    with pytest.raises(InputError, match=r"^reference: is nothing that encode_reference returns$"):
        decode_reference(reference)
