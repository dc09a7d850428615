"""The Python of README.md and docs/python.md runs."""

import re
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("page", ["README.md", "docs/python.md"])
def test_the_blocks_of_a_page_run(page):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    A = torch.randint(0, 6, (40, 30), generator=torch.Generator().manual_seed(0)).float()
    for block in blocks:
        names = {"torch": torch, "A": A, "M": A != 0}
        exec(compile(block, page, "exec"), names)  # noqa: S102, as the pages are our own
        assert names["U"].shape == (40, 5) and names["V"].shape == (30, 5)
        assert torch.isfinite(names["U"]).all() and torch.isfinite(names["V"]).all()
