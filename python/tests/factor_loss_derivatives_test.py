"""factor_loss' derivatives of any order are its definition's: reverse and forward mode, torch.func, and their mixtures.

Where there is no derivative to give (by A or M), a sentence says so, whichever transform asks.
"""

import warnings

import pytest
import torch
from torch.autograd import forward_ad, functional, gradcheck, gradgradcheck
from torch.func import functional_call, grad, hessian, jacfwd, jacrev, jvp, vjp, vmap

from factorise import factor_loss

# Forward mode is written with torch.jit.script, which says that it is deprecated.
pytestmark = pytest.mark.filterwarnings("error", "ignore::DeprecationWarning")

CASES = [
    pytest.param(m, n, masked, norm, id=f"{m}x{n}-{'masked' if masked else 'whole'}-{'norm' if norm else 'squared'}")
    for m, n in [(4, 6), (7, 3)]  # the second is turned round by the kernels
    for masked in (False, True)
    for norm in (False, True)
]


class Problem:
    def __init__(self, m, n, masked, norm, rank=2):
        generator = torch.Generator().manual_seed(m + 10 * n)

        def rand(*shape):
            return torch.rand(*shape, generator=generator, dtype=torch.float64)

        self.A, self.M = rand(m, n), rand(m, n) < 0.7 if masked else None
        self.U, self.V, self.dU, self.dV = rand(m, rank), rand(n, rank), rand(m, rank), rand(n, rank)
        self.batch = rand(3, m, rank), rand(n, 3, rank), rand(3, m, n)
        self.norm = norm

    def loss(self, U, V):
        return factor_loss(U, V, self.A, self.M, self.norm)

    def definition(self, U, V):
        return definition(U, V, self.A, self.M, self.norm)

    def variables(self):
        return self.U.clone().requires_grad_(), self.V.clone().requires_grad_()


def definition(U, V, A, M=None, norm=False):
    e = A - U @ V.T
    squared = (e if M is None else torch.where(M, e, 0)).square().sum()
    return squared.sqrt() if norm else squared


def leaves(result):
    return [leaf for part in result for leaf in leaves(part)] if isinstance(result, (tuple, list)) else [result]


def assert_same(ours, theirs):
    """Both are sums of at most 24 products of numbers of size 1; derivatives of the norm divide by it, once an order."""
    for a, b in zip(leaves(ours), leaves(theirs), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("m, n, masked, norm", CASES)
def test_gradcheck_in_both_modes_and_batched(m, n, masked, norm):
    problem = Problem(m, n, masked, norm)
    assert gradcheck(
        problem.loss,
        problem.variables(),
        check_forward_ad=True,
        check_batched_grad=True,
        check_batched_forward_grad=True,
    )


@pytest.mark.parametrize("m, n, masked, norm", CASES)
def test_gradgradcheck_in_both_modes(m, n, masked, norm):
    problem = Problem(m, n, masked, norm)
    U, V = problem.variables()
    assert gradgradcheck(problem.loss, (U, V), check_fwd_over_rev=True, check_batched_grad=True)
    assert gradgradcheck(lambda U: problem.loss(U, problem.V), (U,))
    assert gradgradcheck(lambda V: problem.loss(problem.U, V), (V,))


@pytest.mark.parametrize("m, n, masked, norm", CASES)
def test_the_third_derivative(m, n, masked, norm):
    problem = Problem(m, n, masked, norm)

    def gradients(U, V):
        return torch.autograd.grad(problem.loss(U, V), (U, V), create_graph=True)

    assert gradgradcheck(gradients, problem.variables(), check_fwd_over_rev=True)


TRANSFORMS = {
    "jvp": lambda f, p: jvp(f, (p.U, p.V), (p.dU, p.dV)),
    "jvp by U": lambda f, p: jvp(lambda U: f(U, p.V), (p.U,), (p.dU,)),
    "vjp": lambda f, p: vjp(f, p.U, p.V)[1](torch.tensor(3.0, dtype=torch.float64)),
    "grad": lambda f, p: grad(f, (0, 1))(p.U, p.V),
    "jacrev": lambda f, p: jacrev(f, (0, 1))(p.U, p.V),
    "jacfwd": lambda f, p: jacfwd(f, (0, 1))(p.U, p.V),
    "hessian": lambda f, p: hessian(f, (0, 1))(p.U, p.V),
    "jacrev of jacrev": lambda f, p: jacrev(jacrev(f, (0, 1)), (0, 1))(p.U, p.V),
    "jacrev of jacfwd": lambda f, p: jacrev(jacfwd(f, (0, 1)), (0, 1))(p.U, p.V),
    "jacfwd of jacfwd": lambda f, p: jacfwd(jacfwd(f, (0, 1)), (0, 1))(p.U, p.V),
    "third": lambda f, p: jacrev(jacfwd(jacrev(f)))(p.U, p.V),
    "mixed": lambda f, p: grad(lambda V: grad(f)(p.U, V).square().sum())(p.V),
    "jvp of jvp": lambda f, p: jvp(lambda U: jvp(f, (U, p.V), (p.dU, p.dV))[1], (p.U,), (p.dU,)),
    "vmap": lambda f, p: vmap(f, (0, 1))(*p.batch[:2]),
    "vmap of vmap": lambda f, p: vmap(lambda U: vmap(lambda V: f(U, V), 1)(p.batch[1]))(p.batch[0]),
    "vmap of grad": lambda f, p: vmap(grad(f, (0, 1)), (0, None))(p.batch[0], p.V),
    "grad of vmap": lambda f, p: grad(lambda U: vmap(f, (0, None))(U, p.V).sum())(p.batch[0]),
    "vmap of hessian": lambda f, p: vmap(hessian(f), (0, None))(p.batch[0], p.V),
    "functional.jacobian": lambda f, p: functional.jacobian(f, (p.U, p.V)),
    "functional.jacobian forward": lambda f, p: functional.jacobian(
        f, (p.U, p.V), strategy="forward-mode", vectorize=True
    ),
    "functional.hessian": lambda f, p: functional.hessian(f, (p.U, p.V)),
    "functional.hessian forward": lambda f, p: functional.hessian(
        f, (p.U, p.V), vectorize=True, outer_jacobian_strategy="forward-mode"
    ),
    "functional.hvp": lambda f, p: functional.hvp(f, (p.U, p.V), (p.dU, p.dV)),
}


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("m, n, masked, norm", CASES)
def test_transforms_are_the_definitions(m, n, masked, norm, transform):
    problem, transformed = Problem(m, n, masked, norm), TRANSFORMS[transform]
    assert_same(transformed(problem.loss, problem), transformed(problem.definition, problem))


@pytest.mark.parametrize("norm", [False, True])
def test_ratings_and_masks_can_be_mapped(norm):
    problem = Problem(4, 6, True, norm)
    U, _, A = problem.batch
    masks = A > 0.3
    ours = vmap(lambda U, A, M: factor_loss(U, problem.V, A, M, norm))(U, A, masks)
    theirs = torch.stack([definition(U[i], problem.V, A[i], masks[i], norm) for i in range(3)])
    assert_same(ours, theirs)


def test_a_tangent_has_the_loss_s_own_bits():
    problem = Problem(4, 6, True, False)
    value, tangent = jvp(problem.loss, (problem.U, problem.V), (problem.dU, problem.dV))
    U, V = problem.variables()
    loss = problem.loss(U, V)
    gradients = torch.autograd.grad(loss, (U, V))
    assert torch.equal(value, loss)
    assert torch.equal(tangent, (gradients[0] * problem.dU).sum() + (gradients[1] * problem.dV).sum())


def test_a_module_s_parameters():
    problem = Problem(4, 6, True, False)
    module = torch.nn.Embedding.from_pretrained(problem.U, freeze=False)

    def ours(weights):
        rows = functional_call(module, weights, torch.arange(4))
        return factor_loss(rows, problem.V, problem.A, problem.M)

    ((_, gradient),) = grad(ours)({"weight": problem.U}).items()
    assert_same(gradient, grad(problem.definition)(problem.U, problem.V))


@pytest.mark.parametrize("masked", [False, True])
def test_a_newton_step_in_one_factor_is_least_squares(masked):
    problem = Problem(4, 6, masked, False)
    U = problem.U.reshape(-1)

    def of(U):
        return problem.loss(U.reshape(4, 2), problem.V)

    U = (U - torch.linalg.solve(hessian(of)(U), grad(of)(U))).reshape(4, 2)
    for row in range(4):
        seen = problem.M[row] if masked else slice(None)
        solution = torch.linalg.lstsq(problem.V[seen], problem.A[row, seen].unsqueeze(1)).solution
        torch.testing.assert_close(U[row], solution[:, 0], rtol=1e-9, atol=1e-9)


def test_what_is_not_observed_may_be_nan_in_every_derivative():
    problem, holed = Problem(4, 6, True, True), Problem(4, 6, True, True)
    holed.A = holed.A.masked_fill(~holed.M, float("nan"))
    for transform in ("jvp", "hessian", "third"):
        ours = TRANSFORMS[transform]
        assert_same(ours(holed.loss, holed), ours(problem.loss, problem))


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.int32])
def test_other_types_of_ratings_and_masks(dtype, norm):
    problem = Problem(4, 6, True, norm)
    problem.A = (problem.A * 5).to(dtype)
    expected = hessian(problem.definition, (0, 1))(problem.U, problem.V)
    for mask in (problem.M.float() * -2, problem.M.long()):
        ours = hessian(lambda U, V, M=mask: factor_loss(U, V, problem.A, M, norm), (0, 1))(problem.U, problem.V)
        assert_same(ours, expected)


def test_in_float32():
    problem = Problem(7, 3, True, True)
    exact = hessian(problem.definition, (0, 1))(problem.U, problem.V)
    ours = hessian(lambda U, V: factor_loss(U, V, problem.A, problem.M, True), (0, 1))(
        problem.U.float(), problem.V.float()
    )
    for a, b in zip(leaves(ours), leaves(exact), strict=True):
        torch.testing.assert_close(a, b.float(), rtol=1e-4, atol=1e-5)


def test_at_an_exact_fit_the_norm_s_derivatives_are_taken_to_be_zero():
    U, V = torch.ones(4, 2, dtype=torch.float64), torch.ones(9, 2, dtype=torch.float64)
    A = U @ V.T
    for result in (
        jvp(lambda U: factor_loss(U, V, A, norm=True), (U,), (U,))[1],
        *leaves(hessian(lambda U, V: factor_loss(U, V, A, norm=True), (0, 1))(U, V)),
    ):
        assert torch.equal(result, torch.zeros_like(result))


def test_the_second_derivative_of_a_large_matrix_takes_a_byte_an_entry():
    # Above what kernels do on one thread, in several segments of columns; compared with tiles of the definition.
    generator = torch.Generator().manual_seed(0)
    m, n, rank = 70, 20000, 3
    A, M = torch.rand(m, n, generator=generator), torch.rand(m, n, generator=generator) < 0.35
    U, V, dU, dV = (torch.rand(rows, rank, generator=generator) for rows in (m, n, m, n))
    _, ours = jvp(grad(lambda U, V: factor_loss(U, V, A, M), (0, 1)), (U, V), (dU, dV))
    exact = [x.double() for x in (U, V, A, dU, dV)]
    _, theirs = jvp(
        grad(lambda U, V: definition(U, V, exact[2], M), (0, 1)), (exact[0], exact[1]), (exact[3], exact[4])
    )
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a.double(), b, rtol=0, atol=1e-5 * b.abs().max().item())


@pytest.mark.parametrize(
    "ask, sentence",
    [
        (lambda p: grad(lambda A: factor_loss(p.U, p.V, A))(p.A), "A must not require grad"),
        (lambda p: jvp(lambda A: factor_loss(p.U, p.V, A), (p.A,), (p.A,)), "A must not carry a tangent"),
        (lambda p: jacfwd(lambda A: grad(lambda U: factor_loss(U, p.V, A))(p.U))(p.A), "A must not carry a tangent"),
        (lambda p: grad(lambda A: vmap(lambda U: factor_loss(U, p.V, A))(p.batch[0]).sum())(p.A), "A must not require"),
        (lambda p: grad(lambda M: factor_loss(p.U, p.V, p.A, M))(p.A), "M must not require grad"),
        (lambda p: jvp(lambda M: factor_loss(p.U, p.V, p.A, M), (p.A,), (p.A,)), "M must not carry a tangent"),
        (lambda p: vmap(p.loss, (0, None))(p.batch[0][:0], p.V), "the batch was empty"),
    ],
)
def test_refusals_are_sentences(ask, sentence):
    with pytest.raises(ValueError, match=rf"\[factor_loss\] .*{sentence}"):
        ask(Problem(4, 6, False, False))


def test_a_dual_matrix_is_refused_not_taken_for_a_constant():
    problem = Problem(4, 6, False, False)
    with forward_ad.dual_level(), pytest.raises(ValueError, match="A must not carry a tangent"):
        factor_loss(problem.U, problem.V, forward_ad.make_dual(problem.A, problem.A))


def test_what_was_saved_is_not_changed_unseen():
    problem = Problem(4, 6, True, False)
    U, V = problem.variables()
    gradients = torch.autograd.grad(problem.loss(U, V), (U, V), create_graph=True)
    problem.A.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        torch.autograd.grad(gradients[0].sum(), U)


def test_under_compiled_autograd_it_has_the_same_bits():
    problem = Problem(4, 6, True, True)

    def gradients():
        U, V = problem.variables()
        (2 * problem.loss(U, V)).backward()
        return U.grad, V.grad

    eager = gradients()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with torch._dynamo.compiled_autograd._enable(torch.compile(backend="eager")):
            compiled = gradients()
    assert all(torch.equal(a, b) for a, b in zip(compiled, eager, strict=True))
