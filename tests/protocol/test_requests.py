"""The two jobs: every documented field and range, and what is refused before it is sent."""

from __future__ import annotations

import base64
import contextlib
import inspect
import io
import math

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Drawing

from changeclothes_async import errors
from changeclothes_async.protocol import fields, images, requests
from tests.samples import PNG

TRY_ON = {"model": "m.jpg", "garment": "g.jpg", "category": "dresses"}
PROMPT = {"model": "m.jpg", "prompt": "a blue striped shirt"}


def test_a_try_on_is_told_by_its_wire_names(monkeypatch):
    """API 1: modelImg and garmentImg are pictures, category and garmentDesc texts."""
    monkeypatch.chdir("/")
    job = requests.TryOn(**TRY_ON, garment_desc=" a lime dress ")
    assert job.endpoint == "/api/openapi/change-clothes-ai"
    assert job.pictures() == [
        ("modelImg", images.File("/m.jpg")),
        ("garmentImg", images.File("/g.jpg")),
    ]
    assert job.texts() == [("category", "dresses"), ("garmentDesc", "a lime dress")]


def test_a_prompt_is_told_by_its_wire_names(monkeypatch):
    """API 2: modelImg is a picture; all else goes as text, booleans in small letters."""
    monkeypatch.chdir("/")
    job = requests.ChangeByPrompt(
        **PROMPT, seed=7, randomize_seed=False, guidance_scale=50, num_inference_steps=28
    )
    assert job.endpoint == "/api/openapi/change-clothes-by-prompt"
    assert job.pictures() == [("modelImg", images.File("/m.jpg"))]
    assert job.texts() == [
        ("prompt", "a blue striped shirt"),
        ("seed", "7"),
        ("randomize_seed", "false"),
        ("guidance_scale", "50"),
        ("num_inference_steps", "28"),
    ]


def test_what_is_not_given_is_left_to_the_service():
    """No default of the page is sent."""
    assert requests.TryOn(**TRY_ON).texts() == [("category", "dresses")]
    assert requests.ChangeByPrompt(**PROMPT).texts() == [("prompt", "a blue striped shirt")]


@pytest.mark.parametrize("category", [*fields.Category, "upper_body", "lower_body", "dresses"])
def test_every_category_is_taken(category):
    """As a text and as a member of Category."""
    assert dict(requests.TryOn(**{**TRY_ON, "category": category}).texts())["category"] == category


TAKEN = [
    ("seed", 0, "0"),
    ("seed", 2147483647, "2147483647"),
    ("seed", "7", "7"),
    ("randomize_seed", True, "true"),
    ("randomize_seed", "TRUE", "true"),
    ("randomize_seed", " false ", "false"),
    ("guidance_scale", 1, "1"),
    ("guidance_scale", 100, "100"),
    ("guidance_scale", 7.5, "7.5"),
    ("guidance_scale", 1 + 1e-9, "1.000000001"),
    ("num_inference_steps", 1, "1"),
    ("num_inference_steps", 50, "50"),
]


@pytest.mark.parametrize(("name", "value", "sent"), TAKEN)
def test_the_ends_of_every_range_are_taken(name, value, sent):
    """What the page allows is sent as it writes numbers."""
    assert dict(requests.ChangeByPrompt(**PROMPT, **{name: value}).texts())[name] == sent


REFUSED = [
    (requests.ChangeByPrompt, {**PROMPT, "seed": -1}, "seed=-1"),
    (requests.ChangeByPrompt, {**PROMPT, "seed": 2147483648}, "seed=2147483648"),
    (requests.ChangeByPrompt, {**PROMPT, "seed": 1.5}, "seed=1.5"),
    (requests.ChangeByPrompt, {**PROMPT, "seed": "lucky"}, "seed='lucky'"),
    (requests.ChangeByPrompt, {**PROMPT, "guidance_scale": 0.99}, "guidance_scale=0.99"),
    (requests.ChangeByPrompt, {**PROMPT, "guidance_scale": 100.1}, "guidance_scale=100.1"),
    (requests.ChangeByPrompt, {**PROMPT, "guidance_scale": math.nan}, "guidance_scale=nan"),
    (requests.ChangeByPrompt, {**PROMPT, "num_inference_steps": 0}, "num_inference_steps=0"),
    (requests.ChangeByPrompt, {**PROMPT, "num_inference_steps": 51}, "num_inference_steps=51"),
    (requests.ChangeByPrompt, {**PROMPT, "prompt": ""}, "prompt=''"),
    (requests.ChangeByPrompt, {**PROMPT, "prompt": " \n "}, "prompt="),
    (requests.ChangeByPrompt, {**PROMPT, "prompt": None}, "prompt=None"),
    (requests.ChangeByPrompt, {**PROMPT, "prompt": "\ud800"}, "prompt="),
    (requests.ChangeByPrompt, {"model": "m.jpg"}, "needs prompt"),
    (requests.TryOn, {**TRY_ON, "category": "shoes"}, "category='shoes'"),
    (requests.TryOn, {**TRY_ON, "category": "DRESSES"}, "category='DRESSES'"),
    (requests.TryOn, {**TRY_ON, "garment_desc": ""}, "garment_desc=''"),
    (requests.TryOn, {"model": "m.jpg", "category": "dresses"}, "needs garment"),
    (requests.TryOn, {**TRY_ON, "colour": "red"}, "no argument 'colour'"),
    (requests.TryOn, {**TRY_ON, "cls": "red"}, "no argument 'cls'"),
    (requests.TryOn, {**TRY_ON, "model": 7}, "model: A picture cannot be made from int"),
    (requests.TryOn, {**TRY_ON, "garment": "ftp://x.example/g.jpg"}, "garment: The API takes no"),
    (requests.TryOn, {**TRY_ON, "extra_fields": {"category": "x"}}, "documented field"),
    (requests.TryOn, {**TRY_ON, "extra_fields": {"modelImg": "x"}}, "documented field"),
    (requests.TryOn, {**TRY_ON, "extra_fields": {'a"\r\nb': "x"}}, "cannot be the name"),
    (requests.TryOn, {**TRY_ON, "extra_fields": {"": "x"}}, "cannot be the name"),
    (requests.TryOn, {**TRY_ON, "extra_fields": {"a": 7}}, "extra_fields.a=7"),
    (requests.TryOn, {**TRY_ON, "extra_fields": {"a": "\ud800"}}, "half a character"),
    (requests.TryOn, {**TRY_ON, "extra_fields": {"\ud800": "a"}}, "cannot be the name"),
    (requests.TryOn, {**TRY_ON, "extra_fields": 5}, "extra_fields=5"),
    (requests.ChangeByPrompt, {**PROMPT, "seed": True}, "seed=True"),
    (requests.ChangeByPrompt, {**PROMPT, "guidance_scale": True}, "guidance_scale=True"),
    (requests.ChangeByPrompt, {**PROMPT, "num_inference_steps": True}, "num_inference_steps=True"),
    (requests.ChangeByPrompt, {**PROMPT, "randomize_seed": "yes"}, "randomize_seed='yes'"),
    (requests.ChangeByPrompt, {**PROMPT, "randomize_seed": 1}, "randomize_seed=1"),
]


@pytest.mark.parametrize(
    ("name", "values", "accepted"),
    [
        ("seed", [-1, 2**31, 1.5, "lucky", "", True], "a whole number from 0 to 2147483647"),
        ("guidance_scale", [0, 101, "7,5", math.nan, True], "a number from 1 to 100, such as 7.5"),
        ("num_inference_steps", [0, 51, "1.5", []], "a whole number from 1 to 50"),
    ],
)
def test_a_number_is_refused_with_both_ends_of_its_range(name, values, accepted):
    """Whatever is wrong with it; a person reads once what would do."""
    for value in values:
        with pytest.raises(errors.InvalidInput) as caught:
            requests.ChangeByPrompt(**PROMPT, **{name: value})
        assert caught.value.next_step == f"Give {accepted}; nothing was sent."


@pytest.mark.parametrize(("kind", "arguments", "words"), REFUSED)
def test_a_bad_argument_is_refused_by_name(kind, arguments, words):
    """InvalidInput names the argument and what it was; no pydantic error leads to it."""
    with pytest.raises(errors.InvalidInput) as caught:
        kind(**arguments)
    assert words in str(caught.value)
    assert caught.value.money == "not spent"
    assert caught.value.next_step
    assert caught.value.__context__ is caught.value.__cause__ is None


PICTURE = PNG + b"\xff" * 100_000
WRONG_PLACES = [
    (requests.ChangeByPrompt, {**PROMPT, "prompt": PICTURE}, "prompt is of type bytes"),
    (requests.ChangeByPrompt, {**PROMPT, "seed": PICTURE}, "seed is of type bytes"),
    (requests.ChangeByPrompt, {**PROMPT, "seed": [PICTURE]}, "seed is of type list"),
    (requests.ChangeByPrompt, {**PROMPT, "randomize_seed": PICTURE}, "_seed is of type bytes"),
    (requests.TryOn, {**TRY_ON, "category": PICTURE}, "category is of type bytes"),
    (requests.TryOn, {**TRY_ON, "extra_fields": {"a": PICTURE}}, "extra_fields.a is of type bytes"),
    (requests.TryOn, {**TRY_ON, "extra_fields": {"\x89PNG" * 10_000: "a"}}, "cannot be the name"),
    (requests.TryOn, {**TRY_ON, "extra_fields": {"PNG" * 10_000: "\ud800"}}, "half a character"),
    (requests.TryOn, {**TRY_ON, "PNG" * 10_000: "a"}, "no argument"),
    (requests.TryOn, {**TRY_ON, "category": "k" * 30}, "category, of 30 characters, is not"),
    (requests.ChangeByPrompt, {**PROMPT, "seed": 10**4300}, "seed=a number of thousands of"),
]


@pytest.mark.parametrize(("kind", "arguments", "words"), WRONG_PLACES)
def test_a_picture_in_the_wrong_place_is_not_repeated(kind, arguments, words):
    """Its type is told; of what is a name, the beginning."""
    with pytest.raises(errors.InvalidInput, match=words) as caught:
        kind(**arguments)
    assert r"\xff" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_job_never_changes():
    """A job is a value: its fields cannot be set."""
    job = requests.TryOn(**TRY_ON)
    with pytest.raises(pydantic.ValidationError):
        job.category = "upper_body"


@pytest.mark.parametrize(
    "make",
    [
        lambda: "m.jpg",
        lambda: "https://p.example/m.jpg",
        lambda: bytearray(PNG),
        lambda: Drawing.new("RGB", (2, 2)),
    ],
    ids=["path", "url", "bytes", "drawn"],
)
def test_equal_jobs_are_one_key(make):
    """Jobs are keys of dictionaries, with any picture; one that differs in a field is another."""
    extra = {"upscale": "2"}
    paths = {
        requests.TryOn(**{**TRY_ON, "garment": make()}): 1,
        requests.TryOn(**{**TRY_ON, "garment": make()}, extra_fields=extra): 2,
        requests.ChangeByPrompt(**{**PROMPT, "model": make()}, seed=7): 3,
    }
    assert len(paths) == 3
    assert paths[requests.TryOn(**{**TRY_ON, "garment": make()})] == 1
    assert paths[requests.TryOn(**{**TRY_ON, "garment": make()}, extra_fields=extra)] == 2
    assert paths[requests.ChangeByPrompt(**{**PROMPT, "model": make()}, seed=7)] == 3


def test_an_open_file_makes_a_key_by_itself():
    """Another file is another picture, whatever is in it."""
    one, other = io.BytesIO(PNG), io.BytesIO(PNG)
    jobs = [requests.TryOn(**{**TRY_ON, "garment": file}) for file in (one, other, one)]
    assert {*jobs} == {*jobs[:2]}
    assert len({*jobs}) == 2


@pytest.mark.parametrize("picture", ["m.png", "https://shop.example/m.jpg", PNG, b"no picture"])
def test_a_job_is_written_down_and_made_again(picture):
    """As JSON, where bytes are a data URI, and as a mapping of its arguments."""
    job = requests.TryOn(**TRY_ON | {"model": picture}, extra_fields={"quality": "high"})
    assert requests.TryOn.model_validate_json(job.model_dump_json()) == job
    assert requests.TryOn(**job.model_dump()) == job


@pytest.mark.parametrize(
    ("picture", "called"),
    [(io.BytesIO(PNG), "an open file"), (Drawing.new("RGB", (1, 1)), "a PIL image")],
)
def test_what_is_this_programs_alone_is_not_written_down(picture, called):
    """Pydantic would read an open file to its end, which can be read once."""
    job = requests.TryOn(**TRY_ON | {"model": picture})
    for write in (job.model_dump, job.model_dump_json):
        with pytest.raises(ValueError, match=f"A job with {called} cannot be written down"):
            write()


def test_pictures_stay_out_of_a_jobs_repr():
    """A job shows sizes, not bytes."""
    job = requests.TryOn(**{**TRY_ON, "model": PNG})
    assert "IHDR" not in repr(job) + str(job)
    assert f"Bytes({len(PNG)} bytes)" in repr(job)
    assert repr(job).startswith("TryOn(")


SIGNED = "https://s3.example/shop/red%20dress.jpg?X-Amz-Signature=0123abcd"
DATA = "data:image/png;base64," + base64.b64encode(PNG).decode()
LINES = [
    (requests.TryOn(**TRY_ON), "try_on m.jpg + g.jpg (dresses)"),
    (
        requests.TryOn(model=PNG, garment=SIGNED, category="upper_body"),
        f"try_on {len(PNG)} bytes + red dress.jpg (upper_body)",
    ),
    (
        requests.TryOn(model=io.BytesIO(PNG), garment="https://shop.example/", category="dresses"),
        "try_on an open file + shop.example (dresses)",
    ),
    (
        requests.TryOn(
            model="/a\nb\udcff.jpg", garment="https://x.example/%0A", category="dresses"
        ),
        "try_on a?b?.jpg + ? (dresses)",
    ),
    (
        requests.ChangeByPrompt(model=DATA, prompt="a red\ndress", seed=7),
        f"change_by_prompt {len(PNG)} bytes ('a red\\ndress', seed 7)",
    ),
    (
        requests.ChangeByPrompt(model=Drawing.new("L", (1, 1)), prompt="x" * 100),
        f"change_by_prompt a PIL image ('{'x' * 59}…')",
    ),
]


@pytest.mark.parametrize(("job", "line"), LINES)
def test_a_job_is_said_in_a_line(job, line):
    """`print(outcome.job, outcome.error)`: names, and neither bytes nor a signed address."""
    assert str(job) == line
    assert "\n" not in f"{job}"
    assert repr(job) != line


def test_a_repr_holds_what_was_given():
    """A list of outcomes in a notebook is not filled with None; zero and False were given."""
    job = requests.ChangeByPrompt(model=b"x", prompt="red", seed=0, randomize_seed=False)
    said = "ChangeByPrompt(model=Bytes(1 bytes), prompt='red', seed=0, randomize_seed=False)"
    assert repr(job) == said


def test_arguments_go_by_name():
    """Whoever calls try_on(model, garment, category) tries it with a job too."""
    with pytest.raises(errors.InvalidInput, match="by name") as caught:
        requests.TryOn("anna.jpg", "red.jpg", "dresses")
    assert caught.value.next_step == "Write TryOn(model=…, garment=…, category=…)."
    with pytest.raises(errors.InvalidInput, match=r"Write ChangeByPrompt\(model=…, prompt=…\)\."):
        requests.ChangeByPrompt("anna.jpg", prompt="red")


def test_a_job_of_ones_own_may_take_them_without():
    """A subclass decides about its own arguments."""

    class Red(requests.ChangeByPrompt):
        def __init__(self, model):
            super().__init__(model=model, prompt="a red dress")

    assert Red(b"x").prompt == "a red dress"


def test_a_signature_can_be_read():
    """As help() and a notebook show it: arguments and their types, and no validators."""
    for kind in (requests.TryOn, requests.ChangeByPrompt):
        assert "Validator" not in str(inspect.signature(kind))
    shown = inspect.signature(requests.TryOn).parameters
    assert list(shown) == list(requests.TryOn.model_fields)
    assert shown["garment_desc"].annotation == str | None


def test_a_job_of_ones_own_may_have_any_fields():
    """Its types may be known in a function alone, and an argument have another name."""

    class Shop(pydantic.BaseModel):
        name: str

    class Order(requests.TryOn):
        number: int = pydantic.Field(0, alias="order")
        shop: Shop | None = None

    assert list(inspect.signature(Order).parameters)[-2:] == ["order", "shop"]


def test_undocumented_fields_go_last():
    """extra_fields are sent as they are, after the documented ones."""
    job = requests.TryOn(**TRY_ON, extra_fields={"style[0]": "a\r\nb"})
    assert job.texts() == [("category", "dresses"), ("style[0]", "a\r\nb")]


A, B = b"a" * 32, b"b" * 32
DIFFERENT = [
    (requests.TryOn(**TRY_ON), [A, B]),
    (requests.TryOn(**TRY_ON), [B, A]),
    (requests.TryOn(**TRY_ON), [A, A]),
    (requests.TryOn(**{**TRY_ON, "category": "upper_body"}), [A, B]),
    (requests.TryOn(**TRY_ON, garment_desc="x"), [A, B]),
    (requests.TryOn(**TRY_ON, extra_fields={"x": "y"}), [A, B]),
    (requests.TryOn(**TRY_ON, extra_fields={"xy": ""}), [A, B]),
    (requests.ChangeByPrompt(**PROMPT), [A]),
    (requests.ChangeByPrompt(**PROMPT, seed=1), [A]),
    (requests.ChangeByPrompt(**PROMPT, num_inference_steps=1), [A]),
]


def identity(job, digests):
    return requests.identity(job.endpoint, job.texts(), digests)


def test_all_that_is_paid_for_makes_an_identity():
    """Endpoint, texts and each picture's place and content count."""
    assert len({identity(*one) for one in DIFFERENT}) == len(DIFFERENT)


def test_a_path_makes_no_identity():
    """The same pictures under other names, and fields in another order, are the same job."""
    extra = {"a": "1", "b": "2"}
    one = requests.TryOn(**TRY_ON, extra_fields=extra)
    two = requests.TryOn(
        model="x.png", garment=PNG, category="dresses", extra_fields=dict(reversed(extra.items()))
    )
    assert identity(one, [A, B]) == identity(two, [A, B])


@given(st.dictionaries(st.text(), st.none() | st.text() | st.integers() | st.floats()))
def test_any_arguments_make_a_job_or_an_error_of_ours(arguments):
    """Nothing but a ChangeClothesError leaves a constructor."""
    with contextlib.suppress(errors.InvalidInput):
        job = requests.ChangeByPrompt.model_validate({**PROMPT, **arguments})
        assert dict(job.texts())["prompt"]
