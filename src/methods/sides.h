#pragma once
// The two sides of a factorisation by least squares, U with the rows' biases and V with the columns': each solved for,
// or drawn, given the other. Alternating least squares and Gibbs sampling are sequences of such halves.

#include <factorise/run_options.h>

#include <memory>
#include <vector>

#include "contract/deviates.h"
#include "core/observed_data.h"

namespace factorise {

/// Columns that biases add to U and V.
constexpr int64_t kBiasColumns = 2;

/// A side of the matrix.
enum class Side { row, column };

/// The normal prior of a side's rows, and the noise precision: what a draw needs.
struct DrawGiven {
  double alpha;
  const std::vector<double>& precision;  ///< unknowns x unknowns
  const std::vector<double>& shift;      ///< precision times mean
  DeviateSource source;
};

/// The regularisation of a side.
struct Ridge {
  double regularisation, of_biases;
  bool weighted;
};

class Sides {
 public:
  virtual ~Sides() = default;

  /// Replaces a side by the solution given the other. Returns the first row or column whose system is not positive
  /// definite, or -1.
  virtual int64_t solve(Side side, const Ridge& ridge) = 0;

  /// Replaces a side by a draw from its posterior given the other; `term` gets Σ |z|² - |y|² of
  /// contract/least_squares.h, the rows' added in order in float64. Returns as solve.
  virtual int64_t draw(Side side, const DrawGiven& given, double& term) = 0;

  /// As a run returns them. With biases U has the columns [u, μ + b, 1], V [v, 1, c].
  virtual Factors factors() = 0;
  /// The same in memory that may be shared.
  virtual Factors result() { return factors(); }
  virtual bool is_finite() const = 0;

  /// A side's unknowns: its factor, with biases their column after it.
  virtual Tensor unknowns(Side side) const = 0;
  /// Sets them, exactly.
  virtual void set_unknowns(Side side, const Tensor& unknowns) = 0;
  /// The sums of cpu::sum_products over a side's unknowns.
  virtual std::vector<double> sums(Side side) const = 0;
  /// What is subtracted from an entry for a side, one for each of its rows: μ + b or c; undefined without biases.
  virtual Tensor offsets(Side side) const = 0;
};

/// Opens them on a start as factors() has it, for an engine. `mean`: μ, 0 without biases. May change `start`.
std::unique_ptr<Sides> open_sides(const Observed& observed, const Factors& start, Engine engine, bool biases,
                                  double mean);

/// The start of a run on sides: drawn; with biases, [u, μ + b, 1] and [v, 1, c] with b and c 0. Or the given one,
/// checked.
Factors start_of_sides(const char* function, const Observed& observed, int64_t rank, bool biases,
                       const std::optional<Factors>& initial, const std::optional<uint64_t>& seed);

/// Refuses a device for which the fused engine has no kernels.
void check_sides_device(const char* function, const char* method, const Observed& observed, Engine engine);

}  // namespace factorise
