// Packing in the computing type.

#include "methods/sgd_packing.h"

#include <ATen/Parallel.h>

#include "core/backend.h"
#include "cpu/sgd/sgd_ratings.h"

namespace factorise {
namespace {

cpu::SgdPath path_on_cpu(SgdPath path) {
  switch (path) {
    case SgdPath::wavefront:
      return cpu::SgdPath::wavefront;
    case SgdPath::entries:
      return cpu::SgdPath::entries;
    default:
      return cpu::SgdPath::automatic;
  }
}

template <class T>
Tensor pack(const Observed& observed, int64_t rank, cpu::SgdPath path) {
  const Observed::Data& data = observed.data();
  const int threads = at::get_num_threads();
  if (!data.is_sparse()) return cpu::pack_sgd<T>(data.A, data.mask_as_given(), rank, path, data.counts(), threads);
  return cpu::pack_sgd<T>(pointers<T>(data.by_row(), observed.rows(), observed.columns()), rank, path, data.counts(),
                          threads);
}

}  // namespace

Tensor pack_sgd(const Observed& observed, int64_t rank, SgdPath path) {
  return observed.type() == at::kDouble ? pack<double>(observed, rank, path_on_cpu(path))
                                        : pack<float>(observed, rank, path_on_cpu(path));
}

void check_instruction_set(const Tensor& ratings) {
  TORCH_CHECK_VALUE(
      cpu::is_for_this_isa(cpu::sgd_layout(ratings)),
      "ratings must be packed for the instruction set in use, but were for another: FACTORISE_ISA must not "
      "change during a run, except with path entries.");
}

Tensor pack_sgd_on_device(const char* function, const Observed& observed, int64_t rank, SgdPath path) {
  TORCH_CHECK_VALUE(path != SgdPath::entries, "[", function,
                    "] path must be automatic or wavefront on a GPU, but was 'entries'.");
  return backend_of(function, observed.device()).pack_sgd(observed, rank);
}

}  // namespace factorise
