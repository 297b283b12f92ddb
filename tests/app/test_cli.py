"""The ``docent`` command as people and programs use it: results on stdout, one line for what went wrong, exit codes."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli import app, common_options_first
from tests.app.conftest import DOCUMENTS

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout; anything else there is a failure."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


Run = Callable[..., Result]


def invoke(arguments: Sequence[str], stdin: str | None = None) -> Result:
    result = CliRunner().invoke(app, list(arguments), input=stdin)
    return Result(result.exit_code, result.stdout, result.stderr)


@pytest.fixture(scope="module")
def read_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of documents with the library that a sync made of it."""
    base = tmp_path_factory.mktemp("read")
    for name, content in DOCUMENTS.items():
        path = base / "documents" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    synced = invoke(["--data-dir", str(base / "data"), "sync", str(base / "documents"), "--json"])
    assert synced.code == 0, synced
    return base


@pytest.fixture
def docent(read_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs the command on a copy of the library that knows the documents."""
    shutil.copytree(read_once / "data", tmp_path / "data")
    monkeypatch.setenv("DOCENT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("DOCENT_DEBUG", raising=False)
    yield lambda *arguments, stdin=None: invoke(arguments, stdin)


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command on a data folder that does not exist yet."""
    monkeypatch.setenv("DOCENT_DATA_DIR", str(tmp_path / "fresh"))
    monkeypatch.delenv("DOCENT_DEBUG", raising=False)
    return lambda *arguments, stdin=None: invoke(arguments, stdin)


# -- help and wrong use ------------------------------------------------------------------------------------------------


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from ui.main import app\n"
        "try: app(['--help'])\nexcept SystemExit as end: assert not end.code\n"
        "heavy = {'numpy', 'pydantic', 'yaml', 'rich', 'fastapi', 'gradio', 'faiss', 'onnxruntime', 'sqlite3'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for command in ("sync", "ask", "search", "status", "remove", "conversations", "doctor", "serve", "config"):
        assert command in done.stdout


def test_a_question_loads_neither_the_window_nor_llama_index(docent: Run) -> None:
    code = (
        "import sys; from ui.main import app\n"
        "try: app(sys.argv[1:])\nexcept SystemExit as end: assert not end.code\n"
        "for name in ('gradio', 'llama_index', 'fastapi', 'requests'): assert name not in sys.modules, name"
    )
    arguments = ["ask", "What do whales eat?", "--json"]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["answer"]


def test_no_command_prints_help(fresh: Run) -> None:
    result = fresh()
    assert result.code == 0
    assert "Commands:" in result.out


@pytest.mark.parametrize(
    "arguments",
    [
        ["nothing"],
        ["ask"],
        ["ask", ""],
        ["ask", "x", "--from", "y"],
        ["ask", "--unknown"],
        ["search", "x", "-k", "0"],
        ["search", "x", "-k", "many"],
        ["remove"],
        ["--set", "server.port", "status"],
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(fresh: Run, arguments: list[str]) -> None:
    result = fresh(*arguments)
    assert result.code == 2
    assert result.out == ""
    assert result.err.startswith("docent: ")
    assert result.err.count("\n") == 1
    sentences = result.err.split(" See ")
    assert all(sentence.rstrip().endswith(".") and not sentence.endswith("..") for sentence in sentences)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["sync", "/no/such/folder"], "/no/such/folder"),
        (["ask", "x", "--folder", "/no/such/folder"], "/no/such/folder"),
        (["ask", "--from", "/no/such/file"], "/no/such/file"),
        (["--config", "/no/such/file", "status"], "/no/such/file"),
        (["--set", "server.prot=1", "status"], "server.port"),
        (["ask", "x", "--conversation", "nope"], "nope"),
        (["conversations", "show", "nope"], "nope"),
        (["conversations", "delete", "nope"], "nope"),
        (["conversations", "rename", "nope", "title"], "nope"),
        (["remove", "/never/added"], "/never/added"),
    ],
)
def test_what_a_person_can_mend_is_one_line_and_exit_code_1(fresh: Run, arguments: list[str], named: str) -> None:
    result = fresh(*arguments)
    assert result.code == 1
    assert named in result.err
    assert "Traceback" not in result.err
    assert [line for line in result.err.splitlines() if line.startswith("docent: ")] == result.err.splitlines()
    as_json = fresh(*arguments, "--json")
    assert as_json.code == 1
    assert named in as_json.json["error"]["message"] + as_json.json["error"]["remedy"]


def test_debug_shows_the_traceback(fresh: Run) -> None:
    assert "Traceback" in fresh("--debug", "sync", "/no/such/folder").err


def test_an_unwritable_data_folder_is_named(fresh: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    result = fresh("--data-dir", str(tmp_path / "file"), "status")
    assert result.code == 1
    assert str(tmp_path / "file") in result.err


def test_common_options_may_stand_anywhere() -> None:
    assert common_options_first(["ask", "q", "--data-dir", "d", "--set=a.b=1"]) == [
        "--data-dir",
        "d",
        "--set=a.b=1",
        "ask",
        "q",
    ]
    assert common_options_first(["ask", "--", "--debug"]) == ["ask", "--", "--debug"]


# -- documents ---------------------------------------------------------------------------------------------------------


def test_sync_reports_every_document_also_the_unchanged(docent: Run, read_once: Path) -> None:
    result = docent("sync", str(read_once / "documents"), "--json")
    assert result.code == 0
    assert result.err == ""
    report = result.json
    found = {Path(d["path"]).name: (d["status"], d["chunks"] > 0, bool(d["error"])) for d in report["documents"]}
    assert found == {
        "whales.txt": ("ok", True, False),
        "towers.md": ("ok", True, False),
        "tea.html": ("ok", True, False),
        "empty.txt": ("skipped", False, True),
    }
    assert report["counts"]["ok"] == 3
    assert report["counts"]["skipped"] == 1
    assert report["seconds"] >= 0


def test_sync_without_a_folder_means_every_source_and_sees_changes(fresh: Run, folder: Path) -> None:
    assert fresh("sync", str(folder), "--json").json["counts"]["ok"] == 3
    (folder / "whales.txt").unlink()
    (folder / "zebras.txt").write_text("Zebras have stripes.", encoding="utf-8")
    report = fresh("sync", "--json").json
    assert sorted(Path(d["path"]).name for d in report["documents"]) == [
        "empty.txt",
        "tea.html",
        "towers.md",
        "zebras.txt",
    ]


def test_sync_of_one_source_leaves_out_the_others(docent: Run, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "zebras.txt").write_text("Zebras have stripes.", encoding="utf-8")
    report = docent("sync", str(other), "--json").json
    assert [document["path"] for document in report["documents"]] == [str(other / "zebras.txt")]
    assert docent("status", "--json").json["documents"] == 5


def test_a_relative_folder_is_the_same_source(docent: Run, read_once: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(read_once)
    report = docent("sync", "documents/../documents/", "--json").json
    assert len(report["documents"]) == 4
    assert len(docent("status", "--json").json["sources"]) == 1


def test_people_read_words_not_json(docent: Run) -> None:
    result = docent("sync")
    assert result.code == 0
    assert "3 documents" in result.out
    assert "empty.txt" in result.out
    assert "3 documents" in docent("status").out


def test_status(docent: Run, read_once: Path, tmp_path: Path) -> None:
    status = docent("status", "--json").json
    assert [source["location"] for source in status["sources"]] == [str(read_once / "documents")]
    assert status["counts"]["ok"] == 3
    assert status["counts"]["pending"] == 0
    assert [Path(problem["path"]).name for problem in status["problems"]] == ["empty.txt"]
    assert status["library_path"] == str(tmp_path / "data" / "library.db")
    assert status["size_bytes"] > 0


def test_status_of_nothing(fresh: Run) -> None:
    assert fresh("status", "--json").json["documents"] == 0
    assert "docent sync" in fresh("status").out


def test_remove_a_source_and_a_document(docent: Run, read_once: Path) -> None:
    documents = read_once / "documents"
    assert docent("remove", str(documents / "whales.txt"), "--json").json["removed"] == 1
    assert docent("search", "whale", "--json").json["hits"][0]["source"] != str(documents / "whales.txt")
    assert docent("remove", str(documents), "--json").json["removed"] == 3
    assert docent("status", "--json").json["sources"] == []
    assert (documents / "whales.txt").exists()


def test_an_odd_file_name_breaks_nothing(fresh: Run, tmp_path: Path) -> None:
    root = tmp_path / "odd"
    root.mkdir()
    names = [b"new\nline.txt", "snow☃.txt".encode()] + ([b"latin\xe9.txt"] if sys.platform == "linux" else [])
    for name in names:
        (root / os.fsdecode(name)).write_text("The yak lives in Tibet.", encoding="utf-8")
    report = fresh("sync", str(root), "--json")
    assert report.out.isascii()
    assert {os.fsencode(Path(d["path"]).name) for d in report.json["documents"]} == set(names)
    assert fresh("sync").code == 0
    assert fresh("ask", "Where does the yak live?", "--json").json["found"] is True
    assert fresh("ask", "Where does the yak live?").code == 0


# -- questions ---------------------------------------------------------------------------------------------------------


def test_ask_answers_with_citations(docent: Run, read_once: Path) -> None:
    result = docent("ask", "When was the Eiffel Tower opened?", "--json")
    assert result.code == 0
    assert result.err == ""
    reply = result.json
    assert reply["found"] is True
    assert "1889" in reply["answer"]
    citation = reply["citations"][0]
    assert citation["source"] == str(read_once / "documents" / "towers.md")
    assert "1889" in citation["quote"]
    assert {"source", "page", "start_s", "quote", "score"} <= set(citation)
    assert {"rewrite", "answer", "total"} <= set(reply["timings_ms"])
    assert reply["timings_ms"]["total"] >= reply["timings_ms"]["answer"]
    assert reply["answerer"]


def test_ask_in_words_shows_answer_and_source(docent: Run) -> None:
    result = docent("ask", "When was the Eiffel Tower opened?")
    assert result.code == 0
    assert "1889" in result.out
    assert "towers.md" in result.out


def test_ask_says_when_nothing_was_found(docent: Run) -> None:
    reply = docent("ask", "Who won the chess championship of Reykjavik?", "--json").json
    assert reply["found"] is False
    assert reply["citations"] == []


def test_ask_with_a_folder_syncs_it_and_uses_it_alone(fresh: Run, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "towers.txt").write_text("The Eiffel Tower was painted in 2022.", encoding="utf-8")
    fresh("sync", str(folder))
    reply = fresh("ask", "What about the Eiffel Tower?", "--folder", str(other), "--json").json
    assert {citation["source"] for citation in reply["citations"]} <= {str(other / "towers.txt")}
    hits = fresh("search", "Eiffel Tower", "--folder", str(other), "--json").json["hits"]
    assert {hit["source"] for hit in hits} == {str(other / "towers.txt")}


def test_a_conversation_goes_on(docent: Run) -> None:
    first = docent("ask", "When was the Eiffel Tower opened?", "--json").json["conversation"]
    again = docent("ask", "How high is it?", "--conversation", first, "--json").json
    assert again["conversation"] == first
    assert "330" in again["answer"]
    assert docent("ask", "Where is it?", "--conversation", "last", "--json").json["conversation"] == first
    listed = docent("conversations", "--json").json["conversations"]
    assert [(row["id"], row["turns"]) for row in listed] == [(first, 3)]
    shown = docent("conversations", "show", first, "--json").json
    assert [exchange["question"] for exchange in shown["exchanges"]][:2] == [
        "When was the Eiffel Tower opened?",
        "How high is it?",
    ]
    assert "1889" in docent("conversations", "show", first).out
    docent("conversations", "rename", first, "Paris")
    assert "Paris" in docent("conversations").out
    assert docent("conversations", "delete", first).code == 0
    assert docent("conversations", "--json").json["conversations"] == []


def test_many_questions_from_a_file_or_stdin(docent: Run, tmp_path: Path) -> None:
    rows = [{"id": "a", "question": "What does the blue whale eat?"}, {"id": 7, "question": "How hot is green tea?"}]
    text = "\n".join(json.dumps(row) for row in rows) + "\n\n"
    (tmp_path / "questions.jsonl").write_text(text, encoding="utf-8")
    result = docent("ask", "--from", str(tmp_path / "questions.jsonl"), "--json")
    assert result.code == 0
    assert [line["id"] for line in result.lines] == ["a", 7]
    assert "krill" in result.lines[0]["answer"]
    assert [line["answer"] for line in docent("ask", "--from", "-", stdin=text).lines] == [
        line["answer"] for line in result.lines
    ]
    assert docent("conversations", "--json").json["conversations"] == []


def test_a_bad_line_is_an_error_object_and_the_others_go_on(docent: Run) -> None:
    lines = ['{"id": 1, "question": "What do whales eat?"}', "{nonsense", '{"id": 3}', '["x"]', '{"question": "Tea?"}']
    result = docent("ask", "--from", "-", "--json", stdin="\n".join(lines))
    assert result.code == 1
    assert [("error" in line, line.get("id"), line.get("line")) for line in result.lines] == [
        (False, 1, None),
        (True, None, 2),
        (True, 3, 3),
        (True, None, 4),
        (False, None, 5),
    ]
    assert all(line["error"]["message"] for line in result.lines if "error" in line)


def test_search(docent: Run, read_once: Path) -> None:
    reply = docent("search", "How hot should green tea be?", "-k", "2", "--json").json
    assert len(reply["hits"]) == 2
    best = reply["hits"][0]
    assert best["source"] == str(read_once / "documents" / "sub" / "tea.html")
    assert {"text", "source", "title", "page", "start_s", "start", "end", "score"} <= set(best)
    assert reply["hits"][0]["score"] >= reply["hits"][1]["score"]
    assert reply["timings_ms"]["total"] > 0
    assert "tea.html" in docent("search", "green tea").out


def test_an_empty_library_says_how_to_fill_it(fresh: Run) -> None:
    result = fresh("ask", "Why?", "--json")
    assert result.json["found"] is False
    assert "docent sync" in result.err


# -- the rest ----------------------------------------------------------------------------------------------------------


def test_config_names_the_origin_of_each_value(docent: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data" / "config.yaml").write_text("retrieval: {depth: 20}\n", encoding="utf-8")
    monkeypatch.setenv("DOCENT_SERVER__PORT", "9000")
    settings = docent("config", "--set", "answer.history_turns=2", "--json").json["settings"]
    assert settings["retrieval.depth"] == {"value": 20, "source": str(tmp_path / "data" / "config.yaml")}
    assert settings["server.port"] == {"value": 9000, "source": "environment DOCENT_SERVER__PORT"}
    assert settings["answer.history_turns"] == {"value": 2, "source": "command line"}
    assert settings["youtube.languages"] == {"value": ["en"], "source": "default"}
    assert "DOCENT_SERVER__PORT" in docent("config").out


def test_config_prints_the_documented_defaults(fresh: Run) -> None:
    assert fresh("config", "--defaults").out == (ROOT / "config.yaml").read_text(encoding="utf-8")


def test_doctor_is_content_with_a_good_library(docent: Run) -> None:
    result = docent("doctor", "--json")
    checks = {check["name"]: check for check in result.json["checks"]}
    assert result.code == 0, checks
    assert {"python", "data folder", "disk", "embedder", "library"} <= set(checks)
    assert checks["embedder"]["status"] == "ok"
    assert "GPU" in docent("doctor").out


def test_doctor_finds_a_damaged_library_and_a_missing_model(docent: Run, tmp_path: Path) -> None:
    with (tmp_path / "data" / "library.db").open("r+b") as file:
        file.seek(0)
        file.write(b"x" * 4096)
    result = docent("doctor", "--set", f"embedder.folder={tmp_path / 'none'}", "--json")
    assert result.code == 1
    failed = {check["name"]: check["remedy"] for check in result.json["checks"] if check["status"] == "fail"}
    assert {"library", "embedder"} <= set(failed)
    assert all(failed.values())


def test_version(fresh: Run) -> None:
    from docent import __version__

    assert fresh("--version").out == f"docent {__version__}\n"
