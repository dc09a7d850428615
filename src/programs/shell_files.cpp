// The four files below share/, where shells and man look for them.

#include "programs/shell_files.h"

#include <factorise/io.h>

#include <filesystem>

namespace factorise::programs {

void write_shell_files(const Command& program, const std::string& folder) {
  const std::filesystem::path share(folder);
  const auto write = [&](const std::string& where, const std::string& name, const std::string& text) {
    std::filesystem::create_directories(share / where);
    save_text(share / where / name, text);
  };
  write("bash-completion/completions", program.name, bash_completion(program));
  write("zsh/site-functions", "_" + program.name, zsh_completion(program));
  write("fish/vendor_completions.d", program.name + ".fish", fish_completion(program));
  write("man/man1", program.name + ".1", man_page(program));
}

}  // namespace factorise::programs
