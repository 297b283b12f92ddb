"""What runs before the page is drawn loads none of the heavy libraries; what needs them loads them."""

import json
import os
import subprocess
import sys
from pathlib import Path

BEHIND_THE_PAGE = ["fastapi", "app.api.http"]
HEAVY = ["numpy", "gradio", "onnxruntime", "faiss", "tokenizers", "jinja2", "lxml", "psutil", "engines.serving.engine"]
START = """
import json, sys, tempfile
from pathlib import Path
import ui.main, uvicorn
from app.assistant import Assistant
from app.pages.desk import Desk
from app.settings.schema import Settings
from starlette.testclient import TestClient
from ui.later import Later
from ui.page import Page

def make():
    from app.api.http import create_api

    return create_api(assistant, desk)


data = Path(tempfile.mkdtemp())
assistant = Assistant.open(Settings(data_dir=data))
desk = Desk(assistant, data / "inbox", data / "uploads")
api = Later(make, "api")
with TestClient(Page(api, desk)) as client:
    drawn = [client.get(address).status_code for address in ("/", "/library", "/static/app.js")]
    before = sorted(sys.modules)
    drawn += [client.get("/api/runs").status_code, client.get("/static/nothing.js").status_code]
    loaded = sorted(sys.modules)
    later = client.get("/v1/models").status_code
print(json.dumps([drawn, before, loaded, later, "/v1/chat/completions" in api.made().openapi()["paths"]]))
"""


def test_the_page_is_served_before_the_api_and_that_before_anything_heavy_is_loaded() -> None:
    root = Path(__file__).resolve().parents[2]
    environment = os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(
        [sys.executable, "-c", START],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    drawn, before, loaded, later, is_described = json.loads(ended.stdout)
    assert drawn == [200, 200, 200, 200, 404]
    assert [name for name in BEHIND_THE_PAGE if name in before] == []
    assert [name for name in HEAVY if name in loaded] == []
    assert later == 200 and is_described
