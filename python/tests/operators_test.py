"""Every operator passes torch's own checks; those that do not apply are named, with the reason.

test_aot_dispatch_* traces a call with symbolic sizes. It does not apply where an operator's result is a number (torch
traces none), where its result's size hangs on values (packed ratings: bytes or not), and where there is no tensor.
"""

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.library import opcheck

import factorise

ops = torch.ops.factorise
EVERY = ("test_schema", "test_autograd_registration", "test_faketensor", "test_aot_dispatch_dynamic")
BUT_TRACING = EVERY[:3]
SCHEMA = EVERY[:2]


def samples():
    generator = torch.Generator().manual_seed(0)
    for m, n, dtype in [(6, 70, torch.float32), (70, 6, torch.float64)]:
        A = torch.rand(m, n, generator=generator, dtype=dtype)
        U, V = (torch.rand(rows, 3, generator=generator, dtype=dtype) for rows in (m, n))
        yield A, torch.rand(m, n, generator=generator) < 0.7, U, V


def cases():
    for A, M, U, V in samples():
        whole = (A * 5).floor()
        for norm in (False, True):
            for mask in (None, M):
                yield "factor_loss", (U, V, A, mask, norm), EVERY
                yield "factor_loss", (U.clone().requires_grad_(), V.clone().requires_grad_(), A, mask, norm), EVERY
                yield "_factor_loss", (U, V, A, mask, norm, True, norm), EVERY
        for ratings in (A, None):
            for transposed, W in ((False, V), (True, U)):
                yield "_factor_loss_error_times", (U, V, W, ratings, M, transposed), EVERY
        yield (
            "_factor_loss_error_times",
            (U.clone().requires_grad_(), V, V.clone().requires_grad_(), A, M, False),
            EVERY,
        )
        yield "_factor_loss_scaled", (U, torch.ones((), dtype=U.dtype)), EVERY
        yield "squared_error", (U, V, A, M), SCHEMA  # a float
        for path in ("wavefront", "entries"):
            yield "sgd_ratings", (A, M, 3, path), SCHEMA  # its size hangs on values
        ratings = ops.sgd_ratings(A, M, 3)
        yield "sgd_epochs", (ratings, U.clone(), V.clone(), 0.01, 0.1, 0.9, 2), SCHEMA  # an int
        runs = [0.01, 0.02]
        stacked = torch.stack([U, U]), torch.stack([V, V])
        yield "_sgd_epochs_of_runs", (ratings, *stacked, runs, 0.1, 0.9, 2), BUT_TRACING
        for values in (A, whole):  # and with the size, the number of tensors
            for mask in (None, M):
                yield "_descent_ratings", (values, mask), SCHEMA
                packed = ops._descent_ratings(values, mask)
                yield "_descent_epochs", (packed, U.clone(), V.clone(), 0.01, "masked", 2), EVERY
                yield "_descent_loss", (packed, U, V, True), EVERY


CASES = list(cases())


@pytest.mark.parametrize("name, arguments, tests", CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)])
def test_opcheck(name, arguments, tests):
    opcheck(getattr(ops, name).default, arguments, test_utils=tests)


# Results that alias their arguments where these are of the right type already, like Tensor.to's; and no tensor at all.
NOT_CHECKED = {"_checked_start", "_check_constant", "_check_schedule"}


def test_every_operator_is_checked():
    registered = {
        schema.name.removeprefix("factorise::")
        for schema in torch._C._jit_get_all_schemas()
        if schema.name.startswith("factorise::")
    }
    assert registered == {name for name, _, _ in CASES} | NOT_CHECKED


def test_fake_tensors_have_the_shapes_of_real_ones():
    with FakeTensorMode():
        U, V, A = torch.rand(6, 3), torch.rand(70, 3), torch.rand(6, 70)
        U.requires_grad_()
        loss = factorise.factor_loss(U, V, A)
        loss.backward()
        assert loss.shape == () and U.grad.shape == (6, 3)
        assert ops.sgd_epochs(torch.empty(9, dtype=torch.uint8), U.detach(), V, 0.1, 0.0, 1.0, 3) == 0
        assert ops._descent_epochs([A], U.detach(), V, 0.1, "masked", 1).dtype == torch.int64
