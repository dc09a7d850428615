#pragma once
// Files of tensors: .pt files as torch.save writes them, read without running anything, and written so that
// torch.load(weights_only=True) reads them.
//
//   factorise::save_pt("factors.pt", {{"U", factors.U}, {"V", factors.V}, {"num_epochs", int64_t{50}}});
//   const auto U = factorise::load_tensor("factors.pt", "U");
//   for (const auto& [name, tensor] : factorise::named_tensors(factorise::load_pt("factors.pt"))) {
//     std::cout << name << ' ' << tensor.sizes() << '\n';
//   }

#include <factorise/export.h>
#include <factorise/factors.h>

#include <filesystem>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace factorise {

/// A file that cannot be read or written. The message names the file, what is wrong, and where.
class FACTORISE_EXPORT FileError : public c10::Error {
 public:
  using c10::Error::Error;
};

/// What a .pt file holds: a tensor, or numbers, strings, lists, tuples and dicts of them, nested.
struct PtValue {
  /// A list, or a tuple.
  struct List {
    std::vector<PtValue> items;  ///< in their order
    bool is_tuple = false;       ///< whether Python has it as a tuple
  };
  /// A dict, or an OrderedDict.
  struct Dict {
    struct Item;              // below: it holds what is not complete yet
    std::vector<Item> items;  ///< in the file's order
  };
  /// None is std::monostate. Python ints beyond 64 bits are refused.
  std::variant<std::monostate, bool, int64_t, double, std::string, Tensor, List, Dict> value;

  /// Whether the value is a tensor.
  bool is_tensor() const { return std::holds_alternative<Tensor>(value); }
  /// The tensor. Throws std::bad_variant_access where the value is none.
  const Tensor& tensor() const { return std::get<Tensor>(value); }
};

/// A key of a dict and what it leads to.
struct PtValue::Dict::Item {
  PtValue key;    ///< a string, a number, None, or a tuple of them
  PtValue value;  ///< of any kind
};

/// A tensor in a file and the path that leads to it: "" for the file's only tensor, "U", "model.layers.0.weight".
struct NamedTensor {
  std::string name;  ///< the path to it
  Tensor tensor;     ///< on the CPU
};

/// Reads a .pt file: torch.save's zip format, its legacy stream from before torch 1.6, or a TorchScript archive.
///
/// Types: float16/32/64, bfloat16, bool, integers; strided tensors; sparse ones (COO, CSR, CSC), as sparse COO; objects
/// of TorchScript, as dicts of their attributes; what C++'s torch::save made of tensors. Views keep offset and strides,
/// and share their storage. All is on the CPU, without grad. Large storages are mapped copy-on-write, so the file must
/// not shrink while they live; small ones are copied and checked by their CRC-32. Nothing in the file is run: a pickle
/// that asks for anything but these types is refused. Throws FileError.
FACTORISE_EXPORT PtValue load_pt(const std::filesystem::path& path);

/// All tensors of a value, depth first, named by their keys and indices joined with dots.
FACTORISE_EXPORT std::vector<NamedTensor> named_tensors(const PtValue& value);

/// The tensor called `key` in the file, or its only tensor where `key` is empty. Throws FileError where there is no
/// such tensor or, without a key, more than one; the message lists the names that there are.
FACTORISE_EXPORT Tensor load_tensor(const std::filesystem::path& path, const std::string& key = "");

/// A value of a flat dict to be written.
using PtEntry = std::variant<bool, int64_t, double, std::string, Tensor, std::vector<std::string>>;

/// Writes a tensor as torch.save does (zip format): from the CPU, contiguous or sparse (COO, CSR, CSC), and without
/// grad. The file appears whole or not at all: it is written beside the target, synced and renamed. Throws FileError.
FACTORISE_EXPORT void save_pt(const std::filesystem::path& path, const Tensor& tensor);

/// Writes a dict with string keys, in the order given, the same way.
FACTORISE_EXPORT void save_pt(const std::filesystem::path& path,
                              const std::vector<std::pair<std::string, PtEntry>>& dict);

/// Writes text the same way: whole or not at all. Throws FileError.
FACTORISE_EXPORT void save_text(const std::filesystem::path& path, const std::string& text);

/// Reads comma-separated values as RFC 4180 has them: quoted fields may hold commas, quotes (doubled) and line breaks;
/// LF and CRLF end a row. A byte-order mark and empty lines are skipped (an empty field alone in its row is written
/// ""). Every row must have as many fields as the first, and the text must be UTF-8 without NUL bytes. Throws FileError
/// naming the file, the line and what is wrong with it.
FACTORISE_EXPORT std::vector<std::vector<std::string>> load_csv(const std::filesystem::path& path);

/// load_csv of a text; errors name `name` in place of a file.
FACTORISE_EXPORT std::vector<std::vector<std::string>> parse_csv(const std::string& text, const std::string& name);

/// Titles from a CSV with the header movie,name and a row for each movie in any order: the name of movie i at index i.
/// `movies`: how many there must be. Throws FileError, naming the line, for a number that is missing, repeated, out of
/// range or no number; c10::ValueError for a sound file that names another number of movies.
FACTORISE_EXPORT std::vector<std::string> load_titles(const std::filesystem::path& path, int64_t movies);

}  // namespace factorise
