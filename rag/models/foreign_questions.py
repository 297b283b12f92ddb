"""Embeds questions in other languages than English among English passages.

The library's embedder knows English alone. A multilingual embedder puts a question near its translation, in a space of
its own; a linear map, fitted on questions in both (training/embedder/map_questions.py), leads from there to where the
library's embedder puts the English one. So English documents are found in any language without a second index. (The
method: Mikolov, Le and Sutskever, "Exploiting Similarities among Languages for Machine Translation", 2013,
https://arxiv.org/abs/1309.4168, with sentences in the place of words.)
"""

import threading
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.errors import ModelFilesError
from rag.models.embedder import OnnxEmbedder

MAP_FILE = "to-all-MiniLM-L6-v2.npy"


class ForeignQuestions:
    """A ``QuestionEmbedder`` (see rag.protocols) in the space of the shipped embedder. The multilingual embedder is
    loaded with the first question. May be used from several threads."""

    def __init__(self, multilingual: Callable[[], OnnxEmbedder], mapping: Path) -> None:
        """``mapping`` is a matrix [dimension there + 1, dimension here]; its last row is added."""
        self._load, self._mapping = multilingual, mapping
        self._lock = threading.Lock()

    @property
    def embedder(self) -> OnnxEmbedder:
        """The multilingual embedder."""
        with self._lock:
            return self._loaded

    @cached_property
    def _loaded(self) -> OnnxEmbedder:
        return self._load()

    @cached_property
    def _matrix(self) -> NDArray[np.float32]:
        try:
            matrix: NDArray[np.float32] = np.load(self._mapping, allow_pickle=False).astype(np.float32)
        except (OSError, ValueError) as error:
            raise ModelFilesError(
                f"{self._mapping}: cannot be read ({error}). Install Docent again: this file comes with it."
            ) from error
        return matrix

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """One question -> [dimension], length 1.

        Raises ModelFilesError naming the file that is missing or wrong.
        """
        vector: NDArray[np.float32] = self.embedder.embed_query(text) @ self._matrix[:-1] + self._matrix[-1]
        return vector / np.float32(np.linalg.norm(vector))
