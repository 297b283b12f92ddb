"""Embeds texts as unit vectors with a sentence-transformers model in ONNX form on ONNX Runtime.

A model's folder holds ``model.onnx`` (or ``onnx/model.onnx``) and ``tokenizer.json``; beside them, where they apply,
``sentence_bert_config.json`` (longest input), ``1_Pooling/config.json`` (needed when the graph ends in token
vectors) and ``config_sentence_transformers.json`` (prompts put before questions and passages). Docent's own model
(``rag/models/weights/all-MiniLM-L6-v2``, made by ``training/embedder/convert.py``) pools inside the graph.

A text's vector is the same to the last bit whatever is embedded beside it: every text is a run of its own, without
padding, on one thread, and several texts run side by side. (Where activations are rounded to 8 bits, a run has one
scale for all of its texts, so companions would change a vector by up to 0.03.) Cards compute in float16 what the
processor rounds to 8 bits, so their vectors are others, but near enough for one library (cosine 0.99 and more).

An ``OnnxEmbedder`` may be used from several threads.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from rag.errors import ModelFilesError
from rag.models.onnx_encoders import OnnxSentenceEncoder, Pooling, output_of
from rag.models.processor import physical_cores
from rag.models.run_memory import remember
from rag.models.token_counter import TokenCounter, encodable, open_tokenizer
from rag.protocols import OnCard, SentenceEncoder
from rag.types import CounterSpec

SHIPPED_MODEL = Path(__file__).parent / "weights" / "all-MiniLM-L6-v2"

MAX_TOKENS = 256  # chunks hold about 220; a longer input would cost more and dilute the vector
_WINDOW = 1024  # texts tokenised and sorted together
_WINDOW_CHARS = 1 << 19  # and their characters at most; both bound the memory that tokenising takes
_MAX_CHARS = 1 << 14  # of a text; what stands behind them would not be within ``max_tokens`` either


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a folder's model wants its texts and what its output means."""

    max_tokens: int
    pooling: Pooling | None  # None: the graph pools by itself
    query_prompt: str
    passage_prompt: str


class OnnxEmbedder:
    """An ``Embedder`` (see rag.protocols). Make one with ``load``."""

    def __init__(
        self,
        name: str,
        encoder: SentenceEncoder,
        tokenizer: Tokenizer,
        encoding: Encoding,
        counter: CounterSpec,
    ) -> None:
        self._name = name
        self._encoder = encoder
        self._tokenizer = tokenizer
        self._counter = counter
        self.count_tokens = TokenCounter(tokenizer)  # whatever the length of a text
        self._encoding = encoding
        self._dimension = int(self._embed([""]).shape[1])

    @classmethod
    def load(
        cls, folder: Path | None = None, threads: int | None = None, on_card: OnCard[SentenceEncoder] | None = None
    ) -> Self:
        """Opens the model in ``folder`` (None: the shipped one) on ``threads`` threads (None: one a physical core).
        ``on_card`` may put what computes on a card in the place of what does on the processor.

        Raises ModelFilesError naming the file that is missing or wrong.
        """
        folder = SHIPPED_MODEL if folder is None else folder
        model = _model_file(folder)
        tokenizer, pad_id = _load_tokenizer(folder / "tokenizer.json")
        session = _open_session(model)
        encoding = _read_encoding(folder, session)
        name = f"{folder.resolve().name}-{_fingerprint(model, folder / 'tokenizer.json', encoding)}"
        counter = CounterSpec("rag.models.token_counter", str((folder / "tokenizer.json").resolve()))
        encoder: SentenceEncoder = OnnxSentenceEncoder(session, pad_id, encoding.pooling, threads or physical_cores())
        return cls(name, encoder if on_card is None else on_card(model, encoder), tokenizer, encoding, counter)

    @property
    def name(self) -> str:
        """The folder's name and a hash over weights, tokenizer and way of encoding."""
        return self._name

    @property
    def dimension(self) -> int:
        return self._dimension

    @property
    def max_tokens(self) -> int:
        """Longest input in tokens, special tokens included; anything beyond is cut."""
        return self._encoding.max_tokens

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """[n] texts -> [n, dimension] rows of length 1."""
        prompt = self._encoding.passage_prompt
        vectors = np.empty((len(texts), self._dimension), dtype=np.float32)
        first = 0
        while first < len(texts):
            window = [prompt + text for text in _window(texts, first)]
            vectors[first : first + len(window)] = self._embed(window)
            first += len(window)
        return vectors

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """One question -> [dimension], length 1."""
        vector: NDArray[np.float32] = self._embed([self._encoding.query_prompt + text])[0]
        return vector

    @property
    def counter(self) -> CounterSpec:
        """How another process counts with the same tokenizer."""
        return self._counter

    def _embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._encoder.vectors(self._token_ids(texts))

    def _token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids with special tokens, cut to ``max_tokens`` in front of the closing special tokens."""
        longest = self.max_tokens
        rows = []
        for encoded in self._tokenizer.encode_batch_fast([encodable(text[:_MAX_CHARS]) for text in texts]):
            ids = encoded.ids
            if len(ids) > longest:
                mask = encoded.special_tokens_mask
                closing = next((n for n, special in enumerate(reversed(mask)) if not special), 0)
                ids = ids[: longest - closing] + ids[len(ids) - closing :]
            rows.append(ids)
        return rows


def _window(texts: Sequence[str], first: int) -> Sequence[str]:
    """The texts from ``first`` on that are tokenised together."""
    held, last = 0, first
    while last < len(texts) and last - first < _WINDOW and (last == first or held < _WINDOW_CHARS):
        held += min(len(texts[last]), _MAX_CHARS)
        last += 1
    return texts[first:last]


# -- the folder ----------------------------------------------------------------------------------------------------


def _model_file(folder: Path) -> Path:
    candidates = (folder / "model.onnx", folder / "onnx" / "model.onnx")
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise ModelFilesError(
        f"The embedding model's folder {folder} holds no model.onnx.",
        "Point the setting at a sentence-transformers folder exported to ONNX, or remove it to use the built-in model.",
    )


def _wrong(file: Path, what: str) -> ModelFilesError:
    return ModelFilesError(f"The embedding model's file {file} {what}.", "Fetch the model's files again.")


def _open_session(model: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # a text is too short to be shared; texts run side by side
    options.log_severity_level = 3  # errors only: warnings about a foreign graph help nobody
    try:
        session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises many unrelated types for a file that it cannot use
        raise _wrong(model, f"cannot be used ({str(error).splitlines()[0][:200]})") from error
    unknown = {i.name for i in session.get_inputs()} - {"input_ids", "attention_mask", "token_type_ids"}
    if unknown:
        raise _wrong(model, f"asks for inputs that Docent does not know ({', '.join(sorted(unknown))})")
    return remember(session)


def _load_tokenizer(file: Path) -> tuple[Tokenizer, int]:
    """The tokenizer without the truncation and padding its file may carry, and the id to pad with."""
    tokenizer = open_tokenizer(file)
    pad_id = (tokenizer.padding or {}).get("pad_id")
    if pad_id is None:
        found = (tokenizer.token_to_id(token) for token in ("[PAD]", "<pad>"))
        pad_id = next((token for token in found if token is not None), 0)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer, int(pad_id)


def _read_encoding(folder: Path, session: onnxruntime.InferenceSession) -> Encoding:
    longest = _read_json(folder / "sentence_bert_config.json").get("max_seq_length")
    prompts = _read_json(folder / "config_sentence_transformers.json").get("prompts") or {}
    _, token_vectors = output_of(session)
    return Encoding(
        max_tokens=min(MAX_TOKENS, longest) if isinstance(longest, int) and longest > 2 else MAX_TOKENS,
        pooling=_read_pooling(folder) if token_vectors else None,
        query_prompt=str(prompts.get("query") or ""),
        passage_prompt=str(prompts.get("passage") or prompts.get("document") or ""),
    )


def _read_pooling(folder: Path) -> Pooling:
    file = folder / "1_Pooling" / "config.json"
    if not file.is_file():
        raise _wrong(file, "is missing, and the graph ends in token vectors, so it must say how they are pooled")
    config = _read_json(file)
    modes = {key.removeprefix("pooling_mode_") for key, on in config.items() if key.startswith("pooling_mode_") and on}
    if isinstance(config.get("pooling_mode"), str):  # how newer releases write it
        modes = {config["pooling_mode"]}
    if modes in ({"mean_tokens"}, {"mean"}):
        return "mean"
    if modes in ({"cls_token"}, {"cls"}):
        return "cls"
    raise _wrong(file, f"asks for a pooling that Docent does not know ({', '.join(sorted(modes)) or 'none'})")


def _read_json(file: Path) -> dict[str, Any]:
    """The object in a JSON file; empty when there is no such file."""
    if not file.is_file():
        return {}
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise _wrong(file, "is not JSON") from error
    if not isinstance(content, dict):
        raise _wrong(file, "holds no JSON object")
    return content


def _fingerprint(model: Path, tokenizer: Path, encoding: Encoding) -> str:
    digest = hashlib.sha256(repr(encoding).encode())
    for file in (*sorted(model.parent.glob(model.name + "*")), tokenizer):  # weights may lie beside the graph
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:12]
