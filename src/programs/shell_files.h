#pragma once
// What a shell reads about a program: completions for bash, zsh and fish, and the man page. Each is text.

#include <string>

#include "programs/interface.h"

namespace factorise::programs {

std::string bash_completion(const Command& program);
std::string zsh_completion(const Command& program);
std::string fish_completion(const Command& program);
std::string man_page(const Command& program);

/// Writes all four into the folder, each where it belongs below share/. Throws FileError.
void write_shell_files(const Command& program, const std::string& folder);

}  // namespace factorise::programs
