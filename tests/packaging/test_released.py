"""What is released: an sdist and a wheel, each with all that belongs in it and nothing else."""

import email
import json
import os
import re
import shutil
import subprocess
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement

import airview_herald

ROOT = Path(__file__).parents[2]
RELEASED = Path(os.environ["RELEASED"])
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
REPOSITORY = PROJECT["urls"]["Source"]
# What is in the repository and not in an sdist: it is of use there alone.
LEFT_OUT = {".ci/run"}


@pytest.fixture(scope="module")
def sdist():
    """The names of the files in the sdist, below its own folder."""
    [path] = RELEASED.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        folder = path.name.removesuffix(".tar.gz")
        return {member.name.removeprefix(f"{folder}/") for member in archive if member.isfile()}


@pytest.fixture(scope="module")
def wheel():
    """The wheel, open."""
    [path] = RELEASED.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


@pytest.fixture(scope="module")
def metadata(wheel):
    """What the wheel says about itself."""
    [name] = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    return email.message_from_bytes(wheel.read(name))


def tracked():
    """Return the files of the repository; an sdist's own tree is none."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("no repository to compare with")
    done = subprocess.run([git, "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return {name for name in done.stdout.splitlines() if (ROOT / name).exists()}


def test_an_sdist_has_all_of_the_repository(sdist):
    """Tests and documentation too, so that a distributor can run and build them; no stray file."""
    assert sdist - {"PKG-INFO"} == tracked() - LEFT_OUT
    for folder in ("airview_herald", "tests", "docs/notebooks", "docs/_static"):
        assert any(name.startswith(f"{folder}/") for name in sdist)


def test_a_wheel_has_the_package_alone(wheel):
    """All of its files, the mark of its types, and its metadata."""
    names = set(wheel.namelist())
    ours = {name for name in names if not name.split("/")[0].endswith(".dist-info")}
    assert ours == {name for name in tracked() if name.startswith("airview_herald/")}
    assert "airview_herald/py.typed" in ours
    [folder] = {name.split("/")[0] for name in names - ours}
    assert {f"{folder}/licenses/LICENSE", f"{folder}/METADATA", f"{folder}/RECORD"} <= names


def test_the_sdist_builds_the_wheel_that_the_tree_builds():
    """Byte for byte."""
    [from_sdist], [from_tree] = RELEASED.glob("*.whl"), RELEASED.glob("tree/*.whl")
    assert from_sdist.name == from_tree.name
    assert from_sdist.read_bytes() == from_tree.read_bytes()


def test_the_version_comes_from_one_place(metadata):
    """One file says it; the build reads it there."""
    assert metadata["Version"] == airview_herald.__version__
    said = [
        name
        for name in tracked()
        if Path(name).suffix in {".py", ".toml", ".cfg"}
        and f'"{airview_herald.__version__}"' in (ROOT / name).read_text()
    ]
    assert said == ["airview_herald/_version.py"]


def test_the_metadata_is_complete(metadata):
    """What an index shows and what installers read."""
    assert metadata["Name"] == "airview-herald"
    assert metadata["Summary"] == PROJECT["description"]
    assert metadata["License-Expression"] == "MIT"
    assert metadata.get_all("License-File") == ["LICENSE"]
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert set(metadata["Keywords"].split(",")) == set(PROJECT["keywords"])
    assert set(metadata.get_all("Provides-Extra")) == set(PROJECT["optional-dependencies"])
    labels = {url.partition(", ")[0] for url in metadata.get_all("Project-URL")}
    assert labels == {"Changelog", "Documentation", "Issues", "Source"}
    classifiers = metadata.get_all("Classifier")
    assert {"Typing :: Typed", "Framework :: AsyncIO", "Framework :: Trio"} <= set(classifiers)
    assert metadata.get_payload().startswith("# airview-herald\n")


def test_the_wheel_says_what_it_needs(wheel, metadata):
    """Its bill of materials is sound, and names what its metadata names: nothing else is in it."""
    [name] = [name for name in wheel.namelist() if ".dist-info/sboms/" in name]
    assert name.endswith(".dist-info/sboms/airview-herald.cdx.json")
    text = wheel.read(name).decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bill = json.loads(text)
    subject = bill["metadata"]["component"]
    assert (subject["name"], subject["version"]) == (metadata["Name"], metadata["Version"])
    assert subject["licenses"] == [{"expression": metadata["License-Expression"]}]
    wanted = PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()
    required, *optional = [{Requirement(each).name for each in those} for those in wanted]
    scopes = {each["name"]: each["scope"] for each in bill["components"]}
    assert scopes == dict.fromkeys(set().union(*optional), "optional") | dict.fromkeys(
        required, "required"
    )
    said = {each["value"] for one in bill["components"] for each in one["properties"]}
    assert {each for those in wanted for each in those} <= said


def test_links_of_the_readme_work_on_an_index(metadata):
    """An index shows it without the repository around it: what is in there is linked to whole."""
    readme = (ROOT / "README.md").read_text()
    shown = metadata.get_payload()
    relative = re.findall(r"\]\((?!\w+:|#)([^)]+)\)", readme)
    assert relative
    for path in relative:
        assert (ROOT / path.partition("#")[0]).exists()
        assert f"]({REPOSITORY}/blob/main/{path})" in shown
    assert not re.search(r"\]\((?!\w+:|#)", shown)
