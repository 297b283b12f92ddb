"""A graph that was turned back into weights computes what the graph computes."""

from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

torch = pytest.importorskip("torch")
ort = pytest.importorskip("onnxruntime")

from training.reader.export import PaddedReader  # noqa: E402
from training.reader.unpack import unpack  # noqa: E402

SHIPPED = Path(__file__).parents[2] / "rag/models/weights/docent-reader"
QUESTION = "Who keeps the key of the boathouse?"
PASSAGE = "The key of the boathouse is kept by Ines Falk, who lives at the harbour. It opens at nine."


def test_the_shipped_reader_unpacked_reads_as_its_graph_does() -> None:
    tokenizer = Tokenizer.from_file(str(SHIPPED / "tokenizer.json"))
    tokenizer.no_padding()
    encoded = tokenizer.encode(QUESTION, PASSAGE)
    ids = torch.tensor([encoded.ids])
    feeds = {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "token_type_ids": torch.tensor([encoded.type_ids]),
    }
    session = ort.InferenceSession(str(SHIPPED / "reader.onnx"), providers=["CPUExecutionProvider"])
    relevance, band, *_ = session.run(None, {name: value.numpy() for name, value in feeds.items()})
    with torch.no_grad():
        own_relevance, own_band, *_ = PaddedReader(unpack(SHIPPED / "reader.onnx").eval())(*feeds.values())
    assert abs(float(own_relevance[0]) - float(relevance[0])) < 0.5
    assert np.corrcoef(own_band.numpy().ravel(), band.ravel())[0, 1] > 0.995
    assert own_band[0].argmax() == band[0].argmax()
