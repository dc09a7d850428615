// Signatures: libmagic's list, the formats' own documents, and what torch, NumPy and pickle write.

#include "io/file_kind.h"

#include <c10/util/StringUtil.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "io/contents.h"
#include "io/gunzip.h"
#include "io/utf8.h"

namespace factorise {
namespace {

using namespace std::literals;
using enum FileKind;

struct Signature {
  std::string_view bytes;
  FileKind kind;
  size_t at = 0;
};

/// Of files that hold bytes which no text has.
constexpr Signature kSignatures[] = {
    {"\x93NUMPY"sv, npy},
    {"\x1f\x8b"sv, gzip},
    {"BZh"sv, bzip2},
    {"\xfd"
     "7zXZ"sv,
     xz},
    {"\x28\xb5\x2f\xfd"sv, zstd},
    {"PAR1"sv, parquet},
    {"ARROW1"sv, arrow},
    {"FEA1"sv, arrow},
    {"MATLAB 5.0 MAT-file"sv, mat},
    {"MATLAB 7.3 MAT-file"sv, hdf5},
    {"\x89HDF\r\n"sv, hdf5},
    {"\x89HDF\r\n"sv, hdf5, 512},  // behind a block of the writer's own
    {"SQLite format 3"sv, sqlite},
    {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"sv, excel},
    {"ustar"sv, tar, 257},
};

FileKind kind_by_signature(std::string_view head) {
  for (const auto& [bytes, kind, at] : kSignatures) {
    if (head.size() >= at && head.substr(at).starts_with(bytes)) return kind;
  }
  return unknown;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return result;
}

bool holds(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// Which archive, by its first entry's name; a zip that was packed anew may begin with any, so its directory counts
/// too.
FileKind kind_of_zip(std::string_view head, std::string_view tail) {
  constexpr size_t kHeader = 30;
  const auto byte = [&](size_t at) { return at < head.size() ? static_cast<uint8_t>(head[at]) : 0; };
  const size_t length = byte(26) + 256U * byte(27);
  const std::string_view name = head.substr(std::min(kHeader, head.size()), length);
  const std::string_view below = name.substr(std::min(name.find('/'), name.size()));
  // The files of torch's archives, in the folder that each of them has.
  for (const std::string_view known : {"/data.pkl"sv, "/version"sv, "/byteorder"sv, "/constants.pkl"sv, "/code/"sv,
                                       "/data/"sv, "/.data/"sv, "/.format_version"sv, "/.storage_alignment"sv}) {
    if (below.starts_with(known)) return pt;
  }
  if (holds(tail, "/data.pkl")) return pt;
  if (name.ends_with(".npy")) return npz;
  return name.starts_with("[Content_Types].xml") || holds(tail, "xl/workbook.xml") ? excel : zip;
}

/// torch.save's stream begins with a pickle of a number that nothing else has.
FileKind kind_of_pickle(std::string_view head) {
  return holds(head.substr(0, 32), "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"sv) ? pt_stream : pickle;
}

/// The length of a header in JSON, and the header.
bool is_safetensors(std::string_view head) {
  constexpr uint64_t kLongest = 100'000'000;  // as the format has it
  uint64_t length = 0;
  if (head.size() < 10) return false;
  std::memcpy(&length, head.data(), sizeof(length));
  return length >= 2 && length <= kLongest && head[8] == '{' && (head[9] == '"' || head[9] == '}');
}

/// Characters of one byte each, with a zero beside each of them: UTF-16 without its mark.
bool is_wide(std::string_view head) {
  const size_t size = std::min<size_t>(head.size() / 2 * 2, 64);
  size_t zeros[2] = {0, 0};
  for (size_t i = 0; i < size; ++i) zeros[i % 2] += head[i] == 0;
  return size >= 4 && zeros[0] + zeros[1] == size / 2 && (zeros[0] == 0 || zeros[1] == 0);
}

/// UTF-8, or the old single-byte character sets that titles come in: mostly ASCII.
bool is_text(std::string_view head) {
  std::ptrdiff_t high = 0;
  for (const char c : head) {
    const auto byte = static_cast<uint8_t>(c);
    if ((byte < 32 && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != '\v') || byte == 127) return false;
    high += byte >= 128;
  }
  // A character may be cut off.
  for (size_t cut = 0; cut < 4 && cut <= head.size(); ++cut) {
    if (is_utf8(head.substr(0, head.size() - cut))) return true;
  }
  return high * 4 < static_cast<std::ptrdiff_t>(head.size());
}

FileKind kind_of_text(std::string_view head) {
  if (head.starts_with("\xef\xbb\xbf")) head.remove_prefix(3);
  // Pickles of protocol 0, which are lines of text.
  for (const std::string_view begin : {"(dp0\n"sv, "(lp0\n"sv, "ccopy_reg\n"sv, "cnumpy."sv}) {
    if (head.starts_with(begin)) return pickle;
  }
  head.remove_prefix(std::min(head.find_first_not_of(" \t\r\n"), head.size()));
  const std::string begin = lower(head.substr(0, 15));
  if (begin.starts_with("%%matrixmarket")) return matrix_market;
  return begin.starts_with("<!doctype") || begin.starts_with("<html") ? web_page : text;
}

/// A path as a shell and Python take it within '...', where it can be written so.
std::string quotable(const std::filesystem::path& path) {
  const std::string text = path.string();
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || holds("./_-+", {&c, 1});
  };
  return !text.empty() && text[0] != '-' && std::all_of(text.begin(), text.end(), plain) ? text : "FILE";
}

std::string python(const std::string& code) { return c10::str("python -c \"", code, "\""); }

/// What to do; empty where there is nothing to say.
std::string advice(FileKind kind, const std::string& file) {
  const auto to_csv = [&](const char* reader) {
    return "convert it: " +
           python(c10::str("import pandas; pandas.", reader, "('", file, "').to_csv('", file, ".csv', index=False)"));
  };
  const auto save = [&](const std::string& import, const std::string& value) {
    return "convert it: " + python(c10::str("import torch, ", import, "; torch.save(", value, ", '", file, ".pt')"));
  };
  switch (kind) {
    case npy:
      return c10::str("save torch.from_numpy of its array, or factorise convert ", file, " A.pt");
    case npz:
      return "save torch.from_numpy of its arrays";
    case matrix_market:
    case text:
      return c10::str("factorise convert ", file, " A.pt makes one of a file of entries");
    case utf16:
      return c10::str("write it as UTF-8: ", python(c10::str("open('", file, ".txt', 'w').write(open('", file,
                                                             "', encoding='utf-16').read())")));
    case gzip:
      return c10::str("unpack it: gunzip -k ", file);
    case bzip2:
      return c10::str("unpack it: bunzip2 -k ", file);
    case xz:
      return c10::str("unpack it: unxz -k ", file);
    case zstd:
      return c10::str("unpack it: unzstd ", file);
    case zip:
      return c10::str("unpack it: unzip ", file);
    case tar:
      return c10::str("unpack it: tar xf ", file,
                      "; one of torch before 0.1.10 is not read: load it in Python and save it anew");
    case parquet:
      return to_csv("read_parquet");
    case arrow:
      return to_csv("read_feather");
    case excel:
      return to_csv("read_excel");
    case safetensors:
      return save("safetensors.torch", c10::str("safetensors.torch.load_file('", file, "')"));
    case mat:
      return save("scipy.io", c10::str("torch.from_numpy(scipy.io.loadmat('", file, "')['NAME'])"));
    case hdf5:
      return save("h5py", c10::str("torch.from_numpy(h5py.File('", file, "')['NAME'][()])"));
    case pickle:
      return "nothing in a file is run here; where you trust it, " +
             save("pickle", c10::str("torch.as_tensor(pickle.load(open('", file, "', 'rb')))"));
    case sqlite:
      return c10::str("write its table as CSV: sqlite3 -csv ", file, " 'SELECT ...'");
    default:
      return "";
  }
}

/// A text with something in it, which is read as well where it is compressed.
bool is_readable_text(FileKind kind) { return kind == text || kind == matrix_market; }

std::string bytes_of(std::ifstream& file, std::streamoff begin, size_t count) {
  std::string bytes(count, '\0');
  file.seekg(begin);
  file.read(bytes.data(), static_cast<std::streamsize>(count));
  bytes.resize(static_cast<size_t>(file.gcount()));
  return bytes;
}

}  // namespace

FileKind kind_of(std::string_view head, std::string_view tail) {
  if (head.empty()) return empty;
  head = head.substr(0, kTellingBytes);
  if (head.starts_with("PK\x03\x04"sv) || head.starts_with("PK\x05\x06"sv)) return kind_of_zip(head, tail);
  if (head.size() > 1 && head[0] == '\x80' && head[1] >= 2 && head[1] <= 5) return kind_of_pickle(head);
  for (const std::string_view mark : {"\xff\xfe"sv, "\xfe\xff"sv, "\0\0\xfe\xff"sv}) {
    if (head.starts_with(mark)) return utf16;
  }
  if (is_text(head)) return kind_of_text(head);
  if (const FileKind kind = kind_by_signature(head); kind != unknown) return kind;
  if (is_safetensors(head)) return safetensors;
  if (std::all_of(head.begin(), head.end(), [](char c) { return c == 0; })) return zeros;
  return is_wide(head) ? utf16 : unknown;
}

FileKind kind_of_file(const char* function, const std::filesystem::path& path) {
  check_regular(function, path);
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) {
    refuse_file(c10::str("[", function, "] ", path.string(),
                         ": must be readable, but opening it failed: ", std::strerror(errno), "."));
  }
  const std::streamoff size = file.tellg();
  const std::string head = bytes_of(file, 0, kTellingBytes);
  if (head.starts_with("\x1f\x8b"sv)) {
    const FileKind within = kind_of(gunzip_head(head, kTellingBytes));
    return is_readable_text(within) ? within : gzip;
  }
  file.clear();
  return kind_of(head, bytes_of(file, std::max<std::streamoff>(0, size - static_cast<std::streamoff>(kTellingBytes)),
                                kTellingBytes));
}

std::string name_of(FileKind kind) {
  switch (kind) {
    case empty:
      return "empty";
    case pt:
    case pt_stream:
      return "a .pt file";
    case npy:
      return "a NumPy .npy file";
    case npz:
      return "a NumPy .npz archive";
    case matrix_market:
      return "a Matrix Market file";
    case text:
      return "a text file";
    case utf16:
      return "a text file in UTF-16, and not in UTF-8";
    case gzip:
      return "compressed by gzip";
    case bzip2:
      return "compressed by bzip2";
    case xz:
      return "compressed by xz";
    case zstd:
      return "compressed by zstd";
    case zip:
      return "a zip archive without data.pkl, so torch.save did not write it";
    case tar:
      return "a tar archive";
    case parquet:
      return "a Parquet file";
    case arrow:
      return "an Arrow or Feather file";
    case safetensors:
      return "a safetensors file";
    case mat:
      return "a MATLAB .mat file";
    case hdf5:
      return "an HDF5 file (.h5, or MATLAB's .mat from version 7.3)";
    case pickle:
      return "a pickle, but not one of torch.save";
    case excel:
      return "an Excel workbook";
    case sqlite:
      return "an SQLite database";
    case web_page:
      return "a web page, perhaps the error of a download";
    case zeros:
      return "a file that begins with zeros, as a download that was cut off does";
    case unknown:
      break;
  }
  return "of no kind that is known here";
}

std::string name_and_advice(FileKind kind, const std::filesystem::path& path) {
  const std::string help = advice(kind, quotable(path));
  return help.empty() ? name_of(kind) : c10::str(name_of(kind), "; ", help);
}

std::string read_text(const char* function, const std::filesystem::path& path) {
  std::string bytes = read_contents(function, path);
  if (std::string_view(bytes).starts_with("\x1f\x8b"sv)) {
    // What it is not is said before all of it is unpacked.
    const FileKind within = kind_of(gunzip_head(bytes, kTellingBytes));
    if (within == empty || is_readable_text(within)) return gunzip(function, path, bytes);
    refuse_file(c10::str("[", function, "] ", path.string(), ": must be a text file within, but holds what is ",
                         name_and_advice(within, path.stem()), "."));
  }
  const FileKind kind =
      kind_of(bytes, std::string_view(bytes).substr(bytes.size() - std::min(bytes.size(), kTellingBytes)));
  if (kind == empty || kind == matrix_market || kind == text || kind == unknown) return bytes;
  refuse_file(
      c10::str("[", function, "] ", path.string(), ": must be a text file, but is ", name_and_advice(kind, path), "."));
}

}  // namespace factorise
