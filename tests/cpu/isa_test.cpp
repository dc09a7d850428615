// Which instruction sets there are, and that the environment forces one.

#include "cpu/isa.h"

#include <c10/util/Exception.h>

#include "catch.h"
#include "sandbox.h"

namespace factorise::cpu {

using tests::contains;
using tests::Variable;

TEST_CASE("FACTORISE_ISA forces an instruction set that is there, and refuses another", "[isa]") {
  const auto& available = available_isas();
  REQUIRE(available.front() == Isa::scalar);
  for (const Isa isa : available) {
    const Variable force("FACTORISE_ISA", to_string(isa));
    CHECK(chosen_isa() == isa);
  }
  for (const std::string wrong : {"sse9", "AVX2", "avx2 "}) {
    const Variable force("FACTORISE_ISA", wrong);
    CHECK_THROWS_WITH(chosen_isa(),
                      contains("must be one that this machine has, scalar") && contains("'" + wrong + "'"));
  }
  for (const std::optional<std::string>& unset : {std::optional<std::string>(), std::optional<std::string>("")}) {
    const Variable force("FACTORISE_ISA", unset);
    CHECK(chosen_isa() == available.back());
  }
}

}  // namespace factorise::cpu
