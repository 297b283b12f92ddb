"""Tiny random models of every family, written and judged by transformers, the independent reference."""

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from engines.model.families import ARCHITECTURES
from engines.model.families import FAMILIES as KNOWN

torch = pytest.importorskip("torch", reason="the reference needs torch: pip install -e .[oracle]")
transformers = pytest.importorskip("transformers", reason="the reference needs transformers: pip install -e .[oracle]")

_COMMON: dict[str, Any] = {
    "vocab_size": 320,
    "hidden_size": 64,
    "intermediate_size": 160,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
    "attn_implementation": "eager",
}
_LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
_LONGROPE = {
    "rope_type": "longrope",
    "rope_theta": 10000.0,
    "short_factor": [1.0 + 0.05 * i for i in range(8)],
    "long_factor": [2.0 + 0.5 * i for i in range(8)],
    "original_max_position_embeddings": 64,
    "factor": 4.0,
}

_YARN = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 64}
_GEMMA3 = {"head_dim": 32, "sliding_window": 24, "query_pre_attn_scalar": 32, "num_hidden_layers": 7}
_GEMMA3_ROPE = {
    "full_attention": {"rope_type": "linear", "rope_theta": 1_000_000.0, "factor": 8.0},
    "sliding_attention": {"rope_type": "default", "rope_theta": 10_000.0},
}
_GRANITE = {
    "embedding_multiplier": 12.0,
    "attention_multiplier": 0.1,
    "residual_multiplier": 0.22,
    "logits_scaling": 4.0,
}
_QWEN3_MOE = {"head_dim": 32, "num_experts": 16, "num_experts_per_tok": 4, "moe_intermediate_size": 64}

FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("Llama", {}),
    "llama-3": ("Llama", {"rope_parameters": _LLAMA3, "tie_word_embeddings": True}),
    "llama-gqa": ("Llama", {"num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 16}),
    "llama-bias": ("Llama", {"attention_bias": True, "mlp_bias": True}),
    "mistral": ("Mistral", {"sliding_window": 20, "head_dim": 32}),
    "mistral-gqa": ("Mistral", {"sliding_window": 20, "head_dim": 16, "num_attention_heads": 16}),
    "qwen2": ("Qwen2", {}),
    "qwen2-sliding": ("Qwen2", {"use_sliding_window": True, "sliding_window": 24, "max_window_layers": 1}),
    "qwen3": ("Qwen3", {"head_dim": 32}),
    "phi3": ("Phi3", {"sliding_window": 48}),
    "phi3-long": ("Phi3", {"rope_parameters": _LONGROPE, "original_max_position_embeddings": 64}),
    "gemma2": ("Gemma2", {"head_dim": 32, "sliding_window": 24, "query_pre_attn_scalar": 24}),
    "qwen2-yarn": ("Qwen2", {"rope_parameters": _YARN}),
    "gemma3": ("Gemma3", {**_GEMMA3, "rope_parameters": _GEMMA3_ROPE}),
    "gemma3-whole": ("Gemma3", {**_GEMMA3, "sliding_window_pattern": 2, "final_logit_softcapping": 20.0}),
    "smollm3": ("SmolLM3", {"num_hidden_layers": 5}),
    "smollm3-sliding": ("SmolLM3", {"no_rope_layers": [1, 0, 1], "use_sliding_window": True, "sliding_window": 24}),
    "granite": ("Granite", _GRANITE),
    "granite-bias": ("Granite", {**_GRANITE, "attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True}),
    "olmo2": ("Olmo2", {}),
    "mixtral": ("Mixtral", {"num_local_experts": 4, "num_experts_per_tok": 2}),
    "mixtral-sliding": ("Mixtral", {"num_local_experts": 3, "num_experts_per_tok": 1, "sliding_window": 20}),
    "qwen3-moe": ("Qwen3Moe", {**_QWEN3_MOE, "norm_topk_prob": True}),
    "qwen3-moe-mixed": ("Qwen3Moe", {**_QWEN3_MOE, "decoder_sparse_step": 2, "num_hidden_layers": 4}),
}

# Those that all runtimes for cards take.
ON_CARDS = [
    name
    for name, (kind, changes) in FAMILIES.items()
    if KNOWN[ARCHITECTURES[f"{kind}ForCausalLM"]].cards and "num_experts_per_tok" not in changes
]
_FAST = ("llama", "gemma2")  # the plainest family, and the one with the most parts of its own


def families(*names: str) -> list[Any]:
    """Parameters for these families; all but two are slow."""
    return [pytest.param(name, marks=() if name in _FAST else pytest.mark.slow) for name in names]


@dataclass(frozen=True)
class TinyModel:
    """A model's folder, and the model itself as transformers runs it."""

    folder: Path
    reference: Any

    def logits(self, tokens: list[int]) -> Any:
        """[tokens, vocabulary] as float32 numpy."""
        with torch.no_grad():
            return self.reference(torch.tensor([tokens])).logits[0].numpy()

    def continued(self, prompt: list[int], count: int) -> list[int]:
        """The ``count`` tokens that greedy decoding appends, each computed from the whole context."""
        text = list(prompt)
        for _ in range(count):
            text.append(int(self.logits(text)[-1].argmax()))
        return text[len(prompt) :]

    def changed(self, weights: dict[str, Any]) -> "TinyModel":
        """The same model with other weights."""
        reference = copy.deepcopy(self.reference)
        reference.load_state_dict(weights, strict=False)
        return TinyModel(self.folder, reference)

    def logprob(self, prompt: list[int], answer: list[int]) -> float:
        """Of all tokens of an answer together."""
        rows = torch.from_numpy(self.logits([*prompt, *answer]))[len(prompt) - 1 : -1].double().log_softmax(-1)
        return float(rows.gather(1, torch.tensor(answer)[:, None]).sum())

    def beams(
        self, prompt: list[int], count: int, width: int, length_penalty: float, end_tokens: tuple[int, ...]
    ) -> list[tuple[list[int], float]]:
        """The hypotheses of transformers' beam search with their scores, the best one first."""
        with torch.no_grad():
            found = self.reference.generate(
                torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt)), max_new_tokens=count,
                num_beams=width, num_return_sequences=width, do_sample=False, length_penalty=length_penalty,
                eos_token_id=list(end_tokens) or [-1], pad_token_id=0, return_dict_in_generate=True,
                output_scores=True,
            )  # fmt: skip
        answers = []
        for row in found.sequences.tolist():
            answer = row[len(prompt) :]
            at = next((i for i, token in enumerate(answer) if token in end_tokens), len(answer) - 1)
            answers.append(answer[: at + 1])
        return list(zip(answers, found.sequences_scores.tolist(), strict=True))


def write_model(family: str, folder: Path, seed: int = 0) -> Any:
    """Saves a model of the family to ``folder`` and returns it, in float32 and evaluation mode."""
    model = random_model(family, seed)
    model.save_pretrained(folder, safe_serialization=True)
    return model


def random_model(family: str, seed: int = 0, **sizes: Any) -> Any:
    """A model of the family in float32 and evaluation mode."""
    name, changes = FAMILIES[family]
    kind = getattr(transformers, f"{name}ForCausalLM")
    torch.manual_seed(seed)
    model = kind(kind.config_class(**{**_COMMON, **changes, **sizes})).float().eval()
    with torch.no_grad():
        for parameter_name, parameter in model.named_parameters():
            if "norm" in parameter_name:
                parameter.add_(torch.randn_like(parameter) * 0.1)
            elif parameter_name.endswith("bias"):
                parameter.normal_(0, 0.05)
            else:
                parameter.normal_(0, 0.08)  # wide enough that every part of the arithmetic shows in the logits
    return model
