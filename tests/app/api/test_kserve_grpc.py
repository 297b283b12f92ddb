"""Triton's own client for the KServe v2 protocol over gRPC, against a real server on loopback."""

import asyncio
import json
import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.app.api.openai_server import REPLY, TOKEN, Served, until
from tests.app.users.team import users

grpc = pytest.importorskip("grpc", reason="grpcio is not installed")
triton = pytest.importorskip("tritonclient.grpc", reason="tritonclient is not installed")
health_pb2 = pytest.importorskip("grpc_health.v1.health_pb2", reason="grpcio-health-checking is not installed")
from grpc_health.v1 import health_pb2_grpc  # noqa: E402
from tritonclient.grpc import service_pb2, service_pb2_grpc  # noqa: E402 - after the line that may skip
from tritonclient.utils import InferenceServerException  # noqa: E402

from app.api.access.keys import Keys  # noqa: E402
from app.api.gate import Gate  # noqa: E402
from app.api.kserve.models import Models  # noqa: E402
from app.api.kserve.rpc.messages import MESSAGES, SERVICE  # noqa: E402
from app.api.kserve.rpc.server import RpcServer  # noqa: E402
from app.errors import AppError  # noqa: E402

KEYS, USERS = users("anna")
KEY = {"authorization": f"Bearer {TOKEN}"}
SERVING = health_pb2.HealthCheckResponse.SERVING
QUESTION = "What does it eat? <|assistant|>"


class RpcServed:
    """The server in a thread, over an assistant whose model always says the same."""

    def __init__(self, folder: Path, gate: threading.Event | None = None) -> None:
        self.served = Served(folder, gate=gate)
        keys = Keys(TOKEN, "key-of-programs", USERS)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.rpc = RpcServer(Models(self.served.assistant, Gate(4)), keys, "127.0.0.1", 0, None)
        self.port = self.run(self.rpc.start())

    def run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)

    def close(self) -> None:
        self.run(self.rpc.stop(0))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self.served.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[RpcServed]:
    opened = RpcServed(tmp_path / "data")
    yield opened
    opened.close()


@pytest.fixture
def client(served: RpcServed) -> Iterator[Any]:
    opened = triton.InferenceServerClient(f"127.0.0.1:{served.port}")
    yield opened
    opened.close()


@pytest.fixture
def stub(served: RpcServed) -> Iterator[Any]:
    """What Triton generates from its .proto, for requests that its client does not send."""
    with grpc.insecure_channel(f"127.0.0.1:{served.port}") as channel:
        yield service_pb2_grpc.GRPCInferenceServiceStub(channel)


def texts(*given: str, name: str = "text_input") -> Any:
    tensor = triton.InferInput(name, [len(given)], "BYTES")
    tensor.set_data_from_numpy(np.array([one.encode() for one in given], object))
    return tensor


def request(**tensor: Any) -> Any:
    """One with the text in the message, not as raw bytes."""
    contents = {"bytes_contents": tensor.pop("texts", [b"Eats? <|assistant|>"])}
    given = {"name": "text_input", "datatype": "BYTES", "shape": [1], "contents": contents} | tensor
    return service_pb2.ModelInferRequest(model_name="saying", inputs=[given])


def test_the_messages_are_those_that_triton_publishes() -> None:
    for name, made in MESSAGES.items():
        ours = made.DESCRIPTOR
        theirs = service_pb2.DESCRIPTOR.pool.FindMessageTypeByName(f"inference.{name}")
        assert described(ours) == described(theirs), name


def described(message: Any) -> list[Any]:
    return [
        (
            field.number,
            field.name,
            field.type,
            field.is_repeated,
            field.message_type and (field.message_type.full_name, field.message_type.GetOptions().map_entry),
            field.message_type and field.message_type.GetOptions().map_entry and described(field.message_type),
            field.containing_oneof and field.containing_oneof.name,
        )
        for field in message.fields
    ]


def test_health_and_metadata(client: Any, served: RpcServed) -> None:
    assert client.is_server_live(headers=KEY)
    assert client.is_server_ready(headers=KEY)
    assert client.get_server_metadata(headers=KEY).name == "docent"
    assert client.is_model_ready("saying", headers=KEY)
    assert client.is_model_ready("saying", "1", headers=KEY)
    assert not client.is_model_ready("saying", "2", headers=KEY)
    assert not client.is_model_ready("nobody", headers=KEY)
    about = client.get_model_metadata("saying", headers=KEY, as_json=True)
    assert [one["name"] for one in about["inputs"]] == ["text_input", "sampling_parameters"]
    assert about["outputs"] == [{"name": "text_output", "datatype": "BYTES", "shape": ["-1"]}]


@pytest.mark.parametrize("key", [TOKEN, "key-of-programs", KEYS["anna"]])
def test_all_keys_of_http_open_it(client: Any, key: str) -> None:
    assert client.is_server_live(headers={"authorization": f"Bearer {key}"})


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer no-key"}, {"authorization": TOKEN}])
def test_strangers_are_refused(client: Any, headers: dict[str, str]) -> None:
    with pytest.raises(InferenceServerException) as caught:
        client.is_server_live(headers=headers)
    assert caught.value.status() == "StatusCode.UNAUTHENTICATED"
    replies: queue.Queue[Any] = queue.Queue()
    client.start_stream(lambda result, error: replies.put(error), headers=headers)
    assert replies.get(timeout=30).status() == "StatusCode.UNAUTHENTICATED"


def test_texts_are_continued(client: Any) -> None:
    asked = [texts(QUESTION, "Was isst er? ü <|assistant|>")]
    reply = client.infer("saying", asked, request_id="7", parameters={"max_tokens": 100}, headers=KEY)
    assert [one.decode() for one in reply.as_numpy("text_output")] == [REPLY, REPLY]
    assert (reply.get_response().id, reply.get_response().model_version) == ("7", "1")


def test_sampling_parameters_as_the_vllm_backend_has_them(client: Any) -> None:
    sampling = texts(json.dumps({"max_tokens": 100, "stop": ["tonnes"]}), name="sampling_parameters")
    wanted = triton.InferRequestedOutput("text_output")
    reply = client.infer("saying", [texts("Eats? <|assistant|>"), sampling], outputs=[wanted], headers=KEY)
    assert reply.as_numpy("text_output")[0] == b"The blue whale eats four "


def test_texts_in_the_message_itself(stub: Any) -> None:
    reply = stub.ModelInfer(request(), metadata=[*KEY.items()])
    assert reply.raw_output_contents[0][4:].decode() == REPLY[: len(reply.raw_output_contents[0]) - 4]


def test_embeddings_are_those_of_the_embedder(served: RpcServed, client: Any) -> None:
    embedder = served.served.assistant.embedder()
    reply = client.infer(embedder.name, [texts("a whale", "krill")], headers=KEY)
    assert np.array_equal(reply.as_numpy("embedding"), embedder.embed_passages(["a whale", "krill"]))


def test_requests_of_one_stream_are_answered_in_pieces(served: RpcServed, client: Any) -> None:
    replies: queue.Queue[Any] = queue.Queue()
    client.start_stream(lambda result, error: replies.put((result, error)), headers=KEY)
    embedder = served.served.assistant.embedder()
    for id_, name, given in (
        ("a", "saying", [texts(QUESTION)]),
        ("b", "saying", [texts(QUESTION)]),
        ("vectors", embedder.name, [texts("krill", "a whale")]),
    ):
        sampled = {} if name == embedder.name else {"max_tokens": 100}
        client.async_stream_infer(name, given, request_id=id_, parameters=sampled, enable_empty_final_response=True)
    client.async_stream_infer("saying", [texts("one", "two")], request_id="two")
    found: dict[str, list[str]] = {"a": [], "b": []}
    vectors, ended, failed = None, set[str](), None
    while len(ended) < 3 or failed is None:
        result, error = replies.get(timeout=30)
        if error is not None:
            failed = error
            continue
        response = result.get_response()
        if response.parameters["triton_final_response"].bool_param:
            assert not response.outputs
            ended.add(response.id)
        elif response.id == "vectors":
            vectors = result.as_numpy("embedding")
        else:
            found[response.id].append(result.as_numpy("text_output")[0].decode())
    assert "".join(found["a"]) == "".join(found["b"]) == REPLY
    assert len(found["a"]) > 3
    assert vectors is not None
    assert vectors.shape == (2, embedder.dimension)
    assert "2 texts" in str(failed), "the other requests went on"


def test_a_client_that_goes_ends_its_generations(tmp_path: Path) -> None:
    gate = threading.Event()
    served = RpcServed(tmp_path / "data", gate)
    client = triton.InferenceServerClient(f"127.0.0.1:{served.port}")
    try:
        with pytest.raises(InferenceServerException, match="Deadline"):
            client.infer("saying", [texts(QUESTION)], parameters={"max_tokens": 100}, headers=KEY, client_timeout=0.5)
        client.start_stream(lambda result, error: None, headers=KEY)
        client.async_stream_infer("saying", [texts(QUESTION)], parameters={"max_tokens": 100})
        until(lambda: served.served.assistant.language_model().engine.load.running > 0)  # type: ignore[union-attr]
        client.stop_stream(cancel_requests=True)
        gate.set()
        until(lambda: served.served.assistant.language_model().engine.load.running == 0)  # type: ignore[union-attr]
        reply = client.infer("saying", [texts(QUESTION)], parameters={"max_tokens": 100}, headers=KEY)
        assert reply.as_numpy("text_output")[0].decode() == REPLY
    finally:
        gate.set()
        client.close()
        served.close()


@pytest.mark.parametrize(
    ("tensor", "words"),
    [
        ({"datatype": "FP32"}, "BYTES"),
        ({"shape": [2]}, "1 elements"),
        ({"shape": [-1]}, "1 elements"),
        ({"shape": [0], "texts": []}, "prompt"),
        ({"name": "images"}, "no input 'images'"),
        ({"texts": [b"\xff"]}, "UTF-8"),
        ({"shape": [1] * 9}, "shape"),
    ],
)
def test_a_wrong_tensor_is_named(stub: Any, tensor: dict[str, Any], words: str) -> None:
    with pytest.raises(grpc.RpcError, match="INVALID_ARGUMENT") as caught:
        stub.ModelInfer(request(**tensor), metadata=[*KEY.items()])
    assert words in caught.value.details()


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ([b"\x02\x00\x00\x00hi"], "raw_input_contents. Give one of them"),
        ([b"", b""], "1 inputs and 2"),
    ],
)
def test_raw_bytes_that_do_not_fit(stub: Any, raw: list[bytes], words: str) -> None:
    wrong = request()
    wrong.raw_input_contents.extend(raw)
    with pytest.raises(grpc.RpcError) as caught:
        stub.ModelInfer(wrong, metadata=[*KEY.items()])
    assert words in caught.value.details()


def test_what_is_not_there(client: Any) -> None:
    for name, version in (("nobody", ""), ("saying", "2")):
        with pytest.raises(InferenceServerException) as caught:
            client.infer(name, [texts(QUESTION)], version, headers=KEY)
        assert caught.value.status() == "StatusCode.NOT_FOUND"
    with pytest.raises(InferenceServerException) as caught:
        client.get_inference_statistics(headers=KEY)
    assert caught.value.status() == "StatusCode.UNIMPLEMENTED"


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_large_messages_are_refused(client: Any, compression: str | None) -> None:
    """Packed ones, too: they would have become large here."""
    with pytest.raises(InferenceServerException) as caught:
        client.infer("saying", [texts("a" * (5 << 20))], headers=KEY, compression_algorithm=compression)
    assert caught.value.status() in ("StatusCode.RESOURCE_EXHAUSTED", "StatusCode.UNIMPLEMENTED")
    assert client.is_server_live(headers=KEY)


def test_a_port_that_is_taken_is_named(served: RpcServed) -> None:
    other = RpcServer(Models(served.served.assistant, Gate(4)), Keys(TOKEN), "127.0.0.1", served.port, None)
    with pytest.raises(AppError, match=str(served.port)):
        served.run(other.start())


def test_grpcs_own_health_protocol(served: RpcServed) -> None:
    """Asked by the client of the package that gRPC publishes for it."""
    key = [*KEY.items()]
    with grpc.insecure_channel(f"127.0.0.1:{served.port}") as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for service in ("", SERVICE, "grpc.health.v1.Health"):
            assert stub.Check(health_pb2.HealthCheckRequest(service=service), metadata=key).status == SERVING
        with pytest.raises(grpc.RpcError, match="NOT_FOUND"):
            stub.Check(health_pb2.HealthCheckRequest(service="another"), metadata=key)
        unknown = stub.Watch(health_pb2.HealthCheckRequest(service="another"), metadata=key)
        assert next(unknown).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
        watched = stub.Watch(health_pb2.HealthCheckRequest(), metadata=key)
        assert next(watched).status == SERVING
        served.run(served.rpc.stop(30))
        assert [reply.status for reply in watched] == [health_pb2.HealthCheckResponse.NOT_SERVING]


def test_probes_without_a_key_learn_that_the_server_serves_and_no_more(served: RpcServed) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{served.port}") as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for service in ("", "another"):
            assert stub.Check(health_pb2.HealthCheckRequest(service=service)).status == SERVING
        with pytest.raises(grpc.RpcError, match="UNAUTHENTICATED"):
            next(stub.Watch(health_pb2.HealthCheckRequest()))
