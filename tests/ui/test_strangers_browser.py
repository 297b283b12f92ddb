"""A page of another origin, and a name that is pointed at this computer: they get nothing of Docent."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.ui.steps import ask

pytestmark = pytest.mark.browser
ATTACK = """async (docent) => {
  const tried = async (work) => { try { return await work(); } catch { return "refused"; } };
  const send = (how) => tried(async () => {
    const all = { method: "POST", credentials: "include", body: '{"name": "theirs"}', ...how };
    const reply = await fetch(`${docent}/api/conversation-folders`, all);
    return `${reply.type} ${await reply.text()}`;
  });
  const framed = () => new Promise((resolve) => {
    const frame = document.createElement("iframe");
    frame.src = `${docent}/`;
    frame.onload = () => tried(() => frame.contentDocument?.body?.innerText ?? "refused").then(resolve);
    document.body.append(frame);
  });
  const loaded = (tag, path) => new Promise((resolve) => {
    const one = document.createElement(tag);
    one.onload = () => resolve("loaded");
    one.onerror = () => resolve("refused");
    one.src = docent + path;
    document.body.append(one);
  });
  const form = document.createElement("form");
  form.method = "post";
  form.enctype = "text/plain";
  form.target = "nowhere";
  form.action = `${docent}/api/conversation-folders`;
  form.innerHTML = '<input name=\\'{"name": "by a form", "x": "\\' value=\\'"}\\'><iframe name="nowhere"></iframe>';
  document.body.append(form);
  form.submit();
  return {
    read: await tried(async () => (await fetch(`${docent}/api/conversations`, { credentials: "include" })).text()),
    json: await send({ headers: { "content-type": "application/json" } }),
    plain: await send({ headers: { "content-type": "text/plain" } }),
    blind: await send({ mode: "no-cors" }),
    news: await new Promise((resolve) => {
      const stream = new EventSource(`${docent}/gradio/gradio_api/call/news/1`, { withCredentials: true });
      stream.onmessage = () => resolve("told");
      stream.onerror = () => resolve("refused");
    }),
    script: await loaded("script", "/static/app.js"),
    picture: await loaded("img", "/api/documents/1/page/1.png"),
    framed: await framed(),
  };
}"""


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """A page of another origin on this computer."""

    class Empty(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>elsewhere</title><body></body>")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Empty)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(10)
    server.server_close()


def test_a_page_of_another_origin_reads_and_sends_nothing(filled: Any, fake: Any, gate: Any, elsewhere: str) -> None:
    gate.open()
    ask(filled.page, "When was the garden planted?")
    expect(filled.page.locator(".chip")).to_be_visible()
    theirs = filled.page.context.new_page()  # in the same browser, with its cookies
    theirs.goto(elsewhere)
    got = theirs.evaluate(ATTACK, filled.served.address)
    blind = got.pop("blind")
    assert blind in ("opaque ", "refused")  # what came of it cannot be seen
    assert {what for what in got.values() if "refused" not in what} == set(), got
    assert not any("garden" in what for what in got.values())
    assert fake.conversation_folders.all() == []
    theirs.close()


def test_a_name_that_is_pointed_at_this_computer_gets_nothing(filled: Any) -> None:
    port = filled.served.address.rpartition(":")[2]
    theirs = filled.page.context.new_page()
    for path in ("/", "/?token=a-token-for-tests", "/api/conversations"):
        reply = theirs.goto(f"http://rebound.localhost:{port}{path}")
        assert reply is not None and reply.status == 403
        assert "garden" not in theirs.content()
    theirs.close()
