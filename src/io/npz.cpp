// The zip's directory leads to an array, which is read as a .npy file is.

#include "io/npz.h"

#include <c10/util/StringUtil.h>

#include <algorithm>
#include <vector>

#include "io/contents.h"
#include "io/crc32.h"
#include "io/gunzip.h"
#include "io/mapped_file.h"
#include "io/npy.h"
#include "io/zip_archive.h"

namespace factorise {
namespace {

constexpr char kFunction[] = "load_npz";
constexpr std::string_view kEnding = ".npy";

/// "a, b and c", or the first of many.
std::string list_of(const std::vector<std::string>& names) {
  constexpr size_t kMost = 12;
  std::string list;
  for (size_t i = 0; i < names.size() && i < kMost; ++i) list += (i > 0 ? ", " : "") + shown(names[i]);
  return names.size() > kMost ? c10::str(list, " and ", names.size() - kMost, " more") : list;
}

}  // namespace

at::Tensor load_npz(const std::filesystem::path& path, const std::string& key) {
  const std::string where = c10::str("[", kFunction, "] ", path.string());
  const auto refuse = [&](const auto&... parts) { refuse_file(c10::str(where, ": ", parts...)); };
  const std::shared_ptr<MappedFile> file = MappedFile::open(kFunction, path);
  const ZipArchive zip(file->bytes(), where);
  std::vector<std::string> names;
  const ZipEntry* chosen = nullptr;
  for (const ZipEntry& entry : zip.entries()) {
    if (!entry.name.ends_with(kEnding)) continue;
    names.push_back(entry.name.substr(0, entry.name.size() - kEnding.size()));
    if (key.empty() || names.back() == key || entry.name == key) chosen = &entry;
  }
  const auto has = [&](const char* name) { return std::find(names.begin(), names.end(), name) != names.end(); };
  if (key.empty() && has("format") && has("shape") && has("data")) {
    refuse(
        "must hold an array, but holds a sparse matrix of SciPy's: in Python, scipy.io.mmwrite('A.mtx', "
        "scipy.sparse.load_npz(FILE)) makes a file of it that is read here.");
  }
  if (names.empty()) refuse("must hold an array, but holds none.");
  if (key.empty() && names.size() > 1) {
    refuse("must hold one array, or --key must name one of them, but it holds ", list_of(names), ".");
  }
  if (!chosen) refuse("must hold an array called ", shown(key), ", but holds ", list_of(names), ".");
  const std::string array = c10::str(where, ": ", shown(chosen->name));
  const Bytes stored = zip.data(*chosen);
  const std::string_view bytes(reinterpret_cast<const char*>(stored.data()), stored.size());
  if (!chosen->is_compressed) {
    if (crc32_of(stored) != chosen->crc32) refuse(shown(chosen->name), " is damaged: its checksum is another.");
    return parse_npy(array, bytes);
  }
  const std::string contents = inflated(array, bytes);
  const Bytes plain(reinterpret_cast<const uint8_t*>(contents.data()), contents.size());
  if (crc32_of(plain) != chosen->crc32) refuse(shown(chosen->name), " is damaged: its checksum is another.");
  return parse_npy(array, contents);
}

}  // namespace factorise
