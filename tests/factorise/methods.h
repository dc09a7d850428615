#pragma once
// The factorisers, each in both engines, behind one signature, so that a law that holds for all of them is written
// once; and the sheet's matrices.

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>
#include <factorise/als.h>
#include <factorise/autograd.h>
#include <factorise/gd.h>
#include <factorise/gibbs.h>
#include <factorise/sgd.h>

#include <functional>
#include <string>
#include <vector>

namespace factorise::tests {

struct Settings {
  int64_t rank = 2;
  int64_t num_epochs = 5;
  double lr = 0.01;
  std::optional<uint64_t> seed = 0;
  std::optional<Factors> initial = std::nullopt;
  int64_t report_every = 1;
  EpochCallback on_epoch = nullptr;
  StopRequest stop = nullptr;
  int64_t factors_every = 1;
  FactorsCallback on_factors = nullptr;
  int64_t epochs_done = 0;
};

struct Factoriser {
  std::string name;
  bool masked;  ///< whether M is used
  Engine engine;
  std::function<Factors(const Tensor& A, const Tensor& M, const Settings&)> run;
};

template <class Options>
Options options_of(const Settings& s, Engine engine) {
  Options options;
  if constexpr (std::is_base_of_v<StepOptions<Options>, Options>) options.lr(s.lr);
  return options.num_epochs(s.num_epochs)
      .seed(s.seed)
      .initial(s.initial)
      .engine(engine)
      .report_every(s.report_every)
      .on_epoch(s.on_epoch)
      .stop(s.stop)
      .factors_every(s.factors_every)
      .on_factors(s.on_factors)
      .epochs_done(s.epochs_done);
}

/// ALS with a small regularisation: so that more sweeps lower the error, which is without it.
inline AlsOptions als_options(const Settings& s, Engine engine) {
  return options_of<AlsOptions>(s, engine).regularisation(1e-3);
}

/// Gibbs sampling that returns its last draw.
inline GibbsOptions gibbs_options(const Settings& s, Engine engine) {
  return options_of<GibbsOptions>(s, engine).biases(false).burn_in(std::max<int64_t>(0, s.num_epochs - 1));
}

inline std::vector<Factoriser> methods_of(Engine engine) {
  return {
      {"als_factorise", false, engine,
       [=](const Tensor& A, const Tensor&, const Settings& s) {
         return als_factorise(A, s.rank, als_options(s, engine));
       }},
      {"als_factorise_masked", true, engine,
       [=](const Tensor& A, const Tensor& M, const Settings& s) {
         return als_factorise_masked(A, M, s.rank, als_options(s, engine));
       }},
      {"gibbs_factorise", false, engine,
       [=](const Tensor& A, const Tensor&, const Settings& s) {
         return gibbs_factorise(A, s.rank, gibbs_options(s, engine)).factors();
       }},
      {"gibbs_factorise_masked", true, engine,
       [=](const Tensor& A, const Tensor& M, const Settings& s) {
         return gibbs_factorise_masked(A, M, s.rank, gibbs_options(s, engine)).factors();
       }},
      {"sgd_factorise", false, engine,
       [=](const Tensor& A, const Tensor&, const Settings& s) {
         return sgd_factorise(A, s.rank, options_of<SgdOptions>(s, engine));
       }},
      {"sgd_factorise_masked", true, engine,
       [=](const Tensor& A, const Tensor& M, const Settings& s) {
         return sgd_factorise_masked(A, M, s.rank, options_of<SgdOptions>(s, engine));
       }},
      {"gd_factorise_masked", true, engine,
       [=](const Tensor& A, const Tensor& M, const Settings& s) {
         return gd_factorise_masked(A, M, s.rank, options_of<GdOptions>(s, engine));
       }},
      {"gd_factorise_ad", false, engine,
       [=](const Tensor& A, const Tensor&, const Settings& s) {
         return gd_factorise_ad(A, s.rank, options_of<AdOptions>(s, engine));
       }},
      {"gd_factorise_ad", true, engine,
       [=](const Tensor& A, const Tensor& M, const Settings& s) {
         return gd_factorise_ad(A, s.rank, options_of<AdOptions>(s, engine).mask(M));
       }},
  };
}

inline std::vector<Factoriser> methods() {
  std::vector<Factoriser> all = methods_of(Engine::reference);
  for (Factoriser& method : methods_of(Engine::fused)) all.push_back(std::move(method));
  return all;
}

/// Whether a method has a step size.
inline bool has_step(const Factoriser& method) {
  return !method.name.starts_with("als") && !method.name.starts_with("gibbs");
}

/// Whether a run draws more random numbers than its start, and so is no function of that.
inline bool is_sampling(const Factoriser& method) { return method.name.starts_with("gibbs"); }

/// For INFO.
inline std::string label(const Factoriser& method) {
  return method.name + (method.masked ? ", masked" : "") + (method.engine == Engine::fused ? ", fused" : ", reference");
}

/// Lab 1's 3 x 3 matrix.
inline Tensor lab1_matrix(c10::ScalarType type = at::kFloat) {
  return at::tensor({0.3374, 0.6005, 0.1735, 3.3359, 0.0492, 1.8374, 2.9407, 0.5301, 2.2620},
                    at::TensorOptions(at::kDouble))
      .view({3, 3})
      .to(type);
}

/// Its mask of exercise 3.1: (1, 0) and (2, 1) are missing.
inline Tensor lab1_mask(c10::ScalarType type = at::kFloat) {
  return at::tensor({1, 1, 1, 0, 1, 1, 1, 0, 1}, at::TensorOptions(at::kLong)).view({3, 3}).to(type);
}

inline bool same_bits(const Factors& a, const Factors& b) { return at::equal(a.U, b.U) && at::equal(a.V, b.V); }

/// The sentence of the error that `call` throws, "" where it throws none.
template <class Call>
std::string sentence_of(Call call) {
  try {
    call();
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  }
  return "";
}

}  // namespace factorise::tests
