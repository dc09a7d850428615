// Fused SGD from outside: near the reference engine, the same on every path and number of threads, and well-behaved
// when callbacks throw, runs meet, or autograd comes near. Its bits are judged in tests/cpu/sgd_test.cpp.

#include <factorise/sgd.h>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/tensor.h>

#include <cmath>
#include <limits>
#include <stdexcept>
#include <thread>

#include "catch.h"
#include "cpu/isa.h"
#include "factorise/methods.h"
#include "methods/method.h"
#include "sandbox.h"

namespace factorise {
namespace {

using namespace tests;

struct Sample {
  Tensor A, M;
};

Sample ratings_like(int64_t m, int64_t n, c10::ScalarType type = at::kFloat) {
  at::manual_seed(3);
  const Tensor M = at::rand({m, n}).lt(0.35);
  return {at::randint(1, 6, {m, n}).to(type) * M, M};
}

double furthest(const Factors& a, const Factors& b) {
  const auto distance = [](const Tensor& x, const Tensor& y) { return (x - y).abs().max().item<double>(); };
  return std::max(distance(a.U, b.U), distance(a.V, b.V));
}

/// How far rounding may take two engines apart in an epoch. An update of u rounds a dot product of `rank` terms and
/// three operations; so do those that its row and its column saw before. Each carries on what differed before by a
/// factor of 1 + lr (2 |u| |v| + |e|) at most.
double bound_of_one_epoch(const Sample& sample, const Factors& start, double lr, int64_t rank) {
  const double epsilon = start.U.scalar_type() == at::kDouble ? std::numeric_limits<double>::epsilon()
                                                              : std::numeric_limits<float>::epsilon();
  const double updates = (sample.M.sum(0).max() + sample.M.sum(1).max()).item<double>();
  const double largest = 2 * std::max(start.U.norm(2, 1).max().item<double>(), start.V.norm(2, 1).max().item<double>());
  const double error = 5 + largest * largest;  // of an entry: ratings are 5 at most
  const double growth = std::exp(updates * lr * (2 * largest * largest + error));
  const double rounding = epsilon * (largest + lr * largest * (error + static_cast<double>(rank) * largest * largest));
  return updates * rounding * growth;
}

}  // namespace

TEST_CASE("fused SGD is within rounding of the reference engine after an epoch", "[sgd]") {
  for (const auto type : {at::kFloat, at::kDouble}) {
    for (const int64_t rank : {1, 5, 8, 20}) {
      const Sample sample = ratings_like(40, 60, type);
      const Factors start{at::rand({40, rank}, at::TensorOptions(type)), at::rand({60, rank}, at::TensorOptions(type))};
      const double lr = 3e-4;
      const auto run = [&](Engine engine) {
        return sgd_factorise_masked(sample.A, sample.M, rank,
                                    SgdOptions().num_epochs(1).lr(lr).initial(start).engine(engine));
      };
      const double distance = furthest(run(Engine::fused), run(Engine::reference));
      INFO(type << ", rank " << rank);
      CHECK(distance <= bound_of_one_epoch(sample, start, lr, rank));
      CHECK(bound_of_one_epoch(sample, start, lr, rank) < (type == at::kFloat ? 1e-2 : 1e-10));
    }
  }
}

TEST_CASE("fused SGD stays near the reference engine over 500 epochs", "[sgd]") {
  const Sample sample = ratings_like(40, 60);
  const auto run = [&](Engine engine) {
    return sgd_factorise_masked(sample.A, sample.M, 5, SgdOptions().num_epochs(500).lr(0.002).seed(0).engine(engine));
  };
  // Measured: 2e-6. A run that differs by more than rounding is some 1e-2 off by then.
  CHECK(furthest(run(Engine::fused), run(Engine::reference)) < 2e-5);
}

TEST_CASE("both paths and every number of threads give one result", "[sgd]") {
  const Sample sample = ratings_like(200, 700);
  const auto run = [&](SgdPath path) {
    return sgd_factorise_masked(sample.A, sample.M, 7, SgdOptions().num_epochs(3).lr(0.002).seed(1).path(path));
  };
  const int before = at::get_num_threads();
  const Factors expected = run(SgdPath::automatic);
  for (const int threads : {1, 2, 3, 7}) {
    at::set_num_threads(threads);
    for (const SgdPath path : {SgdPath::automatic, SgdPath::wavefront, SgdPath::entries}) {
      CHECK(same_bits(run(path), expected));
    }
  }
  at::set_num_threads(before);
}

TEST_CASE("what a callback throws comes out at the caller, and the next run is sound", "[sgd]") {
  const Sample sample = ratings_like(100, 300);
  const auto options = SgdOptions().num_epochs(5).lr(0.002).seed(1);
  const Factors expected = sgd_factorise_masked(sample.A, sample.M, 4, options);
  const auto throws = [](auto...) -> bool { throw std::runtime_error("from the callback"); };
  CHECK_THROWS_WITH(sgd_factorise_masked(sample.A, sample.M, 4, SgdOptions(options).on_epoch(throws)),
                    "from the callback");
  CHECK_THROWS_WITH(sgd_factorise_masked(sample.A, sample.M, 4, SgdOptions(options).stop(throws)), "from the callback");
  CHECK(same_bits(sgd_factorise_masked(sample.A, sample.M, 4, options), expected));
}

TEST_CASE("factorisations in several threads of one process work side by side", "[sgd]") {
  const Sample sample = ratings_like(150, 400);
  const auto run = [&](uint64_t seed) {
    return sgd_factorise_masked(sample.A, sample.M, 5, SgdOptions().num_epochs(20).lr(0.002).seed(seed));
  };
  std::vector<Factors> results(4);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < results.size(); ++i) threads.emplace_back([&, i] { results[i] = run(i); });
  for (auto& thread : threads) thread.join();
  for (size_t i = 0; i < results.size(); ++i) CHECK(same_bits(results[i], run(i)));
}

TEST_CASE("a run whose ratings were packed for other vectors is refused, and lists are read by all", "[sgd]") {
  const Sample sample = ratings_like(60, 80);
  const cpu::Isa packed_for = cpu::chosen_isa();
  for (const cpu::Isa isa : cpu::available_isas()) {
    const auto opened = [&](SgdPath path) {
      return open_run("opened", sample.A, sample.M, 5, SgdOptions().lr(0.002).path(path).seed(1));
    };
    const OpenRun cells = opened(SgdPath::wavefront), lists = opened(SgdPath::entries);
    const Variable force("FACTORISE_ISA", to_string(isa));
    CHECK(lists.session->advance(2) == 0);
    if (isa == packed_for || packed_for == cpu::Isa::scalar) {
      CHECK(cells.session->advance(2) == 0);
      CHECK(same_bits(cells.session->factors(), lists.session->factors()));
    } else {
      CHECK_THROWS_WITH(cells.session->advance(2),
                        contains("packed for the instruction set in use, but were for another"));
    }
  }
}

}  // namespace factorise
