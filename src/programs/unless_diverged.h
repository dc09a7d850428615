#pragma once
// A run that leaves the finite numbers is a result of the lab, not a failure of the program.

#include <factorise/factors.h>

#include <optional>
#include <string>

#include "programs/terminal.h"

namespace factorise::programs {

/// What the run gives; where it diverges, a line on stdout that says so, and nothing.
template <class Run>
auto unless_diverged(const Output& out, Run run) -> std::optional<decltype(run())> {
  try {
    return run();
  } catch (const DivergenceError& error) {
    out.print("  Diverged: after epoch " + std::to_string(error.epoch()) + " the result is no longer finite.");
    return std::nullopt;
  }
}

}  // namespace factorise::programs
