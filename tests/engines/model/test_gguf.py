"""Models in the GGUF format: blocks and files against the format's own library, whole models against transformers."""

import math
import os
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.models.store import check
from docent import DocentError
from engines.errors import CheckpointError, UnsupportedModel
from engines.model.block_types import BLOCK_TYPES
from engines.model.checkpoint import Checkpoint
from engines.model.gguf.file import GgufFile
from engines.model.gguf.folder import write_folder
from engines.model.gguf.tokenizer import read_tokenizer
from engines.model.tokenizer import ModelTokenizer
from engines.runtimes.reference.runtime import ReferenceRuntime
from tests.engines.fakes import flat_batch
from tests.engines.gguf_files import RANDOM, ROUNDED, gguf, random_blocks, write_model
from tests.engines.models import FAMILIES, TinyModel, families, random_model
from tests.engines.runtimes.steps import EXACT, assert_close, some_tokens
from tests.engines.small_tokenizer import EOS, small_tokenizer

# The format has no place for these: windows in some layers, a pattern of layers that llama.cpp knows by heart, layers
# without experts among others.
UNSAID = (
    "qwen2-sliding", "mistral", "mistral-gqa", "gemma3-whole", "smollm3-sliding", "mixtral-sliding", "qwen3-moe-mixed",
)  # fmt: skip
READ = [name for name in FAMILIES if name not in UNSAID]
MUTANTS = int(os.environ.get("DOCENT_MUTANTS", "150"))
SEED = int(os.environ.get("DOCENT_SEED", "3"))


def tiny_model(family: str, **sizes: Any) -> TinyModel:
    """One that may be changed."""
    return TinyModel(Path(), random_model(family, **sizes))


def imported(path: Path) -> Path:
    """The folder of a model, with its file in it."""
    folder = path.with_suffix("")
    folder.mkdir()
    write_folder(GgufFile(path), folder)
    shutil.move(path, folder / path.name)
    return folder


@pytest.mark.parametrize("kind", [*ROUNDED, *RANDOM])
def test_blocks_are_what_the_library_says(kind: str) -> None:
    block_type = next(known for known in BLOCK_TYPES.values() if known.name == kind)
    raw = random_blocks(kind, 3, 1024)
    assert block_type.decode is not None
    blocks = block_type.decode(raw)
    assert np.array_equal(blocks.dense(), gguf.dequantize(raw, gguf.GGMLQuantizationType[kind]))
    assert (blocks.group, int(blocks.q.max()) < 2**block_type.bits) == (block_type.group, True)


@pytest.mark.parametrize("family", families(*READ))
def test_a_family_agrees_with_transformers(family: str, tmp_path: Path) -> None:
    # The format does not say how Gemma 2 scales its queries: by the size of a head, but for one model.
    model = tiny_model(family, **({"query_pre_attn_scalar": 32} if family == "gemma2" else {}))
    write_model(model.reference, tmp_path / "model.gguf")
    tokens = some_tokens(100)
    folder = imported(tmp_path / "model.gguf")
    check(folder)
    assert_close(ReferenceRuntime(Checkpoint(folder), 8).step(flat_batch(tokens)), model.logits(tokens), EXACT)


def test_a_factor_of_yarns_magnitude_is_on_top_of_its_own(tmp_path: Path) -> None:
    rope = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 64}
    model = tiny_model("qwen2", rope_parameters=rope | {"attention_factor": 1.4})
    write_model(model.reference, tmp_path / "model.gguf")
    stored = GgufFile(tmp_path / "model.gguf").metadata["qwen2.rope.scaling.attn_factor"]
    assert stored == pytest.approx(1.4 / (1 + 0.1 * math.log(4)))
    tokens = some_tokens(100)
    checkpoint = Checkpoint(imported(tmp_path / "model.gguf"))
    assert_close(ReferenceRuntime(checkpoint, 8).step(flat_batch(tokens)), model.logits(tokens), EXACT)


@pytest.mark.parametrize("kind", [*ROUNDED, *RANDOM, "F16", "BF16"])
def test_a_type_agrees_with_transformers(kind: str, tmp_path: Path) -> None:
    """In the projections, in the embedding and in the output layer."""
    model = tiny_model("llama", hidden_size=256, intermediate_size=512)
    write_model(model.reference, tmp_path / "model.gguf", kind, kind)
    tokens = some_tokens(40)
    checkpoint = Checkpoint(imported(tmp_path / "model.gguf"))
    assert checkpoint.files.dtype("model.layers.0.mlp.up_proj.weight") == kind
    assert_close(ReferenceRuntime(checkpoint, 8).step(flat_batch(tokens)), model.logits(tokens), EXACT)


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="Linux alone tells what is resident")
def test_released_weights_are_resident_no_longer_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    write_model(tiny_model("llama").reference, path, "Q8_0")
    file = GgufFile(path)

    def resident() -> int:
        lines = iter(Path("/proc/self/smaps").read_text().splitlines())
        found = [next(line for line in lines if line.startswith("Rss:")) for at in lines if at.endswith(str(path))]
        return sum(int(line.split()[1]) for line in found)

    read = {name: tensor.data.copy() for name, tensor in file.tensors.items()}
    assert resident() > 0
    file.release()
    assert resident() == 0
    assert all(np.array_equal(tensor.data, read[name]) for name, tensor in file.tensors.items())


def test_a_split_model_is_read_from_all_of_its_parts(tmp_path: Path) -> None:
    model = tiny_model("llama")
    write_model(model.reference, tmp_path / "whole.gguf")
    whole = gguf.GGUFReader(tmp_path / "whole.gguf")
    for number, part in enumerate((whole.tensors[::2], whole.tensors[1::2]), 1):
        writer = gguf.GGUFWriter(tmp_path / f"model-{number:05}-of-00002.gguf", "llama")
        for tensor in part:
            writer.add_tensor(tensor.name, np.array(tensor.data), raw_dtype=tensor.tensor_type)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    parts = GgufFile(tmp_path / "model-00001-of-00002.gguf")
    assert set(parts.tensors) == set(GgufFile(tmp_path / "whole.gguf").tensors)
    (tmp_path / "model-00002-of-00002.gguf").unlink()
    with pytest.raises(CheckpointError, match=r"model-00002-of-00002\.gguf is missing"):
        GgufFile(tmp_path / "model-00001-of-00002.gguf")


def test_the_vocabulary_gives_the_same_tokens(tmp_path: Path) -> None:
    model = tiny_model("llama")
    write_model(model.reference, tmp_path / "model.gguf")
    tokenizer, original = ModelTokenizer.from_folder(imported(tmp_path / "model.gguf")), small_tokenizer()
    for text in ("The blue whale eats krill.", f"Was it opened in 1889?{EOS}", "Grüße, 鯨!\n\n  x"):
        assert tokenizer.encode_prompt(text) == original.encode(text, add_special_tokens=False).ids
    assert tokenizer.eos_ids == {original.token_to_id(EOS)}
    assert tokenizer.decode(tokenizer.encode_prompt("Grüße, 鯨!")) == "Grüße, 鯨!"


def test_a_sentencepiece_vocabulary_merges_by_its_scores(tmp_path: Path) -> None:
    """Best score first, whatever is longer; what has no token is spelled in bytes."""
    texts = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "a", "b", "c", "▁a", "bc", "ab"]
    scores = [0.0] * 259 + [-10.0] * 4 + [-3.0, -2.0, -1.0]
    kinds = [2, 3, 3, *[6] * 256, *[1] * 7]
    writer = gguf.GGUFWriter(tmp_path / "model.gguf", "llama")
    writer.add_tokenizer_model("llama")
    writer.add_token_list(texts)
    writer.add_token_scores(scores)
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    found = read_tokenizer(GgufFile(tmp_path / "model.gguf"))
    assert found.tokenizer.encode("abc").tokens == ["<s>", "▁", "ab", "c"]
    assert found.tokenizer.encode("bc a").tokens == ["<s>", "▁", "bc", "▁a"]
    assert found.tokenizer.encode("é").tokens == ["<s>", "▁", "<0xC3>", "<0xA9>"]
    assert found.tokenizer.decode(found.tokenizer.encode("bc é").ids) == "bc é"
    assert (found.bos, found.eos, found.end_ids) == ("<s>", "</s>", (2,))


def test_what_is_not_read_is_named(tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(tmp_path / "other.gguf", "mamba")
    writer.add_tensor("token_embd.weight", np.zeros((4, 8), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(UnsupportedModel, match="architecture 'mamba'"):
        write_folder(GgufFile(tmp_path / "other.gguf"), tmp_path)
    writer = gguf.GGUFWriter(tmp_path / "experts.gguf", "granite")
    writer.add_expert_count(8)
    writer.add_tensor("token_embd.weight", np.zeros((4, 8), np.float32))
    _describe(writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(UnsupportedModel, match="mixture of 8 experts of the architecture 'granite'"):
        write_folder(GgufFile(tmp_path / "experts.gguf"), tmp_path)
    writer = gguf.GGUFWriter(tmp_path / "type.gguf", "llama")
    writer.add_tensor("blk.0.ffn_up.weight", np.zeros((4, 8), np.float64))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(UnsupportedModel, match=r"blk\.0\.ffn_up\.weight .* of the type F64"):
        GgufFile(tmp_path / "type.gguf")


def _describe(writer: Any) -> None:
    """The least that a file says of its sizes."""
    for add in (writer.add_block_count, writer.add_embedding_length, writer.add_feed_forward_length):
        add(8)
    writer.add_head_count(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_context_length(64)


@pytest.fixture(scope="module", params=["qwen2", "qwen3-moe"])
def whole_file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("gguf") / "model.gguf"
    write_model(tiny_model(request.param).reference, path, "Q8_0")
    return path.read_bytes()


@pytest.mark.parametrize("vocabulary", [True, False])
def test_a_file_that_was_cut_off_names_what_is_missing(vocabulary: bool, whole_file: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(whole_file[:-100])
    with pytest.raises(CheckpointError, match="ends within the tensor "):
        GgufFile(path, vocabulary=vocabulary)
    weights = sum(tensor.data.nbytes for tensor in _tensors(whole_file, tmp_path).values())
    for size in range(0, len(whole_file) - weights, 97):
        path.write_bytes(whole_file[:size])
        with pytest.raises(CheckpointError, match=r"model\.gguf"):
            GgufFile(path, vocabulary=vocabulary)


def test_damaged_files_end_in_one_error(whole_file: bytes, tmp_path: Path) -> None:
    """Bytes changed anywhere before the weights, mostly in lengths and types: an error of ours, or a model."""
    rng = random.Random(SEED)
    folder = tmp_path / "folder"
    path = folder / "model.gguf"
    folder.mkdir()
    begin = len(whole_file) - sum(tensor.data.nbytes for tensor in _tensors(whole_file, tmp_path).values())
    for _ in range(MUTANTS):
        changed = bytearray(whole_file)
        for _ in range(rng.choice((1, 1, 3))):
            at = rng.randrange(4, begin)
            changed[at : at + 1] = bytes([rng.choice((0, 1, 8, 9, 127, 128, 255, rng.randrange(256)))])
        path.write_bytes(changed)
        try:
            write_folder(GgufFile(path), folder)
            with np.errstate(all="ignore"):  # numbers of damaged blocks may be none
                check(folder)
        except DocentError as error:
            assert "\n" not in str(error) and any(name in str(error) for name in (path.name, ".json", "architecture"))
        try:
            GgufFile(path, vocabulary=False)  # as when a model is opened whose folder was written before
        except DocentError as error:
            assert "\n" not in str(error) and path.name in str(error)


def test_a_vocabulary_is_passed_over_where_the_folder_has_it(whole_file: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(whole_file)
    whole, without = GgufFile(path), GgufFile(path, vocabulary=False)
    assert whole.metadata["tokenizer.ggml.tokens"] and without.metadata["tokenizer.ggml.tokens"] == []
    assert {key for key, value in whole.metadata.items() if value != without.metadata[key]} <= {
        "tokenizer.ggml.tokens", "tokenizer.ggml.merges"
    }  # fmt: skip
    for name, tensor in whole.tensors.items():
        assert np.array_equal(tensor.data, without.tensors[name].data)


def _tensors(content: bytes, folder: Path) -> dict[str, Any]:
    (folder / "whole.gguf").write_bytes(content)
    return GgufFile(folder / "whole.gguf").tensors
