"""An engine whose memory is given back while nobody asks, and which is opened again by the next request."""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from app.process.collector import search_all
from engines.base import Runtime
from engines.errors import EngineError
from engines.serving.engine import Engine, Load
from engines.serving.generation import Generation
from engines.serving.sampling_params import SamplingParams
from engines.serving.sequence import BACKGROUND

_log = logging.getLogger(__name__)
_LOOKS = 10  # at the time, while it passes
_RETIRED_IDLE_S = 1.0


class SleepingEngine:
    """Opened by ``open_runtime`` and ``open_engine`` at once, and again after each ``unload``. With ``idle_s`` it is
    unloaded after so many seconds without a request, 0 is never. Thread-safe."""

    def __init__(
        self,
        open_runtime: Callable[[], Runtime],
        open_engine: Callable[[Runtime], Engine],
        idle_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open_runtime, self._open_engine, self._clock = open_runtime, open_engine, clock
        self._idle_s = idle_s
        self._lock = threading.RLock()
        self._closed = threading.Event()
        self._retired = False
        self._runtime = open_runtime()
        self._engine: Engine | None = open_engine(self._runtime)
        self.max_context = self._runtime.max_context
        self.totals = self._engine.totals
        self._used = clock()
        if idle_s:
            self._begin_watch()

    def _begin_watch(self) -> None:
        threading.Thread(target=self._watch, name="docent-unload", daemon=True).start()

    @property
    def loaded(self) -> bool:
        return self._engine is not None

    @property
    def load(self) -> Load:
        """What it holds at this moment; nothing while it is not loaded."""
        engine = self._engine
        return Load(0, 0, 0, 0) if engine is None else engine.load

    @property
    def runtime(self) -> Runtime:
        """While it is loaded."""
        return self._runtime

    def submit(
        self, prompt: str | Sequence[int], params: SamplingParams | None = None, *, priority: int = BACKGROUND
    ) -> Generation:
        """Loads the model where it is not there. Raises what opening it raises, and what ``Engine.submit`` raises."""
        with self._lock:
            return self._opened().submit(prompt, params, priority=priority)

    def wake(self) -> None:
        """Loads the model where it is not there."""
        with self._lock:
            self._opened()

    def _opened(self) -> Engine:
        if self._closed.is_set():
            raise EngineError("The engine is closed.", "Start Docent again.")
        if self._engine is None:
            _log.info("The model is loaded again")
            self._runtime = self._open_runtime()
            self._engine = self._open_engine(self._runtime)
            self._engine.totals = self.totals
            if self._retired:
                self._begin_watch()
        self._used = self._clock()
        return self._engine

    def unload(self) -> bool:
        """Gives the model's memory back, unless it is answering; returns whether nothing of it is left."""
        with self._lock:
            if self._engine is None:
                return True
            if not self._engine.idle:
                return False
            self._release()
            return True

    def retire(self) -> None:
        """Gives the memory back as soon as nothing is being answered: another model takes over. What still comes for
        this one is answered all the same."""
        with self._lock:
            self._retired = True
            self._idle_s = _RETIRED_IDLE_S
            if not self.unload():
                self._begin_watch()

    def close(self) -> None:
        """Ends what is under way."""
        self._closed.set()
        with self._lock:
            if self._engine is not None:
                self._release()

    def _release(self) -> None:
        assert self._engine is not None
        self._engine.close()
        self._engine = None
        close = getattr(self._runtime, "close", None)  # some have threads or a card's memory to give back
        if close is not None:
            close()
        del self._runtime
        search_all()

    def _watch(self) -> None:
        while not self._closed.wait(self._idle_s / _LOOKS):
            with self._lock:
                if self._engine is not None and self._clock() - self._used >= self._idle_s and self.unload():
                    _log.info("The model's memory is given back after %.0f s without a request", self._idle_s)
                    if self._retired:
                        return
