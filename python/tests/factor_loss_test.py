"""factor_loss is its definition, with torch's derivative, in torch's optimisers and its compiler."""

import pytest
import torch

from factorise import factor_loss, gd_factorise_ad, squared_error


def problem(m, n, rank=3, dtype=torch.float64):
    generator = torch.Generator().manual_seed(m + n)
    A = torch.rand(m, n, generator=generator, dtype=dtype)
    M = torch.rand(m, n, generator=generator) < 0.7
    U, V = (torch.rand(rows, rank, generator=generator, dtype=dtype).requires_grad_() for rows in (m, n))
    return A, M, U, V


def definition(U, V, A, M=None, norm=False):
    e = A - U @ V.T
    squared = (e if M is None else torch.where(M, e, 0)).square().sum()
    return squared.sqrt() if norm else squared


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("m, n", [(4, 6), (6, 4), (3, 130), (70, 65)])
def test_value_and_gradients_are_the_definitions(m, n, masked, norm):
    A, M, U, V = problem(m, n)
    mask = M if masked else None
    loss, expected = factor_loss(U, V, A, mask, norm), definition(U, V, A, mask, norm)
    # Sums of at most 4550 terms of one sign, and gradients of 130.
    torch.testing.assert_close(loss, expected, rtol=1e-13, atol=0)
    for ours, theirs in zip(torch.autograd.grad(loss, (U, V)), torch.autograd.grad(expected, (U, V)), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("norm", [False, True])
def test_gradcheck(norm):
    A, M, U, V = problem(5, 7)
    assert torch.autograd.gradcheck(lambda U, V: factor_loss(U, V, A, M, norm), (U, V))
    assert torch.autograd.gradcheck(lambda U: factor_loss(U, V.detach(), A, None, norm), (U,))


def test_compiled_whole_it_has_the_same_bits():
    A, M, U, V = problem(5, 7)
    compiled = torch.compile(lambda U, V: 2 * factor_loss(U, V, A, M, norm=True), fullgraph=True, backend="aot_eager")
    eager = 2 * factor_loss(U, V, A, M, norm=True)
    loss = compiled(U, V)
    assert torch.equal(loss, eager)
    for ours, theirs in zip(torch.autograd.grad(loss, (U, V)), torch.autograd.grad(eager, (U, V)), strict=True):
        assert torch.equal(ours, theirs)


def test_plain_steps_on_it_are_gd_factorise_ad():
    A, M, U, V = problem(5, 7)
    start = U.detach().clone(), V.detach().clone()
    optimiser = torch.optim.SGD([U, V], lr=0.01)
    for _ in range(20):
        optimiser.zero_grad()
        factor_loss(U, V, A, M).backward()
        optimiser.step()
    fused = gd_factorise_ad(A, 3, 20, 0.01, mask=M, initial=start)
    # Twenty steps, each rounded differently: the factor 2 lr once, or 2 and then lr.
    torch.testing.assert_close(U.detach(), fused[0], rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(V.detach(), fused[1], rtol=1e-13, atol=1e-13)


def test_what_is_not_observed_may_be_nan():
    A, M, U, V = problem(5, 7)
    holed = A.masked_fill(~M, float("nan"))
    assert torch.equal(factor_loss(U, V, holed, M), factor_loss(U, V, A, M))
    assert squared_error(holed, U, V, M) == squared_error(A, U, V, M)
    torch.testing.assert_close(squared_error(A, U, V, M), definition(U, V, A, M).item(), rtol=1e-13, atol=0)


@pytest.mark.parametrize(
    "change, sentence",
    [
        (lambda A, M, U, V: factor_loss(U[:, :2], V, A), "as many columns as each other"),
        (lambda A, M, U, V: factor_loss(U.float(), V, A), "of one type"),
        (lambda A, M, U, V: factor_loss(V, U, A), "a row for each of A's 5 rows"),
        (lambda A, M, U, V: factor_loss(U, V, A, M[:2]), "M must have A's shape"),
        (lambda A, M, U, V: factor_loss(U, V, A.requires_grad_()), "A must not require grad"),
    ],
)
def test_refusals_are_sentences(change, sentence):
    with pytest.raises(ValueError, match=rf"\[factor_loss\] .*{sentence}"):
        change(*problem(5, 7))
