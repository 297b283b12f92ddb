"""Settings: defaults in one place, precedence of sources, and errors that name the nearest key."""

import os
from pathlib import Path

import pytest
import yaml

from app.errors import ConfigError, UsageError
from app.settings.paths import resource
from app.settings.schema import Settings, default_yaml, flatten, valid_keys
from app.settings.sources import RENAMED, load_settings, nearest_key


def test_config_yaml_at_the_root_is_what_the_models_say() -> None:
    assert resource("config.yaml").read_text(encoding="utf-8") == default_yaml()


def test_config_yaml_holds_every_default() -> None:
    shipped = yaml.safe_load(default_yaml())
    assert shipped.pop("data_dir") is None
    stated = {f"{section}.{key}": value for section, block in shipped.items() for key, value in block.items()}
    defaults = flatten(Settings())
    del defaults["data_dir"]
    assert stated == defaults


def test_each_source_overrides_the_one_before(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        "server: {port: 1001}\nretrieval: {top_k: 11, dense_weight: 10}\n", encoding="utf-8"
    )
    loaded = load_settings(
        data_dir=tmp_path,
        overrides=["retrieval.dense_weight=30"],
        environ={"DOCENT_RETRIEVAL__TOP_K": "22", "DOCENT_RETRIEVAL__DENSE_WEIGHT": "20", "PATH": "/bin"},
    )
    assert loaded.settings.server.port == 1001
    assert loaded.settings.retrieval.top_k == 22
    assert loaded.settings.retrieval.dense_weight == 30
    assert loaded.settings.data_dir == tmp_path
    assert loaded.origins["server.port"] == str(tmp_path / "config.yaml")
    assert loaded.origins["retrieval.top_k"] == "environment DOCENT_RETRIEVAL__TOP_K"
    assert loaded.origins["retrieval.dense_weight"] == "command line"
    assert loaded.origins["data_dir"] == "command line"
    assert loaded.origins["youtube.languages"] == "default"
    assert set(loaded.origins) == set(valid_keys())


def test_config_option_replaces_the_data_folders_file(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("server: {port: 1001}\n", encoding="utf-8")
    other = tmp_path / "other.yaml"
    other.write_text("retrieval: {top_k: 7}\n", encoding="utf-8")
    loaded = load_settings(data_dir=tmp_path, config_file=other)
    assert loaded.settings.server.port == Settings().server.port
    assert loaded.settings.retrieval.top_k == 7
    assert loaded.config_file == other


def test_data_dir_comes_from_the_command_line_before_the_environment(tmp_path: Path) -> None:
    environ = {"DOCENT_DATA_DIR": str(tmp_path / "environment")}
    assert load_settings(environ=environ).settings.data_dir == tmp_path / "environment"
    assert load_settings(data_dir=tmp_path / "given", environ=environ).settings.data_dir == tmp_path / "given"


def test_texts_become_lists_numbers_and_null(tmp_path: Path) -> None:
    loaded = load_settings(
        data_dir=tmp_path,
        overrides=[
            "youtube.languages=[de, en]",
            "answer.min_confidence=0.7",
            "server.browser=false",
            "embedder.folder=null",
        ],
    )
    assert loaded.settings.youtube.languages == ("de", "en")
    assert loaded.settings.answer.min_confidence == 0.7
    assert loaded.settings.server.browser is False
    assert loaded.settings.embedder.folder is None


@pytest.mark.parametrize(
    ("content", "named", "nearest"),
    [
        ("server: {prot: 1}", "server.prot", "server.port"),
        ("servers: {port: 1}", "servers", "server"),
        ("retrieval: {token_buget: 5}", "retrieval.token_buget", "retrieval.token_budget"),
    ],
)
def test_unknown_key_in_a_file_names_the_file_and_the_nearest_key(
    tmp_path: Path, content: str, named: str, nearest: str
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_settings(data_dir=tmp_path)
    assert f'"{named}"' in caught.value.message
    assert str(file) in caught.value.message
    assert nearest in caught.value.remedy


def test_unknown_key_in_the_environment_and_on_the_command_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"DOCENT_SERVER__PROT.*server\.port"):
        load_settings(data_dir=tmp_path, environ={"DOCENT_SERVER__PROT": "1"})
    with pytest.raises(ConfigError, match=r"--set.*server\.port"):
        load_settings(data_dir=tmp_path, overrides=["port=1"])
    with pytest.raises(UsageError, match="no value"):
        load_settings(data_dir=tmp_path, overrides=["server.port"])


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("prot", "server.port"),
        ("serve.port", "server.port"),
        ("library.worker", "library.workers"),
        ("retrival", "retrieval"),
    ],
)
def test_nearest_key(key: str, nearest: str) -> None:
    assert nearest_key(key) == nearest


@pytest.mark.parametrize(
    "override", ["server.port=abc", "server.port=70000", "retrieval.top_k=0", "youtube.languages=[]"]
)
def test_wrong_value_names_key_and_place(tmp_path: Path, override: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(data_dir=tmp_path, overrides=[override])
    assert f"Setting {override.partition('=')[0]} (command line) is wrong" in caught.value.message
    assert "\n" not in str(caught.value)


def test_an_address_without_its_scheme_is_told_how_one_looks(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"should be an address like http://127\.0\.0\.1:11434/v1, not 'localhost:1/v1'"
    ):
        load_settings(data_dir=tmp_path, overrides=["model.endpoint=localhost:1/v1"])


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("server: [", "not valid YAML"),
        ("- a\n- b", "must hold"),
        ("server: 5", "must be a block"),
        ("data_dir: /elsewhere", "would move the folder"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, content: str, expected: str) -> None:
    (tmp_path / "config.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=expected):
        load_settings(data_dir=tmp_path)


def test_an_empty_file_and_empty_sections_are_fine(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("# nothing yet\nserver:\n  # port: 1\n", encoding="utf-8")
    assert load_settings(data_dir=tmp_path).settings.server == Settings().server


def test_a_missing_config_option_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        load_settings(data_dir=tmp_path, config_file=tmp_path / "none.yaml")


OLD_NAMES = {"server.number": "server.port", "net.launch": "server.browser"}


def test_an_old_name_is_still_understood_and_says_the_new_one(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("server: {number: 1001}\nnet: {launch: false}\n", encoding="utf-8")
    loaded = load_settings(data_dir=tmp_path, renamed=OLD_NAMES)
    assert (loaded.settings.server.port, loaded.settings.server.browser) == (1001, False)
    assert loaded.origins["server.port"] == str(file)
    assert len(loaded.notes) == 2
    for (old, new), note in zip(OLD_NAMES.items(), loaded.notes, strict=True):
        assert f'"{old}" in {file} is now called "{new}"' in note
    loaded = load_settings(
        data_dir=tmp_path, overrides=["server.number=3"], environ={"DOCENT_NET__LAUNCH": "true"}, renamed=OLD_NAMES
    )
    assert (loaded.settings.server.port, loaded.settings.server.browser) == (3, True)
    assert loaded.origins["server.browser"] == "environment DOCENT_NET__LAUNCH"
    assert len(loaded.notes) == 4


@pytest.mark.parametrize("names", [("number", "port"), ("port", "number")])
def test_the_old_and_the_new_name_together_are_refused(tmp_path: Path, names: tuple[str, str]) -> None:
    content = "server: {" + ", ".join(f"{name}: 1001" for name in names) + "}"
    (tmp_path / "config.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match="is the old name of") as refused:
        load_settings(data_dir=tmp_path, renamed=OLD_NAMES)
    assert refused.value.remedy == 'Remove "server.number".'


def test_every_old_name_leads_to_a_setting_that_exists() -> None:
    assert set(RENAMED.values()) <= set(valid_keys())
    assert not set(RENAMED) & set(valid_keys())


@pytest.mark.parametrize(
    ("old", "new"), [("retrieval.depth=7", "retrieval.top_k"), ("answer.found_at=0.7", "answer.min_confidence")]
)
def test_settings_of_the_version_before_are_read_and_told_their_new_names(tmp_path: Path, old: str, new: str) -> None:
    loaded = load_settings(data_dir=tmp_path, overrides=[old])
    assert flatten(loaded.settings)[new] == float(old.partition("=")[2])
    assert any(f'"{new}"' in note for note in loaded.notes)


@pytest.mark.parametrize("place", ["environment", "command line"])
def test_code_to_run_is_named_in_the_persons_own_file_alone(tmp_path: Path, place: str) -> None:
    with pytest.raises(ConfigError, match=r"retrieval\.store cannot be set by the"):
        if place == "environment":
            load_settings(data_dir=tmp_path, environ={"DOCENT_RETRIEVAL__STORE": "os:system"})
        else:
            load_settings(data_dir=tmp_path, overrides=["retrieval.store=os:system"])
    file = tmp_path / "config.yaml"
    file.write_text("retrieval:\n  store: some.module:Store\n")
    file.chmod(0o600)
    assert load_settings(data_dir=tmp_path).settings.retrieval.store == "some.module:Store"
    if os.name == "posix":
        file.chmod(0o666)
        with pytest.raises(ConfigError, match="others may write"):
            load_settings(data_dir=tmp_path)


_DOUBLING = ", ".join(["&a0 [x]", *(f"&a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))])


@pytest.mark.parametrize(
    "text",
    [
        "- a\n- b\n",
        "[1, 2]: 3\n",
        "1: 2\n",
        "library: [1]\n",
        "{" * 5000 + "}" * 5000,
        "server:\n  port: 2026-99-99\n",
        f"server:\n  port: {'9' * 5000}\n",
        "server:\n  port: !!int x\n",
        "server:\n  port: !!timestamp x\n",
        f"server:\n  port: [{_DOUBLING}]\n",
        f"server:\n  port: {'x' * 1_000_000}\n",
        f"{'x' * 1_000_000}: 1\n",
        "server: !!python/object/apply:os.system ['true']\n",
    ],
    ids=range(13),
)
def test_yaml_of_another_shape_is_named_in_a_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings(data_dir=tmp_path)
    assert str(tmp_path) in caught.value.message and caught.value.remedy
    assert len(caught.value.message) < 1_000 + len(str(tmp_path))


def test_odd_values_of_the_command_line_are_wrong_and_no_defect(tmp_path: Path) -> None:
    for value in ("2026-99-99", "9" * 5000, "!!int x", "{" * 5000):
        with pytest.raises(ConfigError, match=r"server\.port"):
            load_settings(data_dir=tmp_path, overrides=[f"server.port={value}"])
