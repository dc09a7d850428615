// .pt files: which format it is, and tensors by their names.

#include <c10/util/StringUtil.h>
#include <factorise/io.h>

#include <algorithm>
#include <bit>

#include "io/contents.h"
#include "io/file_kind.h"
#include "io/mapped_file.h"
#include "io/pt_formats.h"
#include "io/pt_leaves.h"

namespace factorise {
namespace {

static_assert(std::endian::native == std::endian::little, "storages are read as they lie in the file");

PtValue load(const char* function, const std::filesystem::path& path) {
  const auto file = MappedFile::open(function, path);
  const std::string where = c10::str("[", function, "] ", path.string());
  const std::string_view bytes(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size());
  const size_t telling = std::min(bytes.size(), kTellingBytes);
  const FileKind kind = kind_of(bytes, bytes.substr(bytes.size() - telling));
  if (kind == FileKind::pt) return load_pt_zip(file, where);
  if (kind == FileKind::pt_stream) return load_pt_stream(file, where);
  refuse_file(c10::str(where, ": is not a .pt file: it is ", name_and_advice(kind, path), "."));
}

std::string names_of(const std::vector<NamedTensor>& tensors) {
  constexpr size_t kShown = 20;
  std::vector<std::string> names;
  for (const NamedTensor& named : tensors) {
    if (names.size() < kShown) names.push_back(shown(named.name));
  }
  const std::string joined = c10::str(c10::Join(", ", names));
  return tensors.size() > kShown ? c10::str(joined, " and ", tensors.size() - kShown, " more") : joined;
}

}  // namespace

PtValue load_pt(const std::filesystem::path& path) { return load("load_pt", path); }

Tensor load_tensor(const std::filesystem::path& path, const std::string& key) {
  return tensor_in(load("load_tensor", path), path, key);
}

Tensor tensor_in(const PtValue& value, const std::filesystem::path& path, const std::string& key) {
  const auto tensors = named_tensors(value);
  const auto refuse = [&](const std::string& reason) {
    refuse_file(c10::str("[load_tensor] ", path.string(), ": ", reason, "."));
  };
  if (tensors.empty()) refuse("must hold a tensor, but holds none");
  if (key.empty() && tensors.size() > 1) {
    refuse(c10::str("holds ", tensors.size(), " tensors, so a key must say which: ", names_of(tensors)));
  }
  if (key.empty()) return tensors[0].tensor;
  const auto called = [&](const NamedTensor& named) { return named.name == key; };
  const auto count = std::count_if(tensors.begin(), tensors.end(), called);
  if (count > 1)
    refuse(c10::str("holds ", count, " tensors called ", shown(key), ", so it is not clear which is wanted"));
  if (count == 0) {
    refuse(tensors.size() == 1 && tensors[0].name.empty()
               ? c10::str("holds no tensor called ", shown(key), ", but one without a name: leave the key out")
               : c10::str("holds no tensor called ", shown(key), ", but ", names_of(tensors)));
  }
  return std::find_if(tensors.begin(), tensors.end(), called)->tensor;
}

}  // namespace factorise
