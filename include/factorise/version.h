#pragma once
// The versions of this library and of the torch that it runs with.
//
//   std::cout << "factorise " << factorise::version() << ", torch " << factorise::torch_version() << '\n';

#include <factorise/export.h>

#include <string>

namespace factorise {

/// This library's version, "major.minor.patch".
FACTORISE_EXPORT std::string version();

/// The version of the torch whose headers it was compiled with, "major.minor.patch".
FACTORISE_EXPORT std::string torch_version();

}  // namespace factorise
