"""Defines every setting of Docent with its default, range and meaning.

``Settings`` is a frozen tree of pydantic models; an unknown key or a wrong value does not validate. ``config.yaml`` at
the repository root is ``default_yaml()`` written to a file, and a test keeps the two equal.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    WithJsonSchema,
    field_validator,
)

from app.locations import at_home
from app.settings.paths import BUILTIN, DataFolder, default_data_dir
from app.settings.users import User
from engines.page_size import KvCache, LmHead
from engines.runtimes.registry import RUNTIMES

_RUNTIMES = ", ".join(f'"{entry.name}" ({entry.words})' for entry in RUNTIMES.values())
AUTO = "auto"  # the value of model.runtime that leaves the choice to Docent


def _expand(value: object) -> object:
    """Makes ``~`` and relative paths absolute, so that a path means the same wherever it is used."""
    return at_home(value).absolute() if isinstance(value, str | Path) else value


def _data_dir(value: object) -> object:
    return default_data_dir() if value is None else _expand(value)


def _runtime(value: str) -> str:
    if value != AUTO and value not in RUNTIMES:
        raise ValueError(f"input should be one of {', '.join([AUTO, *RUNTIMES])}")
    return value


def _expand_folder(value: object) -> object:
    """Makes paths absolute and leaves the name of what comes with Docent."""
    return value if value == BUILTIN else _expand(value)


def _listed(value: object) -> object:
    """Makes a list of one of a bare pattern."""
    return (value,) if isinstance(value, str) else value


Folder = Annotated[Path, BeforeValidator(_expand)]
BuiltinOrFolder = Annotated[Literal["builtin"] | Path, BeforeValidator(_expand_folder)]
Patterns = Annotated[tuple[str, ...], BeforeValidator(_listed)]
SERVER_SCHEMES = ("postgresql://", "postgres://")  # of the address of a library on a server


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


class LibrarySettings(_Section):
    """Where the library is kept, which files are read, and how much one file may cost."""

    url: SecretStr | None = Field(
        default=None,
        description="A PostgreSQL database with pgvector that keeps library and conversations, for several Docents at "
        "once: postgresql://USER@HOST/DATABASE; null = files in the data folder.",
    )

    max_file_mb: float = Field(default=200, gt=0, description="Larger files are skipped, and said so.")
    max_pdf_mb: float = Field(default=1000, gt=0, description="The same for PDFs: pages that were scanned are large.")
    parse_timeout_s: float = Field(
        default=120, gt=0, description="Seconds of processor time that reading one file may take."
    )
    parse_memory_mb: int = Field(default=1500, ge=128, description="Memory that reading one file may take.")
    workers: int = Field(
        default=0, ge=0, le=64, description="Files read at the same time; 0 = one for each core, at most 4."
    )
    wait_s: float = Field(
        default=5, ge=0, description="Seconds to wait for another Docent that is writing to the same library."
    )
    follow_links: bool = Field(
        default=False,
        description="Whether links that lead out of a folder are followed, and what they lead to is read.",
    )
    include: Patterns = Field(
        default=(), description='If any are given, only files that match one are read, such as ["*.pdf", "reports/"].'
    )
    exclude: Patterns = Field(
        default=(),
        description='Files and folders left out, such as ["drafts/", "*.log"]; patterns as in a .gitignore.',
    )

    @field_validator("url")
    @classmethod
    def _is_postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(SERVER_SCHEMES):
            raise ValueError("input should begin with postgresql://")
        return value

    @property
    def address(self) -> str | None:
        """``url`` with its password."""
        return None if self.url is None else self.url.get_secret_value()


class EmbedderSettings(_Section):
    """The model that turns text into vectors."""

    folder: Folder | None = Field(
        default=None,
        description="A sentence-transformers folder with an ONNX model; null = the one that comes with Docent.",
    )
    threads: int = Field(default=0, ge=0, le=256, description="CPU threads; 0 = one for each physical core.")
    device: Literal["auto", "cpu"] = Field(
        default="auto",
        description='What embeds texts and reads passages: "auto" = an NVIDIA card where one computes the same as the '
        'processor, "cpu" = the processor.',
    )


class ChunkingSettings(_Section):
    """How documents are cut into passages."""

    target_tokens: int = Field(
        default=220, ge=32, le=2000, description="Aimed length of a chunk in tokens of the embedder."
    )


class RetrievalSettings(_Section):
    """How passages are found."""

    top_k: int = Field(
        default=100, ge=1, le=1000, description="Candidates taken from each of dense and keyword search."
    )
    dense_weight: float = Field(default=0.45, ge=0, description="Weight of dense search in the fusion; 0 turns it off.")
    keyword_weight: float = Field(
        default=0.55, ge=0, description="Weight of keyword search in the fusion; 0 turns it off."
    )
    token_budget: int = Field(
        default=1500, ge=100, le=100_000, description="Tokens of passages an answer is written from."
    )
    store: str | None = Field(
        default=None,
        description="Import path of another llama-index vector store for dense search, such as "
        '"llama_index.vector_stores.qdrant:QdrantVectorStore"; null = the built-in one.',
    )
    store_args: dict[str, Any] = Field(default_factory=dict, description="Arguments for that store's constructor.")
    reranker: BuiltinOrFolder | None = Field(
        default=BUILTIN,
        description='The reader that orders passages and reads answers from them: "builtin" = the one that comes with '
        "Docent, a folder, or null = none.",
    )


class AnswerSettings(_Section):
    """How answers are written."""

    min_confidence: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="How sure Docent must be to answer instead of saying it found nothing, 0 to 1; null = as fitted.",
    )
    mode: Literal["passages", "agent"] = Field(
        default="passages",
        description='"passages" = one search for each question; "agent" = a language model that follows instructions '
        "searches again, in words of its own, for what the first search did not bring. That takes longer; the built-in "
        "model answers as before.",
    )
    rounds: int = Field(default=3, ge=1, le=10, description='How often the model may search with mode "agent".')
    history_turns: int = Field(
        default=6, ge=0, le=50, description="Earlier exchanges that a follow-up question may refer to."
    )


class ModelSettings(_Section):
    """The language model that writes answers. Without one, Docent quotes your documents word for word."""

    @property
    def is_builtin(self) -> bool:
        return self.name == BUILTIN

    name: str | None = Field(
        default=BUILTIN,
        description='"builtin" = docent-nano, which comes with Docent; a name that `docent model list` shows, or a '
        "model's folder; null = none, answers are quotes.",
    )
    runtime: Annotated[str, AfterValidator(_runtime), WithJsonSchema({"type": "string", "enum": [AUTO, *RUNTIMES]})] = (
        Field(
            default=AUTO,
            description=f'What computes: {_RUNTIMES}; "auto" = the best one for this computer.',
        )
    )
    context: int = Field(
        default=4096, ge=256, le=1_000_000, description="Longest prompt and answer in tokens, if the model takes it."
    )
    cache_mb: int = Field(
        default=0,
        ge=0,
        le=1_000_000,
        description="Memory for what the model has read (keys and values of tokens); 0 = twice what the longest "
        "context needs, at most a quarter of this computer's.",
    )
    kv_cache: KvCache = Field(
        default="fp16",
        description='How an NVIDIA card keeps keys and values with runtime "cuda": "fp16", or in half the memory and '
        'faster behind long contexts "int8" or "fp8" (less exact). The processor keeps its own way.',
    )
    lm_head: LmHead = Field(
        default="stored",
        description='How an NVIDIA card keeps a model\'s output layer with runtime "cuda": "stored", or one in full '
        'precision as "int8" (half the memory, faster, slightly less exact). The processor keeps its own way.',
    )
    threads: int = Field(default=0, ge=0, le=256, description="CPU threads; 0 = one for each core that may be used.")
    gpu_layers: Literal["auto"] | Annotated[int, Field(ge=0, le=1000)] = Field(
        default="auto",
        description='Layers that an NVIDIA card computes with runtime "cuda", the first ones; the processor computes '
        'the others, slower. "auto" = as many as the card has memory for.',
    )
    gpus: int = Field(
        default=1,
        ge=1,
        le=8,
        description='NVIDIA cards that share every layer out with runtime "cuda"; the number must divide the heads.',
    )
    unload_after_min: float = Field(
        default=0,
        ge=0,
        description="Minutes without a question after which the model's memory is given back; the next question loads "
        "it again, and waits for it. 0 = never.",
    )
    first_word_s: float = Field(
        default=3,
        ge=0,
        description="Seconds after which the model should begin to write: it reads fewer passages where it is slower. "
        "0 = it always reads all that fit.",
    )
    max_tokens: int = Field(default=512, ge=16, le=100_000, description="Longest answer in tokens.")
    thinking_tokens: int = Field(
        default=0,
        ge=0,
        le=1_000_000,
        description="Tokens that a model may think before it answers, at most half of max_tokens, if it was made to. "
        "0 = it answers at once.",
    )
    temperature: float = Field(
        default=0.0, ge=0, le=2, description="0 = always the likeliest word; more = more varied, and more mistakes."
    )
    look_elsewhere: bool = Field(
        default=True,
        description="List models of other programs too (Hugging Face, Ollama, LM Studio, GPT4All, llama.cpp).",
    )
    endpoint: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s/]+\S*$",
        description="A server that speaks OpenAI's API and answers in place of the model, as in "
        "http://127.0.0.1:11434/v1 for Ollama. Questions and the passages found for them are sent there.",
    )
    endpoint_model: str | None = Field(
        default=None, description="The server's name for the model; null = the first one that it lists."
    )
    endpoint_key: SecretStr | None = Field(default=None, description="The key that the server wants, if any.")
    hub: str = Field(default="https://huggingface.co", description="Where `docent model pull` gets models from.")


class YouTubeSettings(_Section):
    """How transcripts are fetched."""

    languages: tuple[str, ...] = Field(
        default=("en",), min_length=1, description="Languages to look for, in this order."
    )
    pause_s: float = Field(
        default=1.5, ge=0, description="Seconds between two requests, so that YouTube does not block us."
    )


class ServerSettings(_Section):
    """The window and the HTTP API. Unless `host` says otherwise, they answer on this computer only (127.0.0.1)."""

    host: str = Field(
        default="127.0.0.1",
        description="Address that `docent serve` listens on. Beyond this computer it needs users or api_key, and TLS.",
    )
    users: tuple[User, ...] = Field(
        default=(),
        description="Who may use the window and the API of this Docent, each with chats of their own. `docent user "
        "add` writes this.",
    )
    tls_certificate: Folder | None = Field(
        default=None,
        description="File with the certificate (PEM) for TLS and those that vouch for it; null = no TLS.",
    )
    tls_key: Folder | None = Field(
        default=None, description="File with that certificate's key, which its owner alone can read."
    )
    plain_http: bool = Field(
        default=False,
        description="Whether Docent may be reached from other computers without TLS of its own, as behind a proxy that "
        "speaks it. Keys, questions and documents then go over the network for anybody to read.",
    )
    traces: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s/]+\S*$",
        description="An OpenTelemetry collector (OTLP over HTTP) that gets a trace of each question, as in "
        "http://127.0.0.1:4318; no texts are sent. null = none.",
    )
    port: int = Field(default=7860, ge=0, le=65535, description="Port to serve on; 0 = any free one.")
    grpc_port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="Port on which programs reach the models by the KServe v2 protocol over gRPC (it needs the extra "
        "grpc); 0 = any free one, null = none.",
    )
    browser: bool = Field(default=True, description="Whether `docent serve` opens the browser.")
    watch: bool = Field(default=True, description="Whether folders are kept in sync while the window is open.")
    api_key: bool = Field(
        default=False,
        description="Whether programs may use a key that stays the same from launch to launch; `docent config "
        "--show-key` shows it.",
    )
    allowed_hosts: list[Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]+:[0-9]{1,5}$")]] = Field(
        default=[],
        description="Further addresses (host:port) under which Docent may be asked for, as over a forwarded port: "
        '["localhost:8080"] for `ssh -L 8080:localhost:7860`. List no name that others can point elsewhere.',
    )

    @field_validator("users")
    @classmethod
    def _have_names_of_their_own(cls, value: tuple[User, ...]) -> tuple[User, ...]:
        if len({user.name for user in value}) < len(value):
            raise ValueError("input should name each user once")
        return value


class Settings(_Section):
    """All settings. ``data_dir`` is absolute and always set."""

    data_dir: Annotated[Path, BeforeValidator(_data_dir)] = Field(
        default_factory=default_data_dir,
        description="Where the library, conversations and logs are kept; null = the platform's user data folder.",
    )
    library: LibrarySettings = LibrarySettings()
    embedder: EmbedderSettings = EmbedderSettings()
    chunking: ChunkingSettings = ChunkingSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    answer: AnswerSettings = AnswerSettings()
    model: ModelSettings = ModelSettings()
    youtube: YouTubeSettings = YouTubeSettings()
    server: ServerSettings = ServerSettings()

    @property
    def folder(self) -> DataFolder:
        return DataFolder(self.data_dir)


def sections() -> dict[str, type[_Section]]:
    """Returns the sections by name, in the order of the file."""
    found: dict[str, type[_Section]] = {}
    for name, info in Settings.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, _Section):
            found[name] = info.annotation
    return found


def valid_keys() -> list[str]:
    """Lists every key in dotted form: ``data_dir``, ``server.port`` ..."""
    return ["data_dir", *(f"{section}.{key}" for section, model in sections().items() for key in model.model_fields)]


def flatten(settings: Settings) -> dict[str, Any]:
    """Maps each dotted key to a value that JSON can hold."""
    flat: dict[str, Any] = {}
    for name, value in settings.model_dump(mode="json").items():
        if name in sections():
            flat.update({f"{name}.{key}": inner for key, inner in value.items()})
        else:
            flat[name] = value
    return flat


def default_yaml() -> str:
    """Makes the text of ``config.yaml``: every setting with its default and a comment."""
    return "\n".join(_yaml_lines()) + "\n"


def _yaml_lines() -> Iterator[str]:
    yield "# Every setting of Docent with its default. To change some, write them into config.yaml in your data folder"
    yield "# (`docent config` says where that is), or set DOCENT_<SECTION>__<KEY>, or use --set section.key=value."
    yield ""
    yield f"# {Settings.model_fields['data_dir'].description}"
    yield "data_dir: null"
    for name, model in sections().items():
        yield ""
        yield f"# {model.__doc__}"
        yield f"{name}:"
        for key, info in model.model_fields.items():
            default = info.get_default(call_default_factory=True)
            yield f"  # {info.description}"
            yield f"  {key}: {json.dumps(default)}"  # JSON values are YAML values
