"""Libraries that would report home leave no trace of having begun to: an identifier, a cache of what is to be sent."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# What tells the libraries to be silent already: that nobody real is there, and what the tests' own process has set.
SILENCING = ("CI", "TF_BUILD", "GITHUB_ACTIONS", "ORT_RUNNING_UNIT_TESTS", "PYTEST_CURRENT_TEST")
SILENCING += ("ORT_DISABLE_TELEMETRY", "GRADIO_ANALYTICS_ENABLED", "HF_HUB_DISABLE_TELEMETRY")


@pytest.mark.skipif(sys.platform == "win32", reason="the libraries keep these elsewhere there")
@pytest.mark.parametrize(
    "use",
    [
        "from rag.models.embedder import OnnxEmbedder; OnnxEmbedder.load().embed_query('When?')",
        "import engines.runtimes.onnx.runtime",
        "import engines.runtimes.native.runtime",
        pytest.param("import ui.page", marks=pytest.mark.slow),
    ],
)
def test_nothing_is_left_in_the_home_folder(use: str, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in SILENCING}
    environment |= {"HOME": str(tmp_path), "MPLCONFIGDIR": str(tmp_path)}
    for name in [name for name in environment if name.startswith("XDG_")]:
        del environment[name]
    subprocess.run([sys.executable, "-c", use], cwd=ROOT, env=environment, check=True, timeout=120)
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()] == []
