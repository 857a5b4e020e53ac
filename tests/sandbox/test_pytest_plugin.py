"""The fixture that comes with the package, in pytest runs of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]

# Without the plugin of Hypothesis, which takes longer to load than all of this to run.
OPTIONS = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-W", "error", "--strict-markers")
ASYNCIO = ("-o", "asyncio_default_fixture_loop_scope=function")

POST = """
import json
import urllib.request

def post(sandbox, model="https://shop.example/a.jpg"):
    body = "".join(
        f'--B\\r\\nContent-Disposition: form-data; name="{name}"\\r\\n\\r\\n{value}\\r\\n'
        for name, value in [("modelImg", model), ("prompt", "a blue shirt")]
    ) + "--B--"
    request = urllib.request.Request(
        sandbox.url + "/api/openapi/change-clothes-by-prompt",
        body.encode(),
        {"Authorization": "Bearer " + sandbox.api_key,
         "Content-Type": "multipart/form-data; boundary=B"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request) as response:
        return json.load(response)
"""


@pytest.fixture
def run(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makepyfile(posting=POST)
    return pytester


def test_a_sync_test_gets_a_running_sandbox(run: pytest.Pytester) -> None:
    """Each test has a sandbox of its own, with tiny results."""
    run.makepyfile("""
        from posting import post

        def test_first(changeclothes_sandbox):
            assert post(changeclothes_sandbox)["data"]["resultImgUrl"].endswith(".png")
            assert changeclothes_sandbox.charges == 1

        def test_second(changeclothes_sandbox):
            assert changeclothes_sandbox.calls == []
    """)
    run.runpytest(*OPTIONS, *ASYNCIO).assert_outcomes(passed=2)


def test_the_marker_sets_options(run: pytest.Pytester) -> None:
    """`credits`, `faults` and the like come with the marker; the nearest one counts."""
    run.makepyfile("""
        import pytest
        from posting import post

        pytestmark = pytest.mark.changeclothes(credits=1)

        def test_module(changeclothes_sandbox):
            codes = [post(changeclothes_sandbox)["code"] for _ in range(2)]
            assert codes == [200, 10003]

        @pytest.mark.changeclothes(credits=None, faults=["20001"], api_key="k")
        def test_own(changeclothes_sandbox):
            codes = [post(changeclothes_sandbox)["code"] for _ in range(2)]
            assert codes == [20001, 200]
            assert changeclothes_sandbox.api_key == "k"
    """)
    run.runpytest(*OPTIONS, *ASYNCIO).assert_outcomes(passed=2)


def test_pytest_asyncio_and_anyio(run: pytest.Pytester) -> None:
    """Async tests of either kind may use it from their own loop."""
    run.makepyfile("""
        import asyncio
        import pytest
        from posting import post

        @pytest.mark.asyncio
        async def test_asyncio(changeclothes_sandbox):
            answer = await asyncio.to_thread(post, changeclothes_sandbox)
            assert answer["code"] == 200

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        @pytest.mark.anyio
        async def test_anyio(changeclothes_sandbox):
            answer = await asyncio.to_thread(post, changeclothes_sandbox)
            assert answer["code"] == 200
    """)
    run.runpytest(*OPTIONS, *ASYNCIO).assert_outcomes(passed=2)


def test_a_wrong_option_is_an_error_in_words(run: pytest.Pytester) -> None:
    """What the sandbox does not take is the test's error, not a silent default."""
    run.makepyfile("""
        import pytest

        @pytest.mark.changeclothes(faults=["boom"])
        def test_it(changeclothes_sandbox):
            pass
    """)
    result = run.runpytest(*OPTIONS, *ASYNCIO)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*'boom' is not a fault. Give one of*"])


def test_the_fixture_and_the_marker_are_listed(run: pytest.Pytester) -> None:
    """`pytest --fixtures` and `pytest --markers` tell of them."""
    fixtures = run.runpytest(*OPTIONS, *ASYNCIO, "--fixtures").stdout.str()
    assert "\nchangeclothes_sandbox -- " in fixtures
    assert "Run a sandbox of the test's own" in fixtures
    markers = run.runpytest(*OPTIONS, *ASYNCIO, "--markers").stdout.str()
    assert "@pytest.mark.changeclothes(**options): " in markers


def test_the_plugin_loads_next_to_nothing() -> None:
    """It comes into everybody's test runs, so no engine comes with it."""
    code = (
        "import sys, changeclothes_async.sandbox.pytest_plugin\n"
        "print(sorted({'aiohttp', 'PIL', 'numpy', 'pydantic', 'asyncio'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
