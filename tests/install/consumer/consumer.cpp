// Factorises the 3 x 2 multiplication table, which has rank 1, and prints what is left over.
#include <ATen/ATen.h>
#include <factorise/factorise.h>

#include <iostream>

int main() {
  const at::Tensor A = at::outer(at::arange(1, 4), at::arange(1, 3)).to(at::kDouble);
  const auto factors = factorise::sgd_factorise(A, 1, factorise::SgdOptions().lr(0.05).seed(0));
  std::cout << factorise::reconstruct(factors) << "\nfactorise " << factorise::version() << ", torch "
            << factorise::torch_version() << ", squared error " << factorise::squared_error(A, factors) << '\n';
}
