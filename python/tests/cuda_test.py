"""On a GPU the package has the CPU's bits, through the same operators. Skipped where there is none."""

import os

import pytest
import torch

import factorise

GENERATOR = torch.Generator().manual_seed(0)
A = torch.randint(1, 6, (40, 70), generator=GENERATOR).float()
M = torch.rand(40, 70, generator=GENERATOR) < 0.5

CALLS = {
    "sgd_factorise": lambda A, M, **kw: factorise.sgd_factorise(A, 5, 20, 0.002, seed=0, **kw),
    "sgd_factorise_masked": lambda A, M, **kw: factorise.sgd_factorise_masked(
        A, M, 5, 20, 0.002, weight_decay=0.1, lr_decay=0.9, seed=0, **kw
    ),
    "gd_factorise_masked": lambda A, M, **kw: factorise.gd_factorise_masked(A, M, 5, 20, 0.001, seed=0, **kw),
    "gd_factorise_ad": lambda A, M, **kw: factorise.gd_factorise_ad(A, 5, 20, 0.0005, mask=M, seed=0, **kw),
    "gd_factorise_ad, norm": lambda A, M, **kw: factorise.gd_factorise_ad(A, 5, 20, 0.01, loss="norm", seed=0, **kw),
}

needs_gpu = pytest.mark.skipif(
    not torch.cuda.is_available() and "FACTORISE_REQUIRE_CUDA" not in os.environ, reason="there is no GPU"
)


@needs_gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("call", CALLS)
def test_the_cpus_bits(call, whole, dtype):
    matrix = A.to(dtype) if whole else A.to(dtype) + 0.3
    on_cpu = CALLS[call](matrix, M)
    told = []
    on_gpu = CALLS[call](matrix.cuda(), M.cuda(), callback=lambda *a: told.append(a), report_every=7)
    assert [epoch for epoch, _ in told] == [7, 14, 20]
    assert all(factor.is_cuda for factor in on_gpu)
    assert all(torch.equal(a, b.cpu()) for a, b in zip(on_cpu, on_gpu, strict=True))


@needs_gpu
def test_factor_loss_has_the_cpus_bits():
    def run(device):
        U, V = (torch.rand(rows, 5, generator=torch.Generator().manual_seed(rows)) for rows in A.shape)
        U, V = U.to(device).requires_grad_(), V.to(device).requires_grad_()
        loss = factorise.factor_loss(U, V, A.to(device), M.to(device))
        return [loss.detach().cpu(), *(g.cpu() for g in torch.autograd.grad(loss, (U, V)))]

    assert all(torch.equal(a, b) for a, b in zip(run("cpu"), run("cuda"), strict=True))


@needs_gpu
@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_factor_loss_has_the_cpus_higher_derivatives(masked, norm):
    def run(device):
        U, V, dU, dV = (
            torch.rand(rows, 5, generator=torch.Generator().manual_seed(i), dtype=torch.float64).to(device)
            for i, rows in enumerate(2 * A.shape)
        )

        def loss(U, V):
            return factorise.factor_loss(U, V, A.to(device), M.to(device) if masked else None, norm)

        value, tangent = torch.func.jvp(loss, (U, V), (dU, dV))
        _, change = torch.func.jvp(torch.func.grad(loss, (0, 1)), (U, V), (dU, dV))
        mapped = torch.func.vmap(loss, (0, None))(torch.stack([U, dU]), V)
        return [x.cpu() for x in (value, tangent, *change, mapped)]

    for a, b in zip(run("cpu"), run("cuda"), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10 * a.abs().max().item())
