#pragma once
// --clip: predictions kept between two values, as ratings are, which are from 1 to 5 or the like.

#include <factorise/observations.h>

#include <optional>
#include <string>

namespace CLI {
class App;
}

namespace factorise::programs {

/// What was given: two values, or `auto` for those that were seen in training; or nothing.
struct Clip {
  std::string text;  ///< as given; empty: predictions stay as they are
};

/// Adds --clip; `what` is kept between the values, "predictions".
void add_clip(CLI::App& app, Clip& clip, const std::string& what);

/// Refuses what is neither auto nor two numbers. Throws UsageError.
void check_clip(const Clip& clip);

/// The values, of a checked clip. Throws c10::ValueError for auto where `observed` is nothing; `file` is then named.
std::optional<Range> range_of(const Clip& clip, const std::optional<Observations>& observed, const std::string& file);

}  // namespace factorise::programs
