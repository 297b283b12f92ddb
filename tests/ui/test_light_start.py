"""What runs before the page is drawn loads none of the heavy libraries; what needs them loads them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

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

SERVED = """
import json, sys, tempfile, threading, urllib.error, urllib.request
from pathlib import Path
from app.cli.session import Session
from ui.serving import Wanted, serve_until_ended

found = {}

def ask(server):
    def get(path):
        request = urllib.request.Request(server.address + path, headers={"authorization": f"Bearer {server.token}"})
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.status

    found["drawn"] = [get("library"), get("static/app.js")]
    found["before"] = "fastapi" in sys.modules
    found["asked"] = get("api/runs")
    found["after"] = "fastapi" in sys.modules
    server.end()

ready = lambda server: threading.Thread(target=ask, args=(server,)).start()
serve_until_ended(Session(data_dir=Path(tempfile.mkdtemp())), Wanted(port=0), None, ready)
print(json.dumps(found))
"""


def run(code: str) -> Any:
    """Runs the code in a process of its own and returns the JSON that it prints."""
    root = Path(__file__).resolve().parents[2]
    environment = os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True, timeout=120, check=True
    )
    return json.loads(ended.stdout)


def test_a_server_makes_the_api_when_the_page_that_is_drawn_asks_for_it() -> None:
    assert run(SERVED) == {"drawn": [200, 200], "before": False, "asked": 200, "after": True}


def test_the_page_is_served_before_the_api_and_that_before_anything_heavy_is_loaded() -> None:
    drawn, before, loaded, later, is_described = run(START)
    assert drawn == [200, 200, 200, 200, 404]
    assert [name for name in BEHIND_THE_PAGE if name in before] == []
    assert [name for name in HEAVY if name in loaded] == []
    assert later == 200 and is_described
