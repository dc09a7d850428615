// Schemas of factorise::sgd_ratings and factorise::sgd_epochs, and their CPU, Meta and Autograd parts. They have no
// derivative: a tensor that requires grad is refused.

#include "ops/sgd.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <c10/util/StringUtil.h>
#include <torch/library.h>

#include <cmath>

#include "core/checks.h"
#include "core/cuda_plugin.h"
#include "cpu/sgd.h"
#include "methods/sgd_packing.h"
#include "ops/operator.h"
#include "ops/transforms.h"

namespace factorise {
namespace {

using at::Tensor;

const char* name_of(cpu::SgdPath path) {
  return path == cpu::SgdPath::automatic ? "automatic" : path == cpu::SgdPath::wavefront ? "wavefront" : "entries";
}

cpu::SgdPath path_of(c10::string_view name) {
  if (name == "automatic") return cpu::SgdPath::automatic;
  if (name == "wavefront") return cpu::SgdPath::wavefront;
  TORCH_CHECK_VALUE(name == "entries", "[sgd_ratings] path must be automatic, wavefront or entries, but was '", name,
                    "'.");
  return cpu::SgdPath::entries;
}

Tensor ratings_on_cpu(const Tensor& A, const std::optional<Tensor>& M, int64_t rank, c10::string_view path) {
  return pack_sgd(observe("sgd_ratings", A, M, rank, RankLimit::none), rank, path_of(path));
}

Tensor ratings_of_entries(const Tensor& A, const std::optional<Tensor>& M, int64_t rank, c10::string_view path) {
  TORCH_CHECK_VALUE(!M, "[sgd_ratings] M must be left out where A is sparse: its entries are observed.");
  return pack_sgd(observe_entries("sgd_ratings", A, rank), rank, path_of(path));
}

void check_factor(const char* name, const Tensor& factor, int64_t rows, const cpu::SgdLayout& layout) {
  const auto type = layout.value_bytes == 8 ? at::kDouble : at::kFloat;
  TORCH_CHECK_VALUE(
      factor.defined() && factor.is_cpu() && factor.scalar_type() == type && factor.dim() == 2 &&
          factor.size(0) == rows && factor.size(1) == layout.rank && factor.is_contiguous(),
      "[sgd_epochs] ", name, " must be ", rows, " x ", layout.rank, ", contiguous, ", type,
      " on the CPU, as the ratings were packed for, but was ",
      factor.defined() ? c10::str(shape_of(factor), ", ", factor.scalar_type(), " on ", factor.device()) : "undefined",
      ".");
}

int64_t epochs_on_cpu(const Tensor& ratings, const Tensor& U, const Tensor& V, double lr, double weight_decay,
                      double lr_decay, int64_t num_epochs) {
  const cpu::SgdLayout& layout = cpu::sgd_layout(ratings);
  TORCH_CHECK_VALUE(
      cpu::is_for_this_isa(layout),
      "[sgd_epochs] ratings must be packed for the instruction set in use, but were for another. Pack them "
      "anew with sgd_ratings, or with path entries, which every one reads.");
  check_factor("U", U, layout.rows, layout);
  check_factor("V", V, layout.columns, layout);
  check_epochs("sgd_epochs", num_epochs, lr, 1);
  check_decay("sgd_epochs", lr, weight_decay, lr_decay);
  return cpu::run_sgd(ratings, U, V, lr, weight_decay, lr_decay, num_epochs, at::get_num_threads());
}

/// Opens the kernels for CUDA, which registers them: no earlier call of the process had a tensor on a GPU.
void open_kernels(const char* op, const Tensor& tensor) {
  TORCH_CHECK_NOT_IMPLEMENTED(tensor.is_cuda(), "[", op,
                              "] must be given tensors on the CPU or a CUDA device, but was ", "given one on ",
                              tensor.device(), ".");
  const std::string missing = load_cuda_kernels(tensor.device().index());
  TORCH_CHECK(missing.empty(), "[", op, "] must have kernels for ", tensor.device(), ", but ", missing, ".");
}

Tensor ratings_elsewhere(const Tensor& A, const std::optional<Tensor>& M, int64_t rank, c10::string_view path) {
  open_kernels("sgd_ratings", A);
  static const auto op = operator_like("factorise::sgd_ratings", ratings_on_cpu);
  return op.call(A, M, rank, path);
}

int64_t epochs_elsewhere(const Tensor& ratings, const Tensor& U, const Tensor& V, double lr, double weight_decay,
                         double lr_decay, int64_t num_epochs) {
  open_kernels("sgd_epochs", U);
  static const auto op = operator_like("factorise::sgd_epochs", epochs_on_cpu);
  return op.call(ratings, U, V, lr, weight_decay, lr_decay, num_epochs);
}

int64_t epochs_on_meta(const Tensor&, const Tensor&, const Tensor&, double, double, double, int64_t) { return 0; }

Tensor epochs_of_runs_on_cpu(const Tensor& ratings, const Tensor& U, const Tensor& V, at::ArrayRef<double> lr,
                             double weight_decay, double lr_decay, int64_t num_epochs) {
  TORCH_CHECK_VALUE(
      U.dim() == 3 && V.dim() == 3 && U.size(0) == V.size(0) && U.size(0) == static_cast<int64_t>(lr.size()),
      "[sgd_epochs] U, V and lr must be of as many runs as each other, U runs x m x rank, but were ", shape_of(U), ", ",
      shape_of(V), " and ", lr.size(), " numbers.");
  Tensor diverged = at::empty({U.size(0)}, at::TensorOptions(at::kLong));
  for (int64_t run = 0; run < U.size(0); ++run) {
    diverged.mutable_data_ptr<int64_t>()[run] = epochs_on_cpu(
        ratings, U.select(0, run), V.select(0, run), lr[static_cast<size_t>(run)], weight_decay, lr_decay, num_epochs);
  }
  return diverged;
}

Tensor epochs_of_runs_on_meta(const Tensor&, const Tensor& U, const Tensor&, at::ArrayRef<double>, double, double,
                              int64_t) {
  return at::empty_symint({U.sym_size(0)}, U.options().dtype(at::kLong));
}

Tensor epochs_of_runs_elsewhere(const Tensor& ratings, const Tensor& U, const Tensor& V, at::ArrayRef<double> lr,
                                double weight_decay, double lr_decay, int64_t num_epochs) {
  open_kernels("sgd_epochs", U);
  static const auto op = operator_like("factorise::_sgd_epochs_of_runs", epochs_of_runs_on_meta);
  return op.call(ratings, U, V, lr, weight_decay, lr_decay, num_epochs);
}

TORCH_LIBRARY_FRAGMENT(factorise, library) {
  library.def("sgd_ratings(Tensor A, Tensor? M, int rank, str path=\"automatic\") -> Tensor");
  library.def(
      "sgd_epochs(Tensor ratings, Tensor(a!) U, Tensor(b!) V, float lr, float weight_decay, float lr_decay, "
      "int num_epochs) -> int");
  library.def(
      "_sgd_epochs_of_runs(Tensor ratings, Tensor(a!) U, Tensor(b!) V, float[] lr, float weight_decay, "
      "float lr_decay, int num_epochs) -> Tensor");
}
TORCH_LIBRARY_IMPL(factorise, CPU, library) {
  library.impl("sgd_ratings", ratings_on_cpu);
  library.impl("sgd_epochs", epochs_on_cpu);
  library.impl("_sgd_epochs_of_runs", epochs_of_runs_on_cpu);
}
TORCH_LIBRARY_IMPL(factorise, SparseCPU, library) { library.impl("sgd_ratings", ratings_of_entries); }
// For devices without a kernel, and for CUDA until its kernels are opened.
TORCH_LIBRARY_IMPL(factorise, CompositeExplicitAutograd, library) {
  library.impl("sgd_ratings", ratings_elsewhere);
  library.impl("sgd_epochs", epochs_elsewhere);
  library.impl("_sgd_epochs_of_runs", epochs_of_runs_elsewhere);
}
TORCH_LIBRARY_IMPL(factorise, Meta, library) {
  library.impl("sgd_epochs", epochs_on_meta);
  library.impl("_sgd_epochs_of_runs", epochs_of_runs_on_meta);
}
TORCH_LIBRARY_IMPL(factorise, Autograd, library) {
  for (const char* op : {"sgd_ratings", "sgd_epochs", "_sgd_epochs_of_runs"}) {
    library.impl(op, torch::CppFunction::makeFromBoxedFunction<&without_derivative>());
  }
}
TORCH_LIBRARY_IMPL(factorise, FuncTorchBatched, library) {
  for (const char* op : {"sgd_ratings", "sgd_epochs", "_sgd_epochs_of_runs"}) {
    library.impl(op, torch::CppFunction::makeFromBoxedFunction<&refuse_batch>());
  }
}

}  // namespace

Tensor sgd_ratings(const Tensor& A, const std::optional<Tensor>& M, int64_t rank, cpu::SgdPath path) {
  static const auto op = operator_like("factorise::sgd_ratings", ratings_on_cpu);
  return op.call(A, M, rank, name_of(path));
}

Tensor sgd_epochs_of_runs(const Tensor& ratings, const Tensor& U, const Tensor& V, at::ArrayRef<double> lr,
                          double weight_decay, double lr_decay, int64_t num_epochs) {
  static const auto op = operator_like("factorise::_sgd_epochs_of_runs", epochs_of_runs_on_meta);
  return op.call(ratings, U, V, lr, weight_decay, lr_decay, num_epochs);
}

int64_t sgd_epochs(const Tensor& ratings, const Tensor& U, const Tensor& V, double lr, double weight_decay,
                   double lr_decay, int64_t num_epochs) {
  static const auto op = operator_like("factorise::sgd_epochs", epochs_on_cpu);
  return op.call(ratings, U, V, lr, weight_decay, lr_decay, num_epochs);
}

}  // namespace factorise
