// Writing .pt files: the pickle (protocol 2) and the zip that torch.save writes, so that
// torch.load(weights_only=True) reads them.

#include <ATen/core/Tensor.h>
#include <c10/util/StringUtil.h>
#include <factorise/io.h>

#include <bit>
#include <unordered_set>

#include "io/atomic_file.h"
#include "io/contents.h"
#include "io/utf8.h"
#include "io/zip_writer.h"

namespace factorise {
namespace {

constexpr char kFunction[] = "save_pt";

/// How torch names a type in a file: by the class of its storage or, for the newer ones, by itself.
struct TypeName {
  const char* storage = nullptr;
  const char* dtype = nullptr;
};

TypeName type_name(c10::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return {.storage = "FloatStorage"};
    case at::kDouble:
      return {.storage = "DoubleStorage"};
    case at::kHalf:
      return {.storage = "HalfStorage"};
    case at::kBFloat16:
      return {.storage = "BFloat16Storage"};
    case at::kByte:
      return {.storage = "ByteStorage"};
    case at::kChar:
      return {.storage = "CharStorage"};
    case at::kShort:
      return {.storage = "ShortStorage"};
    case at::kInt:
      return {.storage = "IntStorage"};
    case at::kLong:
      return {.storage = "LongStorage"};
    case at::kBool:
      return {.storage = "BoolStorage"};
    case at::kUInt16:
      return {.dtype = "uint16"};
    case at::kUInt32:
      return {.dtype = "uint32"};
    case at::kUInt64:
      return {.dtype = "uint64"};
    default:
      return {};
  }
}

/// Builds the value's pickle, and collects the tensors that it refers to by number.
class Pickler {
 public:
  explicit Pickler(const std::filesystem::path& path) : path_(path), pickle_("\x80\x02", 2) {}

  void write(const Tensor& tensor) {
    if (tensor.defined() && tensor.layout() != at::kStrided) return write_sparse(tensor);
    const Tensor plain = prepare(tensor);
    const TypeName name = type_name(plain.scalar_type());
    global("torch._utils", name.storage ? "_rebuild_tensor_v2" : "_rebuild_tensor_v3");
    pickle_ += "((";
    write(std::string("storage"));
    name.storage ? global("torch", name.storage) : global("torch.storage", "UntypedStorage");
    write(std::to_string(tensors_.size()));
    write(std::string("cpu"));
    write(name.storage ? plain.numel() : static_cast<int64_t>(plain.nbytes()));
    pickle_ += "tQ";
    write(int64_t{0});  // offset
    write(plain.sizes());
    write(plain.strides());
    write(false);  // requires_grad
    global("collections", "OrderedDict");
    pickle_ += ")R";  // hooks: none
    if (name.dtype) global("torch", name.dtype);
    pickle_ += "tR";
    tensors_.push_back(plain);
  }

  void write(const std::vector<std::pair<std::string, PtEntry>>& dict) {
    std::unordered_set<std::string_view> keys;
    pickle_ += "}(";
    for (const auto& [key, value] : dict) {
      if (!keys.insert(key).second)
        refuse(c10::str("every key must be there once, but ", shown(key), " is there twice"));
      write(key);
      std::visit([this](const auto& held) { write(held); }, value);
    }
    pickle_ += 'u';
  }

  void write(bool value) { pickle_ += value ? '\x88' : '\x89'; }

  void write(int64_t value) {
    if (value >= INT32_MIN && value <= INT32_MAX) {
      pickle_ += 'J';
      append(static_cast<int32_t>(value));
    } else {
      pickle_ += "\x8a\x08";
      append(value);
    }
  }

  void write(double value) {
    pickle_ += 'G';
    const auto bits = std::bit_cast<uint64_t>(value);
    for (int shift = 56; shift >= 0; shift -= 8) pickle_ += static_cast<char>(bits >> shift);
  }

  void write(const std::string& value) {
    if (value.size() > UINT32_MAX || !is_utf8(value)) refuse("a string must be UTF-8 and below 4 GiB, but one is not");
    pickle_ += 'X';
    append(static_cast<uint32_t>(value.size()));
    pickle_ += value;
  }

  void write(const std::vector<std::string>& list) {
    pickle_ += "](";
    for (const std::string& text : list) write(text);
    pickle_ += 'e';
  }

  void finish() { pickle_ += '.'; }
  const std::string& pickle() const { return pickle_; }
  const std::vector<Tensor>& tensors() const { return tensors_; }

 private:
  [[noreturn]] void refuse(const std::string& reason) const {
    refuse_file(c10::str("[", kFunction, "] ", path_.string(), ": ", reason, "."));
  }

  /// torch._utils._rebuild_sparse_tensor(layout, (indices..., values, size, is_coalesced)).
  void write_sparse(const Tensor& tensor) {
    const bool by_rows = tensor.layout() == at::kSparseCsr;
    if (!by_rows && tensor.layout() != at::kSparse && tensor.layout() != at::kSparseCsc) {
      refuse(c10::str("a tensor must be strided, or sparse as COO, CSR or CSC, to be written, but one is ",
                      tensor.layout()));
    }
    const bool is_coo = tensor.layout() == at::kSparse;
    global("torch._utils", "_rebuild_sparse_tensor");
    pickle_ += '(';
    global("torch.serialization", "_get_layout");
    write(std::string(is_coo ? "torch.sparse_coo" : by_rows ? "torch.sparse_csr" : "torch.sparse_csc"));
    pickle_ += "\x85R(";
    if (is_coo) {
      write(tensor._indices());
    } else {
      write(by_rows ? tensor.crow_indices() : tensor.ccol_indices());
      write(by_rows ? tensor.col_indices() : tensor.row_indices());
    }
    write(is_coo ? tensor._values() : tensor.values());
    global("torch", "Size");
    write(tensor.sizes());
    pickle_ += "\x85R";
    if (is_coo) write(tensor.is_coalesced());
    pickle_ += "ttR";
  }

  /// On the CPU, contiguous, without grad.
  Tensor prepare(const Tensor& tensor) const {
    if (!tensor.defined()) refuse("a tensor must be defined to be written, but one is not");
    if (tensor.is_quantized() || tensor.is_meta()) {
      refuse(c10::str("a tensor must be a plain one to be written, but one is ",
                      tensor.is_meta() ? "of device meta, without values" : "quantised"));
    }
    const TypeName name = type_name(tensor.scalar_type());
    if (!name.storage && !name.dtype) {
      refuse(c10::str("a tensor must be of a real type of 8 to 64 bits, or bool, to be written, but one is ",
                      tensor.scalar_type()));
    }
    return tensor.detach().cpu().resolve_neg().contiguous();
  }

  void write(at::IntArrayRef values) {
    pickle_ += '(';
    for (const int64_t value : values) write(value);
    pickle_ += 't';
  }

  void global(const char* module, const char* name) { pickle_ += c10::str("c", module, "\n", name, "\n"); }

  template <class T>
  void append(T value) {
    pickle_.append(reinterpret_cast<const char*>(&value), sizeof(T));
  }

  const std::filesystem::path& path_;
  std::string pickle_;
  std::vector<Tensor> tensors_;
};

template <class Value>
void save(const std::filesystem::path& path, const Value& value) {
  Pickler pickler(path);
  pickler.write(value);
  pickler.finish();
  AtomicFile file(kFunction, path);
  ZipWriter zip(file);
  const std::string folder = "archive/";
  zip.add(folder + "data.pkl", pickler.pickle());
  zip.add(folder + "byteorder", "little");
  for (size_t i = 0; i < pickler.tensors().size(); ++i) {
    const Tensor& tensor = pickler.tensors()[i];
    zip.add(c10::str(folder, "data/", i), Bytes(static_cast<const uint8_t*>(tensor.const_data_ptr()), tensor.nbytes()));
  }
  zip.add(folder + "version", "3\n");
  zip.finish();
  file.commit();
}

}  // namespace

void save_pt(const std::filesystem::path& path, const Tensor& tensor) { save(path, tensor); }

void save_pt(const std::filesystem::path& path, const std::vector<std::pair<std::string, PtEntry>>& dict) {
  save(path, dict);
}

}  // namespace factorise
