"""A clear error where a dense matrix, of a sparse one's cells or of a product of factors, does not fit in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch


@contextmanager
def memory_for(function: str, shape: Sequence[int], dtype: torch.dtype, advice: str) -> Iterator[None]:
    """Inside, a dense matrix of this shape is made; raises MemoryError, with a message, where memory is too small."""
    try:
        yield
    except RuntimeError as error:  # of torch's allocators, on the CPU and on CUDA
        if not any(word in str(error) for word in ("allocate", "out of memory", "overflow")):
            raise
        gigabytes = shape[0] * shape[1] * dtype.itemsize / 1e9
        raise MemoryError(
            f"[{function}] there must be memory for a dense matrix of {shape[0]} x {shape[1]}, {gigabytes:.3g} GB, but "
            f"there is not. {advice}"
        ) from error
