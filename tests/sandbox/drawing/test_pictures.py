"""The sandbox's pictures: right region, right size, same bytes, and no file that breaks them."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from changeclothes_async.sandbox.drawing import drawn_garments, examples, picture_files, pictures

PHOTOS = os.environ.get("CHANGECLOTHES_PHOTOS")
RED = (214, 24, 32)


def pixels(file: bytes) -> NDArray[np.float32]:
    picture = Image.open(io.BytesIO(file))
    assert picture.format == "WEBP"
    return np.asarray(picture.convert("RGB"), np.float32)


def encoded(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def flat_garment(shape: str) -> bytes:
    """Cut a red garment with straight edges out of a grey ground."""
    shapes = {
        "upper_body": [(130, 60), (230, 75), (330, 60), (430, 190), (370, 240), (330, 190),
                       (330, 470), (130, 470), (130, 190), (90, 240), (30, 190)],
        "open neck": [(130, 60), (190, 60), (230, 230), (270, 60), (330, 60), (430, 190),
                      (370, 240), (330, 190), (330, 470), (130, 470), (130, 190), (90, 240),
                      (30, 190)],
        "dresses": [(160, 30), (230, 60), (300, 30), (310, 180), (380, 580), (80, 580), (150, 180)],
        "lower_body": [(130, 40), (330, 40), (350, 560), (250, 560), (230, 210), (210, 560),
                       (110, 560)],
    }  # fmt: skip
    picture = Image.new("RGB", (460, 620), (232, 233, 235))
    ImageDraw.Draw(picture).polygon(shapes[shape], fill=RED)
    return encoded(picture)


def redness(part: NDArray[np.float32]) -> float:
    """Return which part of the pixels is red cloth."""
    return float(((part[..., 0] > 110) & (part[..., 1] < 70) & (part[..., 2] < 80)).mean())


@pytest.fixture(scope="module")
def model() -> bytes:
    return examples.model("mei")


@pytest.mark.parametrize(
    ("category", "red", "kept"),
    [
        ("upper_body", (330, 440), (620, 900)),
        ("lower_body", (460, 700), (260, 380)),
        ("dresses", (330, 560), (970, 1000)),
    ],
)
def test_the_garment_lies_on_its_region(
    model: bytes, category: str, red: tuple[int, int], kept: tuple[int, int]
) -> None:
    """A garment covers the region of its category and leaves all the rest as it was."""
    before = np.asarray(Image.open(io.BytesIO(model)).convert("RGB"), np.float32)
    after = pixels(pictures.try_on(model, flat_garment(category), category).result)
    assert after.shape == before.shape
    assert redness(after[red[0] : red[1], 350:375]) > 0.85
    change = np.abs(after - before).mean(2)
    assert change[kept[0] : kept[1], 300:470].mean() < 7
    assert change[:190].mean() < 4, "the head"
    assert change[:, :120].mean() < 4, "the background"


def test_the_mask_covers_what_changed(model: bytes) -> None:
    """The mask picture is the model picture, greyed just where the result differs from it."""
    before = np.asarray(Image.open(io.BytesIO(model)).convert("RGB"), np.float32)
    dressed = pictures.try_on(model, flat_garment("upper_body"), "upper_body")
    changed = np.abs(pixels(dressed.result) - before).mean(2)[:880] > 60
    veiled = np.abs(pixels(dressed.mask) - before).mean(2)[:880] > 12
    assert changed.sum() > 10_000
    assert (veiled & changed).sum() / changed.sum() > 0.8
    assert veiled.mean() < 0.4


def test_the_same_call_gives_the_same_bytes(model: bytes) -> None:
    """Pictures are a function of their arguments alone, whatever is made in between."""
    garment = flat_garment("dresses")
    once = pictures.try_on(model, garment, "dresses")
    assert once != pictures.try_on(model, garment, "upper_body")
    pictures.change_by_prompt(model, "a red dress", seed=1)
    assert once == pictures.try_on(model, garment, "dresses")


@pytest.mark.parametrize("category", ["upper_body", "lower_body", "dresses"])
def test_every_drawn_garment_can_be_worn(model: bytes, category: str) -> None:
    """Each drawn garment of a category changes a good part of the body of a drawn model."""
    before = np.asarray(Image.open(io.BytesIO(model)).convert("RGB"), np.float32)
    for name in drawn_garments.GARMENTS[category]:
        garment = examples.garment(category, name)
        after = pixels(pictures.try_on(model, garment, category).result)
        assert (np.abs(after - before).mean(2) > 25).mean() > 0.03, name


def worn(name: str, category: str, garment: str) -> tuple[NDArray[np.float32], ...]:
    """Return a drawn model as drawn, and in a drawn garment."""
    model = examples.model(name)
    before = np.asarray(Image.open(io.BytesIO(model)).convert("RGB"), np.float32)
    return before, pixels(
        pictures.try_on(model, examples.garment(category, garment), category).result
    )


def test_a_top_lies_along_the_whole_shoulder() -> None:
    """Between the neck and the shoulder point no skin looks out over a green polo."""
    _, after = worn("kofi", "upper_body", "colour-block-polo")
    for column in (278, 490):
        shoulder = after[352:390, column]
        assert (shoulder[:, 1] > shoulder[:, 0]).all()


def test_no_sleeve_stands_off_the_shoulder() -> None:
    """Above the armpits a sleeve is as near to the body as its cloth is thick."""
    before, after = worn("kofi", "upper_body", "rose-blouse")
    changed = np.abs(after - before).max(2) > 40
    assert not changed[350:362, :230].any()


def test_a_deep_neckline_is_no_end_of_the_garment(model: bytes) -> None:
    """Sleeves lie on the arms where the neck is cut lower than the armpits, too."""
    after = pixels(pictures.try_on(model, flat_garment("open neck"), "upper_body").result)
    assert redness(after[270:290, 280:300]) == 1
    assert redness(after[240:330, :250]) == 0


def test_long_trousers_end_above_the_shoes(model: bytes) -> None:
    """Whoever stands whole in the picture keeps the shoes on."""
    before, after = worn("mei", "lower_body", "indigo-jeans")
    change = np.abs(after - before).mean(2)
    assert change[960:970, 320:350].mean() > 100
    assert change[994:1006, 320:350].mean() < 5


def test_a_picture_is_upright_and_at_most_1280_pixels_long() -> None:
    """The EXIF orientation is applied and the long edge bounded."""
    wide = Image.new("RGB", (1600, 800), (200, 200, 200))
    exif = Image.Exif()
    exif[0x0112] = 6
    file = encoded(wide, "JPEG", exif=exif)
    dressed = pictures.try_on(file, flat_garment("upper_body"), "upper_body")
    assert pixels(dressed.result).shape == (1280, 640, 3)
    assert pixels(dressed.mask).shape == (1280, 640, 3)


def odd_pictures() -> dict[str, bytes]:
    random = np.random.default_rng(1)
    noise = Image.fromarray(random.integers(0, 255, (90, 120, 3), np.uint8))
    deep = Image.fromarray(random.integers(0, 65535, (64, 48), np.uint16))
    clear = Image.new("RGBA", (60, 60), (10, 200, 30, 0))
    half = clear.copy()
    half.paste((200, 30, 30, 255), (15, 10, 45, 50))
    return {
        "1x1": encoded(Image.new("RGB", (1, 1))),
        "8x8": encoded(Image.new("RGB", (8, 8), "teal")),
        "1 pixel high": encoded(Image.new("RGB", (300, 1), "red")),
        "1 pixel wide": encoded(Image.new("RGB", (1, 300), "red")),
        "one colour": encoded(Image.new("RGB", (200, 300), (250, 250, 250))),
        "noise": encoded(noise),
        "grayscale": encoded(noise.convert("L")),
        "1 bit": encoded(noise.convert("1")),
        "palette": encoded(noise.convert("P"), "GIF"),
        "cmyk": encoded(noise.convert("CMYK"), "JPEG"),
        "16 bit": encoded(deep),
        "broken metadata": encoded(noise, exif=b"Exif\0\0MM"),
        "float": encoded(Image.fromarray(random.random((50, 40)).astype(np.float32)), "TIFF"),
        "transparent": encoded(clear),
        "half transparent": encoded(half, "WEBP", lossless=True),
    }


@pytest.mark.parametrize("name", odd_pictures())
def test_any_picture_gives_a_picture(name: str) -> None:
    """Whatever can be decoded is taken as model and as garment, and the model's size is kept."""
    odd = odd_pictures()[name]
    width, height = Image.open(io.BytesIO(odd)).size
    for made in (
        pictures.try_on(odd, flat_garment("dresses"), "dresses").mask,
        pictures.try_on(odd, odd, "upper_body").result,
        pictures.try_on(odd, odd, "lower_body").result,
        pictures.change_by_prompt(odd, "a red dress", seed=1),
    ):
        assert pixels(made).shape == (height, width, 3)


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"no picture",
        b"\x89PNG\r\n\x1a\n" + bytes(40),
        b"<svg/>",
        b"\xff\xd8\xff\xe0" + bytes(9),
    ],
)
def test_what_is_no_picture_is_unreadable(model: bytes, file: bytes) -> None:
    """A file that cannot be decoded raises Unreadable, whose message says what to send."""
    with pytest.raises(pictures.Unreadable, match="send"):
        pictures.try_on(file, model, "dresses")
    with pytest.raises(pictures.Unreadable, match="send"):
        pictures.try_on(model, file, "dresses")
    with pytest.raises(pictures.Unreadable, match="send"):
        pictures.change_by_prompt(file, "red", seed=1)


def test_a_truncated_picture_is_unreadable(model: bytes) -> None:
    """Half a file is not half a picture."""
    with pytest.raises(pictures.Unreadable):
        pictures.try_on(model[: len(model) // 2], flat_garment("dresses"), "dresses")


def test_a_bomb_is_refused_before_it_is_decoded(model: bytes) -> None:
    """A small file that claims a huge picture is told by its size alone."""
    bomb = encoded(Image.new("1", (8000, 6000)))
    assert len(bomb) < 200_000
    with pytest.raises(pictures.Unreadable, match="too large"):
        pictures.try_on(model, bomb, "dresses")


def test_a_prompt_changes_its_region_alone(model: bytes) -> None:
    """A red top leaves the trousers as they are; red jeans the other way about."""
    top = pixels(pictures.change_by_prompt(model, "a red t-shirt", seed=3))
    jeans = pixels(pictures.change_by_prompt(model, "plain red jeans", seed=3))
    assert redness(top[330:420, 360:400]) > 0.9
    assert redness(top[560:900]) < 0.01
    assert redness(jeans[520:540, 330:430]) > 0.6
    assert redness(jeans[250:400]) < 0.01


def test_each_garment_of_a_prompt_has_its_own_colour(model: bytes) -> None:
    """Of a red t-shirt and white trousers the one is red and the other white."""
    after = pixels(pictures.change_by_prompt(model, "a red t-shirt and white trousers", seed=1))
    assert redness(after[330:420, 360:400]) > 0.9
    assert after[640:900, 325:345].min() > 150


def test_of_each_category_the_first_garment_counts(model: bytes) -> None:
    """However many a prompt names, at most three are drawn."""
    after = pixels(pictures.change_by_prompt(model, "a red top" + ", a white shirt" * 60, seed=1))
    assert redness(after[330:420, 360:400]) > 0.9


def test_a_dress_of_words_is_a_dress(model: bytes) -> None:
    """Its skirt closes the gap between the legs, which trousers of the same colour leave open."""
    dress, trousers = (
        pixels(pictures.change_by_prompt(model, f"red {name}", seed=1))[650:750, 380:388]
        for name in ("dress", "trousers")
    )
    assert redness(dress) == 1
    assert redness(trousers) == 0


def test_drawn_garments_are_cut_out() -> None:
    """No pattern can be taken for the ground, as there is none."""
    for category, names in examples.GARMENTS.items():
        for name in names:
            cover = Image.open(io.BytesIO(examples.garment(category, name))).getchannel("A")
            assert cover.getpixel((0, 0)) == 0, name
            assert cover.getpixel((300, 400)) == 255, name


def test_the_seed_decides_the_shade(model: bytes) -> None:
    """The same seed gives the same bytes, another seed another picture."""
    prompt = "Help the model change into a blue striped shirt."
    once = pictures.change_by_prompt(model, prompt, seed=7)
    assert once == pictures.change_by_prompt(model, prompt, seed=7)
    assert once != pictures.change_by_prompt(model, prompt, seed=8)


def test_a_low_guidance_keeps_the_old_colour(model: bytes) -> None:
    """The smaller the guidance, the nearer the result is to the model picture."""
    before = np.asarray(Image.open(io.BytesIO(model)).convert("RGB"), np.float32)
    low, high = (
        pixels(pictures.change_by_prompt(model, "a red top", seed=1, guidance_scale=scale))
        for scale in (1, 50)
    )
    assert np.abs(low - before).mean() < 0.6 * np.abs(high - before).mean()


@pytest.mark.skipif(PHOTOS is None, reason="CHANGECLOTHES_PHOTOS names no folder of photographs")
def test_photographs_keep_face_and_background() -> None:
    """On each photographed model a garment leaves the face and the upper corners as they were."""
    folder = Path(PHOTOS or "")
    garment = next((folder / "garments" / "upper_body").iterdir()).read_bytes()
    for path in sorted((folder / "models").iterdir()):
        before = np.asarray(Image.open(path).convert("RGB"), np.float32)
        after = pixels(pictures.try_on(path.read_bytes(), garment, "upper_body").result)
        change = np.abs(after - before).mean(2)
        assert change[: len(change) // 10].mean() < 4, path.name
        assert (change > 25).mean() > 0.03, path.name


@pytest.mark.parametrize("shape", [(1024, 768), (400, 300), (1536, 2048)])
def test_the_mark_s_words_stand_in_the_middle_of_it(shape: tuple[int, int]) -> None:
    """As far from its left as from its right, and its capitals as far from its top as its foot."""
    picture = pixels(picture_files.write(np.full((*shape, 3), 120, np.uint8)))[..., 0]
    down, across = np.nonzero(picture < 95)
    box = picture[down.min() : down.max() + 1, across.min() : across.max() + 1]
    _, letters = np.nonzero(box > 140)
    assert abs(letters.min() - (box.shape[1] - 1 - letters.max())) <= 4
    capitals, _ = np.nonzero(box[:, : box.shape[1] // 3] > 140)
    assert abs(capitals.min() - (box.shape[0] - 1 - capitals.max())) <= 2
