import importlib
import inspect
import subprocess
import sys
import typing
from types import ModuleType

import attrs
import pytest

import airview_herald
from airview_herald import airview, errors, herald
from airview_herald._extras import install

MODULES = [
    "airview",
    "auth",
    "distributed",
    "errors",
    "escalation",
    "herald",
    "sandbox",
    "sandbox.herald",
    "sources",
    "telemetry",
    "transport",
]
DOORS = ["airview_herald", *(f"airview_herald.{name}" for name in MODULES)]
EDGES = [
    *("starlette", "uvicorn", "sqlite3", "aiohttp", "configparser", "opentelemetry"),
    *("rich", "tqdm", "IPython", "dask", "distributed", "airview_herald.sandbox"),
]

NAMES = [
    pytest.param(module, name, id=f"{module}.{name}")
    for module in DOORS
    for name in importlib.import_module(module).__all__
]


def public(module):
    """Return what is importable from a module without an underscore, defined in this package."""
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not isinstance(value, ModuleType)
        and getattr(value, "__module__", module.__name__).startswith("airview_herald")
        and not isinstance(value, typing.TypeVar)
        and name != "annotations"
    }


@pytest.mark.parametrize("door", DOORS)
def test_all_is_sorted_and_says_what_is_there(door):
    """What `__all__` lists is what can be imported, each name once and in order."""
    module = importlib.import_module(door)
    assert module.__all__ == sorted(set(module.__all__))
    for name in module.__all__:
        getattr(module, name)  # some are imported when they are asked for
    assert set(module.__all__) - {"__version__"} == public(module) - {"TYPE_CHECKING", "lazily"}


@pytest.mark.parametrize("door", DOORS)
def test_star_imports_work(door):
    """Every name that `__all__` lists is there to be imported."""
    namespace = {}
    exec(f"from {door} import *", namespace)  # noqa: S102 - there is no other way to say it
    assert set(importlib.import_module(door).__all__) <= set(namespace)


def test_the_version_is_the_distributions():
    """`__version__` is what the installed metadata says."""
    assert airview_herald.__version__ == importlib.metadata.version("airview-herald")


def test_a_name_that_is_not_there_is_an_attribute_error():
    """Importing late hides no misspelt name."""
    with pytest.raises(
        AttributeError, match=r"^module 'airview_herald' has no attribute 'AirVeiw'$"
    ):
        _ = airview_herald.AirVeiw


@pytest.mark.parametrize(("door", "name"), NAMES)
def test_every_public_name_is_documented(door, name):
    """Each has a docstring of its own whose first line is a sentence."""
    value = getattr(importlib.import_module(door), name)
    if name == "__version__":
        return
    first, *rest = inspect.cleandoc(value.__doc__ or "").splitlines()
    assert first[0].isupper() or first[0].isdigit()
    assert first[-1] in ".:;"
    assert rest[:1] in ([], [""])


def members(module):
    """Return the public methods and properties of a module's classes as (name, member)."""
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.isclass(value):
            ours = [cls for cls in value.__mro__ if cls.__module__.startswith("airview_herald")]
            every = {name: member for cls in ours for name, member in vars(cls).items()}
            for attribute, member in every.items():
                if not attribute.startswith("_") and (
                    inspect.isfunction(member) or isinstance(member, property | classmethod)
                ):
                    yield f"{name}.{attribute}", member


@pytest.mark.parametrize("door", DOORS)
def test_every_public_method_is_documented(door):
    """Methods and properties of public classes all say what they do."""
    undocumented = [
        name for name, member in members(importlib.import_module(door)) if not member.__doc__
    ]
    assert undocumented == []


@pytest.mark.parametrize(
    "cls",
    [
        value
        for door in (airview, herald)
        for value in map(vars(door).get, door.__all__)
        if attrs.has(value)
    ],
    ids=lambda cls: cls.__name__,
)
def test_hints_of_public_classes_resolve(cls):
    """Decoders and documentation tools can read the fields' types at run time."""
    assert set(typing.get_type_hints(cls)) == {field.name for field in attrs.fields(cls)}


@pytest.mark.parametrize(("name", "member"), [*members(airview), *members(herald)])
def test_hints_of_public_methods_resolve(name, member):
    """Whoever inspects a method at run time finds its types."""
    function = member.fget if isinstance(member, property) else member
    assert "return" in typing.get_type_hints(function)


def test_the_documented_exception_is_the_status_branch():
    """Existing `except BackendFailureException` clauses catch what the server refuses."""
    assert airview.BackendFailureException is errors.StatusError


@pytest.mark.parametrize("name", ["airview", "auth", "errors", "herald"])
def test_the_clients_modules_are_there(name):
    """`import airview_herald` is enough to say `airview_herald.errors.NotFoundError`."""
    code = f"import airview_herald; print(airview_herald.{name}.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"airview_herald.{name}\n"


def test_importing_the_package_imports_no_edge():
    """The clients need no extra, and do not load what only the sandbox uses, or a first request."""
    late = [*EDGES, "httpcore", "importlib.metadata"]
    # httpx has a command line of its own, for which it imports rich where that is installed.
    code = (
        "import sys, types, airview_herald; loaded = [n for n in sys.modules if 'httpx' in n]; "
        "sys.modules['httpx._main'] = types.SimpleNamespace(main=lambda: None); "
        "from airview_herald import AirView, Herald; "
        f"print(loaded, [n for n in {late} if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("[] []\n", "")


AS_A_MODULE = (
    "import runpy, sys; sys.argv[0] = '-m'; runpy._run_module_as_main('airview_herald.sandbox')"
)


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
@pytest.mark.parametrize(
    ("asked", "before"),
    [
        ("import airview_herald.sandbox", "ModuleNotFoundError: "),
        # As `python -m` does, for which a traceback would be of no use.
        (AS_A_MODULE, "error: "),
    ],
)
def test_a_sandbox_without_its_extra_says_what_to_install(missing, asked, before):
    """Without the extra's packages the sandbox names the extra, not a package."""
    script = (
        "import importlib.util as util; real = util.find_spec\n"
        f"util.find_spec = lambda name: None if name == {missing!r} else real(name)\n"
        f"{asked}"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    told = f"{before}the sandbox needs its extra: {install('sandbox')}"
    assert done.stderr.splitlines()[-1] == told
    assert before != "error: " or done.stderr == f"{told}\n"
