"""The search for planted secrets in whatever is shown, and all that an error shows."""

import base64
import copy
import html
import json
import pickle
import traceback
from pathlib import Path
from urllib.parse import quote, quote_plus

import attrs

_TESTS = str(Path(__file__).resolve().parents[1])


def forms(*values):
    """Return each value as it may show: raw, in URLs, HTML, JSON and Python, in base64 and hex."""
    found = set()
    for value in values:
        raw = value.encode()
        found |= {
            value,
            quote(value, safe=""),
            quote(value),
            quote_plus(value),
            html.escape(value),
            json.dumps(value)[1:-1],
            base64.b64encode(raw).decode(),
            base64.urlsafe_b64encode(raw).decode(),
            repr(value)[1:-1],
            ascii(value)[1:-1],
            raw.hex(),
        }
    return {form.rstrip("=") for form in found}


def found_in(planted, texts):
    """Return what of the planted forms shows, each with what is around it."""
    return [
        f"{form!r} in ...{text[max(0, at - 60) : at + len(form) + 20]}..."
        for text in map(str, texts)
        for form in planted
        if (at := text.find(form)) >= 0
    ]


def shown_by(error):
    """Return what is printed of an error and of all that is behind it."""
    texts = [*traceback.format_exception(error)]
    for each in _chain(error, set()):
        texts += [str(each), repr(each), repr(vars(each)), *getattr(each, "__notes__", ())]
    return texts


def everything(error):
    """Return also what is in it: its arguments, its copies, its pickle, its frames' variables."""
    texts = [*shown_by(error), repr(copy.copy(error)), pickle.dumps(error).decode("latin-1")]
    for each in _chain(error, set()):
        texts += [repr(each.args), *_variables(each)]
        texts += [
            repr(attrs.asdict(value))
            for value in (*each.args, *vars(each).values())
            if attrs.has(type(value))
        ]
    return texts


def _chain(error, seen):
    """Return an error and all that are behind it, those that a traceback leaves out too."""
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    yield error
    behind = (error.__cause__, error.__context__, *getattr(error, "exceptions", ()))
    for each in behind:
        yield from _chain(each, seen)


def _variables(error):
    """Return the variables of an error's frames, as tools show them; a test's own are left out."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if not frame.f_code.co_filename.startswith(_TESTS):
            where = f"{frame.f_code.co_filename}:{frame.f_code.co_name}"
            yield from (
                f"{where}: {name} = {_shown(value)}" for name, value in frame.f_locals.items()
            )


def _shown(value):
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001 - of an object that is not made to its end
        return str(error)
