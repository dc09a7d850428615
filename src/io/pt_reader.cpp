// .pt files: which format it is, and tensors by their names.

#include <c10/util/StringUtil.h>
#include <factorise/io.h>

#include <algorithm>
#include <bit>

#include "io/contents.h"
#include "io/mapped_file.h"
#include "io/pt_formats.h"
#include "io/pt_leaves.h"

namespace factorise {
namespace {

static_assert(std::endian::native == std::endian::little, "storages are read as they lie in the file");

PtValue load(const char* function, const std::filesystem::path& path) {
  const auto file = MappedFile::open(function, path);
  const std::string where = c10::str("[", function, "] ", path.string());
  const std::string_view text(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size());
  if (text.starts_with("PK\x03\x04") || text.starts_with("PK\x05\x06")) return load_pt_zip(file, where);
  if (text.starts_with('\x80')) return load_pt_stream(file, where);
  refuse_file(c10::str(where, ": is not a .pt file: ", describe_foreign(file->bytes()), "."));
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

std::string describe_foreign(Bytes bytes) {
  const std::string_view all(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::string_view text = all.substr(0, 512);
  if (text.starts_with("\x93NUMPY")) return "it is a NumPy .npy file; save torch.from_numpy of its array";
  if (text.starts_with("\x1f\x8b")) return "it is compressed by gzip; unpack it first";
  if (text.starts_with("\x89HDF")) return "it is an HDF5 file";
  if (text.size() > 262 && text.substr(257, 5) == "ustar") {
    return "it is a tar archive, perhaps of torch before 0.1.10, which is not read; load it in Python and save it anew";
  }
  if (std::all_of(text.begin(), text.end(), [](char c) { return c == 0; })) {
    return "it begins with zeros, as a download that was cut off does";
  }
  const size_t begin = std::min(text.find_first_not_of(" \t\r\n"), text.size());
  std::string head(text.substr(begin, 15));
  std::transform(head.begin(), head.end(), head.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  if (head.starts_with("<!doctype") || head.starts_with("<html")) {
    return "it is a web page, perhaps the error of a download";
  }
  const auto printable = [](char c) { return (c >= 32 && c != 127) || c < 0 || c == '\t' || c == '\n' || c == '\r'; };
  const bool ascii = std::all_of(text.begin(), text.end(), printable) &&
                     std::count_if(text.begin(), text.end(), [](char c) { return c < 0; }) * 4 <
                         static_cast<std::ptrdiff_t>(text.size());
  return ascii ? "it is a text file" : "it begins neither as a zip archive nor as a pickle";
}

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
  if (count > 1) refuse(c10::str("holds ", count, " tensors called ", key, ", so it is not clear which is wanted"));
  if (count == 0) {
    refuse(tensors.size() == 1 && tensors[0].name.empty()
               ? c10::str("holds no tensor called ", key, ", but one without a name: leave the key out")
               : c10::str("holds no tensor called ", key, ", but ", names_of(tensors)));
  }
  return std::find_if(tensors.begin(), tensors.end(), called)->tensor;
}

}  // namespace factorise
