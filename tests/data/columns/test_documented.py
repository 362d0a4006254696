import importlib.util
import sys

import numpy as np
import torch
from tests.documents import blocks, text

from seglet.data.columns.kinds import checked_value
from seglet.data.columns.recipe import column_recipes
from seglet.data.world.dataset import World


def test_the_producer_in_the_documentation_computes(tmp_path, monkeypatch):
    (code,) = blocks(text("docs/columns.md"), "python")
    (tmp_path / "brightness.py").write_text(code)
    spec = importlib.util.spec_from_file_location("brightness", tmp_path / "brightness.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "brightness", module)
    spec.loader.exec_module(module)
    producer, sample = module.Brightness(4), World(scenes=1, size=32).read(0)
    assert column_recipes([producer])["brightness"].settings == {"tokens": 4}
    grid = checked_value(producer.load(torch.device("cpu"))([sample])[0], producer.kind)
    assert grid.shape == (4, 4, 1)
    np.testing.assert_allclose(grid[0, 0, 0], sample.image[:8, :8].mean() / 255, rtol=1e-3)
