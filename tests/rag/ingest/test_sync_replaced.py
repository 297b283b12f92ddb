"""Syncs of files that change, or are replaced, or end their reader while they are read."""

import os
import sys
from pathlib import Path

import pytest

from rag.ingest.children.parse_job import ParseLimits
from rag.ingest.children.parse_pool import ParsePool
from tests.rag.workbench import Workbench, bench, counts, obedient

__all__ = ["bench"]  # the fixture


_KILLED_PARSER = """
import os
from rag.parsers.registry import parse as read

def parse(path):
    if path.stem == "killed":
        os.kill(os.getpid(), 9)
    return read(path)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_file_whose_parser_was_killed_keeps_its_text_and_is_read_by_the_next_sync(
    bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "killed_parser.py").write_text(_KILLED_PARSER)
    monkeypatch.syspath_prepend(str(tmp_path))
    bench.write("killed.txt", "first version")
    bench.sync()
    bench.write("killed.txt", "second version, longer")
    bench.write("other.txt", "a neighbour")
    report = bench.sync(pool=ParsePool(ParseLimits(workers=1), parser_module="killed_parser"))
    assert counts(report) == {"ok": 1}
    assert [trouble.path for trouble in report.troubles] == [str(bench.folder / "killed.txt")]
    assert bench.documents()["killed.txt"].status == "ok" and bench.finds("first") == ["killed.txt"]
    assert counts(bench.sync()) == {"ok": 1, "unchanged": 1}
    assert bench.finds("second") == ["killed.txt"]


@pytest.mark.slow
def test_a_parser_that_loops_costs_one_file_once(
    bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = obedient(tmp_path, monkeypatch, "while text == 'loop': pass")
    bench.write("a.txt", "loop")
    bench.write("b.txt", "fine")
    assert counts(bench.sync(pool=pool)) == {"ok": 1, "failed": 1}
    assert "too long" in str(bench.documents()["a.txt"].error)
    assert counts(bench.sync(pool=pool)) == {"unchanged": 2}


def test_a_file_that_changes_once_while_read_is_read_again(
    bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = obedient(tmp_path, monkeypatch, "if text == 'early': path.write_text('late version')")
    bench.write("a.txt", "early")
    assert counts(bench.sync(pool=pool)) == {"ok": 1}
    assert bench.finds("late") == ["a.txt"] and bench.finds("early") == []


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
@pytest.mark.parametrize("folder", [False, True])
def test_a_link_that_takes_the_place_of_a_file_while_it_is_read_is_not_followed(
    bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: bool
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "b.txt").write_text("private")
    (elsewhere / "trap.txt").write_text("private")
    swap = (
        "import pathlib; b = path.parent / 'inner' / 'b.txt'; b = b.parent if {folder} else b\n"
        "    if text == 'swap' and not b.is_symlink(): b.rename(b.with_name('was')); "
        "b.symlink_to({elsewhere!r} if {folder} else {elsewhere!r} + '/b.txt')"
    ).format(folder=folder, elsewhere=str(elsewhere))
    bench.write("a.txt", "swap")
    bench.write("inner/b.txt", "harmless")
    pool = obedient(tmp_path, monkeypatch, swap)
    pool.limits = ParseLimits(workers=1)  # first a, then b
    report = bench.sync(pool=pool)
    assert bench.finds("private") == [] and "b.txt" not in bench.documents()
    assert [(Path(trouble.path).name, "leads out" in trouble.reason) for trouble in report.troubles] == [
        ("b.txt", True)
    ]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name there")
def test_a_pipe_that_takes_the_place_of_a_file_is_not_waited_for(
    bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.write("a.txt", "swap")
    bench.write("b.txt", "harmless")
    swap = "b = path.with_name('b.txt')\n    if text == 'swap': b.unlink(missing_ok=True); os.mkfifo(b)"
    pool = obedient(tmp_path, monkeypatch, swap)
    pool.limits = ParseLimits(workers=1)
    report = bench.sync(pool=pool)
    assert [Path(trouble.path).name for trouble in report.troubles] == ["b.txt"] and counts(report) == {"ok": 1}


def test_a_file_that_never_rests_is_left_for_the_next_sync(
    bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = obedient(tmp_path, monkeypatch, "path.write_text(text + ' more')")
    path = bench.write("a.txt", "growing")
    report = bench.sync(pool=pool)
    assert counts(report) == {} and bench.documents() == {}
    assert [(t.path, "changed while" in t.reason) for t in report.troubles] == [(str(path), True)]
    assert counts(bench.sync()) == {"ok": 1}
