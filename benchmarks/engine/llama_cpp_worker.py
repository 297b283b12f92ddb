"""The llama.cpp side of benchmarks/engine/cpu.py and gguf.py, run by a Python that has llama-cpp-python and gguf.

    python -m benchmarks.engine.llama_cpp_worker SHAPE.json MODEL.gguf THREADS CONTEXT

Writes MODEL.gguf (Q4_0, random weights) where it is missing, then reads one JSON object a line from standard input,
{"op": "prefill" | "decode", "tokens": n, "past": m}, and answers each with {"seconds": [...]}; {"op": "greedy",
"prompt": [token, ...], "count": n} with the tokens and by how much each one's logit is above the next one's; {"op":
"loss", "prompt": [...]} with the sum of the tokens' negative log-likelihoods, each given those before it. At the end of
the input it writes {"peak_bytes": n}. It imports nothing of Docent.
"""

import argparse
import ctypes
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any


def write_gguf(path: Path, shape: dict[str, int]) -> None:
    import gguf
    import numpy as np

    rng = np.random.default_rng(0)
    hidden, inner, layers = shape["hidden"], shape["inner"], shape["layers"]
    head_dim = hidden // shape["heads"]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(shape["context"])
    writer.add_embedding_length(hidden)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(shape["heads"])
    writer.add_head_count_kv(shape["kv_heads"])
    writer.add_rope_dimension_count(head_dim)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(shape["vocabulary"])
    writer.add_tokenizer_model("no_vocab")

    def matrix(name: str, out: int, inputs: int) -> None:
        """Makes a random Q4_0 matrix: blocks of 32 inputs, a float16 scale and 16 bytes of nibbles each."""
        blocks = np.empty((out, inputs // 32, 18), np.uint8)
        blocks[:, :, 2:] = rng.integers(0, 256, (out, inputs // 32, 16), np.uint8)
        scale = rng.uniform(0.8, 1.2, (out, inputs // 32)) / (4.6 * inputs**0.5)
        blocks[:, :, :2] = scale.astype(np.float16)[:, :, None].view(np.uint8)
        writer.add_tensor(name, blocks.reshape(out, -1), raw_dtype=gguf.GGMLQuantizationType.Q4_0)

    matrix("token_embd.weight", shape["vocabulary"], hidden)
    matrix("output.weight", shape["vocabulary"], hidden)
    writer.add_tensor("output_norm.weight", np.ones(hidden, np.float32))
    for layer in range(layers):
        prefix = f"blk.{layer}."
        kv = shape["kv_heads"] * head_dim
        for name, out, inputs in (
            ("attn_q", hidden, hidden),
            ("attn_k", kv, hidden),
            ("attn_v", kv, hidden),
            ("attn_output", hidden, hidden),
            ("ffn_gate", inner, hidden),
            ("ffn_up", inner, hidden),
            ("ffn_down", hidden, inner),
        ):
            matrix(f"{prefix}{name}.weight", out, inputs)
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"{prefix}{name}.weight", np.ones(hidden, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


class LlamaCpp:
    """llama.cpp's C interface: a context with batches of 512 and flash attention as it chooses."""

    def __init__(self, path: Path, threads: int, context: int) -> None:
        import llama_cpp

        self.lib: Any = llama_cpp
        self._log = llama_cpp.llama_log_callback(lambda *_: None)
        llama_cpp.llama_log_set(self._log, ctypes.c_void_p(0))
        llama_cpp.llama_backend_init()
        self.model = llama_cpp.llama_model_load_from_file(str(path).encode(), llama_cpp.llama_model_default_params())
        params = llama_cpp.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_ubatch = context, 512, 512
        params.n_threads = params.n_threads_batch = threads
        self.context = llama_cpp.llama_init_from_model(self.model, params)
        assert self.context, f"llama.cpp does not load {path}"

    def clear(self) -> None:
        self.lib.llama_memory_clear(self.lib.llama_get_memory(self.context), True)

    def step(self, count: int) -> float:
        """Computes ``count`` more tokens and the logits of the last; returns seconds."""
        tokens = (ctypes.c_int32 * count)(*[5 + i % 1000 for i in range(count)])
        start = time.perf_counter()
        code = self.lib.llama_decode(self.context, self.lib.llama_batch_get_one(tokens, count))
        self.lib.llama_get_logits_ith(self.context, -1)
        assert code == 0, f"llama_decode: {code}"
        return time.perf_counter() - start

    def logits(self, tokens: list[int], start: int) -> Any:
        """float32 [tokens, vocabulary]: computes tokens behind ``start`` others."""
        import numpy as np

        batch = self.lib.llama_batch_init(len(tokens), 0, 1)
        batch.n_tokens = len(tokens)
        for i, token in enumerate(tokens):
            batch.token[i], batch.pos[i], batch.n_seq_id[i] = token, start + i, 1
            batch.seq_id[i][0], batch.logits[i] = 0, True
        code = self.lib.llama_decode(self.context, batch)
        assert code == 0, f"llama_decode: {code}"
        size = self.lib.llama_vocab_n_tokens(self.lib.llama_model_get_vocab(self.model))
        rows = [
            np.ctypeslib.as_array(self.lib.llama_get_logits_ith(self.context, i), (size,)) for i in range(len(tokens))
        ]
        found = np.stack(rows)
        self.lib.llama_batch_free(batch)
        return found

    def greedy(self, prompt: list[int], count: int) -> tuple[list[int], list[float]]:
        """The likeliest tokens, and each one's lead over the second."""
        import numpy as np

        row, said, leads = self.logits(prompt, 0)[-1], [], []
        for _ in range(count):
            second, first = np.partition(row, -2)[-2:]
            said.append(int(row.argmax()))
            leads.append(float(first - second))
            row = self.logits(said[-1:], len(prompt) + len(said) - 1)[0]
        return said, leads

    def loss(self, prompt: list[int]) -> float:
        import numpy as np

        rows = self.logits(prompt, 0)[:-1]
        top = rows.max(axis=1)
        whole = top + np.log(np.exp(rows - top[:, None]).sum(axis=1, dtype=np.float64))
        return float((whole - rows[np.arange(len(rows)), prompt[1:]]).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shape", type=Path, help="JSON with the model's sizes")
    parser.add_argument("model", type=Path)
    parser.add_argument("threads", type=int)
    parser.add_argument("context", type=int, help="tokens")
    args = parser.parse_args()
    if not args.model.exists():
        write_gguf(args.model, json.loads(args.shape.read_text()))
    model = LlamaCpp(args.model, args.threads, args.context)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        model.clear()
        if request["op"] == "greedy":
            said, leads = model.greedy(request["prompt"], request["count"])
            print(json.dumps({"tokens": said, "leads": leads}), flush=True)
            continue
        if request["op"] == "loss":
            print(json.dumps({"loss": model.loss(request["prompt"])}), flush=True)
            continue
        if request["past"]:
            model.step(request["past"])
        if request["op"] == "prefill":
            seconds = [model.step(request["tokens"])]
        else:
            seconds = [model.step(1) for _ in range(request["tokens"])]
        print(json.dumps({"seconds": seconds}), flush=True)
    print(json.dumps({"peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}), flush=True)


if __name__ == "__main__":
    main()
