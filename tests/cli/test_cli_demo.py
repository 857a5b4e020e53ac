"""`demo`: the story it tells, and the pictures it chooses."""

from __future__ import annotations

import asyncio
import re
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

from changeclothes_async import Grid
from changeclothes_async.cli import commands, demo, targets
from changeclothes_async.sandbox import Sandbox
from tests import samples

pytest.importorskip("PIL", reason="the drawn pictures need Pillow")
pytest.importorskip("numpy", reason="the drawn pictures need NumPy")

from changeclothes_async.sandbox.drawing import drawn_garments, drawn_people


def test_the_story_pays_for_every_picture_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Interrupted and resumed, the grid is whole, and the server counted each call once."""
    for number in range(4):
        put(tmp_path / f"pictures/models/m{number}.png", 200 + number)
        put(tmp_path / f"pictures/garments/dresses/g{number}.png", 300 + number)

    async def told(sandbox: Sandbox) -> int:
        return len((await demo.story(sandbox, tmp_path)).saved)

    with Sandbox(draw=False, latency=0.05) as sandbox:
        assert asyncio.run(told(sandbox)) == sandbox.charges == 16
    said = capsys.readouterr().out
    assert "16 pictures to make" in said
    arrived = re.search(r"What was under way arrived: (\d+) pictures", said)
    assert arrived is not None
    assert demo.INTERRUPTED_AFTER <= int(arrived[1]) < 16
    assert "= 16 paid calls: nothing was paid twice" in said
    assert (tmp_path / "lookbook/index.html").exists()


def test_the_chosen_pictures_are_drawn_ones() -> None:
    """Each name is one that the sandbox can draw."""
    assert set(demo.MODELS) <= set(drawn_people.PEOPLE)
    for category, names in demo.GARMENTS.items():
        assert set(names) <= set(drawn_garments.GARMENTS[category])


def test_what_is_there_is_not_replaced(tmp_path: Path) -> None:
    """A second demo gets a folder of its own."""
    assert targets.free(tmp_path / "demo") == tmp_path / "demo"
    (tmp_path / "demo").mkdir()
    assert targets.free(tmp_path / "demo") == tmp_path / "demo-2"
    (tmp_path / "demo-2.webp").touch()
    assert targets.free(tmp_path / "demo") == tmp_path / "demo-3"


def test_the_pictures_alone_are_drawn_where_they_are_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that a grid takes, and no demo beside it; again, it draws only what is missing."""
    monkeypatch.chdir(tmp_path)
    shell = partial(CliRunner().invoke, commands.changeclothes, ["demo", "--pictures", "photos"])
    assert shell().stdout == "photos/models\nphotos/garments\n"
    assert len(Grid("photos/models", "photos/garments")) == 20
    (tmp_path / "photos/models/ana.png").write_bytes(samples.PNG)
    (tmp_path / "photos/models/kofi.png").unlink()
    assert shell().exit_code == 0
    assert (tmp_path / "photos/models/ana.png").read_bytes() == samples.PNG
    assert (tmp_path / "photos/models/kofi.png").exists()
    assert [each.name for each in tmp_path.iterdir()] == ["photos"]


@pytest.mark.parametrize("option", ["--out", "--pictures"])
@pytest.mark.parametrize("out", ["/proc/nowhere/demo", "file/demo"])
def test_a_folder_that_cannot_be_made_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str, option: str
) -> None:
    """No traceback: a sentence and what to give instead."""
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    done = CliRunner().invoke(commands.changeclothes, ["demo", option, out])
    assert done.exit_code == 2
    assert f"{out}/" in done.stderr
    assert re.search(r"could not be written \((No such|Not a|Permission)", done.stderr)
    assert option in done.stderr


def put(path: Path, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(samples.png(size))
