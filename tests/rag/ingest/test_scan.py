"""What a scan lists, on real folders."""

import os
import sys
import tempfile
from pathlib import Path

import pytest

from rag.errors import SourceError
from rag.ingest.sources.ignore import Patterns
from rag.ingest.sources.locations import normal_location
from rag.ingest.sources.scan import Scan, scan
from rag.types import Source

needs_links = pytest.mark.skipif(sys.platform == "win32", reason="making links needs rights on Windows")


def source(path: Path, id_: int = 1, kind: str = "folder") -> Source:
    assert kind in ("folder", "file")
    return Source(id_, "folder" if kind == "folder" else "file", str(path), 0.0)


def write(path: Path, text: str = "text") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def names(found: Scan, root: Path) -> list[str]:
    return sorted(os.path.relpath(path, root).replace(os.sep, "/") for path in found.files)


def test_subfolders_count_and_sizes_are_true(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", "four")
    deep = write(tmp_path / "b" / "c" / "d.pdf", "seven..")
    found = scan([source(tmp_path)])
    assert names(found, tmp_path) == ["a.txt", "b/c/d.pdf"]
    file = found.files[str(deep)]
    assert (file.size, file.mtime_ns, file.source_id) == (7, deep.stat().st_mtime_ns, 1)


def test_hidden_and_junk_are_left_out(tmp_path: Path) -> None:
    for name in (".hidden", ".git/config", "node_modules/a.js", "__pycache__/a.pyc", "__MACOSX/a", "~$report.docx"):
        write(tmp_path / name)
    for name in ("Thumbs.db", "x.tmp", "film.part", "env/pyvenv.cfg", "env/lib/module.py", "$RECYCLE.BIN/a.txt"):
        write(tmp_path / name)
    write(tmp_path / "kept.txt")
    assert names(scan([source(tmp_path)]), tmp_path) == ["kept.txt"]


def test_a_hidden_folder_that_was_named_is_read(tmp_path: Path) -> None:
    write(tmp_path / ".notes" / "a.txt")
    assert names(scan([source(tmp_path / ".notes")]), tmp_path) == [".notes/a.txt"]


@needs_links
def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    write(tmp_path / "a" / "x.txt")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "self").symlink_to(tmp_path / "a" / "self")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    found = scan([source(tmp_path)])
    assert names(found, tmp_path) == ["a/x.txt"]
    assert [trouble.path for trouble in found.troubles] == [str(tmp_path / "a" / "self")]


@needs_links
def test_linked_folders_and_files_elsewhere_are_followed_once(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere" / "x.txt")
    write(tmp_path / "single.txt")
    root = tmp_path / "root"
    root.mkdir()
    (root / "one").symlink_to(tmp_path / "elsewhere")
    (root / "two").symlink_to(tmp_path / "elsewhere")
    (root / "s1.txt").symlink_to(tmp_path / "single.txt")
    (root / "s2.txt").symlink_to(tmp_path / "single.txt")
    found = names(scan([source(root)], follow_links=True), root)
    assert len(found) == 2
    assert found[0] in ("one/x.txt", "two/x.txt") and found[1] in ("s1.txt", "s2.txt")


@needs_links
def test_links_that_lead_out_are_named_and_not_followed(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere" / "x.txt")
    write(tmp_path / "root" / "inside" / "y.txt")
    write(tmp_path / "other" / "z.txt")
    root = tmp_path / "root"
    (root / "out").symlink_to(tmp_path / "elsewhere")
    (root / "out.txt").symlink_to(tmp_path / "elsewhere" / "x.txt")
    (root / "within.txt").symlink_to(root / "inside" / "y.txt")
    (root / "added").symlink_to(tmp_path / "other")
    result = scan([source(root), source(tmp_path / "other", 2)])
    assert set(result.files) == {str(root / "inside" / "y.txt"), str(tmp_path / "other" / "z.txt")}
    assert sorted(Path(trouble.path).name for trouble in result.not_followed) == ["out", "out.txt"]
    assert all("library.follow_links" in trouble.reason for trouble in result.not_followed)
    assert result.troubles == []


@needs_links
@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
def test_links_never_lead_into_the_system(tmp_path: Path) -> None:
    (tmp_path / "me").symlink_to("/proc/self")
    (tmp_path / "version.txt").symlink_to("/proc/version")
    result = scan([source(tmp_path)], follow_links=True)
    assert result.files == {} and len(result.not_followed) == 2


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="there is no folder in memory")
@pytest.mark.parametrize("follow_links", [False, True])
def test_a_folder_in_memory_is_none_of_the_systems_where_it_is_a_source(follow_links: bool) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        kept = write(Path(folder, "kept", "a.txt"))
        for name, target in (("in", kept), ("out", Path("/dev/shm")), ("zero", Path("/dev/zero"))):
            (kept.parent / name).symlink_to(target)
        result = scan([source(kept.parent)], follow_links=follow_links)
        assert set(result.files) == {str(kept)}
        assert [(Path(one.path).name, "system" in one.reason) for one in result.not_followed] == [
            ("out", True),
            ("zero", True),
        ]
        assert result.reach.reason_against(str(kept.resolve())) is None


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such folders")
@pytest.mark.parametrize("location", ["/proc", "/proc/self/environ", "/sys/kernel"])
def test_the_system_is_no_source(location: str, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(location)
    for named in (location, str(tmp_path / "link")):
        with pytest.raises(SourceError, match="part of the system"):
            normal_location(named)


@needs_links
def test_a_real_file_comes_before_a_link_to_it(tmp_path: Path) -> None:
    write(tmp_path / "z" / "real.txt")
    (tmp_path / "a-link.txt").symlink_to(tmp_path / "z" / "real.txt")
    assert names(scan([source(tmp_path)]), tmp_path) == ["z/real.txt"]


@needs_links
def test_a_link_that_leads_nowhere_is_reported(tmp_path: Path) -> None:
    (tmp_path / "dangling.txt").symlink_to(tmp_path / "gone.txt")
    found = scan([source(tmp_path)])
    assert found.files == {}
    (trouble,) = found.troubles
    assert trouble.path.endswith("dangling.txt") and "leads nowhere" in trouble.reason


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_is_not_a_document(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    assert scan([source(tmp_path)]).files == {}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may open every folder")
def test_a_closed_folder_is_reported(tmp_path: Path) -> None:
    write(tmp_path / "closed" / "a.txt")
    write(tmp_path / "open.txt")
    (tmp_path / "closed").chmod(0)
    try:
        found = scan([source(tmp_path)])
    finally:
        (tmp_path / "closed").chmod(0o700)
    assert names(found, tmp_path) == ["open.txt"]
    assert [trouble.path for trouble in found.troubles] == [str(tmp_path / "closed")]


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="such names cannot be made here")
@pytest.mark.parametrize("name", [b"new\nline.txt", b"\xff\xfe.txt", "snow\N{SNOWMAN}.txt".encode(), b"tab\t'\".txt"])
def test_odd_names_come_back(tmp_path: Path, name: bytes) -> None:
    path = os.fsencode(tmp_path) + b"/" + name
    Path(os.fsdecode(path)).write_text("text")
    assert [os.fsencode(found) for found in scan([source(tmp_path)]).files] == [path]


def test_overlapping_sources_list_a_file_once_with_the_innermost(tmp_path: Path) -> None:
    inner = write(tmp_path / "in" / "a.txt")
    outer = write(tmp_path / "b.txt")
    found = scan([source(tmp_path, 1), source(tmp_path / "in", 2), source(inner, 3, "file")])
    assert {path: file.source_id for path, file in found.files.items()} == {str(inner): 3, str(outer): 1}


def test_a_missing_source_is_unreachable(tmp_path: Path) -> None:
    write(tmp_path / "there" / "a.txt")
    gone = source(tmp_path / "gone", 2)
    found = scan([gone, source(tmp_path / "there")])
    assert found.unreachable == [gone]
    assert len(found.files) == 1


def test_patterns(tmp_path: Path) -> None:
    for name in ("a.pdf", "b.txt", "drafts/c.pdf", "sub/d.PDF", "sub/old/e.pdf"):
        write(tmp_path / name)
    root = source(tmp_path)
    assert names(scan([root], Patterns(include=("*.pdf",), exclude=("drafts",))), tmp_path)[:1] == ["a.pdf"]
    assert names(scan([root], Patterns(include=("*.txt",))), tmp_path) == ["b.txt"]
    assert "sub/old/e.pdf" not in names(scan([root], Patterns(exclude=("sub/old",))), tmp_path)
    assert names(scan([root], Patterns(include=("sub/**",))), tmp_path) == ["sub/d.PDF", "sub/old/e.pdf"]


@pytest.mark.parametrize(
    ("exclude", "left"),
    [
        (("drafts/",), ["a.txt", "sub/keep.log", "sub/x.log"]),
        (("/drafts",), ["a.txt", "sub/drafts/b.txt", "sub/keep.log", "sub/x.log"]),
        (("**/drafts/**", "*.LOG", "!keep.log"), ["a.txt", "sub/keep.log"]),
        (("sub/**", "!sub/keep.log"), ["a.txt", "drafts/c.txt", "sub/keep.log"]),
        (("sub/*.log",), ["a.txt", "drafts/c.txt", "sub/drafts/b.txt"]),
    ],
)
def test_patterns_mean_what_they_mean_in_a_gitignore(tmp_path: Path, exclude: tuple[str, ...], left: list[str]) -> None:
    for name in ("a.txt", "drafts/c.txt", "sub/drafts/b.txt", "sub/x.log", "sub/keep.log"):
        write(tmp_path / name)
    assert names(scan([source(tmp_path)], Patterns(exclude=exclude)), tmp_path) == left


def test_an_ignore_file_speaks_of_its_folder_and_below(tmp_path: Path) -> None:
    for name in ("a.txt", "a.log", "sub/b.log", "sub/c.log", "sub/old/d.txt", "old/e.txt"):
        write(tmp_path / name)
    write(tmp_path / ".docentignore", "# logs\n*.log\n")
    write(tmp_path / "sub" / ".docentignore", "old/\n!c.log\n")
    assert names(scan([source(tmp_path)]), tmp_path) == ["a.txt", "old/e.txt", "sub/c.log"]


def test_a_pattern_that_cannot_be_understood_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"library\.exclude"):
        scan([source(tmp_path)], Patterns(exclude=("!",)))
    write(tmp_path / "a.txt")
    write(tmp_path / ".docentignore", "!")
    found = scan([source(tmp_path)])
    assert names(found, tmp_path) == ["a.txt"]
    assert [Path(trouble.path).name for trouble in found.troubles] == [".docentignore"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
@pytest.mark.parametrize("kind", ["pipe", "device", "large"])
def test_an_ignore_file_that_never_ends_is_named_and_not_read(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a.txt").write_text("a")
    ignore = tmp_path / ".docentignore"
    if kind == "pipe":
        os.mkfifo(ignore)
    elif kind == "device":
        ignore.symlink_to("/dev/zero")
    else:
        ignore.write_text("*.txt\n" * 200_000)
    found = scan([source(tmp_path)])
    assert names(found, tmp_path) == ["a.txt"]
    assert [Path(trouble.path).name for trouble in found.troubles] == [".docentignore"]


def test_placeholders_of_a_cloud_are_named_and_not_listed(tmp_path: Path) -> None:
    write(tmp_path / ".Report 2031.pdf.icloud")
    write(tmp_path / ".drafts.log.icloud")
    found = scan([source(tmp_path)], Patterns(exclude=("*.log",)))
    assert found.files == {}
    assert [trouble.path for trouble in found.troubles] == [str(tmp_path / "Report 2031.pdf")]
