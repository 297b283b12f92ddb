"""The map from one embedder's space to another's."""

import numpy as np

from training.embedder.map_questions import fit


def test_a_map_between_spaces_of_different_size_is_found() -> None:
    rng = np.random.default_rng(0)
    here = rng.normal(size=(200, 5)).astype(np.float32)
    known = rng.normal(size=(6, 3)).astype(np.float32)
    found = fit(here, here @ known[:-1] + known[-1], ridge=1e-6)
    assert found.dtype == np.float16
    np.testing.assert_allclose(found, known, atol=2e-3)
    assert np.abs(fit(here, here @ known[:-1], ridge=1e6)).max() < 0.01  # a large penalty leaves nothing
