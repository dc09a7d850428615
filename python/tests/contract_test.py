"""The fused engine has the contract's bits: those of a referee that knows neither our kernels nor floating point."""

import pytest
import referee
import torch

import factorise


def problem(m, n, rank, dtype, whole):
    generator = torch.Generator().manual_seed(m + 100 * n + rank)
    A = torch.randint(1, 6, (m, n), generator=generator).to(dtype) + (0 if whole else 0.3)
    M = torch.rand(m, n, generator=generator) < 0.6
    M[0, 0] = True
    U, V = (torch.rand(rows, rank, generator=generator, dtype=dtype) for rows in (m, n))
    return A, M, U, V


def equal(factors, lists):
    return all(torch.equal(f, torch.tensor(x, dtype=f.dtype)) for f, x in zip(factors, lists, strict=True))


@pytest.mark.parametrize("path", ["wavefront", "entries"])
@pytest.mark.parametrize("weight_decay, lr_decay", [(0.0, 1.0), (0.1, 0.9)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("m, n, rank", [(5, 7, 3), (7, 5, 1), (4, 6, 8), (3, 4, 19)])
def test_sgd(m, n, rank, dtype, weight_decay, lr_decay, path):
    A, M, U, V = problem(m, n, rank, dtype, whole=m < n)
    fused = factorise.sgd_factorise_masked(
        A, M, rank, 3, 0.01, weight_decay=weight_decay, lr_decay=lr_decay, initial=(U, V), path=path
    )
    lists = U.tolist(), V.tolist()
    referee.sgd(
        referee.Arithmetic(dtype), A.tolist(), M.tolist(), *lists, 3, 0.01, weight_decay=weight_decay, lr_decay=lr_decay
    )
    assert equal(fused, lists)


@pytest.mark.parametrize("method", ["masked", "squared", "norm"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("m, n, rank, whole", [(3, 5, 2, True), (4, 37, 3, False), (2, 300, 1, False)])
def test_descent(m, n, rank, whole, dtype, method):
    A, M, U, V = problem(m, n, rank, dtype, whole)
    if method == "masked":
        fused = factorise.gd_factorise_masked(A, M, rank, 2, 0.003, initial=(U, V))
    else:
        fused = factorise.gd_factorise_ad(A, rank, 2, 0.003, loss=method, mask=M, initial=(U, V))
    lists = U.tolist(), V.tolist()
    referee.descent(referee.Arithmetic(dtype), A.tolist(), M.tolist(), *lists, 2, 0.003, method)
    assert equal(fused, lists)


def test_the_referee_rounds_as_torch_does():
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(200, generator=generator, dtype=torch.float64) for _ in "ab")
    for dtype in (torch.float32, torch.float64):
        arithmetic = referee.Arithmetic(dtype)
        x, y = a.to(dtype), b.to(dtype)
        assert [arithmetic.mul(*pair) for pair in zip(x.tolist(), y.tolist(), strict=True)] == (x * y).tolist()
        assert [arithmetic.add(*pair) for pair in zip(x.tolist(), y.tolist(), strict=True)] == (x + y).tolist()
    assert [referee.Arithmetic(torch.float32).round(x) for x in a.tolist()] == a.float().tolist()
