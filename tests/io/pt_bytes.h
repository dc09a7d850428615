#pragma once
// .pt files made by hand, byte by byte: what torch.save writes, what old versions wrote, and what no program should.

#include <string>
#include <utility>
#include <vector>

namespace factorise::tests {

/// The number's bytes, little-endian.
template <class T>
std::string raw(T value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof(T));
}

/// Pickles of protocol 2, in parts.
namespace pickle {
inline const std::string begin("\x80\x02", 2);
inline const std::string end(".");
std::string text(const std::string& value);
std::string integer(int64_t value);
std::string integers(const std::vector<int64_t>& values);
std::string global(const std::string& module, const std::string& name);
/// ("storage", torch.<type>, key, "cpu", elements), as a persistent id. `more`: what follows in the tuple.
std::string storage(const std::string& type, const std::string& key, int64_t elements, const std::string& more = "");
/// _rebuild_tensor_v2 of it.
std::string tensor(const std::string& storage, int64_t offset, const std::vector<int64_t>& sizes,
                   const std::vector<int64_t>& strides);
/// _rebuild_sparse_tensor of parts, which are pickled: ("torch.sparse_coo", {indices, values, sizes, flag}).
std::string sparse(const std::string& layout, const std::vector<std::string>& parts);
/// An object of a TorchScript class with these attributes, name and pickle in turn.
std::string object(const std::string& type, const std::string& attributes);
/// A string of Python 2, and its OrderedDict of pairs of pickles.
std::string bytes2(const std::string& value);
std::string ordered2(const std::vector<std::pair<std::string, std::string>>& items);
}  // namespace pickle

/// A name in the archive and its content.
using Entries = std::vector<std::pair<std::string, std::string>>;

/// A zip as torch writes it: sizes behind the data, data aligned, with 64-bit end records. The entry called
/// `compressed` is said to be deflated, and to be twice as large then.
std::string zip_of(const Entries& entries, const std::string& compressed = "");
/// data.pkl and storages 0, 1, ... in such a zip.
std::string zip_file(const std::string& pickle, const std::vector<std::string>& storages = {});

/// The legacy stream: header, pickle, keys, and storages as (key, elements, bytes).
struct StreamStorage {
  std::string key;
  int64_t elements;
  std::string bytes;
};
std::string stream_file(const std::string& pickle, const std::vector<StreamStorage>& storages = {},
                        bool little_endian = true);

/// Valid files of both formats: a dict of views, types and containers.
std::string small_zip();
std::string small_stream();
/// A sparse matrix as COO and as CSR; what C++'s torch::save makes of a module, with compressed code beside it; and a
/// state_dict of Python 2.
std::string small_sparse();
std::string small_script();
std::string small_python2();

}  // namespace factorise::tests
