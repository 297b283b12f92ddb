"""The families of models that are read: their names in Hugging Face's files and in GGUF, and where they run."""

from dataclasses import dataclass
from typing import Literal, get_args

Family = Literal[
    "llama", "mistral", "mixtral", "qwen2", "qwen3", "qwen3_moe", "phi3", "gemma2", "gemma3", "smollm3", "granite",
    "olmo2",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Known:
    """``title`` is what people call the family. ``architecture`` stands in config.json, ``gguf`` in a GGUF file.
    ``cards``: Docent's CUDA kernels compute it, too (engines.model.config says why not). ``within``: the architecture
    of models that see pictures, too, whose language model is of this family."""

    title: str
    architecture: str
    gguf: str
    cards: bool = True
    within: str | None = None


FAMILIES: dict[Family, Known] = {
    "llama": Known("Llama 2, 3, 3.1 to 3.3, and models of their form", "LlamaForCausalLM", "llama"),
    "mistral": Known("Mistral", "MistralForCausalLM", "llama", within="Mistral3ForConditionalGeneration"),
    "mixtral": Known("Mixtral (a mixture of experts)", "MixtralForCausalLM", "llama"),
    "qwen2": Known("Qwen 2 and 2.5", "Qwen2ForCausalLM", "qwen2"),
    "qwen3": Known("Qwen 3", "Qwen3ForCausalLM", "qwen3"),
    "qwen3_moe": Known("Qwen 3, mixtures of experts", "Qwen3MoeForCausalLM", "qwen3moe"),
    "phi3": Known("Phi-3", "Phi3ForCausalLM", "phi3"),
    "gemma2": Known("Gemma 2", "Gemma2ForCausalLM", "gemma2"),
    "gemma3": Known(
        "Gemma 3 (text)", "Gemma3ForCausalLM", "gemma3", cards=False, within="Gemma3ForConditionalGeneration"
    ),
    "smollm3": Known("SmolLM3", "SmolLM3ForCausalLM", "smollm3", cards=False),
    "granite": Known("Granite 3", "GraniteForCausalLM", "granite"),
    "olmo2": Known("OLMo 2", "Olmo2ForCausalLM", "olmo2", cards=False),
}
assert set(FAMILIES) == set(get_args(Family))
ARCHITECTURES: dict[str, Family] = {known.architecture: family for family, known in FAMILIES.items()}
TEXT_PARTS: dict[str, str] = {known.within: known.architecture for known in FAMILIES.values() if known.within}
# Mistral's GGUF files call themselves llama: the first family of a name is meant.
GGUF_ARCHITECTURES: dict[str, str] = {known.gguf: known.architecture for known in reversed(FAMILIES.values())}
