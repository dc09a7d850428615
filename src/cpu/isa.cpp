// Asks the processor for its instruction sets.

#include "cpu/isa.h"

#include <c10/util/Exception.h>
#include <c10/util/StringUtil.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <algorithm>
#include <cstdlib>

namespace factorise::cpu {
namespace {

constexpr Isa kAll[] = {Isa::scalar, Isa::neon, Isa::avx2, Isa::avx512};

#if defined(__x86_64__)
/// Clang 16's __builtin_cpu_supports does not know this one.
bool has_f16c() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}
#endif

bool is_available(Isa isa) {
  switch (isa) {
    case Isa::scalar:
      return true;
    case Isa::neon:
#if defined(__aarch64__)
      return true;
#else
      return false;
#endif
#if defined(__x86_64__)
    // All features that Highway's targets of these names may use.
    case Isa::avx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2") &&
             has_f16c();
    case Isa::avx512:
      return is_available(Isa::avx2) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
             __builtin_cpu_supports("avx512cd");
#else
    case Isa::avx2:
    case Isa::avx512:
      return false;
#endif
  }
  return false;
}

}  // namespace

std::string to_string(Isa isa) {
  switch (isa) {
    case Isa::scalar:
      return "scalar";
    case Isa::neon:
      return "neon";
    case Isa::avx2:
      return "avx2";
    case Isa::avx512:
      return "avx512";
  }
  return "unknown";
}

const std::vector<Isa>& available_isas() {
  static const std::vector<Isa> available = [] {
    std::vector<Isa> isas;
    std::copy_if(std::begin(kAll), std::end(kAll), std::back_inserter(isas), is_available);
    return isas;
  }();
  return available;
}

Isa chosen_isa() {
  const auto& available = available_isas();
  const char* wanted = std::getenv("FACTORISE_ISA");
  if (!wanted || !*wanted) return available.back();
  std::vector<std::string> names;
  for (const Isa isa : available) {
    names.push_back(to_string(isa));
    if (names.back() == wanted) return isa;
  }
  TORCH_CHECK_VALUE(false, "The environment variable FACTORISE_ISA must be one that this machine has, ",
                    c10::Join(", ", names), ", but was '", wanted, "'.");
}

}  // namespace factorise::cpu
