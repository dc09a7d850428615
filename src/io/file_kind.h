#pragma once
// What a file is, by its first bytes: names lie (.bin, .dat, .pt.tar), and many tools write what is not read here.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace factorise {

/// The kinds that matter to people with ratings, matrices and models.
enum class FileKind : uint8_t {
  empty,
  pt,             ///< torch.save's zip, TorchScript's too
  pt_stream,      ///< torch.save's stream from before torch 1.6
  npy,            ///< NumPy's array
  npz,            ///< NumPy's archive of arrays
  matrix_market,  ///< Matrix Market
  text,           ///< anything else in lines: entries, CSV
  // What follows is not read, but named.
  utf16,  ///< UTF-16 or UTF-32
  gzip,
  bzip2,
  xz,
  zstd,
  zip,
  tar,
  parquet,
  arrow,  ///< Arrow's and Feather's
  safetensors,
  mat,   ///< MATLAB's up to version 7.2
  hdf5,  ///< .h5, and MATLAB's from version 7.3
  pickle,
  excel,
  sqlite,
  web_page,
  zeros,
  unknown,
};

/// How many bytes of its beginning tell what a file is; of a zip, as many of its end help.
constexpr size_t kTellingBytes = 4096;

/// What begins (and ends) like this. `head`: the whole file, or at least kTellingBytes of it.
FileKind kind_of(std::string_view head, std::string_view tail = {});

/// What this file is; of a text that gzip has compressed, the text. `function`: the function that the error names.
/// Throws FileError where the file cannot be read.
FileKind kind_of_file(const char* function, const std::filesystem::path& path);

/// Whether it holds tensors: both of torch.save's formats.
inline bool is_pt(FileKind kind) { return kind == FileKind::pt || kind == FileKind::pt_stream; }

/// "a Parquet file", "compressed by gzip": what follows "it is".
std::string name_of(FileKind kind);

/// What it is and, where there is something that helps, what to do with a file of that path, in a line of Python or a
/// command: "a Parquet file; convert it: python -c ...". No full stop.
std::string name_and_advice(FileKind kind, const std::filesystem::path& path);

/// All bytes of a text file, as read_contents, unpacked where gzip has compressed them. A file of a kind that is no
/// text is refused by its name, with what to do. An empty one, and one that is not recognised, is given as it is.
/// Throws FileError.
std::string read_text(const char* function, const std::filesystem::path& path);

}  // namespace factorise
