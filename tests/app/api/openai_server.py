"""A server with OpenAI's API, whose model always says the same, and OpenAI's own client for it."""

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import openai
import uvicorn

from app.api.http import create_api
from app.api.security import LocalOnly
from app.assistant import Assistant
from app.models.setup import LocalModel
from app.settings.schema import ModelSettings, Settings
from engines.model.chat import ChatEncoder
from engines.serving.engine import Engine, EngineConfig
from engines.serving.structured_output import StructuredOutput
from tests.app.fakes import LightParts
from tests.app.models.saying_runtime import SayingRuntime
from tests.engines.small_tokenizer import CHAT_TEMPLATE, small_model_tokenizer

TOKEN = "token-of-this-launch"
REPLY = "The blue whale eats four tonnes of krill a day. ü."


class Parts(LightParts):
    def __init__(self, settings: Settings, runtime: SayingRuntime, config: EngineConfig, template: str) -> None:
        super().__init__(settings)
        self.runtime, self.config, self.template = runtime, config, template

    def make_model(self) -> LocalModel:
        tokenizer = small_model_tokenizer(self.template)
        structured_output = StructuredOutput(tokenizer, self.runtime.vocab_size)
        engine = Engine(self.runtime, tokenizer, self.config, structured_output)
        return LocalModel("saying", engine, tokenizer, ChatEncoder(tokenizer))


class Served:
    """A server in a thread and a client for it."""

    def __init__(
        self,
        folder: Path,
        reply: str = REPLY,
        gate: threading.Event | None = None,
        config: EngineConfig | None = None,
        template: str = CHAT_TEMPLATE,
    ) -> None:
        settings = Settings(data_dir=folder, model=ModelSettings(name="saying"))
        self.runtime = SayingRuntime(reply, gate)
        self.parts = Parts(settings, self.runtime, config or EngineConfig(prompt_lookup=False), template)
        self.assistant = Assistant(settings, self.parts)
        self.listener = socket.create_server(("127.0.0.1", 0))
        port = self.listener.getsockname()[1]
        application = LocalOnly(create_api(self.assistant), port=port, token=TOKEN)
        config_ = uvicorn.Config(application, log_config=None, access_log=False, ws="none", lifespan="off")
        self.server = uvicorn.Server(config_)
        self.thread = threading.Thread(target=self.server.run, args=([self.listener],))
        self.thread.start()
        self.url = f"http://127.0.0.1:{port}/v1"
        self.client = openai.OpenAI(base_url=self.url, api_key=TOKEN, max_retries=0)
        until(lambda: self.server.started)

    def close(self) -> None:
        self.client.close()
        self.server.should_exit = True
        self.thread.join()
        self.listener.close()
        self.assistant.close()


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)
