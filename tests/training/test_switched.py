"""Questions switched word by word: dictionaries in dictd's format, what is kept, and what stands in the new store."""

import base64
import gzip
import random
from pathlib import Path

import pytest

from training.data.dictionaries import cedict, entries, glosses, headword, russian_glosses
from training.data.switched import Switch, function_words


def number(value: int) -> str:
    """dictd writes numbers in base 64 without leading zeros ("A")."""
    return base64.b64encode(value.to_bytes(6, "big")).decode().lstrip("A") or "A"


def test_entries_are_cut_by_the_index(tmp_path: Path) -> None:
    texts = ["tower /tauər/\ntoren\n", "step /step/\n1. lopen, treden\n2. pas, stap\n"]
    raw = [t.encode() for t in texts]
    (tmp_path / "d.dict.dz").write_bytes(gzip.compress(b"".join(raw)))
    index = f"tower\t{number(0)}\t{number(len(raw[0]))}\nstep\t{number(len(raw[0]))}\t{number(len(raw[1]))}\n"
    (tmp_path / "d.index").write_text(index, encoding="utf-8")
    found = list(entries(tmp_path, "d"))
    assert found == texts
    assert [headword(e) for e in found] == ["tower", "step"]
    assert glosses(found[1]) == ["lopen", "treden", "pas", "stap"]


def test_glosses_leave_out_grammar_examples_and_explanations() -> None:
    german = 'step /stˈɛp/\nStufe <fem>, Sprosse <fem> [techn.]\n      "two-step"  - in zwei Stufen\n see: {steps}\n'
    japanese = "lighthouse //ˈlaɪthaʊs// <n>\n1. 灯台\nbuilding containing a light\n"
    russian = "tower\n   1. _n.\n      1) башня; вышка\n      2) цитадель, крепость\n   2. _v.\n      1) выситься\n"
    assert glosses(german) == ["Stufe", "Sprosse"]
    assert glosses(japanese) == ["灯台"]
    assert russian_glosses(russian) == ["башня", "вышка", "цитадель", "крепость", "выситься"]


def test_a_chinese_dictionary_is_turned_round(tmp_path: Path) -> None:
    path = tmp_path / "cedict"
    path.write_text("# a note\n塔樓 塔楼 [ta3 lou2] /tower (of building)/turret/CL:座[zuo4]/\n", encoding="utf-8")
    assert list(cedict(path)) == [("tower", "塔楼"), ("turret", "塔楼")]


@pytest.mark.parametrize(
    ("language", "lexicon", "told"),
    [
        ("de", {"step": ["Stufe"], "tower": ["Turm"]}, "Wie viele Stufe {} Turm {} Port Esk 1912?"),
        ("zh", {"step": ["台阶"], "tower": ["塔"]}, "多少台阶塔{} Port Esk 1912？"),
    ],
)
def test_names_and_numbers_stay_and_other_words_are_switched(
    language: str, lexicon: dict[str, list[str]], told: str
) -> None:
    pytest.importorskip("lemminflect")
    made = Switch(language, lexicon, left=0)("How many steps did the tower in Port Esk have in 1912?", random.Random(3))
    assert "Port Esk" in made and "1912" in made
    assert all(w in made for w in [*lexicon["step"], *lexicon["tower"]])
    assert "steps" not in made and "tower" not in made and "many" not in made


def test_every_language_has_every_function_word() -> None:
    tables = function_words()
    assert len(tables) == 13
    assert len({frozenset(table) for table in tables.values()}) == 1
    assert all(any(words) for table in tables.values() for english, words in table.items() if english in ("who", "not"))
