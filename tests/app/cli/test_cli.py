"""The ``docent`` command as people and programs use it: results on stdout, one line for what went wrong, exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli.main import common_options_first
from tests.app.command import Run

ROOT = Path(__file__).resolve().parents[3]


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


@pytest.mark.slow
def test_a_question_loads_neither_the_window_nor_llama_index_nor_what_talks_to_a_server(docent: Run) -> None:
    code = (
        "import sys; from ui.main import app\n"
        "try: app(sys.argv[1:])\nexcept SystemExit as end: assert not end.code\n"
        "for name in ('gradio', 'llama_index', 'fastapi', 'requests', 'psycopg', 'ray', 'grpc', 'prometheus_client', "
        "'opentelemetry'): assert name not in sys.modules, name"
    )
    arguments = ["ask", "What do whales eat?", "--json"]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["answer"]


def test_help_lists_the_commands(fresh: Run) -> None:
    result = fresh("--help")
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


@pytest.mark.slow
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


# -- the rest ----------------------------------------------------------------------------------------------------------


def test_config_names_the_origin_of_each_value(docent: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data" / "config.yaml").write_text("retrieval: {top_k: 20}\n", encoding="utf-8")
    monkeypatch.setenv("DOCENT_SERVER__PORT", "9000")
    settings = docent("config", "--set", "answer.history_turns=2", "--json").json["settings"]
    assert settings["retrieval.top_k"] == {"value": 20, "source": str(tmp_path / "data" / "config.yaml")}
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
    assert {"python", "data folder", "disk", "embedder", "library", "processor"} <= set(checks)
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


def test_a_file_is_read_anew_and_a_dry_run_reads_nothing(fresh: Run, folder: Path) -> None:
    exclude = ["--set", 'library.exclude=["*.md"]']
    shown = fresh(*exclude, "sync", str(folder), "--dry-run", "--json").json
    assert shown["gone"] == [] and {one["pattern"] for one in shown["left_out"]} <= {"*.md"}
    assert shown["files"] and shown["to_read"] == shown["files"]
    assert fresh("status", "--json").json["sources"] == []
    assert "A sync would find" in fresh("sync", str(folder), "--dry-run").out
    documents = fresh("sync", str(folder), "--json").json["documents"]
    name = next(document["path"] for document in documents if document["status"] == "ok")
    before = fresh("status", "--json").json
    assert fresh("sync", name, "--anew", "--json").code == 0
    assert fresh("status", "--json").json["sources"] == before["sources"]
