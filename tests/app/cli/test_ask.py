"""``docent ask`` and ``search`` as people and programs use them."""

import json
from pathlib import Path

import pytest

from tests.app.command import Run


@pytest.mark.slow
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


@pytest.mark.slow
def test_ask_in_words_shows_answer_and_source(docent: Run) -> None:
    result = docent("ask", "When was the Eiffel Tower opened?")
    assert result.code == 0
    assert "1889" in result.out
    assert "towers.md" in result.out


def test_ask_says_when_nothing_was_found(docent: Run) -> None:
    reply = docent("ask", "Who won the chess championship of Reykjavik?", "--json").json
    assert reply["found"] is False
    assert reply["citations"] == []


@pytest.mark.slow
def test_ask_with_a_folder_syncs_it_and_uses_it_alone(fresh: Run, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "towers.txt").write_text("The Eiffel Tower was painted in 2022.", encoding="utf-8")
    fresh("sync", str(folder))
    reply = fresh("ask", "What about the Eiffel Tower?", "--folder", str(other), "--json").json
    assert {citation["source"] for citation in reply["citations"]} <= {str(other / "towers.txt")}
    hits = fresh("search", "Eiffel Tower", "--folder", str(other), "--json").json["hits"]
    assert {hit["source"] for hit in hits} == {str(other / "towers.txt")}


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_an_empty_library_says_how_to_fill_it(fresh: Run) -> None:
    result = fresh("ask", "Why?", "--json")
    assert result.json["found"] is False
    assert "docent sync" in result.err
