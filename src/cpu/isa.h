#pragma once
// Which instruction set the fused CPU kernels run on: the best that this machine has, or the one that the environment
// variable FACTORISE_ISA names. The results do not depend on it.

#include <string>
#include <vector>

namespace factorise::cpu {

/// Only sets with a fused multiply-add are here: the numeric contract rounds u + g v once.
enum class Isa { scalar, neon, avx2, avx512 };

/// "scalar", "neon", "avx2" or "avx512".
std::string to_string(Isa isa);

/// Those that this machine can run, scalar first, the fastest last.
const std::vector<Isa>& available_isas();

/// The one to use: FACTORISE_ISA, else the fastest. Throws c10::ValueError where the variable names no known set, or
/// one that this machine lacks. Every run reads the variable, so that a test may set it.
Isa chosen_isa();

}  // namespace factorise::cpu
