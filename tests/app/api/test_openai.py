"""OpenAI's own client against a real server on loopback, behind the same token as everything else."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import openai
import pytest
from starlette.testclient import TestClient

from app.api.http import create_api
from app.assistant import Assistant
from app.settings.schema import ModelSettings, Settings
from engines.serving.engine import EngineConfig
from tests.app.api.openai_server import REPLY, TOKEN, Served, until
from tests.app.fakes import LightParts, WordEmbedder
from tests.app.models.saying_runtime import SayingRuntime
from tests.engines.small_tokenizer import small_model_tokenizer


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    opened = Served(tmp_path / "data")
    yield opened
    opened.close()


MESSAGES: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What does it eat?"}]


def chat(served: Served, **options: Any) -> Any:
    return served.client.chat.completions.create(
        **{"model": "saying", "messages": MESSAGES, "temperature": 0, **options}
    )


def test_a_chat_completion(served: Served) -> None:
    reply = chat(served)
    assert reply.choices[0].message.content == REPLY
    assert reply.choices[0].finish_reason == "stop"
    assert reply.object == "chat.completion"
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens
    again = chat(served)
    assert again.usage.prompt_tokens_details.cached_tokens > 0


def test_a_streamed_chat_ends_with_reason_and_usage(served: Served) -> None:
    chunks = list(chat(served, stream=True, stream_options={"include_usage": True}))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == REPLY
    assert len([c for c in chunks if c.choices and c.choices[0].delta.content]) > 3
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens > 3
    assert len({c.id for c in chunks}) == 1


def test_limits_stops_and_logprobs(served: Served) -> None:
    short = chat(served, max_completion_tokens=2)
    assert short.choices[0].finish_reason == "length"
    assert short.usage.completion_tokens == 2
    stopped = chat(served, stop=["tonnes"])
    assert stopped.choices[0].message.content == "The blue whale eats four "
    assert stopped.choices[0].finish_reason == "stop"
    told = chat(served, logprobs=True, top_logprobs=3, max_tokens=4).choices[0].logprobs.content
    assert len(told) == 4
    assert len(told[0].top_logprobs) == 3
    assert told[0].logprob == max(top.logprob for top in told[0].top_logprobs)


def test_structured_output(served: Served) -> None:
    schema = {
        "type": "object",
        "properties": {"food": {"enum": ["krill", "fish"]}, "tonnes": {"type": "integer", "minimum": 1, "maximum": 9}},
        "required": ["food", "tonnes"],
        "additionalProperties": False,
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "meal", "strict": True, "schema": schema}}
    value = json.loads(chat(served, response_format=wanted).choices[0].message.content)
    assert value["food"] in ("krill", "fish")
    assert 1 <= value["tonnes"] <= 9
    assert chat(served, extra_body={"regex": "yes|no"}).choices[0].message.content in ("yes", "no")
    with pytest.raises(openai.BadRequestError, match="json_schema"):
        chat(served, response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "odd"}}})


def test_plain_completions(served: Served) -> None:
    prompt = "Hello <|assistant|>"
    whole = served.client.completions.create(model="saying", prompt=prompt, max_tokens=100, temperature=0)
    assert whole.choices[0].text == REPLY
    stream = served.client.completions.create(
        model="saying", prompt=[prompt], max_tokens=100, stream=True, temperature=0
    )
    assert "".join(chunk.choices[0].text for chunk in stream) == REPLY
    assert served.client.completions.create(model="saying", prompt=prompt).usage.completion_tokens <= 16  # type: ignore[union-attr]


def test_several_answers_to_several_prompts(served: Served) -> None:
    """Each choice has its place; a prompt is counted once however many answers it gets."""
    prompts = ["Hello <|assistant|>", "What does it eat? <|assistant|>"]
    options: dict[str, Any] = {"model": "saying", "temperature": 0}
    single = [served.client.completions.create(prompt=prompt, max_tokens=100, **options) for prompt in prompts]
    reply = served.client.completions.create(prompt=prompts, n=3, max_tokens=100, **options)
    assert [choice.index for choice in reply.choices] == list(range(6))
    assert [choice.text for choice in reply.choices] == [REPLY] * 6
    used = [one.usage for one in single if one.usage]
    assert reply.usage is not None
    assert reply.usage.prompt_tokens == sum(one.prompt_tokens for one in used)
    assert reply.usage.completion_tokens == 3 * sum(one.completion_tokens for one in used)
    texts, ended = dict.fromkeys(range(2), ""), []
    for chunk in chat(served, n=2, stream=True, stream_options={"include_usage": True}):
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
            ended += [choice.index] if choice.finish_reason else []
    assert texts == {0: REPLY, 1: REPLY}
    assert sorted(ended) == [0, 1]
    warm = {"temperature": 2, "max_tokens": 30, "extra_body": {"ignore_eos": True, "regex": "[a-z]+"}}
    varied = [choice.message.content for choice in chat(served, n=3, seed=4, **warm).choices]
    assert len(set(varied)) == 3
    assert varied == [choice.message.content for choice in chat(served, n=3, seed=4, **warm).choices]
    with pytest.raises(openai.BadRequestError, match="vocabulary"):
        served.client.completions.create(prompt=[[1, 2], [3, 10**6]], **options)


def test_answers_that_beams_find(served: Served) -> None:
    """The best one first, prompt by prompt; usage counts what is returned."""
    prompts = ["Hello <|assistant|>", "What does it eat? <|assistant|>"]
    beams = {"num_beams": 3}
    reply = served.client.completions.create(model="saying", prompt=prompts, n=2, max_tokens=100, extra_body=beams)
    texts = [choice.text for choice in reply.choices]
    assert texts[0] == texts[2] == REPLY
    assert [choice.index for choice in reply.choices] == [0, 1, 2, 3]
    assert reply.usage is not None
    whole = served.client.completions.create(model="saying", prompt=prompts, max_tokens=100, temperature=0)
    assert whole.usage is not None
    assert reply.usage.prompt_tokens == whole.usage.prompt_tokens
    assert reply.usage.completion_tokens > whole.usage.completion_tokens
    streamed = chat(served, stream=True, extra_body=beams)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in streamed) == REPLY
    for wrong in ({"n": 4}, {"n": 2, "stream": True}, {"temperature": 1}, {"stop": "x"}):
        with pytest.raises(openai.BadRequestError):
            chat(served, extra_body=beams, **wrong)


def test_the_best_of_several_completions(served: Served) -> None:
    """By the mean log probability of their tokens."""
    options: dict[str, Any] = {"model": "saying", "prompt": "Hello <|assistant|>", "max_tokens": 12, "temperature": 6}
    body = {"ignore_eos": True}
    every = served.client.completions.create(n=6, seed=3, logprobs=0, extra_body=body, **options)
    best = served.client.completions.create(n=2, best_of=6, seed=3, logprobs=0, extra_body=body, **options)

    def mean(choice: Any) -> float:
        return float(np.mean(choice.logprobs.token_logprobs))

    ordered = sorted(every.choices, key=mean, reverse=True)
    assert len({choice.text for choice in every.choices}) > 1
    assert [choice.text for choice in best.choices] == [choice.text for choice in ordered[:2]]
    assert best.usage is not None and every.usage is not None
    assert best.usage.completion_tokens == every.usage.completion_tokens, "all that were written count"
    plain = served.client.completions.create(n=1, best_of=6, seed=3, extra_body=body, **options)
    assert plain.choices[0].text == ordered[0].text and plain.choices[0].logprobs is None
    for wrong in ({"n": 3, "best_of": 2}, {"best_of": 2, "stream": True}):
        with pytest.raises(openai.BadRequestError):
            served.client.completions.create(**options, **wrong)


def test_a_bias_bans_or_favours_tokens(served: Served) -> None:
    (first,) = chat(served, logprobs=True, max_tokens=1).choices[0].logprobs.content
    number = small_model_tokenizer().encode_prompt(first.token)[-1]
    banned = chat(served, logprobs=True, max_tokens=1, logit_bias={number: -100}).choices[0].logprobs.content[0]
    assert banned.token != first.token
    favoured = chat(served, max_tokens=3, logit_bias={number: 100}).choices[0].message.content
    assert favoured == first.token * 3
    with pytest.raises(openai.BadRequestError, match="logit_bias"):
        chat(served, logit_bias={number: 101})
    with pytest.raises(openai.BadRequestError, match="vocabulary"):
        chat(served, logit_bias={10**6: 1})


def test_logprobs_of_plain_completions_say_where_tokens_begin(served: Served) -> None:
    told = served.client.completions.create(
        model="saying", prompt="Hello <|assistant|>", max_tokens=6, temperature=0, logprobs=1
    ).choices[0]
    assert told.logprobs is not None and told.logprobs.text_offset and told.logprobs.tokens
    for offset, token in zip(told.logprobs.text_offset, told.logprobs.tokens, strict=True):
        assert told.text[offset:].startswith(token)


def test_models_and_embeddings(served: Served) -> None:
    assert [model.id for model in served.client.models.list()] == ["saying", "words", "docent-reader"]
    assert served.client.models.retrieve("words").owned_by == "docent"
    texts = ["blue whale", "green tea"]
    expected = WordEmbedder().embed_passages(texts)
    for encoding in ("float", "base64"):
        reply = served.client.embeddings.create(model="words", input=texts, encoding_format=encoding)  # type: ignore[arg-type]
        rows = [row.embedding for row in reply.data]
        if encoding == "base64":
            import base64

            rows = [np.frombuffer(base64.b64decode(row), "<f4").tolist() for row in rows]  # type: ignore[arg-type]
        assert np.allclose(rows, expected)
    assert reply.usage.prompt_tokens == 4
    one = served.client.embeddings.create(model="words", input="blue whale")
    assert np.allclose(one.data[0].embedding, expected[0], atol=1e-6)


@pytest.mark.parametrize(
    "nothing",
    [
        {"tools": []},
        {"tool_choice": "auto"},
        {"functions": [], "function_call": "none"},
        {"modalities": ["text"], "reasoning_effort": "low"},
        {"best_of": 1, "session_id": "abc"},
        {"max_tokens": -1},
    ],
)
def test_what_asks_for_nothing_is_no_error(served: Served, nothing: dict[str, object]) -> None:
    assert chat(served, extra_body={"stop": [""], **nothing}).choices[0].message.content


def test_texts_of_a_message_are_kept_apart(served: Served) -> None:
    parts = [{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}} for text in ("Say", "hello.")]
    apart = chat(served, messages=[{"role": "user", "content": parts, "id": "1"}])
    glued = chat(served, messages=[{"role": "user", "content": "Sayhello."}])
    assert apart.usage.prompt_tokens > glued.usage.prompt_tokens


def test_errors_have_openais_shape(served: Served) -> None:
    with pytest.raises(openai.AuthenticationError, match="This key is not known here"):
        served.client.with_options(api_key="wrong").models.list()
    with pytest.raises(openai.NotFoundError, match=r"'gpt-9' does not exist\. Here it is 'saying'") as unknown:
        chat(served, model="gpt-9")
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as long:
        chat(served, messages=[{"role": "user", "content": "word " * 5000}])
    assert long.value.code == "context_length_exceeded"
    with pytest.raises(openai.BadRequestError) as longer:  # which is counted piece by piece
        chat(served, messages=[{"role": "user", "content": "word " * 500_000}])
    assert longer.value.code == "context_length_exceeded"
    with pytest.raises(openai.APIStatusError) as largest:
        chat(served, messages=[{"role": "user", "content": "word " * 1_000_000}])
    assert largest.value.status_code == 413 and largest.value.code == "request_too_large"
    with pytest.raises(openai.BadRequestError, match="max_tokens"):
        chat(served, max_tokens=0)
    with pytest.raises(openai.BadRequestError) as functions:
        chat(served, functions=[{"name": "f", "parameters": {}}])
    assert functions.value.param == "functions"
    assert "functions is not supported here" in str(functions.value)
    picture = {"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}}
    with pytest.raises(openai.BadRequestError, match="text is all that a message can hold"):
        chat(served, messages=[{"role": "user", "content": [picture]}])
    with pytest.raises(openai.BadRequestError, match="top_p"):
        chat(served, top_p=3)
    with pytest.raises(openai.BadRequestError):
        served.client.embeddings.create(model="words", input="x", dimensions=3)
    with pytest.raises(openai.NotFoundError) as elsewhere:
        served.client.files.list()
    assert elsewhere.value.code == "unknown_url"
    assert chat(served, user="me", n=1).choices[0].message.content == REPLY


def test_another_web_page_is_turned_away(served: Served) -> None:
    headers = {"authorization": f"Bearer {TOKEN}", "origin": "http://evil.example"}
    assert httpx.get(f"{served.url}/models", headers=headers).status_code == 403
    assert httpx.get(f"{served.url}/models").status_code == 401


def test_many_at_once_each_get_their_own_answer(served: Served) -> None:
    answers: list[str] = []

    def one() -> None:
        answers.append(chat(served).choices[0].message.content)

    threads = [threading.Thread(target=one) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [REPLY] * 24


def test_a_full_queue_answers_429(tmp_path: Path) -> None:
    gate = threading.Event()
    config = EngineConfig(max_running=1, max_waiting=1, prompt_lookup=False)
    served = Served(tmp_path / "data", gate=gate, config=config)
    try:
        waiting = [threading.Thread(target=chat, args=(served,)) for _ in range(2)]
        for thread in waiting:
            thread.start()
        model = served.assistant.language_model()
        assert model is not None
        until(lambda: model.engine._unfinished == 2)
        with pytest.raises(openai.RateLimitError) as full:
            chat(served)
        assert full.value.code == "engine_busy"
        assert int(full.value.response.headers["retry-after"]) >= 1
        gate.set()
        for thread in waiting:
            thread.join()
        assert chat(served).choices[0].message.content == REPLY
    finally:
        gate.set()
        served.close()


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_goes_away_frees_its_pages(tmp_path: Path, stream: bool) -> None:
    served = Served(tmp_path / "data", reply="word " * 900)
    try:
        model = served.assistant.language_model()
        assert model is not None
        gone = waiting(served.runtime)
        if stream:
            response = chat(served, stream=True)
            next(iter(response))
            response.close()
        else:
            with pytest.raises(openai.APITimeoutError):
                served.client.with_options(timeout=0.5).chat.completions.create(model="saying", messages=MESSAGES)
        gone.set()
        until(lambda: not model.engine._requests)
        assert len(served.runtime.steps) < 800
        assert not model.engine._scheduler.has_work
    finally:
        served.close()


def waiting(runtime: SayingRuntime) -> threading.Event:
    """After some steps the runtime waits for the event that is returned; each further step takes so long that a whole
    answer would take minutes."""
    step, gone = runtime.step, threading.Event()

    def slowly(batch: Any) -> Any:
        if len(runtime.steps) > 20:
            gone.wait()
            time.sleep(0.2)
        return step(batch)

    runtime.step = slowly  # type: ignore[method-assign]
    return gone


def test_without_a_model_it_says_so(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, model=ModelSettings(name=None))
    assistant = Assistant(settings, LightParts(settings))
    with assistant, TestClient(create_api(assistant)) as client:
        reply = client.post("/v1/chat/completions", json={"model": "x", "messages": [{"role": "user", "content": "x"}]})
        assert reply.status_code == 404
        assert "docent model" in reply.json()["error"]["message"]
        assert [row["id"] for row in client.get("/v1/models").json()["data"]] == ["words", "docent-reader"]
