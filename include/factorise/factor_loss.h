#pragma once
// The loss of a factorisation as a differentiable number, for optimisers of your own: torch.optim's, Adam, L-BFGS.
// One operator, torch.ops.factorise.factor_loss in Python, with derivatives of its own; U Vᵀ is never stored.
//
//   const auto U = at::rand({A.size(0), 5}).requires_grad_();
//   const auto V = at::rand({A.size(1), 5}).requires_grad_();
//   const auto loss = factorise::factor_loss(U, V, A, M) + 0.05 * (U.square().sum() + V.square().sum());
//   loss.backward();  // U.grad() and V.grad() are then ready for an optimiser

#include <factorise/autograd.h>
#include <factorise/export.h>
#include <factorise/factors.h>

namespace factorise {

/// Σ (U Vᵀ - A)² over the observed entries, or its square root (AdLoss::norm): a tensor of no dimensions in U's type,
/// differentiable by U and V. Value and gradients come from the same two passes over A.
///
/// U: m x rank, V: n x rank, float32 or float64, rank 1 to 256. A: m x n, any real type; one that is not U's is
/// converted at every call. M: m x n, nonzero where A is observed (left out: everywhere). What is not observed is never
/// read as a number and may be NaN; an observed NaN makes the loss NaN, as in torch. All on one device. The sums' order
/// is fixed (src/cpu/gd/gd.h): the same bits for every number of threads and on a GPU. There the call does not wait for
/// the result: a mask that holds NaN, refused elsewhere, makes the loss NaN.
///
/// Derivatives are of any order, in reverse mode (create_graph), in forward mode, whose tangent costs what a gradient
/// does, and in both together; torch.func's transforms take it, vmap as a loop over the batch. A product with the
/// second derivative costs six passes over A, each as long as one of the gradient's two, and a byte an entry where
/// there is a mask; where there is none, two products of A with a matrix of the rank's width. These sums have no fixed
/// order. At zero the norm's derivatives are taken to be zero, as torch takes its first.
///
/// Throws c10::ValueError where types, shapes or devices do not fit, and where A or M require grad or carry a tangent:
/// they are given.
FACTORISE_EXPORT Tensor factor_loss(const Tensor& U, const Tensor& V, const Tensor& A,
                                    const std::optional<Tensor>& M = std::nullopt, AdLoss loss = AdLoss::squared);

}  // namespace factorise
