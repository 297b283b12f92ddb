"""Makes a model folder of a GGUF file: settings and tokenizer as Hugging Face has them, beside the file as it is."""

import json
from pathlib import Path
from typing import Any

from engines.errors import CheckpointError
from engines.model.gguf.file import GgufFile, parts_of
from engines.model.gguf.settings import read_settings
from engines.model.gguf.tokenizer import read_tokenizer


def write_folder(file: GgufFile, folder: Path) -> None:
    """Writes everything but the weights into ``folder``, which is there. Raises UnsupportedModel or CheckpointError."""
    settings = read_settings(file)
    vocabulary = read_tokenizer(file)
    tokens: dict[str, Any] = {"bos_token": vocabulary.bos, "eos_token": vocabulary.eos}
    if vocabulary.chat_template is not None:
        tokens["chat_template"] = vocabulary.chat_template
    _write(folder / "config.json", settings)
    _write(folder / "tokenizer_config.json", tokens)
    _write(folder / "generation_config.json", {"eos_token_id": list(vocabulary.end_ids)})
    (folder / "tokenizer.json").write_text(vocabulary.tokenizer.to_str(), encoding="utf-8")


def weights_of(folder: Path) -> list[Path]:
    """The GGUF files of a model folder, in order; empty where its weights are in another format. Raises CheckpointError
    where a part is missing or a link leads nowhere."""
    found = sorted(folder.glob("*.gguf"))
    if not found:
        return []
    parts = parts_of(found[0])
    for part in parts:
        if not part.is_file():
            raise CheckpointError(f"{part.resolve()} is gone.", "Put it back, or remove the model and import it again.")
    return parts


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
