"""What has no derivative, or takes one matrix at a time, says so under autograd and torch.func: none is a silent zero.

And torch.compile around the factorisers: a break in the graph, and the same bits.
"""

import subprocess
import sys

import pytest
import torch
from torch._dynamo.utils import counters
from torch.autograd import forward_ad
from torch.func import grad, jvp, vmap

import factorise
from factorise import (
    MatrixFactorisation,
    gd_factorise_ad,
    gd_factorise_masked,
    sgd_factorise,
    sgd_factorise_entries,
    sgd_factorise_masked,
)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
ops = torch.ops.factorise

GENERATOR = torch.Generator().manual_seed(0)
A = torch.rand(6, 5, generator=GENERATOR)
M = torch.rand(6, 5, generator=GENERATOR) < 0.8
U, V = torch.rand(6, 2, generator=GENERATOR), torch.rand(5, 2, generator=GENERATOR)

FACTORISERS = {
    f"{name}-{engine}": (name, lambda A, f=f, engine=engine: f(A, 2, 3, seed=1, engine=engine)[0])
    for name, f in {
        "sgd_factorise": sgd_factorise,
        "sgd_factorise_masked": lambda A, *rest, **options: sgd_factorise_masked(A, M, *rest, **options),
        "gd_factorise_masked": lambda A, *rest, **options: gd_factorise_masked(A, M, *rest, **options),
        "gd_factorise_ad": gd_factorise_ad,
    }.items()
    for engine in ("fused", "reference")
}


def in_forward_mode(f, x):
    with forward_ad.dual_level():
        return f(forward_ad.make_dual(x, x))


DERIVATIVES = {
    "grad": lambda f, x: grad(lambda x: f(x).sum())(x),
    "jvp": lambda f, x: jvp(f, (x,), (x,)),
    "forward mode": in_forward_mode,
    "jvp in vmap": lambda f, x: vmap(lambda y: jvp(lambda x: f(x) * y, (x,), (x,))[1])(torch.ones(2)),
}


@pytest.mark.parametrize("derivative", DERIVATIVES)
@pytest.mark.parametrize("case", FACTORISERS)
def test_factorisers_have_no_derivative_and_say_so(case, derivative):
    name, factorise_it = FACTORISERS[case]
    with pytest.raises(NotImplementedError, match=rf"\[{name}\] has no derivative"):
        DERIVATIVES[derivative](factorise_it, A)


@pytest.mark.parametrize("derivative", DERIVATIVES)
def test_nor_by_what_they_start_from(derivative):
    with pytest.raises(NotImplementedError, match=r"\[sgd_factorise\] has no derivative"):
        DERIVATIVES[derivative](lambda U: sgd_factorise(A, 2, 3, initial=(U, V))[0], U)


@pytest.mark.parametrize("case", FACTORISERS)
def test_factorisers_are_not_mapped(case):
    name, factorise_it = FACTORISERS[case]
    with pytest.raises(NotImplementedError, match=rf"\[{name}\] cannot be mapped by torch.func.vmap.*in a loop"):
        vmap(factorise_it)(torch.stack([A, A]))


# Forward mode refuses sparse tensors itself.
SPARSE = {
    "sgd_factorise_entries": lambda S: sgd_factorise_entries(S, 2, 3, seed=1)[0],
    "sgd_factorise_masked": lambda S: sgd_factorise_masked(A, S, 2, 3, seed=1)[0],
    "gd_factorise_masked": lambda S: gd_factorise_masked(S, None, 2, 3, seed=1)[0],
    "squared_error": lambda S: torch.tensor(factorise.squared_error(S, U, V)),
    "fit": lambda S: MatrixFactorisation(rank=2, num_epochs=3, seed=1).fit(S).predict(),
}


@pytest.mark.parametrize("name", SPARSE)
def test_nor_by_sparse_matrices(name):
    S = (A * M).to_sparse()
    with pytest.raises(NotImplementedError, match=rf"\[.*{name}\] has no derivative"):
        grad(lambda S: SPARSE[name](S).sum())(S)
    with pytest.raises(NotImplementedError, match=rf"\[.*{name}\] cannot be mapped"):
        vmap(SPARSE[name])(torch.stack([S, S]))
    result = SPARSE[name](S.clone().requires_grad_())
    assert torch.equal(torch.as_tensor(result), torch.as_tensor(SPARSE[name](S)))


def test_the_estimator_has_no_derivative_and_is_not_mapped():
    def completed(X):
        return torch.as_tensor(MatrixFactorisation(rank=2, num_epochs=3, seed=1).fit(X).predict())

    for derivative in DERIVATIVES.values():
        with pytest.raises(NotImplementedError, match="has no derivative"):
            derivative(completed, A)
    with pytest.raises(NotImplementedError, match="cannot be mapped by torch.func.vmap"):
        vmap(completed)(torch.stack([A, A]))


@pytest.mark.parametrize("case", FACTORISERS)
def test_what_requires_grad_is_detached(case):
    _, factorise_it = FACTORISERS[case]
    result = factorise_it(A.clone().requires_grad_())
    assert torch.equal(result, factorise_it(A)) and not result.requires_grad


@pytest.mark.parametrize("case", [case for case in FACTORISERS if case != "gd_factorise_ad-reference"])
def test_constants_of_a_transform_are_factorised(case):
    _, factorise_it = FACTORISERS[case]
    expected = factorise_it(A)
    assert torch.equal(grad(lambda x: (factorise_it(A) * x).sum())(torch.tensor(2.0)), expected.sum())
    assert torch.equal(vmap(lambda x: factorise_it(A) * x)(torch.ones(2)), torch.stack([expected, expected]))


def test_squared_error_is_not_mapped():
    with pytest.raises(NotImplementedError, match=r"\[squared_error\] cannot be mapped by torch.func.vmap"):
        vmap(lambda U: torch.tensor(factorise.squared_error(A, U, V, M)))(torch.stack([U, U]))


@pytest.mark.parametrize("case", FACTORISERS)
def test_compiled_around_a_factoriser_the_graph_breaks(case):
    _, factorise_it = FACTORISERS[case]

    def around(A):
        return factorise_it(A * 2) * 2

    torch._dynamo.reset()
    counters.clear()
    compiled = torch.compile(around, backend="aot_eager")
    for matrix in (A, A, A + 1):
        assert torch.equal(compiled(matrix), around(matrix))
    reasons = " ".join(counters["graph_break"])
    assert "runs in kernels of its own" in reasons


def test_compiled_around_the_estimator_and_the_error():
    def around(A):
        model = MatrixFactorisation(rank=2, num_epochs=3, seed=0).fit(A)
        return factorise.squared_error(A, U * 2, V), model.predict()

    torch._dynamo.reset()
    error, completed = torch.compile(around, backend="aot_eager")(A)
    expected = around(A)
    assert error == expected[0] and torch.equal(torch.as_tensor(completed), torch.as_tensor(expected[1]))


def test_the_compiler_is_imported_by_those_who_compile():
    program = (
        "import sys, torch, factorise\n"
        "factorise.sgd_factorise(torch.rand(3, 3), 2, 2)\n"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
