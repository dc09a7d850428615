#pragma once
// The whole library: matrix factorisation for LibTorch.
//
//   const auto [U, V] = factorise::sgd_factorise_masked(A, M, /*rank=*/5, factorise::SgdOptions().lr(0.002).seed(0));

#include <factorise/als.h>
#include <factorise/autograd.h>
#include <factorise/datasets.h>
#include <factorise/device.h>
#include <factorise/factor_loss.h>
#include <factorise/factors.h>
#include <factorise/fit.h>
#include <factorise/gd.h>
#include <factorise/gibbs.h>
#include <factorise/hold_out.h>
#include <factorise/io.h>
#include <factorise/mlp.h>
#include <factorise/observations.h>
#include <factorise/observed.h>
#include <factorise/patience.h>
#include <factorise/predict.h>
#include <factorise/run_options.h>
#include <factorise/runs.h>
#include <factorise/sgd.h>
#include <factorise/subspace.h>
#include <factorise/svd.h>
#include <factorise/version.h>
