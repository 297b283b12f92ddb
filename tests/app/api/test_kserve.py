"""Triton's own client for the KServe v2 protocol against a real server on loopback."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tests.app.api.openai_server import REPLY, TOKEN, Served

http = pytest.importorskip("tritonclient.http", reason="tritonclient is not installed")
from tritonclient.utils import InferenceServerException  # noqa: E402 - after the line that may skip

KEY = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    opened = Served(tmp_path / "data")
    yield opened
    opened.close()


@pytest.fixture
def client(served: Served) -> Iterator[Any]:
    opened = http.InferenceServerClient(served.url.removeprefix("http://").removesuffix("/v1"))
    yield opened
    opened.close()


def texts(*given: str, binary: bool = True, name: str = "text_input") -> Any:
    tensor = http.InferInput(name, [len(given)], "BYTES")
    tensor.set_data_from_numpy(np.array([one.encode() for one in given], object), binary_data=binary)
    return tensor


def post(served: Served, path: str, **options: Any) -> httpx.Response:
    return httpx.post(served.url.removesuffix("/v1") + path, headers={**KEY} | options.pop("headers", {}), **options)


def test_health_and_metadata(served: Served, client: Any) -> None:
    assert client.is_server_live(headers={**KEY})
    assert client.is_server_ready(headers={**KEY})
    assert client.get_server_metadata(headers={**KEY})["name"] == "docent"
    assert client.is_model_ready("saying", headers={**KEY})
    assert client.is_model_ready("saying", "1", headers={**KEY})
    assert not client.is_model_ready("saying", "2", headers={**KEY})
    assert not client.is_model_ready("nobody", headers={**KEY})
    about = client.get_model_metadata("saying", headers={**KEY})
    assert [one["name"] for one in about["inputs"]] == ["text_input", "sampling_parameters"]
    assert about["outputs"] == [{"name": "text_output", "datatype": "BYTES", "shape": [-1]}]


def test_strangers_are_refused(served: Served, client: Any) -> None:
    assert not client.is_server_live()
    with pytest.raises(InferenceServerException):
        client.infer("saying", [texts("What does it eat? <|assistant|>")])


@pytest.mark.parametrize("binary", [True, False])
def test_texts_are_continued(served: Served, client: Any, binary: bool) -> None:
    asked = [texts("What does it eat? <|assistant|>", "Was isst er? ü <|assistant|>", binary=binary)]
    reply = client.infer("saying", asked, request_id="7", parameters={"max_tokens": 100}, headers={**KEY})
    assert list(reply.as_numpy("text_output")) == [REPLY, REPLY]
    assert reply.get_response()["id"] == "7"
    assert reply.get_response()["model_version"] == "1"


def test_sampling_parameters_as_the_vllm_backend_has_them(served: Served, client: Any) -> None:
    sampling = texts(json.dumps({"max_tokens": 100, "stop": ["tonnes"]}), name="sampling_parameters")
    wanted = http.InferRequestedOutput("text_output")
    reply = client.infer("saying", [texts("Eats? <|assistant|>"), sampling], outputs=[wanted], headers={**KEY})
    assert reply.as_numpy("text_output")[0] == "The blue whale eats four "


def test_embeddings_are_those_of_the_embedder(served: Served, client: Any) -> None:
    embedder = served.assistant.embedder()
    about = client.get_model_metadata(embedder.name, headers={**KEY})
    assert about["outputs"][0]["shape"] == [-1, embedder.dimension]
    reply = client.infer(embedder.name, [texts("a whale", "krill")], headers={**KEY})
    assert np.allclose(reply.as_numpy("embedding"), embedder.embed_passages(["a whale", "krill"]))


def test_generate_whole_and_in_pieces(served: Served) -> None:
    body = {"text_input": "What does it eat? <|assistant|>", "parameters": {"max_tokens": 100}}
    whole = post(served, "/v2/models/saying/generate", json=body).json()
    assert whole == {"model_name": "saying", "model_version": "1", "text_output": REPLY}
    streamed = post(served, "/v2/models/saying/generate_stream", json=body)
    assert streamed.headers["content-type"].startswith("text/event-stream")
    pieces = [json.loads(line.removeprefix("data: ")) for line in streamed.text.split("\n\n") if line]
    assert len(pieces) > 3
    assert "".join(piece["text_output"] for piece in pieces) == REPLY


def test_a_client_that_goes_ends_its_generation(tmp_path: Path) -> None:
    gate = threading.Event()
    served = Served(tmp_path / "data", gate=gate)
    try:
        with pytest.raises(httpx.ReadTimeout):
            body = {"text_input": "What does it eat? <|assistant|>", "parameters": {"max_tokens": 100}}
            post(served, "/v2/models/saying/generate", json=body, timeout=httpx.Timeout(30, read=0.5))
        gate.set()
        after = post(served, "/v2/models/saying/generate", json=body, timeout=30)
        assert after.json()["text_output"] == REPLY
    finally:
        gate.set()
        served.close()


TENSOR = {"name": "text_input", "shape": [1], "datatype": "BYTES", "data": ["Eats? <|assistant|>"]}


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ([], "inputs"),
        ([TENSOR | {"datatype": "FP32", "data": [1.0]}], "BYTES"),
        ([TENSOR | {"data": [1]}], "strings"),
        ([TENSOR | {"shape": [2]}], "1 elements"),
        ([TENSOR | {"shape": [-1]}], "1 elements"),
        ([TENSOR | {"shape": [0], "data": []}], "prompt"),
        ([TENSOR | {"name": "images"}], "no input 'images'"),
        ([{key: TENSOR[key] for key in ("name", "shape", "datatype")}], "no data"),
        ([TENSOR | {"parameters": {"binary_data_size": 3}}], "binary_data_size"),
        ([TENSOR, TENSOR | {"name": "sampling_parameters", "data": ["{"]}], "not JSON"),
        ([TENSOR, TENSOR | {"name": "sampling_parameters", "data": ['{"temperature": "hot"}']}], "temperature"),
        ([TENSOR, TENSOR | {"name": "sampling_parameters", "data": ['{"num_beams": 2}']}], "Beams"),
    ],
)
def test_a_wrong_tensor_is_named(served: Served, inputs: list[Any], words: str) -> None:
    reply = post(served, "/v2/models/saying/infer", json={"inputs": inputs})
    assert reply.status_code == 400
    assert words in reply.json()["error"]


def test_binary_tensors_that_do_not_fit(served: Served) -> None:
    tensor = {key: TENSOR[key] for key in ("name", "shape", "datatype")}
    head = json.dumps({"inputs": [tensor | {"parameters": {"binary_data_size": 6}}]}).encode()
    size = {"inference-header-content-length": str(len(head))}
    for rest, words in (
        (b"\x02\x00\x00\x00hi!", "belong to no input"),
        (b"\x03\x00\x00\x00hi", "within an element"),
        (b"\x02\x00\x00\x00\xff\xff", "UTF-8"),
        (b"\x02\x00", "binary_data_size"),
    ):
        reply = post(served, "/v2/models/saying/infer", content=head + rest, headers=size)
        assert reply.status_code == 400
        assert words in reply.json()["error"]
    wrong = post(served, "/v2/models/saying/infer", content=head, headers={"inference-header-content-length": "9999"})
    assert "size of the JSON" in wrong.json()["error"]


def test_what_is_not_there(served: Served) -> None:
    for path in ("/v2/models/nobody/infer", "/v2/models/saying/versions/2/infer", "/v2/nothing"):
        reply = post(served, path, json={"inputs": [TENSOR]})
        assert reply.status_code == 404
        assert isinstance(reply.json()["error"], str)
    large = post(served, "/v2/models/saying/infer", content=b"x" * (5 << 20))
    assert large.status_code == 413
    assert "MiB" in large.json()["error"]
