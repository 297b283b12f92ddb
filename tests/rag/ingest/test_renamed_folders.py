"""Folders that were renamed are recognised by their documents, and collections follow them."""

from pathlib import Path

from rag.ingest.renamed_folders import renamed_folders
from rag.store.collections import Collections
from tests.rag.workbench import Workbench, bench

__all__ = ["bench"]


def test_a_folder_was_renamed_when_it_is_gone_and_a_document_lies_at_the_same_place(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    old, new = tmp_path / "old", tmp_path / "new"
    deep = str(old / "deep")
    moved = [(str(old / "deep" / "a.txt"), str(new / "deep" / "a.txt"))]
    assert renamed_folders([str(old), str(tmp_path / "older")], moved) == {str(old): str(new)}
    assert renamed_folders([deep], moved) == {deep: str(new / "deep")}
    assert renamed_folders([str(there)], [(str(there / "a.txt"), str(new / "a.txt"))]) == {}
    assert renamed_folders([str(old)], [(str(old / "a.txt"), str(new / "b.txt"))]) == {}


def test_collections_follow_files_and_folders_through_a_sync(bench: Workbench) -> None:
    bench.write("alone.txt", "one unusual content")
    bench.write("taxes/deep/form.txt", "another unusual content")
    bench.sync()
    collections = Collections(bench.library)
    made = collections.make("Tax", [str(bench.folder / "alone.txt"), str(bench.folder / "taxes")])
    (bench.folder / "alone.txt").rename(bench.folder / "single.txt")
    (bench.folder / "taxes").rename(bench.folder / "duties")
    bench.sync()
    held = {Path(one).name for one in collections.get(made.id).locations}
    assert held == {"single.txt", "duties"}
    assert len(collections.documents(made.id)) == 2


def test_a_file_that_is_gone_for_a_while_is_in_its_collection_again(bench: Workbench) -> None:
    path = bench.write("form.txt", "an unusual content")
    bench.sync()
    made = Collections(bench.library).make("Tax", [str(path)])
    path.unlink()
    bench.sync()
    assert Collections(bench.library).documents(made.id) == frozenset()
    bench.write("form.txt", "an unusual content, written anew")
    bench.sync()
    assert len(Collections(bench.library).documents(made.id)) == 1
