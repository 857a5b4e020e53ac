"""The samples of the API page, as they stand there but for origin, key and pictures."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
from pathlib import Path
from string import Template
from typing import Any

import pytest
import requests

from changeclothes_async.sandbox import Sandbox, tiny

PICTURE = tiny.png(1)
DATA_URI = "data:image/png;base64," + base64.b64encode(PICTURE).decode()
MODEL_URL = (
    "https://persistent.changeclothesai.online/change-clothes-ai/assets/examples/"
    "person-tab/women/003.jpg"
)
GARMENT_URL = (
    "https://persistent.changeclothesai.online/change-clothes-ai/assets/examples/"
    "garment-tab/dresses/04-01.jpg"
)

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a proxy of the environment away, which the samples would ask."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "MODEL IMAGE.png"
    path.write_bytes(PICTURE)
    return path


CURL_TRY_ON = """\
curl --location '$origin/api/openapi/change-clothes-ai' \\
--header 'Authorization: Bearer $key' \\
--form 'garmentImg=$garment' \\
--form 'category="dresses"' \\
--form 'modelImg=$model'"""

CURL_PROMPT = """\
curl --location '$origin/api/openapi/change-clothes-by-prompt' \\
--header 'Authorization: Bearer $key' \\
--form 'modelImg=$model' \\
--form 'prompt="Help the model change into a blue striped shirt."'"""


def curl(sample: str, sandbox: Sandbox, **pictures: str) -> Any:
    command = Template(sample).substitute(pictures, origin=sandbox.url, key=sandbox.api_key)
    done = subprocess.run(["sh", "-c", command], capture_output=True, check=True, timeout=60)
    return json.loads(done.stdout)


@needs_curl
def test_curl_with_urls(changeclothes_sandbox: Sandbox) -> None:
    """The quotes of a form text are curl's, and do not arrive; the presets hit the cache."""
    answer = curl(
        CURL_TRY_ON, changeclothes_sandbox, model=f'"{MODEL_URL}"', garment=f'"{GARMENT_URL}"'
    )
    assert (answer["code"], answer["data"]["cacheHit"]) == (200, True)
    (call,) = changeclothes_sandbox.calls
    assert call.fields == {"category": "dresses"}
    assert call.pictures["modelImg"].url == MODEL_URL
    answer = curl(CURL_PROMPT, changeclothes_sandbox, model=f'"{MODEL_URL}"')
    assert isinstance(answer["data"]["seed"], int)


@needs_curl
def test_curl_with_files(changeclothes_sandbox: Sandbox, picture: Path) -> None:
    """A file arrives byte for byte, with the name and the type that curl gives it."""
    file = f'@"{picture}"'
    assert curl(CURL_TRY_ON, changeclothes_sandbox, model=file, garment=file)["code"] == 200
    assert curl(CURL_PROMPT, changeclothes_sandbox, model=file)["code"] == 200
    model = changeclothes_sandbox.calls[0].pictures["modelImg"]
    assert (model.form, model.size, model.filename) == ("file", len(PICTURE), picture.name)
    assert model.content_type == "image/png"


@needs_curl
def test_curl_with_base64(changeclothes_sandbox: Sandbox) -> None:
    """A data URI arrives as the picture that it holds."""
    uri = f'"{DATA_URI}"'
    assert curl(CURL_TRY_ON, changeclothes_sandbox, model=uri, garment=uri)["code"] == 200
    assert curl(CURL_PROMPT, changeclothes_sandbox, model=uri)["code"] == 200
    model = changeclothes_sandbox.calls[0].pictures["modelImg"]
    assert (model.form, model.size, model.mime) == ("data", len(PICTURE), "image/png")


@needs_curl
def test_curl_waits_for_100_continue(changeclothes_sandbox: Sandbox, tmp_path: Path) -> None:
    """A big file is announced with `Expect: 100-continue`, and asked for."""
    big = tmp_path / "big.png"
    big.write_bytes(PICTURE + bytes(3_000_000))
    sample = CURL_PROMPT + " --expect100-timeout 50"
    assert curl(sample, changeclothes_sandbox, model=f'@"{big}"')["code"] == 200


@needs_curl
@pytest.mark.parametrize("option", ["--header 'Transfer-Encoding: chunked'", "--http1.0"])
def test_curl_in_other_ways(changeclothes_sandbox: Sandbox, picture: Path, option: str) -> None:
    """A body of unknown length, and the old protocol, are the same call."""
    file = f'@"{picture}"'
    answer = curl(f"{CURL_TRY_ON} {option}", changeclothes_sandbox, model=file, garment=file)
    assert answer["code"] == 200
    assert changeclothes_sandbox.calls[0].pictures["garmentImg"].size == len(PICTURE)


@needs_curl
@pytest.mark.parametrize("option", ["", "--header 'Expect:'"])
def test_curl_with_a_file_of_200_mb(
    changeclothes_sandbox: Sandbox, tmp_path: Path, option: str
) -> None:
    """It is refused as soon as it is too large, asked for or not, and curl reads why."""
    huge = tmp_path / "huge.png"
    with huge.open("wb") as file:
        file.write(PICTURE)
        file.truncate(200 * 2**20)  # a hole, which takes no room on the disk
    answer = curl(f"{CURL_PROMPT} {option}", changeclothes_sandbox, model=f'@"{huge}"')
    assert answer == {"code": 10004, "msg": "modelImg is larger than 67,108,864 bytes"}


@needs_curl
def test_curl_with_more_than_is_documented(changeclothes_sandbox: Sandbox, picture: Path) -> None:
    """Fields that nobody knows are taken and recorded, texts and files."""
    more = f"""--form 'style=x' --form 'pose=@"{picture}";type=text/plain'"""
    answer = curl(f"{CURL_PROMPT} {more}", changeclothes_sandbox, model=f'@"{picture}"')
    assert answer["code"] == 200
    (call,) = changeclothes_sandbox.calls
    assert call.fields["style"] == "x"
    assert call.pictures["pose"].filename == picture.name


@needs_curl
@pytest.mark.parametrize(
    ("wrong", "msg"),
    [
        ("--form modelImg=", "modelImg comes twice"),
        ("--form seed=1 --form seed=2", "seed comes twice"),
        ("--form 'seed=@/dev/null'", "seed must be a number"),
    ],
)
def test_curl_gone_wrong(
    changeclothes_sandbox: Sandbox, picture: Path, wrong: str, msg: str
) -> None:
    """A field twice, and an empty file for one, are named."""
    answer = curl(f"{CURL_PROMPT} {wrong}", changeclothes_sandbox, model=f'@"{picture}"')
    assert answer["code"] == 10004
    assert answer["msg"].startswith(msg)
    empty = curl(CURL_PROMPT, changeclothes_sandbox, model="@/dev/null")
    assert empty == {"code": 10004, "msg": "modelImg is empty"}


async def call_change_clothes_api(api_endpoint: str, api_key: str, form_data: Any) -> Any:
    """Call as the page's Python sample does; its versions differ in the form and the result."""
    headers = {
        "Authorization": f"Bearer {api_key}",
    }
    response = requests.post(api_endpoint, files=form_data, headers=headers)  # noqa: ASYNC210, S113 - as the page has it
    response.raise_for_status()
    return response.json()


@pytest.mark.parametrize("model", [DATA_URI, MODEL_URL, PICTURE])
def test_python_with_every_text_as_a_file(changeclothes_sandbox: Sandbox, model: Any) -> None:
    """`requests` gives each text a file name; they are texts and URLs all the same."""
    form_data = {
        "modelImg": model,
        "garmentImg": "https://example.com/garment.png",
        "category": "upper_body",
        "garmentDesc": "A beautiful red dress",
    }
    endpoint = f"{changeclothes_sandbox.url}/api/openapi/change-clothes-ai"
    key = changeclothes_sandbox.api_key
    answer = asyncio.run(call_change_clothes_api(endpoint, key, form_data))
    assert answer["data"]["resultImgUrl"].startswith(changeclothes_sandbox.url)
    (call,) = changeclothes_sandbox.calls
    assert call.fields == {"category": "upper_body", "garmentDesc": "A beautiful red dress"}
    assert call.pictures["garmentImg"].form == "url"
    assert call.pictures["garmentImg"].filename == "garmentImg"


def test_python_by_prompt(changeclothes_sandbox: Sandbox) -> None:
    """The second endpoint takes the same kind of form."""
    form_data = {
        "modelImg": DATA_URI,
        "prompt": "Help the model change into a blue striped shirt.",
    }
    endpoint = f"{changeclothes_sandbox.url}/api/openapi/change-clothes-by-prompt"
    key = changeclothes_sandbox.api_key
    answer = asyncio.run(call_change_clothes_api(endpoint, key, form_data))
    assert set(answer["data"]) == {"resultImgUrl", "seed"}


NODE = """
async function callChangeClothesApi() {
  const apiKey = '$key';

  const formData = new FormData();
  $fields

  const apiEndpoint = '$endpoint';
  try {
    const response = await fetch(apiEndpoint, {
      method: 'POST',
      headers: {
        'Authorization': `Bearer $${apiKey}`,
      },
      body: formData,
    });

    if (!response.ok) {
      const errorData = await response.json();
      throw new Error(`HTTP error $${response.status}: $${errorData.msg || 'Unknown error'}`);
    }

    const data = await response.json();
    return { resultImgUrl: data.data.resultImgUrl, rest: data.data, error: null };

  } catch (error) {
    console.error('Error changing clothes:', error);
    return { resultImgUrl: null, maskImgUrl: null, error: error.message };
  }
}
callChangeClothesApi().then((found) => console.log(JSON.stringify(found)));
"""


def node(endpoint: str, key: str, fields: str) -> Any:
    script = Template(NODE).substitute(endpoint=endpoint, key=key, fields=fields)
    done = subprocess.run(["node", "-e", script], capture_output=True, check=True, timeout=60)
    return json.loads(done.stdout)


@needs_node
def test_node_with_url_file_and_base64(changeclothes_sandbox: Sandbox, picture: Path) -> None:
    """Node's `FormData` is taken with each form of a picture."""
    endpoint = f"{changeclothes_sandbox.url}/api/openapi/change-clothes-ai"
    file = f"new Blob([require('fs').readFileSync('{picture}')])"
    for model in (f"'{MODEL_URL}'", f"'{DATA_URI}'", file):
        fields = f"""
          formData.append('modelImg', {model});
          formData.append('garmentImg', '{GARMENT_URL}');
          formData.append('category', 'dresses');
          formData.append('garmentDesc', 'a lime dress');
        """
        found = node(endpoint, changeclothes_sandbox.api_key, fields)
        assert found["error"] is None
        assert found["resultImgUrl"].startswith(changeclothes_sandbox.url)
    forms = [call.pictures["modelImg"].form for call in changeclothes_sandbox.calls]
    assert forms == ["url", "data", "file"]


@needs_node
def test_node_by_prompt(changeclothes_sandbox: Sandbox) -> None:
    """The second endpoint answers it with the seed."""
    endpoint = f"{changeclothes_sandbox.url}/api/openapi/change-clothes-by-prompt"
    fields = f"""
      formData.append('modelImg', '{DATA_URI}');
      formData.append('prompt', 'Help the model change into a blue striped shirt.');
    """
    found = node(endpoint, changeclothes_sandbox.api_key, fields)
    assert found["error"] is None
    assert set(found["rest"]) == {"resultImgUrl", "seed"}


@needs_node
@pytest.mark.changeclothes(http_errors=True)
def test_node_reads_msg_off_an_http_error(changeclothes_sandbox: Sandbox) -> None:
    """A failure that comes as an HTTP error has the envelope as its body."""
    endpoint = f"{changeclothes_sandbox.url}/api/openapi/change-clothes-by-prompt"
    found = node(endpoint, "wrong", "formData.append('prompt', 'a blue shirt');")
    assert found["error"] == "HTTP error 401: INVALID_API_KEY"
