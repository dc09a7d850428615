"""torch.classes.factorise.SgdRatings: ratings packed once, for runs whose factors and step sizes are the caller's."""

import pytest
import torch

import factorise

GENERATOR = torch.Generator().manual_seed(0)
A = torch.rand(6, 8, generator=GENERATOR)
M = torch.rand(6, 8, generator=GENERATOR) < 0.7
START = [torch.rand(3, rows, 2, generator=GENERATOR) for rows in A.shape]


def packed(A=A, M=M):
    return torch.classes.factorise.SgdRatings(A, M, 2)


def test_runs_are_each_their_own_and_a_diverged_one_disturbs_no_other():
    U, V = (factor.clone() for factor in START)
    rates, decay = [0.01, 1e30, 0.2], (0.1 * 1e-30, 0.9)
    assert packed().epochs(U, V, rates, *decay, 4).tolist() == [0, 1, 0]
    for run in (0, 2):
        expected = factorise.sgd_factorise_masked(
            A, M, 2, 4, rates[run], weight_decay=decay[0], lr_decay=decay[1], initial=[f[run] for f in START]
        )
        assert all(torch.equal(a[run], b) for a, b in zip((U, V), expected, strict=True))


REFUSED = [
    (lambda U, V: packed().epochs(U, V, [0.1], 0.0, 1.0, 1), "U must be 1 x 6 x 2, contiguous"),
    (lambda U, V: packed().epochs(U.double(), V, [0.1] * 3, 0.0, 1.0, 1), "U must be 3 x 6 x 2, .*but was .*Double"),
    (lambda U, V: packed().epochs(U, V.mT, [0.1] * 3, 0.0, 1.0, 1), "V must be 3 x 8 x 2, contiguous"),
    (lambda U, V: packed().epochs(U, V.mT.contiguous().mT, [0.1] * 3, 0.0, 1.0, 1), "V must be 3 x 8 x 2, contiguous"),
    (lambda U, V: packed().epochs(U.requires_grad_(), V, [0.1] * 3, 0.0, 1.0, 1), "U is changed in place"),
    (lambda U, V: packed().epochs(U, V, [0.1, -1, 1], 0.0, 1.0, 1), "lr must be a finite number above 0, but was -1"),
    (lambda U, V: packed(A * float("nan")), "A must be finite where M marks it"),
    (lambda U, V: packed(M=M[:3]), "M must have A's shape 6 x 8"),
]


@pytest.mark.parametrize("call, sentence", REFUSED, ids=[sentence for _, sentence in REFUSED])
def test_refusals_are_sentences(call, sentence):
    with pytest.raises(ValueError, match=rf"\[SgdRatings\] {sentence}"):
        call(*(factor.clone() for factor in START))
