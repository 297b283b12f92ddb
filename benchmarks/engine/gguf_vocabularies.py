"""Compares how Docent and llama.cpp cut the same texts into tokens, for each vocabulary and each rule of cutting.

    python -m benchmarks.engine.gguf_vocabularies --llama-python OTHER/bin/python FOLDER

FOLDER holds GGUF files, which need no weights: llama.cpp's source, which llama-cpp-python's archive on PyPI brings, has
some as ``models/ggml-vocab-*.gguf``. Each is asked by the rule that it names, and the one of Llama 3 by every rule. The
texts are parts of Docent's documentation, random characters of all scripts and random pieces of everyday text. OTHER
is a Python with llama-cpp-python. Run by that Python with ``--serve``, this answers for llama.cpp.
"""

import argparse
import json
import random
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

_CHARACTERS = list(" abcXYZ019.,'\n\t\r!?-_#(){}[]/\\\"éßñ你好日本語한국어руहिन्दीภาษาالعربية👍🏽")
_PIECES = (
    "I'm", "DON'T", "we'll", "HelloWorld", "camelCase", "12345", "3.14", "x1y22z333", "  ", "\n\n", "\t", "naïve",
    "'S", "ἀρχή", "1,000,000", "foo_bar", "--flag", "http://a.b/c?d=e", "...", "!!!\n", "年2024月", "हिन्दी", "e\u0301",
    "ÜBER",
)  # fmt: skip
_STRING = 3  # llama.cpp's number for the type of an overridden value


def serve() -> None:
    """Reads {"vocabularies": [[file, rule or null], ...], "texts": [...]} and writes a list of lists of tokens each."""
    import ctypes

    import llama_cpp

    lib: Any = llama_cpp
    log = lib.llama_log_callback(lambda *_: None)
    lib.llama_log_set(log, ctypes.c_void_p(0))
    lib.llama_backend_init()
    asked = json.load(sys.stdin)
    for file, rule in asked["vocabularies"]:
        params = lib.llama_model_default_params()
        params.vocab_only = True
        overrides = (lib.llama_model_kv_override * 2)()
        if rule is not None:
            overrides[0].key, overrides[0].tag = b"tokenizer.ggml.pre", _STRING
            ctypes.memmove(ctypes.addressof(overrides[0].value), rule.encode() + b"\0", len(rule.encode()) + 1)
            params.kv_overrides = overrides
        model = lib.llama_model_load_from_file(file.encode(), params)
        if not model:
            print("null", flush=True)
            continue
        vocabulary, found = lib.llama_model_get_vocab(model), []
        for text in asked["texts"]:
            raw = text.encode()
            tokens = (ctypes.c_int32 * (len(raw) + 16))()
            count = lib.llama_tokenize(vocabulary, raw, len(raw), tokens, len(tokens), False, False)
            found.append(list(tokens[:count]))
        print(json.dumps(found), flush=True)
        lib.llama_model_free(model)


def some_texts(seed: int = 1) -> list[str]:
    docs = sorted((Path(__file__).parents[2] / "docs").glob("*.md"))[:8]
    texts = [
        text[at : at + 400]
        for text in (path.read_text("utf-8")[:8000] for path in docs)
        for at in range(0, len(text), 400)
    ]
    rng = random.Random(seed)
    by_kind: dict[str, list[str]] = {}
    for number in range(32, 0x2FA1F):
        kind = unicodedata.category(chr(number))
        if kind not in ("Cn", "Cs", "Co"):
            by_kind.setdefault(kind, []).append(chr(number))

    def character() -> str:
        return rng.choice(_CHARACTERS if rng.random() < 0.8 else by_kind[rng.choice(list(by_kind))])

    texts += ["".join(character() for _ in range(rng.randrange(1, 40))) for _ in range(400)]
    for _ in range(200):
        texts.append(
            "".join(rng.choice(_PIECES) + rng.choice(["", " ", " ", "\n"]) for _ in range(rng.randrange(1, 15)))
        )
    return texts


def main() -> None:
    if sys.argv[1:] == ["--serve"]:
        serve()
        return
    from docent import DocentError
    from engines.model.gguf.cutting_rules import CUTTING_RULES
    from engines.model.gguf.file import GgufFile
    from engines.model.gguf.tokenizer import read_tokenizer

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--llama-python", required=True, help="a Python with llama-cpp-python")
    arguments = parser.parse_args()
    files = sorted(arguments.folder.glob("*.gguf"))
    asked: list[tuple[Path, str | None]] = [(path, None) for path in files]
    asked += [(path, rule) for path in files if "llama-bpe" in path.name for rule in CUTTING_RULES]
    texts = some_texts()
    request = {"vocabularies": [(str(path), rule) for path, rule in asked], "texts": texts}
    command = [arguments.llama_python, str(Path(__file__)), "--serve"]
    replies = subprocess.run(command, input=json.dumps(request), stdout=subprocess.PIPE, text=True, check=True).stdout
    for (path, rule), reply in zip(asked, replies.splitlines(), strict=True):
        name, theirs = f"{path.stem} {rule or ''}".rstrip(), json.loads(reply)
        file = GgufFile(path)
        if rule is not None:
            file.metadata["tokenizer.ggml.pre"] = rule
        try:
            tokenizer = read_tokenizer(file).tokenizer
        except DocentError as error:
            print(f"{name}: {error}")
            continue
        if theirs is None:
            print(f"{name}: llama.cpp does not read it")
            continue
        ours = [found.ids for found in tokenizer.encode_batch(texts, add_special_tokens=False)]
        same = sum(one == other for one, other in zip(ours, theirs, strict=True))
        print(f"{name}: {same} of {len(texts)} texts give the same tokens")


if __name__ == "__main__":
    main()
