#pragma once
// Any method by one function, on whatever is observed of a matrix. The functions of the sheets (factorise/sgd.h, gd.h,
// autograd.h) and als.h are this one, with the checks of the matrix.
//
//   const auto observed = factorise::Observed::masked(A, M);  // checked once, for all runs on it
//   const auto sgd = factorise::fit(observed, /*rank=*/5, factorise::SgdOptions().lr(0.002).seed(0));
//   const auto gd = factorise::fit(observed, /*rank=*/5, factorise::GdOptions().lr(1e-4).seed(0));
//   std::cout << factorise::squared_error(A, sgd, M) << ' ' << factorise::squared_error(A, gd, M) << '\n';

#include <factorise/als.h>
#include <factorise/autograd.h>
#include <factorise/export.h>
#include <factorise/gd.h>
#include <factorise/gibbs.h>
#include <factorise/observed.h>
#include <factorise/sgd.h>

#include <variant>

namespace factorise {

/// A method of factorisation, by its options.
using Method = std::variant<SgdOptions, GdOptions, AdOptions, AlsOptions, GibbsOptions>;

/// Factorises what is observed, at a rank of 1 to 256; above min(m, n) where not all is, or with `overcomplete`.
///
/// The result has the bits of sgd_factorise, sgd_factorise_masked or sgd_factorise_entries (SgdOptions), of
/// als_factorise, als_factorise_masked or als_factorise_entries (AlsOptions), of gd_factorise_masked (GdOptions) or
/// gd_factorise_ad (AdOptions) on the same matrix, or those of Posterior::factors (GibbsOptions); it is returned in the
/// computing type of what is observed, on its device. Throws c10::ValueError for bad arguments, among them entries of a
/// sparse matrix for GdOptions and AdOptions, and AdOptions::mask, DivergenceError when a factor leaves the finite
/// numbers.
FACTORISE_EXPORT Factors fit(const Observed& observed, int64_t rank, const Method& method);

}  // namespace factorise
