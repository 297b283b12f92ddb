"""Calls of tools: whatever a random model writes names a tool, fits its schema, and is read back as it was written."""

import json
from collections.abc import Sequence
from typing import Any

import jsonschema
import pytest
from tokenizers import AddedToken

from benchmarks.engine.random_tools import random_tools
from engines.messages.reply_parts import Arguments, Call, Part, ReplyParser, Text, Thought
from engines.messages.tool_grammar import tool_grammar
from engines.messages.tools import (
    GRANITE,
    HERMES,
    LLAMA,
    MISTRAL,
    MISTRAL_NAMED,
    MISTRAL_NEMO,
    Tool,
    ToolFormat,
    described,
    tool_format,
)
from engines.model.chat import ChatEncoder
from engines.model.tokenizer import ModelTokenizer
from engines.serving.engine import Engine
from engines.serving.sampling_params import SamplingParams, ThoughtParams
from engines.serving.structured_output import StructuredOutput
from tests.engines.fakes import ScriptedRuntime, scripted_logits
from tests.engines.small_tokenizer import EOS, VOCABULARY, small_tokenizer

FORMS = (HERMES, MISTRAL, MISTRAL_NEMO, MISTRAL_NAMED, GRANITE, LLAMA)
MARKS = ("<tool_call>", "</tool_call>", "[TOOL_CALLS]", "[ARGS]", "<|tool_call|>")
WEATHER = Tool(
    "weather", "Tells the weather.", {"properties": {"city": {"enum": ["Rome", "Oslo"]}}, "required": ["city"]}
)


class Scripted(ScriptedRuntime):
    vocab_size = VOCABULARY + 16

    def _logits(self, context: Any) -> Any:
        return scripted_logits(context.tolist(), self.vocab_size)


def tokenizer(marks: Sequence[str] = ()) -> ModelTokenizer:
    """With ``marks`` as tokens of their own, as many models have them."""
    small = small_tokenizer()
    small.add_tokens([AddedToken(mark, special=True) for mark in marks])
    return ModelTokenizer(small, frozenset({small.token_to_id(EOS)}), "", EOS, None)


def read(form: ToolFormat, pieces: Sequence[str], *, thinking: bool = False) -> list[Part]:
    parser = ReplyParser(form, thinking=thinking)
    return [part for piece in pieces for part in parser.push(piece)] + parser.finish()


def calls_in(parts: Sequence[Part]) -> list[tuple[str, str]]:
    names = [part.name for part in parts if isinstance(part, Call)]
    texts = [""] * len(names)
    for part in parts:
        if isinstance(part, Arguments):
            texts[part.number] += part.text
    return list(zip(names, texts, strict=True))


def said(parts: Sequence[Part], kind: type[Text] | type[Thought] = Text) -> str:
    return "".join(part.text for part in parts if isinstance(part, kind))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("marks", [(), MARKS])
def test_every_call_of_a_random_model_fits_its_schema(form: ToolFormat, marks: tuple[str, ...]) -> None:
    tools = random_tools(12, seed=5)
    schemas = {tool.name: tool.parameters for tool in tools}
    one = tokenizer(marks)
    with Engine(Scripted(), one, structured_output=StructuredOutput(one, Scripted.vocab_size)) as engine:
        grammar = tool_grammar(form, tools, "required", several=False, marks=ChatEncoder(one).marks)
        generations = [
            engine.submit(f"{seed}:", SamplingParams(max_tokens=500, temperature=1.0, seed=seed, grammar=grammar))
            for seed in range(24)
        ]
        written = [[delta.text for delta in generation] for generation in generations]
    assert all(generation.finished and generation.finished.reason == "stop" for generation in generations)
    used = set()
    for pieces in written:
        ((name, arguments),) = calls_in(read(form, pieces))
        jsonschema.validate(json.loads(arguments), schemas[name])
        used.add(name)
    assert len(used) > 4


@pytest.mark.parametrize("form", FORMS)
def test_text_and_calls_are_told_apart_wherever_the_pieces_end(form: ToolFormat) -> None:
    arguments = '{"city": "Rome <tool_call> }]\\" {", "days": [1, {"a": 2}]}'
    calls = form.written([("weather", json.loads(arguments))] * (2 if form.several else 1))
    text = ("" if form is LLAMA else "Let me look.\n") + calls
    for size in (1, 3, 7, len(text)):
        parts = read(form, [text[at : at + size] for at in range(0, len(text), size)])
        assert calls_in(parts) == [("weather", arguments)] * (2 if form.several else 1)
        assert said(parts).strip() == ("" if form is LLAMA else "Let me look.")


@pytest.mark.parametrize("form", FORMS)
def test_text_alone_stays_as_it_is(form: ToolFormat) -> None:
    text = 'A <tool and [TOOL are no calls, {"name": "x"} is none either.\n'
    assert said(read(form, list(text))) == text
    assert calls_in(read(form, list(text))) == []


def test_a_thought_is_kept_apart() -> None:
    text = 'Hm, 2 < 3 </thin.\n</think>\n\n<tool_call>\n{"name": "weather", "arguments": {}}\n</tool_call>'
    parts = read(HERMES, list(text), thinking=True)
    assert said(parts, Thought) == "Hm, 2 < 3 </thin.\n"
    assert said(parts) == ""
    assert calls_in(parts) == [("weather", "{}")]


def test_with_a_choice_a_message_is_text_or_calls() -> None:
    """With the mark in the text or as a token: what is free stays free, and a begun call is gone through with."""
    from llguidance import LLMatcher, LLTokenizer

    call = '<tool_call>\n{"name": "weather", "arguments": {"city": "Rome"}}\n</tool_call>'
    fits = ["Just text with {braces}.", call, f"I look. {call}\n{call}", ""]
    wrong = [call.replace("Rome", "Bonn"), call.replace('"weather"', '"other"'), f"{call} and text", call[:-3]]
    for marks in ((), ("<tool_call>", "</tool_call>")):
        one = tokenizer(marks)
        grammar = tool_grammar(HERMES, [WEATHER], "auto", several=True, marks=ChatEncoder(one).marks)
        index = LLTokenizer(one.to_json(), n_vocab=VOCABULARY + 16, eos_token=sorted(one.eos_ids))
        for text in fits + wrong:
            matcher = LLMatcher(index, LLMatcher.grammar_from_lark(grammar), log_level=0)
            tokens = one.encode_prompt(text)
            accepted = matcher.try_consume_tokens(tokens) == len(tokens) and matcher.is_accepting()
            assert accepted == (text in fits), (marks, text, matcher.get_error())


def test_a_schema_that_cannot_be_kept_is_an_error_if_it_is_strict() -> None:
    from engines.errors import RequestError

    odd = {"properties": {"x": {"type": "array", "uniqueItems": True}}, "required": ["x"]}
    one = tokenizer()
    compiled = StructuredOutput(one, VOCABULARY)

    def params(strict: bool) -> SamplingParams:
        tool = Tool("odd", "", odd, strict)
        return SamplingParams(grammar=tool_grammar(HERMES, [tool], "required", several=True, marks={}))

    assert compiled(params(strict=False)) is not None
    with pytest.raises(RequestError, match="uniqueItems"):
        compiled(params(strict=True))


def test_the_form_is_the_templates() -> None:
    assert tool_format("{{ tools }} <tool_call>") is HERMES
    assert tool_format("{{ tools }} [TOOL_CALLS] [") is MISTRAL
    assert tool_format("{{ tools }} [TOOL_CALLS][") is MISTRAL_NEMO
    assert tool_format("{{ tools }} [TOOL_CALLS]{{ name }}[ARGS]") is MISTRAL_NAMED
    assert tool_format("{{ tools }} <|tool_call|>") is GRANITE
    assert tool_format('{{ tools }} <|python_tag|> {"name": ..., "parameters": ...}') is LLAMA
    assert tool_format(None) is HERMES


def test_a_template_without_tools_gets_them_as_text() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "weather", "arguments": {"city": "Rome"}}}
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": "", "tool_calls": [call, call]},
        {"role": "tool", "content": "sunny</tool_response>", "tool_call_id": "a"},
        {"role": "tool", "content": "windy", "tool_call_id": "a"},
    ]
    system, user, assistant, results = described(messages, [WEATHER])
    assert system["content"].startswith("Be brief.") and '"Tells the weather."' in system["content"]
    assert user["content"] == "Weather?"
    assert calls_in(read(HERMES, [assistant["content"]])) == [("weather", '{"city": "Rome"}')] * 2
    assert results["role"] == "user" and results["content"].count("</tool_response>") == 2


def test_a_template_with_tools_gets_them_as_they_are() -> None:
    template = (
        "{% for t in tools or [] %}{{ t.function.name }}:{{ t.function.parameters | tojson }};{% endfor %}"
        "{% for m in messages %}{{ m.role }}={{ m.content }}"
        "{% for c in m.tool_calls or [] %}{{ c.function.arguments.city }}{% endfor %}|{% endfor %}<tool_call>"
    )
    small = small_tokenizer()
    one = ModelTokenizer(small, frozenset(), "", EOS, template)
    call = {"id": "a", "type": "function", "function": {"name": "weather", "arguments": {"city": "Rome<|end|>"}}}
    messages = [{"role": "assistant", "content": "", "tool_calls": [call]}, {"role": "tool", "content": "sunny"}]
    text = one.decode(ChatEncoder(one).encode(messages, [WEATHER]))
    assert text.startswith('weather:{"properties"')
    assert "assistant=Rome< |end|>|tool=sunny|" in text


@pytest.mark.parametrize("identity", ["call_0123456789abcdef", "", "abcDEF123"])
def test_a_template_that_demands_short_names_of_calls_gets_them(identity: str) -> None:
    template = (
        "{{ tools }}{% for m in messages %}{% for c in m.tool_calls or [] %}[TOOL_CALLS] [{{ c.id }}{% endfor %}"
        "{% if m.role == 'tool' %}{% if m.tool_call_id | length != 9 %}{{ raise_exception('not 9') }}{% endif %}"
        "{{ m.tool_call_id }}={{ m.content }}{% endif %}{% endfor %}"
    )
    one = ModelTokenizer(small_tokenizer(), frozenset(), "", EOS, template)
    call = {"id": identity, "type": "function", "function": {"name": "weather", "arguments": {"city": "Rome"}}}
    result = {"role": "tool", "content": "sunny", "tool_call_id": identity or "other"}
    text = one.decode(ChatEncoder(one).encode([{"role": "assistant", "content": "", "tool_calls": [call]}, result]))
    name = text.split("[TOOL_CALLS] [")[1][:9]
    assert name.isalnum() and (f"{name}=sunny" in text) == bool(identity)
    assert (name == identity) == (identity == "abcDEF123")


def test_a_template_that_shows_texts_alone_gets_calls_in_them() -> None:
    template = "{{ tools }}{% for m in messages %}{{ m.role }}={{ m.content }};{% endfor %}<|tool_call|>"
    one = ModelTokenizer(small_tokenizer(), frozenset(), "", EOS, template)
    call = {"id": "a", "type": "function", "function": {"name": "weather", "arguments": {"city": "Rome"}}}
    messages = [{"role": "assistant", "content": "I look.", "tool_calls": [call]}, {"role": "tool", "content": "sunny"}]
    text = one.decode(ChatEncoder(one).encode(messages, [WEATHER]))
    assert 'assistant=I look.<|tool_call|>[{"name": "weather", "arguments": {"city": "Rome"}}];tool=sunny;' in text


def test_a_thought_ends_at_its_limit_and_the_answer_fits() -> None:
    one = tokenizer()
    end = tuple(one.encode_prompt("\n</think>\n\n"))
    with Engine(Scripted(), one, structured_output=StructuredOutput(one, Scripted.vocab_size)) as engine:
        for limit in (0, 5, 20):
            params = SamplingParams(
                max_tokens=80, temperature=1.0, seed=limit, regex="yes|no", thought=ThoughtParams(limit, end)
            )
            generation = engine.submit("Well?", params)
            pieces = [delta.text for delta in generation]
            parts = read(HERMES, pieces, thinking=True)
            assert said(parts) in ("yes", "no")
            assert generation.finished is not None
            assert limit + len(end) < generation.finished.metrics.generated_tokens <= limit + len(end) + 4
