"""Every operator passes torch's own checks; those that do not apply are named, with the reason.

test_aot_dispatch_* traces a call with symbolic sizes. It does not apply where an operator's result is a number, as torch
traces none.
"""

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.library import opcheck

import factorise

ops = torch.ops.factorise
EVERY = ("test_schema", "test_autograd_registration", "test_faketensor", "test_aot_dispatch_dynamic")
SCHEMA = EVERY[:2]


def samples():
    generator = torch.Generator().manual_seed(0)
    for m, n, dtype in [(6, 70, torch.float32), (70, 6, torch.float64)]:
        A = torch.rand(m, n, generator=generator, dtype=dtype)
        U, V = (torch.rand(rows, 3, generator=generator, dtype=dtype) for rows in (m, n))
        yield A, torch.rand(m, n, generator=generator) < 0.7, U, V


def cases():
    for A, M, U, V in samples():
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


CASES = list(cases())


@pytest.mark.parametrize("name, arguments, tests", CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)])
def test_opcheck(name, arguments, tests):
    opcheck(getattr(ops, name).default, arguments, test_utils=tests)


NOT_CHECKED = {"_check_constant"}  # it has no result


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


def test_factorisers_refuse_fake_tensors():
    with FakeTensorMode(), pytest.raises(ValueError, match="tensors with values in memory.*FakeTensor"):
        factorise.sgd_factorise(torch.rand(6, 70), 2, 3, seed=0)
