"""Values of any kind put anywhere into the databases: whatever looks at them goes on or says what is wrong.

DOCENT_ODD_ROWS sets how many values are tried, DOCENT_SEED the seed.
"""

import os
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app.api.http import create_api
from app.assistant import Assistant
from app.doctor import _conversations, _library
from app.repair import repair
from app.settings.schema import ModelSettings, Settings
from docent import DocentError
from tests.app.fakes import LightParts

COUNT = int(os.environ.get("DOCENT_ODD_ROWS", "60"))
SEED = int(os.environ.get("DOCENT_SEED", "1"))
CANNOT_BE_MADE_AGAIN = "An answer of conversation"  # is damaged
QUESTION = "What does the blue whale eat?"
CSV = "animal,weight\n" + "".join(f"whale {number},{number}\n" for number in range(120))
VALUES = (
    "NULL", "0", "-1", "9223372036854775807", "-9223372036854775808", "1e308", "9e999", "-0.5", "''", "'x'", "X''",
    "X'00'", "X'FF'", "X'EDA080'", "CAST(X'EDA080' AS TEXT)", "CAST(X'57FF68' AS TEXT)", "char(0)", "char(55296)",
    "'[]'", "'{}'", "'[[0,'", "'[null]'", "'[[]]'", "'[[0]]'", "'[[1,2,3,4,5,6,7]]'", "'[[-1,-1,\"heading\",0]]'",
    "'[[9223372036854775808,null,null,null]]'", "'[[0,NaN,Infinity,null]]'", "'null'", "'true'", "'1e999'", "'9'",
    "'{\"parts\": {}}'", "'{\"text\": 1}'", "'[[\"a\"],99999999999,true,\"\",[[0,1,0,0,1,-5]],[]]'",
    "'[[\"a\"],0,true,\"\",[],[]]'", "'[[\"a\"],0,true,\"\",[[0,1,0,0,1]],[1]]'", "zeroblob(100000)",
    "replace(hex(zeroblob(5000)), '0', '[')", "'../../etc/passwd'", "'/proc/self/environ'", "'file:///etc/passwd'",
    "{own} || {own}", "substr({own}, 2)", "-({own})", "{own} + 1", "CAST({own} AS BLOB)", "upper({own})",
)  # fmt: skip


def opened(data: Path) -> Assistant:
    settings = Settings(data_dir=data, model=ModelSettings(name=None))
    return Assistant(settings, LightParts(settings))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder of documents, and the data folder of an assistant that has read them and answered."""
    root = tmp_path_factory.mktemp("whole")
    documents = root / "documents"
    documents.mkdir()
    (documents / "whales.txt").write_text("The blue whale is the largest animal. It eats four tonnes of krill a day.\n")
    (documents / "towers.md").write_text("# Towers\n\nThe Eiffel Tower was opened in 1889.\n\n* It stands in Paris.\n")
    (documents / "weights.csv").write_text(CSV)
    with opened(root / "data") as assistant:
        assistant.sync([str(documents)])
        assistant.make_collection("Animals", [str(documents / "whales.txt"), str(documents)])
        *_, last = assistant.ask(QUESTION)
        conversation = last.conversation_id  # type: ignore[union-attr]
        list(assistant.ask("And when was the Eiffel Tower opened?", conversation_id=conversation))
        assistant.conversation_folders.make("Sea", [conversation or ""])
    return documents, root / "data"


def copied(source: Path, target: Path) -> None:
    target.mkdir(exist_ok=True)
    for name in ("library.db", "conversations.db"):
        (target / name).unlink(missing_ok=True)
        for tail in ("-wal", "-shm"):
            (target / f"{name}{tail}").unlink(missing_ok=True)
        with closing(sqlite3.connect(source / name)) as one, closing(sqlite3.connect(target / name)) as other:
            one.backup(other)


def damage(data: Path, chance: random.Random) -> str | None:
    """Puts a value somewhere; returns what was done, None where SQLite itself refuses."""
    name = chance.choice(("library.db", "library.db", "conversations.db"))
    with closing(sqlite3.connect(data / name)) as connection:
        connection.create_function("index_terms", 1, str)
        connection.execute("PRAGMA ignore_check_constraints = 1")
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        table = chance.choice([one for one in tables if not one.startswith(("sqlite_", "chunk_fts"))])
        column = chance.choice([row[1] for row in connection.execute(f"PRAGMA table_info({table})")])
        value = chance.choice(VALUES).replace("{own}", column)
        rows = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        where = "" if rows < 2 or chance.random() < 0.3 else f" LIMIT 1 OFFSET {chance.randrange(rows)}"
        key = [row[1] for row in connection.execute(f"PRAGMA table_info({table})") if row[5]] or ["rowid"]
        keys = ", ".join(key)
        sql = f"UPDATE {table} SET {column} = {value} WHERE ({keys}) IN (SELECT {keys} FROM {table}{where})"
        try:
            connection.execute(sql)
        except (sqlite3.Error, OverflowError):
            return None
        connection.commit()
    return f"{name}: {sql}"


def looked_at(data: Path) -> None:
    """Everything that reads the databases, over HTTP: no reply is a failure of Docent's own."""
    settings = Settings(data_dir=data, model=ModelSettings(name=None))
    with opened(data) as assistant:
        client = TestClient(create_api(assistant), raise_server_exceptions=True)

        def get(path: str) -> None:
            reply = client.get(path)
            assert reply.status_code < 500, (path, reply.text)

        for path in ("status", "documents", "collections", "conversations", "conversations?holding=whale", "data"):
            get(f"/api/{path}")
        get(f"/api/search?question={QUESTION}")
        for number in range(5):
            for part in ("", "/text", "/tables", "/layout", "/file", "/page/1.txt"):
                get(f"/api/documents/{number}{part}")
        with suppress(DocentError):
            for info in assistant.conversations():
                for part in ("", "?all=true", "/export", "/exchanges/1/suggestions"):
                    get(f"/api/conversations/{info.id}{part}")
                asked = {"question": "And who eats it?", "conversation": info.id, "stream": False}
                assert client.post("/api/ask", json=asked).status_code < 500
        asked = {"question": QUESTION, "collections": [1], "stream": False}
        assert client.post("/api/ask", json=asked).status_code < 500
        assert client.post("/api/sync/preview", json={}).status_code < 500
    for step in (_library, _conversations):
        list(step(settings))


def mended(data: Path) -> None:
    settings = Settings(data_dir=data, model=ModelSettings(name=None))
    repair(settings, lambda sentence: None)
    with opened(data) as assistant:
        assistant.sync(None)
    failed = [check for step in (_library, _conversations) for check in step(settings) if check.status == "fail"]
    assert [check for check in failed if not check.detail.startswith(CANNOT_BE_MADE_AGAIN)] == []


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_odd_values_anywhere_in_the_databases(whole: tuple[Path, Path], tmp_path: Path) -> None:
    chance = random.Random(SEED)
    failed: dict[str, str] = {}
    for _ in range(COUNT):
        copied(whole[1], tmp_path / "data")
        done = damage(tmp_path / "data", chance)
        if done is None:
            continue
        steps: tuple[Callable[[Path], None], ...] = (looked_at, mended)
        for step in steps:
            try:
                step(tmp_path / "data")
            except DocentError:
                continue  # said in a sentence
            except Exception as error:  # noqa: BLE001 - what it is must be told with all others
                failed[f"{step.__name__} {done}"] = f"{type(error).__name__}: {error}"[:300]
    assert not failed, f"seed {SEED}, {len(failed)} of {COUNT}:\n" + "\n".join(map(str, failed.items()))
