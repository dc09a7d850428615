// Files of results.

#include "programs/json_file.h"

#include <ATen/core/Tensor.h>
#include <factorise/io.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "io/contents.h"
#include "io/printable.h"
#include "programs/terminal.h"

namespace factorise::programs {
namespace {

namespace fs = std::filesystem;

// File names may be no UTF-8, JSON must be.
constexpr auto kReplace = nlohmann::ordered_json::error_handler_t::replace;

/// Whether it exists and is no regular file: a pipe, a terminal, /dev/null.
bool is_special(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  return fs::exists(status) && !fs::is_regular_file(status);
}

/// Makes a file in the folder and removes it, as permissions alone do not show a read-only disk, /proc, or a full table
/// of files. The errno that it failed with, or 0.
int cannot_create_in(const fs::path& folder) {
  std::string name = folder / ".factorise-XXXXXX";
  const int file = mkstemp(name.data());
  if (file < 0) return errno;
  close(file);
  unlink(name.c_str());
  return 0;
}

void write_directly(const std::string& path, std::string_view text) {
  const int file = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  int error = file < 0 ? errno : 0;
  while (error == 0 && !text.empty()) {
    const ssize_t written = ::write(file, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<size_t>(written));
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  if (file >= 0) close(file);
  if (error != 0 && error != EPIPE) refuse_file(fmt::format("{} cannot be written: {}.", path, std::strerror(error)));
}

/// One line for each key and each row: lists of plain values stay on one.
void write_value(const nlohmann::ordered_json& value, size_t indent, std::string& text) {
  const auto is_container = [](const nlohmann::ordered_json& item) { return item.is_structured() && !item.empty(); };
  const bool plain_list = value.is_array() && std::none_of(value.begin(), value.end(), is_container);
  if (!is_container(value) || plain_list) {
    text += value.dump(-1, ' ', false, kReplace);
    return;
  }
  const std::string inner(indent + 2, ' '), outer(indent, ' ');
  const char* separator = "\n";
  text += value.is_array() ? '[' : '{';
  for (const auto& [key, item] : value.items()) {
    text += separator + inner;
    if (value.is_object()) text += nlohmann::ordered_json(key).dump(-1, ' ', false, kReplace) + ": ";
    write_value(item, indent + 2, text);
    separator = ",\n";
  }
  text += '\n' + outer + (value.is_array() ? ']' : '}');
}

template <class T>
nlohmann::ordered_json nested(const at::Tensor& tensor) {
  if (tensor.dim() == 0) {
    if constexpr (std::is_same_v<T, double>) {
      return number(tensor.item<double>());
    } else {
      return tensor.item<T>();
    }
  }
  auto list = nlohmann::ordered_json::array();
  for (int64_t i = 0; i < tensor.size(0); ++i) list.push_back(nested<T>(tensor.select(0, i)));
  return list;
}

}  // namespace

void write_json(const std::string& target, const nlohmann::ordered_json& value) {
  std::string text;
  write_value(value, 0, text);
  text = printable_json(text) + '\n';
  if (target == "-") {
    write_stdout(text);
  } else if (is_special(target)) {
    write_directly(target, text);
  } else {
    save_text(target, text);
  }
}

void check_writable(const std::string& path, const std::string& option, bool by_write_json) {
  if (path.empty() || path == "-") return;
  const fs::path folder = fs::path(path).has_parent_path() ? fs::path(path).parent_path() : fs::path(".");
  const auto no = [&](const std::string& reason) {
    refuse_file(fmt::format("{} cannot be written to {}: {}.", option, path, reason));
  };
  std::error_code error;
  if (!fs::exists(folder, error)) no(fmt::format("there is no folder {}", folder.string()));
  if (!fs::is_directory(folder, error)) no(fmt::format("{} is not a folder", folder.string()));
  if (fs::is_directory(path, error)) no("it is a folder");
  if (is_special(path)) {
    if (!by_write_json) no("it is no regular file");
    return;
  }
  if (const int reason = cannot_create_in(folder)) no(std::strerror(reason));
}

void make_folder(const std::string& path, const std::string& option) {
  if (path.empty()) return;
  std::error_code error;
  fs::create_directories(path, error);
  if (!fs::is_directory(path)) {
    refuse_file(fmt::format("{}: the folder {} cannot be made: {}.", option, path,
                            error ? error.message() : "there is a file of that name"));
  }
  if (const int reason = cannot_create_in(path)) {
    refuse_file(fmt::format("{}: the folder {} cannot be written to: {}.", option, path, std::strerror(reason)));
  }
}

nlohmann::ordered_json to_json(const at::Tensor& tensor) {
  const at::Tensor values = tensor.detach().cpu();
  if (values.scalar_type() == at::kBool) return nested<bool>(values);
  if (c10::isIntegralType(values.scalar_type(), /*includeBool=*/false)) return nested<int64_t>(values);
  return nested<double>(values);
}

nlohmann::ordered_json number(double value) {
  if (!std::isfinite(value)) return nullptr;
  return value;
}

}  // namespace factorise::programs
