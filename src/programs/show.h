#pragma once
// `factorise show`: what a .pt file holds, without Python and without running anything in it.

#include <string>

#include "programs/command_line.h"

namespace factorise::programs {

struct ShowOptions {
  CommonOptions common;  ///< json and quiet alone
  std::string file, key;
};

void add_show_options(CLI::App& app, ShowOptions& options);

/// Reads and prints. Throws FileError.
void show(const ShowOptions& options);

}  // namespace factorise::programs
