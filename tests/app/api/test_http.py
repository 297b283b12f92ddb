"""The HTTP API over a real library: documents by id, errors with a remedy, streams of JSON lines."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.api.http import create_api
from app.assistant import Assistant
from tests.rag.parsers.pdf.pdf_writer import paragraph, write_pdf


@pytest.fixture
def empty(assistant: Assistant) -> Iterator[TestClient]:
    """A client of a library without documents."""
    with TestClient(create_api(assistant), raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture
def client(empty: TestClient, assistant: Assistant, folder: Path) -> TestClient:
    """A client of a library with the documents of ``folder``."""
    assistant.sync([str(folder)])
    return empty


def lines(response: Any) -> list[dict[str, Any]]:
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("application/x-ndjson")
    return [json.loads(line) for line in response.text.splitlines()]


def document_named(client: TestClient, name: str) -> dict[str, Any]:
    documents = client.get("/api/documents").json()["documents"]
    return next(document for document in documents if document["path"].endswith(name))


def test_status_and_documents(client: TestClient, folder: Path) -> None:
    status = client.get("/api/status").json()
    assert [source["location"] for source in status["sources"]] == [str(folder)]
    assert status["counts"]["ok"] == 3
    assert status["counts"]["skipped"] == 1
    assert len(client.get("/api/documents").json()["documents"]) == 4


def test_documents_are_sent_once_to_who_knows_them(client: TestClient, folder: Path) -> None:
    first = client.get("/api/documents")
    known = {"if-none-match": first.headers["etag"]}
    again = client.get("/api/documents", headers=known)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert again.headers["cache-control"] == "no-store"
    (folder / "new.txt").write_text("A new file.", encoding="utf-8")
    client.post("/api/sync", json={})
    changed = client.get("/api/documents", headers=known)
    assert changed.status_code == 200 and len(changed.json()["documents"]) == len(first.json()["documents"]) + 1


def test_a_document_and_its_text_by_id(client: TestClient) -> None:
    document = document_named(client, "whales.txt")
    assert client.get(f"/api/documents/{document['id']}").json()["pages"] is None
    response = client.get(f"/api/documents/{document['id']}/text")
    part = client.get(f"/api/documents/{document['id']}/text", params={"start": 4, "end": 9})
    assert part.text == response.text[4:9]
    assert response.text.startswith("The blue whale")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"


def test_ask_streams_retrieval_text_and_the_cited_answer(client: TestClient) -> None:
    received = lines(client.post("/api/ask", json={"question": "When was the Eiffel Tower opened?"}))
    assert received[0]["event"] == "retrieved"
    assert received[0]["passages"]
    assert {line["event"] for line in received[1:-1]} == {"text"}
    last = received[-1]
    assert last["event"] == "answered"
    assert last["answer"] == "".join(line["text"] for line in received[1:-1])
    conversation = client.get(f"/api/conversations/{last['conversation']}").json()
    assert conversation["exchanges"][0]["answer"] == last["answer"]


def test_ask_without_stream_gives_one_document_restricted_to_ids(client: TestClient) -> None:
    whales = document_named(client, "whales.txt")["id"]
    body = {"question": "How much krill does the blue whale eat a day?", "documents": [whales], "stream": False}
    reply = client.post("/api/ask", json=body).json()
    assert {citation["document_id"] for citation in reply["citations"]} <= {whales}
    assert reply["timings_ms"]["total"] > 0


def test_search_gives_hits_with_positions(client: TestClient) -> None:
    reply = client.get("/api/search", params={"question": "green tea", "k": 2}).json()
    best = reply["hits"][0]
    assert best["source"].endswith("tea.html")
    text = client.get(f"/api/documents/{best['document_id']}/text").text
    assert text[best["start"] : best["end"]] == best["text"]


def test_sync_streams_its_steps_and_ends_with_the_report(client: TestClient, folder: Path) -> None:
    (folder / "new.txt").write_text("Zebras have stripes of black and white.", encoding="utf-8")
    received = lines(client.post("/api/sync", json={}))
    assert received[-1]["event"] == "report"
    assert received[-1]["counts"]["ok"] == 4
    assert any(line.get("path", "").endswith("new.txt") for line in received[:-1] if line["path"])


def test_an_error_inside_a_stream_is_its_last_line(client: TestClient, tmp_path: Path) -> None:
    received = lines(client.post("/api/sync", json={"locations": [str(tmp_path / "nowhere")]}))
    assert "nowhere" in received[-1]["error"]["message"]
    received = lines(client.post("/api/ask", json={"question": "Why?", "conversation": "nope"}))
    assert "nope" in received[-1]["error"]["message"]


def test_conversations_can_be_renamed_and_deleted(client: TestClient) -> None:
    reply = client.post("/api/ask", json={"question": "What do whales eat?", "stream": False}).json()
    url = f"/api/conversations/{reply['conversation']}"
    assert client.patch(url, json={"title": "Whales"}).status_code == 200
    assert [row["title"] for row in client.get("/api/conversations").json()["conversations"]] == ["Whales"]
    assert client.delete(url).json()["deleted"] is True
    assert client.get(url).status_code == 404


def test_a_source_can_be_removed(client: TestClient, folder: Path) -> None:
    assert client.delete("/api/sources", params={"location": str(folder)}).json()["removed"] == 4
    assert client.get("/api/documents").json()["documents"] == []
    assert (folder / "whales.txt").exists()


@pytest.mark.parametrize(
    ("method", "url", "body", "status"),
    [
        ("GET", "/api/documents/999999", None, 404),
        ("GET", "/api/documents/999999/text", None, 404),
        ("GET", "/api/documents/999999/page/1.png", None, 404),
        ("GET", "/api/documents/..%2f..%2fetc%2fpasswd/text", None, 404),
        ("GET", "/api/documents/abc", None, 422),
        ("GET", "/api/nothing", None, 404),
        ("GET", "/api/search", None, 422),
        ("GET", "/api/search?question=x&k=0", None, 422),
        ("POST", "/api/ask", {"question": ""}, 422),
        ("POST", "/api/ask", {"question": "x", "unknown": 1}, 422),
        ("PATCH", "/api/conversations/nope", {"title": "x"}, 404),
        ("DELETE", "/api/sources?location=nope", None, 400),
        ("GET", "/docs", None, 404),
    ],
)
def test_every_error_has_the_same_shape(empty: TestClient, method: str, url: str, body: Any, status: int) -> None:
    response = empty.request(method, url, json=body)
    assert response.status_code == status
    error = response.json()["error"]
    assert error["message"]
    assert set(error) == {"message", "remedy"}


def test_an_unknown_address_has_that_shape_beside_the_window_too(assistant: Assistant) -> None:
    api = create_api(assistant)
    api.mount("/", FastAPI())
    with TestClient(api) as opened:
        response = opened.get("/api/nothing/here")
    assert response.status_code == 404
    assert set(response.json()["error"]) == {"message", "remedy"}


def test_the_description_says_what_every_route_replies(client: TestClient) -> None:
    api = client.get("/api/openapi.json").json()
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            replies = operation["responses"]["200"]["content"]
            assert all(reply["schema"] for reply in replies.values()), f"{method} {path}"
            assert operation["responses"]["default"]["content"]["application/json"]["schema"]["$ref"]
    lines = api["paths"]["/api/ask"]["post"]["responses"]["200"]["content"]["application/x-ndjson"]["schema"]["anyOf"]
    names = [line["$ref"].rpartition("/")[2] for line in lines]
    assert names == ["RetrievedLine", "SearchedLine", "ThoughtLine", "TextLine", "AnsweredLine", "ErrorLine"]
    assert set(names) <= set(api["components"]["schemas"])


def test_replies_fit_their_description(client: TestClient) -> None:
    api = client.get("/api/openapi.json").json()["components"]["schemas"]
    received = lines(client.post("/api/ask", json={"question": "When was the Eiffel Tower opened?"}))
    names = ("RetrievedLine", "TextLine", "AnsweredLine")
    for line, name in zip((received[0], received[1], received[-1]), names, strict=True):
        assert set(api[name]["required"]) <= set(line) <= set(api[name]["properties"])
    status = client.get("/api/status").json()
    assert set(status) == set(api["Status"]["required"])


def test_a_name_that_is_no_text_travels_as_escapes(client: TestClient, folder: Path) -> None:
    odd = folder / b"caf\xe9.txt".decode("utf-8", "surrogateescape")
    try:
        odd.write_text("Odd name of a place that sells coffee.", encoding="utf-8")
    except OSError:
        pytest.skip("this file system takes no such names")
    assert any("caf\\udce9.txt" in line for line in client.post("/api/sync", json={}).text.splitlines())
    assert "caf\\udce9.txt" in client.get("/api/documents").text


def test_a_page_that_cannot_be_drawn_has_its_text(empty: TestClient, assistant: Assistant, tmp_path: Path) -> None:
    (tmp_path / "pdfs").mkdir()
    path = write_pdf(tmp_path / "pdfs" / "log.pdf", [paragraph(72, 100, [f"Page {n} of the log."]) for n in (1, 2)])
    assistant.sync([str(path)])
    place = f"/api/documents/{document_named(empty, 'log.pdf')['id']}/page"
    assert empty.get(f"{place}/2.png").content.startswith(b"\x89PNG")
    assert empty.get(f"{place}/2.txt").text == "Page 2 of the log."
    assert empty.get(f"{place}/3.txt").text == ""
    path.write_bytes(b"no PDF any more")
    assert empty.get(f"{place}/2.png").status_code == 400
    assert empty.get(f"{place}/2.txt").text == "Page 2 of the log."
    assert document_named(empty, "log.pdf")["status"] == "ok"


def test_page_pictures_exist_only_for_pdfs(client: TestClient) -> None:
    whales = document_named(client, "whales.txt")["id"]
    assert client.get(f"/api/documents/{whales}/page/1.png").status_code == 404


def test_a_document_is_read_anew_and_a_preview_reads_nothing(client: TestClient, folder: Path) -> None:
    path = document_named(client, ".txt")["path"]
    received = lines(client.post("/api/sync", json={"locations": [path], "anew": True}))
    read = [line["path"] for line in received if line["event"] == "document"]
    assert read == [path]
    (folder / ".docentignore").write_text("*.txt\n")
    seen = client.post("/api/sync/preview", json={}).json()
    (left_out,) = seen["left_out"]
    assert left_out["pattern"] == "*.txt" and path in left_out["paths"] and path in seen["gone"]
    assert document_named(client, ".txt")["path"] == path


def test_patterns_are_tried_before_they_are_set(client: TestClient, folder: Path) -> None:
    path = document_named(client, ".txt")["path"]
    tried = client.post("/api/sync/preview", json={"exclude": ["*.txt"]}).json()
    (left_out,) = tried["left_out"]
    assert (left_out["pattern"], left_out["place"]) == ("*.txt", "library.exclude") and path in left_out["paths"]
    assert path in client.post("/api/sync/preview", json={}).json()["files"]
    only = client.post("/api/sync/preview", json={"include": ["*.md"]}).json()["files"]
    assert all(name.endswith(".md") for name in only)
    wrong = client.post("/api/sync/preview", json={"exclude": ["!"]})
    assert wrong.status_code == 400 and "library.exclude" in wrong.text


def test_giving_back_the_memory_of_a_model_that_is_not_loaded_changes_nothing(empty: TestClient) -> None:
    assert empty.post("/api/model/unload").json() == {"unloaded": True}
