"""Every task of the project; `nox -l` lists them."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

import nox
from nox.command import CommandFailed
from packaging.requirements import Requirement

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "virtualenv"
nox.options.sessions = [
    "lint",
    "types",
    "bare",
    "package",
    "docs",
    "tests",
    "lowest",
    "contract",
    "demo",
]

PYPROJECT = nox.project.load_toml("pyproject.toml")
# Python puts the working directory, and with it the source tree, before what is installed.
_INSTALLED = {"PYTHONSAFEPATH": "1"}
# The last definitions with all of Herald's operations, and the present ones.
_DEFINITIONS = ("0.1.70", "0.1.168")
# The vendor's client: the newest, and the last that reads integrations.
_ALMDRLIB = {
    "newest": (("alertlogic-sdk-python",), ("--no-integrations",)),
    "integrations": (
        (
            "alertlogic-sdk-python==1.0.65",
            "alertlogic-sdk-definitions==0.1.70",
            "urllib3<2",  # that client uses an argument that urllib3 2 lacks
        ),
        (),
    ),
}
# What both backends promise, and what clients do over one of them.
_BACKENDS = (
    "tests/unit/test_aiohttp_transport.py",
    "tests/integration/test_aiohttp_connection.py",
    "tests/integration/test_backend_answers.py",
    "tests/integration/test_backend_requests.py",
    "tests/integration/test_backend_slots.py",
    "tests/integration/test_pool_sockets.py",
)
_CLIENTS = tuple(
    f"tests/integration/test_{name}.py"
    for name in (
        *("auth_over_sockets", "client_options", "doubt", "handle", "herald", "ingest"),
        *("ingest_ends", "late_answers", "left_bodies", "limits", "sandbox_faults_ingest"),
        *("shutdown", "tokens"),
    )
)
_WITHOUT_AIOHTTP = """
from airview_herald.errors import ConfigurationError
from airview_herald.transport import AiohttpTransport
try:
    AiohttpTransport()
except ConfigurationError as error:
    assert 'pip install ".[aiohttp]"' in str(error), error
else:
    raise SystemExit("aiohttp is there")
"""
# What runs with the oldest dependencies: all that needs no socket, and of the rest what leans
# hardest on other people's code.
_LOWEST = (
    "tests/distributed/test_cluster_cli.py",
    "tests/unit",
    *(
        f"tests/integration/test_{name}.py"
        for name in (
            *("auth_over_sockets", "handle", "herald", "ingest", "pool_sockets", "progress"),
            *("readings", "sandbox_cli", "sandbox_http"),
        )
    ),
)
# Most tests wait for most of their time, so that more of them than processors run at once.
_TOGETHER = ("-m", "not proof and not alone", "--numprocesses", "3", "--dist", "worksteal")
_ALONE = ("-m", "alone and not proof")
_NONE_CHOSEN = 5
VERSIONS = nox.project.python_versions(PYPROJECT)


def _wheel(session: nox.Session) -> str:
    """Build the wheel that the session installs: what users get, not the source tree."""
    folder = Path(session.create_tmp()) / "wheel"
    shutil.rmtree(folder, ignore_errors=True)
    session.run(
        "python", "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), ".",
        silent=True,
    )  # fmt: skip
    (wheel,) = folder.glob("*.whl")
    return str(wheel)


def _another(
    session: nox.Session, name: str, *requirements: str, interpreter: str = "python"
) -> Path:
    """Make an environment beside the session's own; return its interpreter."""
    venv = Path(session.create_tmp()) / name
    session.run(interpreter, "-m", "venv", "--clear", str(venv), external=True)
    python = venv / ("Scripts" if os.name == "nt" else "bin") / "python"
    session.run(str(python), "-m", "pip", "install", "--quiet", *requirements, external=True)
    return python


def _run_tests(
    session: nox.Session, *arguments: str, pytest: str = "pytest", env: dict[str, str] | None = None
) -> None:
    """Run tests; those that fail run once more, by themselves, and a warning says so.

    What else runs on a machine can make a test of how long things take fail, though hardly twice.
    """
    command = (pytest, *arguments)
    try:
        session.run(*command, env=env, external=True, success_codes=[0, _NONE_CHOSEN])
    except CommandFailed:
        session.warn("what failed runs once more, by itself")
        # Where pytest itself failed there is nothing to run, which is no success.
        again = ("--numprocesses", "0", "--last-failed", "--last-failed-no-failures", "none")
        session.run(*command, *again, env=env, external=True)


def _extra(name: str) -> list[str]:
    return list(PYPROJECT["project"]["optional-dependencies"][name])


def _group(name: str) -> list[str]:
    return list(nox.project.dependency_groups(PYPROJECT, name))


@nox.session
def demo(session: nox.Session) -> None:
    """Record what ruff finds in the standard library in AirView; send the worst through Herald."""
    session.install(f"{_wheel(session)}[sandbox]", *_group("demo"))
    session.run("python", "-m", "airview_herald.demo", *session.posargs, env=_INSTALLED)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the test suite on asyncio and trio against the built wheel."""
    session.install(f"{_wheel(session)}[aiohttp,cli,dask,sandbox]", *_group("tests"))
    session.run("coverage", "erase")
    for chosen in (_ALONE, _TOGETHER):
        _run_tests(session, *chosen, "--cov", "--cov-append", "--cov-report=", *session.posargs)
    if not session.posargs:
        # What is installed is what was tested; the tree beside it is not.
        installed = "--include=*/site-packages/airview_herald/*"
        session.run("coverage", "report", "--fail-under=95", installed)


@nox.session
def aiohttp(session: nox.Session) -> None:
    """Run what its transport promises on the lowest and newest aiohttp, and the clients over it."""
    session.install(f"{_wheel(session)}[aiohttp,sandbox]", *_group("tests"))
    for releases in (map(_oldest, _extra("aiohttp")), ["--upgrade", *_extra("aiohttp")]):
        session.install(*releases)
        session.run("pytest", "-q", *_BACKENDS)
    session.run("pytest", "-q", "--http", "aiohttp", *_CLIENTS, *session.posargs)


@nox.session
def lowest(session: nox.Session) -> None:
    """Run tests with the oldest versions that the dependencies and the extras allow."""
    project = PYPROJECT["project"]
    extras = project["optional-dependencies"]
    constraints = Path(session.create_tmp()) / "lowest.txt"
    needed = [*project["dependencies"], *(each for extra in extras.values() for each in extra)]
    constraints.write_text("\n".join(map(_oldest, needed)))
    session.install(
        "--constraint", str(constraints), f"{_wheel(session)}[{','.join(extras)}]", *_group("tests")
    )
    for chosen in (_ALONE, _TOGETHER):
        _run_tests(session, "-q", *chosen, *(session.posargs or _LOWEST))


@nox.session
def newest(session: nox.Session) -> None:
    """Run the same tests with the newest releases of everything, and tell what is held back."""
    extras = ",".join(PYPROJECT["project"]["optional-dependencies"])
    session.install(
        "--upgrade", "--upgrade-strategy", "eager",
        f"{_wheel(session)}[{extras}]", *_group("tests"),
    )  # fmt: skip
    session.run("python", "-m", "pip", "list")
    session.run("python", "-m", "pip", "list", "--outdated")
    session.run("pytest", "-q", *(session.posargs or _LOWEST))


def _oldest(requirement: str) -> str:
    """Return the pin of the oldest version that a requirement allows."""
    needed = Requirement(requirement)
    bounds = [each.version for each in needed.specifier if each.operator == ">="]
    if len(bounds) != 1:
        raise ValueError(f"{requirement}: has no lowest version")
    return f"{needed.name}=={bounds[0]}"


@nox.session
def contract(session: nox.Session) -> None:
    """Check Herald's operations against the OpenAPI definitions that Alert Logic publishes."""
    session.install(_wheel(session), *_group("contract"))
    folder = Path(session.create_tmp()) / "definitions"
    shutil.rmtree(folder, ignore_errors=True)
    for version in _DEFINITIONS:
        # Never imported, and so without dependencies: only the file in it is read.
        session.run(
            "python", "-m", "pip", "install", "--quiet", "--no-deps",
            "--target", str(folder / version), f"alertlogic-sdk-definitions=={version}",
        )  # fmt: skip
    session.run(
        "pytest", "tests/contract", *session.posargs, env={"HERALD_DEFINITIONS": str(folder)}
    )


@nox.session
def matrix(session: nox.Session) -> None:
    """Run the test suite on every supported Python that starts on this machine."""
    wheel = _wheel(session)
    ran = []
    for version in VERSIONS:
        interpreter = _interpreter(version)
        if interpreter is None:
            session.warn(f"Python {version} does not start here: left out")
            continue
        needed = (f"{wheel}[aiohttp,cli,dask,sandbox]", *_group("tests"))
        python = _another(session, f"python{version}", *needed, interpreter=interpreter)
        session.log(f"Python {version}")
        # Not `python -m pytest`, which would import the source tree.
        pytest = str(python.with_name("pytest"))
        for chosen in (_ALONE, _TOGETHER):
            _run_tests(
                session, "-q", *chosen, *session.posargs,
                pytest=pytest,
                # The session's own is another one, and IPython says so.
                env={"VIRTUAL_ENV": str(python.parent.parent.absolute())},
            )  # fmt: skip
        ran.append(version)
    session.log(f"passed on Python {', '.join(ran)}")


def _interpreter(version: str) -> str | None:
    """Return an interpreter that really starts: a shim on the path may not."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = [f"python{version}", *root.glob(f"versions/{version}.*/bin/python")]
    for candidate in map(str, candidates):
        try:
            probe = subprocess.run(
                [candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
                capture_output=True, check=True, text=True,
            )  # fmt: skip
        except (OSError, subprocess.CalledProcessError):
            continue
        if probe.stdout.strip() == version:
            return candidate
    return None


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, formatting and the direction of imports."""
    session.install("-e", ".[aiohttp,cli,dask,sandbox]", *_group("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """Check types with mypy and pyright, and that every public name has its type."""
    session.install(f"{_wheel(session)}[aiohttp,cli,dask,sandbox]", "nox", *_group("types"))
    session.run("mypy")
    session.run("pyright", "tests/typing")
    session.run("pyright", "--ignoreexternal", "--verifytypes", "airview_herald")


@nox.session
def bare(session: nox.Session) -> None:
    """Import the package with no extras installed."""
    session.install(_wheel(session))
    packages = ("airview", "auth", "distributed", "escalation", "herald", "sources", "telemetry")
    imports = ", ".join(f"airview_herald.{name}" for name in packages)
    session.run("python", "-c", f"import {imports}", env=_INSTALLED)
    session.run("python", "-c", _WITHOUT_AIOHTTP, env=_INSTALLED)
    session.run("airview-herald", success_codes=[2])


@nox.session
def package(session: nox.Session) -> None:
    """Build what is released, check it, and record a batch with what the sdist installs."""
    session.install(*_group("package"))
    released = Path(session.create_tmp()) / "released"
    shutil.rmtree(released, ignore_errors=True)
    # An sdist, and a wheel from it; then a wheel from the tree, which has to be the same.
    session.run("python", "-m", "build", "--outdir", str(released), silent=True)
    session.run(
        "python", "-m", "build", "--wheel", "--outdir", str(released / "tree"), silent=True
    )  # fmt: skip
    (sdist,), (wheel,) = released.glob("*.tar.gz"), released.glob("*.whl")
    session.run("twine", "check", "--strict", str(sdist), str(wheel))
    session.install(str(wheel))
    session.run("pytest", "-q", "tests/packaging", env={"RELEASED": str(released)})

    python = _another(session, "fresh", f"{sdist}[sandbox,progress]")
    program = "tests/packaging/records_a_batch.py"
    session.run(str(python), program, external=True, env=_INSTALLED)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation, and check its links and that every public name is in it."""
    session.install(f"{_wheel(session)}[dask,sandbox]", *_group("docs"))
    # The notebooks as they were run are put beside the site.
    site = Path("docs", "_build", "html").absolute()
    shutil.rmtree(site.parent, ignore_errors=True)
    session.run("sphinx-build", "-n", "-W", "--keep-going", "-q", "docs", str(site), env=_INSTALLED)
    session.run(
        "pytest", "-q", "tests/documentation/test_site.py", *session.posargs,
        env={"DOCUMENTATION_SITE": str(site)},
    )  # fmt: skip
    session.log(f"open {site / 'index.html'}")


@nox.session
def fuzz(session: nox.Session) -> None:
    """Feed every target of `tests/fuzz` by atheris, more than a million inputs in all.

    `nox -s fuzz -- jsonl_files` feeds one; `-- --share 0.1` a tenth of the inputs.
    """
    session.install("-e", ".[aiohttp]")
    try:
        session.install("--only-binary=:all:", *_group("fuzz"), silent=True)
    except CommandFailed:
        session.skip(f"atheris has no wheel for this Python ({platform.python_version()}) here")
    session.run("python", "tests/fuzz", *session.posargs)


@nox.session
def proofs(session: nox.Session) -> None:
    """Run the heavy proofs at full size; the suite has a small version of each."""
    session.install(f"{_wheel(session)}[aiohttp,dask,sandbox]", *_group("tests"))
    session.run("pytest", "-m", "proof", "--timeout=1200", "-s", *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """Run mixed traffic through faults for ten minutes: nothing leaks, and accounts close.

    `nox -s soak -- --minutes 1 --seed 7` takes less; the suite has a version of seconds.
    """
    session.install(f"{_wheel(session)}[aiohttp,sandbox]", *_group("tests"))
    session.run("python", "tests/soak/soak.py", *session.posargs)


@nox.session
def defects(session: nox.Session) -> None:
    """Put known defects back into a copy of the package, and see the test of each turn red."""
    session.install(f"{_wheel(session)}[aiohttp,sandbox]", *_group("tests"))
    session.run("python", "tests/defects_seen_red.py", *session.posargs)


@nox.session
def interop(session: nox.Session) -> None:
    """Have the vendor's own client read from the sandbox, each release in its own environment."""
    session.install(f"{_wheel(session)}[sandbox]")
    ours = str(Path(session.bin) / "python")
    program = "tests/interop/almdrlib_reads.py"
    for name, (_, options) in _ALMDRLIB.items():
        theirs = _almdrlib(session, name)
        session.run(theirs, program, ours, *options, external=True, env=_INSTALLED)


def _almdrlib(session: nox.Session, name: str) -> str:
    """Make an environment that has a release of the vendor's client; return its interpreter."""
    requirements, _ = _ALMDRLIB[name]
    return str(_another(session, f"almdrlib-{name}", *requirements))


@nox.session
def bench(session: nox.Session) -> None:
    """Measure requests, batches, paging, memory and imports beside other clients.

    `nox -s bench -- --quick` takes about three minutes, all of it more than an hour;
    `nox -s bench -- requests ingest` measures those parts; `-- --show` measures nothing.
    """
    session.install(f"{_wheel(session)}[aiohttp,sandbox]", *_group("bench"))
    arguments = list(session.posargs)
    if "--show" not in arguments:
        arguments += ["--almdrlib", _almdrlib(session, "newest")]
    session.run("python", "benchmarks", *arguments)


@nox.session
def cluster(session: nox.Session) -> None:
    """Measure how a batch on a Dask cluster grows from one worker to two; about seven minutes.

    Before that it simulates more of them, on a server of limited capacity.
    """
    session.install(f"{_wheel(session)}[dask]")
    session.run("python", "benchmarks/capacity.py")
    session.run("python", "benchmarks/cluster_scaling.py", "--check", *session.posargs)


@nox.session
def micro(session: nox.Session) -> None:
    """Time the functions that run for every event or request."""
    session.install(f"{_wheel(session)}[sandbox]", *_group("bench"), *_group("tests"))
    session.run("pytest", "benchmarks/micro", *session.posargs)
