"""All kernels are compiled for every kind of card that users have. Needs no card."""

from pathlib import Path

import pytest

from engines.errors import EngineError, RuntimeUnavailable
from engines.model.block_types import BLOCK_TYPES
from engines.runtimes.cuda.block_forms import form_of
from engines.runtimes.cuda.card import compiler
from engines.runtimes.cuda.card.compiler import CAPABILITIES, HOPPER, compile_kernels

try:
    compile_kernels("rows", (8, 0))
except RuntimeUnavailable as error:
    pytest.skip(f"{error}", allow_module_level=True)

PRODUCT = {"WARPS": 16, **{f"STAGES_{n}": 2 for n in (2, 8, 16, 32)}, **{f"SHARING_{n}": 4 for n in (2, 8, 16, 32)}}
EXPERTS = {"WARPS": 16, "WARPS_LOG": 4, **{f"STAGES_{n}": 2 for n in (2, 8, 16, 32)}}
LONG = {"WARPS": 4, "STAGES": 3}
STEP = {"BITS": 4, "WARPS": 8, "SLOTS": 3}
STEP |= {"UNITS_HIDDEN": 4, "UNITS_MIXED": 3, "UNITS_INNER": 14}
TYPES = {kind.name: kind for kind in BLOCK_TYPES.values()}
FORMS = [
    form_of([TYPES[name] for name in names])
    for names in (["Q4_K"], ["Q5_K"], ["Q6_K"], ["Q8_0"], ["Q4_1"], ["Q4_K", "Q6_K"], ["Q5_K", "Q8_0"])
]
KERNELS = [
    ("rows", {}),
    ("sample", {}),
    ("reduce", {}),
    ("encoder", {"HIDDEN": 384, "HEAD": 32}),
    ("encoder", {"HIDDEN": 768, "HEAD": 64}),
    *[(name, {"HEAD": 128, "KV": kv, **LONG}) for name in ("heads", "attention", "attention_long") for kv in range(3)],
    ("attention", {"HEAD": 256, "KV": 0, **LONG}),
    ("product", {"BITS": 4, "GROUP": 128, **PRODUCT}),
    ("product", {"BITS": 4, "GROUP": 32, **PRODUCT}),
    ("product", {"BITS": 8, "GROUP": 0, **PRODUCT}),
    ("product", {"BITS": 16, "GROUP": 0, **PRODUCT}),
    *[("product", {**form.settings, **PRODUCT}) for form in FORMS],
    ("expert_products", {"BITS": 4, "GROUP": 128, **EXPERTS}),
    ("expert_products", {**FORMS[0].settings, **EXPERTS}),
    ("experts", {}),
    ("step", {"GROUP": 32, "HEAD": 64, **STEP}),
    ("step", {"GROUP": 64, "HEAD": 128, **STEP}),
    ("step", {"GROUP": 128, "HEAD": 128, **STEP, "RANKS": 2}),
    ("step", {"GROUP": 32, "HEAD": 64, **STEP, "RANKS": 8}),
]
HOPPER_KERNELS = [
    ("many", {"BITS": 4, "GROUP": 128}),
    ("many", {"BITS": 4, "GROUP": 32}),
    ("many", {"BITS": 16, "GROUP": 0}),
    ("prompt", {"BITS": 4, "GROUP": 32}),
    ("prompt", {"BITS": 16, "GROUP": 0}),
    ("attention_many", {"HEAD": 64, "KV": 0}),
    *[("attention_many", {"HEAD": 128, "KV": kv}) for kv in range(3)],
]


@pytest.mark.slow
@pytest.mark.parametrize("capability", CAPABILITIES)
@pytest.mark.parametrize(("name", "settings"), KERNELS)
def test_kernels_compile(name: str, settings: dict[str, int], capability: tuple[int, int]) -> None:
    assert compile_kernels(name, capability, settings).startswith(b"\x7fELF")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "settings"), HOPPER_KERNELS)
def test_kernels_for_hopper_alone_compile(name: str, settings: dict[str, int]) -> None:
    assert compile_kernels(name, HOPPER, settings).startswith(b"\x7fELF")


def test_what_was_compiled_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = compile_kernels("rows", (8, 0), cache=tmp_path)
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(b"kept")
    assert compile_kernels("rows", (8, 0), cache=tmp_path) == b"kept"
    assert compile_kernels("rows", (8, 6), cache=tmp_path) != b"kept", "another card"
    assert first.startswith(b"\x7fELF")


def test_a_disk_that_takes_nothing_does_not_stop_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    cache = tmp_path / "file" / "kernels"  # cannot be made
    assert compile_kernels("rows", (8, 0), cache=cache) == compile_kernels("rows", (8, 0))
    assert "not kept" in caplog.text


def test_what_was_compiled_together_is_found_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernels = [("rows", {}), ("heads", {"HEAD": 64, "KV": 0})]
    compiler.compile_together(kernels, (8, 0), tmp_path)
    monkeypatch.delattr(compiler, "_compile")
    assert all(compile_kernels(name, (8, 0), settings, tmp_path).startswith(b"\x7fELF") for name, settings in kernels)


def test_a_mistake_in_a_kernel_is_told_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for header in compiler.KERNELS.iterdir():
        (tmp_path / header.name).write_bytes(header.read_bytes())
    (tmp_path / "rows.cu").write_text("not C++")
    monkeypatch.setattr(compiler, "KERNELS", tmp_path)
    with pytest.raises(EngineError, match="rows cannot be compiled"):
        compile_kernels("rows", (8, 0))
