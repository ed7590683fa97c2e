"""The fixtures, as pytest finds them in the environment of whoever has the package installed."""

import json
import os
import subprocess
import sys

import pytest

HEAVY = ["anyio", "attrs", "cattrs", "httpx", "msgspec", "sqlite3", "starlette", "uvicorn"]
RECORDING = """
    async with AirView(
        airview_sandbox.airview_url,
        system_name="scan",
        system_stage="MONITOR",
        referencing_type="name",
    ) as airview:
        await airview.backend.create_system("another", "BUILD")
    assert [row["name"] for row in airview_sandbox.snapshot()["system"]] == ["another"]
"""
RUNNERS = {
    "plain": "def test_it(airview_sandbox):\n    anyio.run(record, airview_sandbox)\n",
    "anyio": (
        "@pytest.fixture(params=['asyncio', 'trio'])\n"
        "def anyio_backend(request):\n    return request.param\n\n\n"
        "@pytest.mark.anyio\n"
        "async def test_it(airview_sandbox):\n    await record(airview_sandbox)\n"
    ),
    "pytest-asyncio": (
        "@pytest.mark.asyncio\n"
        "async def test_it(airview_sandbox):\n    await record(airview_sandbox)\n"
    ),
}


@pytest.fixture
def run_pytest(tmp_path):
    """Run pytest on a file, in a process and a folder of its own; return what it printed."""

    def run(code, *arguments, fails=False):
        (tmp_path / "test_it.py").write_text(code)
        settings = "filterwarnings = error\nasyncio_default_fixture_loop_scope = function\n"
        (tmp_path / "pytest.ini").write_text(f"[pytest]\n{settings}")
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
        done = subprocess.run(
            [*command, "--strict-markers", "test_it.py"],
            cwd=tmp_path,
            env=os.environ | {"PYTHONSAFEPATH": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == int(fails), done.stdout + done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize("runner", RUNNERS)
def test_they_work_under_any_runner(run_pytest, runner):
    """The same fixture serves a test without a loop, and those of both plugins that bring one."""
    code = (
        "import anyio\nimport pytest\n\nfrom airview_herald import AirView\n\n\n"
        f"async def record(airview_sandbox):{RECORDING}\n\n{RUNNERS[runner]}"
    )
    printed = run_pytest(code, "-q")
    assert f"{2 if runner == 'anyio' else 1} passed" in printed


def test_every_test_has_a_sandbox_of_its_own(run_pytest):
    """What one test has recorded and forced is gone in the next one."""
    printed = run_pytest(
        """
import httpx
import pytest


@pytest.mark.parametrize("turn", [1, 2])
def test_it(airview_sandbox, turn):
    url = f"{airview_sandbox.airview_url}/systems/"
    assert len(airview_sandbox.requests) == 0
    assert httpx.post(url, json={"name": "scan", "stage": "MONITOR"}).status_code == 200
    assert len(airview_sandbox.snapshot()["system"]) == 1
    airview_sandbox.force("POST", "/systems/", 500)
    assert httpx.post(url, json={"name": "scan", "stage": "MONITOR"}).status_code == 500
"""
    )
    assert "2 passed" in printed


def test_both_fixtures_are_one_sandbox(run_pytest):
    """A test of both services has them on one server, Herald with its credentials."""
    printed = run_pytest(
        """
import pytest

from airview_herald import Herald


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_it(airview_sandbox, herald_sandbox):
    assert airview_sandbox is herald_sandbox
    async with Herald(
        access_key_id=herald_sandbox.herald.access_key_id,
        secret_key=herald_sandbox.herald.secret_key,
        global_endpoint=herald_sandbox.herald_url,
    ) as herald:
        assert await herald.get_notification_types() == []
"""
    )
    assert "1 passed" in printed


MARKED = """
import httpx
import pytest

pytestmark = pytest.mark.airview_sandbox(require_token=True, client_id="module")


def status(sandbox, client_id):
    form = {"grant_type": "client_credentials", "client_id": client_id}
    form["client_secret"] = "sandbox-secret"
    return httpx.post(sandbox.token_url, data=form).status_code


def test_it(airview_sandbox):
    assert httpx.get(f"{airview_sandbox.airview_url}/systems/").status_code == 401
    assert status(airview_sandbox, "module") == 200


@pytest.mark.airview_sandbox(client_id="test")
def test_the_nearest_counts(herald_sandbox):
    assert httpx.get(f"{herald_sandbox.airview_url}/systems/").status_code == 401
    assert status(herald_sandbox, "test") == 200
"""


def test_a_marker_has_what_the_sandbox_is_made_with(run_pytest):
    """Arguments come from every marker of a test, the nearest one first."""
    assert "2 passed" in run_pytest(MARKED)


def test_a_marker_with_a_bare_argument_is_refused(run_pytest):
    """It would be a file to keep rows in, which no test that forgot a name means."""
    code = (
        "import pytest\n\n\n"
        "@pytest.mark.airview_sandbox(True)\ndef test_it(airview_sandbox):\n    pass\n"
    )
    printed = run_pytest(code, fails=True)
    assert "UsageError: airview_sandbox: takes keyword arguments only" in printed


def test_the_fixtures_and_the_marker_are_listed(run_pytest):
    """`pytest --fixtures` and `pytest --markers` tell of them."""
    fixtures = run_pytest("def test_it(): pass\n", "--fixtures")
    assert "airview_sandbox" in fixtures
    assert "Give a test a running `Sandbox` of its own: AirView and Herald, both empty." in fixtures
    assert "@pytest.mark.airview_sandbox(**arguments)" in run_pytest("", "--markers")


@pytest.mark.alone
def test_a_sandbox_takes_no_time(run_pytest):
    """None costs 0.3 seconds, not even the first, which imports what serves."""
    code = """
import json, time
import pytest


@pytest.fixture(params=range(5))
def began(request):
    return time.perf_counter()


def test_it(began, airview_sandbox):
    print("took", time.perf_counter() - began)
"""
    printed = run_pytest(code, "-s", "-q")
    took = [float(line.split()[1]) for line in printed.splitlines() if "took" in line]
    assert len(took) == 5
    assert max(took) <= 0.3


def test_loading_the_plugin_imports_nothing_heavy():
    """Whoever runs pytest for something else does not wait for this package."""
    code = (
        "import json, sys, pytest; before = set(sys.modules); import airview_herald.pytest_plugin; "
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names = ["_lazy", "_version", "pytest_plugin"]
    assert json.loads(done.stdout) == ["airview_herald", *(f"airview_herald.{n}" for n in names)]


def test_without_the_extra_a_test_that_takes_one_says_what_to_install(run_pytest):
    """All other tests are none the worse for it."""
    code = (
        "import sys\nsys.modules['starlette'] = None\nsys.modules['uvicorn'] = None\n\n\n"
        "def test_it(airview_sandbox):\n    pass\n\n\ndef test_another():\n    pass\n"
    )
    printed = run_pytest(code, fails=True)
    assert 'the sandbox needs its extra: pip install ".[sandbox]"' in printed
    assert "1 passed, 1 error" in printed
