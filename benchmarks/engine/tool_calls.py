"""Generates calls of tools against random schemas and counts those that fit; measures what the constraint costs.

    python -m benchmarks.engine.tool_calls                      # docent-nano's vocabulary
    python -m benchmarks.engine.tool_calls --model FOLDER --calls 1000 --tools 50 --step-ms 20

Every token is drawn from random scores over the model's whole vocabulary, so nothing but the grammar makes a call fit:
a trained model strays less. Printed are the calls that ``jsonschema`` accepts, and the processor time of a mask and of
taking a token over, as a share of a step of ``--step-ms`` (a decode step of the model and machine that matter).
"""

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import jsonschema
import numpy as np

from app.settings.paths import builtin_model
from benchmarks.engine.random_tools import random_tools
from engines.messages.reply_parts import Arguments, Call, ReplyParser
from engines.messages.tool_grammar import tool_grammar
from engines.messages.tools import Tool
from engines.model.chat import ChatEncoder
from engines.model.config import ModelConfig
from engines.model.tokenizer import ModelTokenizer
from engines.serving.sampling_params import SamplingParams
from engines.serving.structured_output import StructuredOutput

_MOST_TOKENS = 2000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=builtin_model(), help="a model's folder, for its vocabulary")
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--tools", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--step-ms", type=float, help="time of a decode step to compare with")
    arguments = parser.parse_args()
    config = ModelConfig.from_folder(arguments.model)
    tokenizer = ModelTokenizer.from_folder(arguments.model, config.eos_ids)
    chat, compiler = ChatEncoder(tokenizer), StructuredOutput(tokenizer, config.vocab_size)
    rng = np.random.default_rng(arguments.seed)
    fitting, taken, compiled = 0, [], []
    tools = random_tools(arguments.tools, arguments.seed)
    for number in range(arguments.calls):
        tool = tools[number % len(tools)]
        began = time.thread_time()
        grammar = tool_grammar(chat.form, [tool], "required", several=False, marks=chat.marks)
        matcher = compiler(SamplingParams(grammar=grammar))
        compiled.append(time.thread_time() - began)
        tokens: list[int] = []
        while len(tokens) < _MOST_TOKENS and not matcher.finished:
            scores = rng.random(config.vocab_size, np.float32)
            began = time.thread_time()
            allowed = matcher.allowed()
            masked = time.thread_time() - began
            token = int(np.argmax(np.where(allowed, scores, np.float32(-1))))
            began = time.thread_time()
            if token in tokenizer.eos_ids:
                break
            matcher.accept(token)
            taken.append(masked + time.thread_time() - began)
            tokens.append(token)
        fitting += _fits(tokenizer.decode(tokens), chat, tool)
    print(f"{fitting} of {arguments.calls} calls of {len(tools)} tools fit their schemas; {len(taken)} tokens")
    _report("grammar compiled", compiled[1:], None)  # the first builds the vocabulary's index
    _report("constraint of a token", taken, arguments.step_ms)


def _fits(text: str, chat: ChatEncoder, tool: Tool) -> bool:
    parser = ReplyParser(chat.form)
    parts = [*parser.push(text), *parser.finish()]
    names = [part.name for part in parts if isinstance(part, Call)]
    arguments = "".join(part.text for part in parts if isinstance(part, Arguments))
    try:
        jsonschema.validate(json.loads(arguments), tool.parameters)
    except (ValueError, jsonschema.ValidationError):
        return False
    return names == [tool.name]


def _report(name: str, seconds: Sequence[float], step_ms: float | None) -> None:
    mean, median = 1000 * statistics.mean(seconds), 1000 * statistics.median(seconds)
    last = 1000 * float(np.quantile(seconds, 0.99))
    share = "" if step_ms is None else f"; {mean / step_ms:.1%} of a step of {step_ms} ms"
    print(f"{name}: mean {mean:.3f} ms, median {median:.3f}, 99 % below {last:.3f}{share}")


if __name__ == "__main__":
    main()
