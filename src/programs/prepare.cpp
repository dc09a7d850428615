// The first thing a program's body does.

#include <ATen/Parallel.h>
#include <factorise/device.h>

#include "programs/command_line.h"
#include "programs/json_file.h"

namespace factorise::programs {

c10::Device prepare(const CommonOptions& options) {
  check_writable(options.json, "--json", /*by_write_json=*/true);
  if (options.threads > 0) at::set_num_threads(options.threads);
  return resolve_device(options.device);
}

}  // namespace factorise::programs
