"""``docent collections``, and questions that are restricted to one."""

from pathlib import Path

from tests.app.command import Run


def test_a_collection_is_made_asked_renamed_and_deleted(docent: Run, read_once: Path) -> None:
    whales = str(read_once / "documents" / "whales.txt")
    assert "No collections yet" in docent("collections").out
    made = docent("collections", "add", "Animals", whales, "--json").json
    assert (made["name"], made["locations"], made["documents"]) == ("Animals", [whales], 1)
    assert docent("collections", "add", "animals", str(read_once / "documents")).out == "Animals: 4 documents.\n"
    assert docent("collections", "take", "Animals", str(read_once / "documents")).out == "Animals: 1 document.\n"
    hits = docent("search", "tower", "--collection", "animals", "--json").json["hits"]
    assert {hit["source"] for hit in hits} <= {whales}
    docent("collections", "rename", "Animals", "Sea")
    assert [one["name"] for one in docent("collections", "--json").json["collections"]] == ["Sea"]
    unknown = docent("ask", "What do whales eat?", "--collection", "Animals")
    assert unknown.code == 1 and "There is no collection “Animals”." in unknown.err
    assert docent("collections", "delete", "Sea").code == 0
    assert docent("collections", "--json").json == {"collections": []}
