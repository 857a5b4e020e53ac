"""What exists is named: every public name, error, argument, variable, command and option."""

from __future__ import annotations

import inspect
import re
from importlib.metadata import metadata

import pytest

import changeclothes_async
from changeclothes_async import AsyncChangeClothes, environment, errors, sandbox
from changeclothes_async.bulk.lookbook.lookbook import Lookbook
from changeclothes_async.cli import commands
from changeclothes_async.sandbox import Sandbox
from tests.docs.blocks import PAGES, ROOT

TEXTS = {str(page.relative_to(ROOT)): page.read_text("utf-8") for page in PAGES}
ALL = "".join(TEXTS.values())


def arguments(of: type) -> dict[str, inspect.Parameter]:
    given = dict(inspect.signature(of).parameters)
    given.pop("self", None)
    return given


@pytest.mark.parametrize("name", [*changeclothes_async.__all__, *sandbox.__all__])
def test_a_public_name_is_documented(name: str) -> None:
    """It is in the reference, or in the table of errors."""
    reference = "".join(text for page, text in TEXTS.items() if "reference" in page)
    assert re.search(rf"^::: [\w.]+\.{name}$|^\| `{name}` \|", reference, re.MULTILINE)


@pytest.mark.parametrize(
    "page", re.findall(r"\[[^\]]+\]\((docs/[\w/-]+\.md)\)", TEXTS["README.md"])
)
def test_a_page_is_called_by_its_heading(page: str) -> None:
    """The site's navigation takes it from there, and so does the README's list."""
    listed = TEXTS["README.md"].partition("## Read on")[2]
    heading = TEXTS[page].partition("\n")[0].removeprefix("# ")
    assert f"[{heading}]({page})" in listed


@pytest.mark.parametrize("code", errors.CODES)
def test_a_code_is_in_the_table_of_errors(code: int) -> None:
    """With the name of its class."""
    row = f"| `{errors.CODES[code].__name__}` | {code} |"
    assert row in TEXTS["docs/reference/errors.md"]


@pytest.mark.parametrize("name", arguments(AsyncChangeClothes))
def test_a_client_s_argument_is_in_the_settings(name: str) -> None:
    """With the default that it has."""
    default = arguments(AsyncChangeClothes)[name].default
    assert f"| `{name}` | `{default}` |" in TEXTS["docs/reference/settings.md"]


@pytest.mark.parametrize("name", arguments(Sandbox))
def test_a_sandbox_s_argument_is_in_its_table(name: str) -> None:
    """How the sandbox is set up can be read in one place."""
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", TEXTS["docs/how-to/sandbox.md"], re.MULTILINE)
    assert f"`{name}`" in ", ".join(rows)


@pytest.mark.parametrize(
    "name",
    [
        name
        for of in (AsyncChangeClothes, AsyncChangeClothes.run_grid, Lookbook)
        for name in (dir(of) if inspect.isclass(of) else arguments(of))
        if not name.startswith("_")
    ],
)
def test_a_method_or_option_is_spoken_of(name: str) -> None:
    """A page outside the reference shows or explains it."""
    prose = "".join(text for page, text in TEXTS.items() if "reference" not in page)
    assert re.search(rf"\b{name}\b", prose)


@pytest.mark.parametrize(
    "name", [value for name, value in vars(environment).items() if name.endswith("_VARIABLE")]
)
def test_a_variable_is_in_the_settings(name: str) -> None:
    """What the environment may say is in one table."""
    assert f"| `{name}` |" in TEXTS["docs/reference/settings.md"]


@pytest.mark.parametrize("name", metadata("changeclothes-async").get_all("Provides-Extra"))
def test_an_extra_is_in_the_settings(name: str) -> None:
    """What it is for can be read before it is installed."""
    assert f"| `changeclothes-async[{name}]` |" in TEXTS["docs/reference/settings.md"]


@pytest.mark.parametrize("name", commands.changeclothes.commands)
def test_a_command_is_shown_and_has_its_options_listed(name: str) -> None:
    """Outside the generated help too."""
    assert ALL.count(f"changeclothes {name}") > TEXTS["docs/reference/command-line.md"].count(
        f"changeclothes {name}"
    )
    for parameter in commands.changeclothes.commands[name].params:
        for option in parameter.opts:
            if option.startswith("--"):
                assert f"  {option}" in ALL or f", {option}" in ALL
