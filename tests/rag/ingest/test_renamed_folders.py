"""Folders that were renamed are recognised by their documents, and collections follow them."""

from pathlib import Path

from rag.ingest.sources.renamed_folders import renamed_folders
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


def test_a_folder_whose_documents_went_into_one_that_was_there_is_not_followed(tmp_path: Path) -> None:
    old, new = str(tmp_path / "a" / "old"), str(tmp_path / "new")
    moved = [(f"{old}/{name}", f"{new}/{name}") for name in ("1.txt", "2.txt")]
    assert renamed_folders([old], moved, [f"{new}er/3.txt"]) == {old: new}
    assert renamed_folders([old], moved, [f"{new}/3.txt"]) == {}
    assert renamed_folders([old], [(f"{old}/1.txt", f"{tmp_path}/1.txt")]) == {}  # the folder above it
    assert renamed_folders([old], [*moved, (f"{old}/3.txt", f"{tmp_path}/other/3.txt")]) == {old: new}
    assert renamed_folders([old], [moved[0], (f"{old}/3.txt", f"{tmp_path}/other/3.txt")]) == {}  # not most of them


def test_a_collection_does_not_take_in_what_its_documents_were_moved_among(bench: Workbench) -> None:
    bench.write("papers/other.txt", "some unusual content")
    bench.write("papers/tax/form.txt", "another unusual content")
    bench.sync()
    collections = Collections(bench.library)
    made = collections.make("Tax", [str(bench.folder / "papers" / "tax")])
    (bench.folder / "papers" / "tax" / "form.txt").rename(bench.folder / "papers" / "form.txt")
    (bench.folder / "papers" / "tax").rmdir()
    bench.sync()
    assert collections.get(made.id) == made
    assert collections.documents(made.id) == frozenset()


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
