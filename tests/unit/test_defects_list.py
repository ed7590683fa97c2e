"""The list of defects that can be put back keeps up with the package."""

import importlib.util
from pathlib import Path

import pytest

import airview_herald

SCRIPT = Path(__file__).parents[1] / "defects_seen_red.py"
PACKAGE = Path(airview_herald.__file__).parent


def defects():
    """Load the script's list."""
    spec = importlib.util.spec_from_file_location("defects_seen_red", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.DEFECTS


def test_every_defect_but_those_of_the_installation_can_be_put_back():
    """The contract names thirty-two; 1 and 31 are not of the package's text."""
    assert set(defects()) == set(range(2, 33)) - {31}


@pytest.mark.parametrize("number", sorted(defects()))
def test_the_text_that_a_defect_replaces_is_there_once(number):
    """A change of the package that moves it has to move it in the list too."""
    defect = defects()[number]
    assert (PACKAGE / defect.file).read_text().count(defect.sound) == 1
