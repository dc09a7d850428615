#pragma once
// What the examples of the public headers and of the pages take as given. Each example becomes a function of a class
// that derives from Given, so that these names are in its scope: see write_examples.py.

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/rand.h>
#include <factorise/factorise.h>

#include <cmath>
#include <iostream>

// Examples name results that they do not use, and give their results names that are also given.
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-variable"
#pragma GCC diagnostic ignored "-Wunused-but-set-variable"

struct Given {
  at::Tensor A = at::rand({40, 30}).mul(6).floor();  // 0 to 5
  at::Tensor M = A.ne(0);
  at::Tensor sparse = A.to_sparse();
  at::Tensor rows = at::arange(5);
  at::Tensor columns = at::arange(5);
  factorise::Factors factors{at::rand({40, 5}), at::rand({30, 5})};

  template <class... Values>
  void use(const Values&... /*values*/) {}
};
