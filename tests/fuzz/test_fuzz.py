"""Hostile input: whatever comes, what comes out is a result or an error of ours."""

import random
from pathlib import Path

import pytest
from fuzz_inputs import mutated, scrambled
from fuzz_seeds import seeds
from fuzz_targets import TARGETS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FOUND = Path(__file__).parent / "found"


@st.composite
def _inputs(draw, name):
    """Return what is nearly right, or any bytes."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=400))
    seed = draw(st.sampled_from(seeds()[name]))
    make = draw(st.sampled_from([mutated, mutated, scrambled]))
    return make(seed, random.Random(draw(st.integers(0, 2**32))))


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_right_is_read(name):
    """The inputs that others are made from break no promise, and each target has some."""
    for seed in seeds()[name]:
        TARGETS[name](seed)


@pytest.mark.parametrize("name", TARGETS)
@given(data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_hostile_input_breaks_no_promise(name, data):
    """Only documented errors come out, and no secret is in them."""
    TARGETS[name](data.draw(_inputs(name)))


@pytest.mark.parametrize(
    "path", sorted(FOUND.glob("*/*")), ids=lambda path: f"{path.parent.name}-{path.name}"
)
def test_what_was_found_once_stays_mended(path):
    """Each input that broke a promise once is kept, by the name of its target."""
    TARGETS[path.parent.name](path.read_bytes())
