// Writing .pt files: the pickle (protocol 2) and the zip that torch.save writes, so that
// torch.load(weights_only=True) reads them.

#include <c10/util/StringUtil.h>
#include <factorise/io.h>

#include <array>
#include <bit>
#include <cstring>
#include <unordered_set>

#include "io/atomic_file.h"
#include "io/contents.h"
#include "io/zip_archive.h"

namespace factorise {
namespace {

constexpr char kFunction[] = "save_pt";
constexpr uint64_t kAlignment = 64;          // of storages in the file, as torch.save has it
constexpr uint64_t kLargest32 = 0xFFFFFFFE;  // above, zip needs its 64-bit fields

template <class T>
void append(std::string& text, T value) {
  text.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

/// The storage class of a type; empty where torch has none and names the type itself.
const char* storage_class(c10::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return "FloatStorage";
    case at::kDouble:
      return "DoubleStorage";
    case at::kHalf:
      return "HalfStorage";
    case at::kBFloat16:
      return "BFloat16Storage";
    case at::kByte:
      return "ByteStorage";
    case at::kChar:
      return "CharStorage";
    case at::kShort:
      return "ShortStorage";
    case at::kInt:
      return "IntStorage";
    case at::kLong:
      return "LongStorage";
    case at::kBool:
      return "BoolStorage";
    default:
      return "";
  }
}

const char* dtype_name(c10::ScalarType type) {
  switch (type) {
    case at::kUInt16:
      return "uint16";
    case at::kUInt32:
      return "uint32";
    case at::kUInt64:
      return "uint64";
    default:
      return "";
  }
}

/// The value's pickle, and the tensors that it refers to, by number.
class Pickler {
 public:
  Pickler() : pickle_("\x80\x02", 2) {}

  void tensor(const Tensor& given) {
    TORCH_CHECK_VALUE(given.defined() && given.layout() == at::kStrided && !given.is_quantized(), "[", kFunction,
                      "] a tensor must be dense to be written, but was ",
                      given.defined() ? "sparse or quantised" : "undefined", ".");
    const c10::ScalarType type = given.scalar_type();
    const bool named = *storage_class(type) == 0;
    TORCH_CHECK_VALUE(!named || *dtype_name(type) != 0, "[", kFunction,
                      "] a tensor must be real and of at most 64 bits to be written, but was ", type, ".");
    const Tensor plain = given.detach().cpu().resolve_neg().contiguous();
    global("torch._utils", named ? "_rebuild_tensor_v3" : "_rebuild_tensor_v2");
    pickle_ += "((";
    text("storage");
    named ? global("torch.storage", "UntypedStorage") : global("torch", storage_class(type));
    text(std::to_string(tensors_.size()));
    text("cpu");
    integer(named ? static_cast<int64_t>(plain.nbytes()) : plain.numel());
    pickle_ += "tQ";
    integer(0);
    integers(plain.sizes());
    integers(plain.strides());
    pickle_ += '\x89';  // requires_grad
    global("collections", "OrderedDict");
    pickle_ += ")R";  // backward hooks: none
    if (named) global("torch", dtype_name(type));
    pickle_ += "tR";
    tensors_.push_back(plain);
  }

  void dict(const std::vector<std::pair<std::string, PtEntry>>& entries) {
    std::unordered_set<std::string_view> keys;
    pickle_ += "}(";
    for (const auto& [key, value] : entries) {
      TORCH_CHECK_VALUE(keys.insert(key).second, "[", kFunction, "] every key must be there once, but ", key,
                        " is there twice.");
      text(key);
      std::visit([this](const auto& held) { write(held); }, value);
    }
    pickle_ += 'u';
  }

  std::string finish() { return pickle_ + '.'; }
  const std::vector<Tensor>& tensors() const { return tensors_; }

 private:
  void write(bool value) { pickle_ += value ? '\x88' : '\x89'; }
  void write(int64_t value) { integer(value); }
  void write(const std::string& value) { text(value); }
  void write(const Tensor& value) { tensor(value); }
  void write(double value) {
    pickle_ += 'G';
    const auto bits = std::bit_cast<uint64_t>(value);
    for (int shift = 56; shift >= 0; shift -= 8) pickle_ += static_cast<char>(bits >> shift);
  }

  void text(const std::string& value) {
    TORCH_CHECK_VALUE(value.size() <= 0xFFFFFFFF, "[", kFunction, "] a string must be below 4 GiB.");
    pickle_ += 'X';
    append(pickle_, static_cast<uint32_t>(value.size()));
    pickle_ += value;
  }

  void integer(int64_t value) {
    pickle_ += "\x8a\x08";
    append(pickle_, value);
  }

  void integers(at::IntArrayRef values) {
    pickle_ += '(';
    for (const int64_t value : values) integer(value);
    pickle_ += 't';
  }

  void global(const char* module, const char* name) { pickle_ += c10::str("c", module, "\n", name, "\n"); }

  std::string pickle_;
  std::vector<Tensor> tensors_;
};

/// Stored entries, then the directory.
class ZipWriter {
 public:
  explicit ZipWriter(AtomicFile& file) : file_(file) {}

  void add(const std::string& name, Bytes bytes) {
    Entry entry{name, file_.written(), bytes.size(), crc32_of(bytes)};
    // Padding in an extra field of our own ("FB", as torch.save has it) brings the data to its alignment.
    const bool large = entry.size > kLargest32;
    const uint64_t before = file_.written() + 30 + name.size() + (large ? 20 : 0) + 4;
    const uint64_t padding = (kAlignment - before % kAlignment) % kAlignment;
    std::string header;
    append(header, uint32_t{0x04034b50});
    common(header, entry, large);
    append(header, static_cast<uint16_t>(name.size()));
    append(header, static_cast<uint16_t>((large ? 20 : 0) + 4 + padding));
    header += name;
    if (large) sizes64(header, entry, /*with_offset=*/false);
    header += "FB";
    append(header, static_cast<uint16_t>(padding));
    header.append(padding, 'Z');
    file_.write(header);
    file_.write(bytes);
    entries_.push_back(std::move(entry));
  }

  void finish() {
    const uint64_t begin = file_.written();
    for (const Entry& entry : entries_) file_.write(directory_entry(entry));
    const uint64_t size = file_.written() - begin, end64 = file_.written();
    std::string end;
    const bool large = begin > kLargest32 || size > kLargest32 || entries_.size() > 0xFFFE;
    if (large) {
      append(end, uint32_t{0x06064b50});
      append(end, uint64_t{44});
      append(end, uint16_t{45});
      append(end, uint16_t{45});
      append(end, uint64_t{0});  // two volume numbers
      append(end, uint64_t{entries_.size()});
      append(end, uint64_t{entries_.size()});
      append(end, size);
      append(end, begin);
      append(end, uint32_t{0x07064b50});
      append(end, uint32_t{0});
      append(end, end64);
      append(end, uint32_t{1});
    }
    append(end, uint32_t{0x06054b50});
    append(end, uint32_t{0});  // two volume numbers
    const auto count = static_cast<uint16_t>(large ? 0xFFFF : entries_.size());
    append(end, count);
    append(end, count);
    append(end, static_cast<uint32_t>(large ? 0xFFFFFFFF : size));
    append(end, static_cast<uint32_t>(large ? 0xFFFFFFFF : begin));
    append(end, uint16_t{0});  // no comment
    file_.write(end);
  }

 private:
  struct Entry {
    std::string name;
    uint64_t header, size;
    uint32_t crc32;
  };

  /// The fields that local header and directory share, from "version needed" to the sizes.
  static void common(std::string& text, const Entry& entry, bool large) {
    append(text, static_cast<uint16_t>(large ? 45 : 20));
    append(text, uint16_t{0});  // flags
    append(text, uint16_t{0});  // stored
    append(text, uint16_t{0});  // time and date: the first that there is, so that equal contents are equal files
    append(text, uint16_t{0x21});
    append(text, entry.crc32);
    append(text, static_cast<uint32_t>(large ? 0xFFFFFFFF : entry.size));
    append(text, static_cast<uint32_t>(large ? 0xFFFFFFFF : entry.size));
  }

  static void sizes64(std::string& text, const Entry& entry, bool with_offset) {
    append(text, uint16_t{1});
    append(text, static_cast<uint16_t>(with_offset ? 24 : 16));
    append(text, entry.size);
    append(text, entry.size);
    if (with_offset) append(text, entry.header);
  }

  static std::string directory_entry(const Entry& entry) {
    const bool large = entry.size > kLargest32 || entry.header > kLargest32;
    std::string text;
    append(text, uint32_t{0x02014b50});
    append(text, uint16_t{45});
    common(text, entry, large);
    append(text, static_cast<uint16_t>(entry.name.size()));
    append(text, static_cast<uint16_t>(large ? 28 : 0));
    append(text, uint16_t{0});  // no comment
    append(text, uint16_t{0});  // volume
    append(text, uint16_t{0});  // attributes
    append(text, uint32_t{0});
    append(text, static_cast<uint32_t>(large ? 0xFFFFFFFF : entry.header));
    text += entry.name;
    if (large) sizes64(text, entry, /*with_offset=*/true);
    return text;
  }

  AtomicFile& file_;
  std::vector<Entry> entries_;
};

Bytes bytes_of(const std::string& text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

void save(const std::filesystem::path& path, Pickler pickler) {
  const std::string pickle = pickler.finish();
  AtomicFile file(kFunction, path);
  ZipWriter zip(file);
  zip.add("archive/data.pkl", bytes_of(pickle));
  zip.add("archive/byteorder", bytes_of("little"));
  for (size_t i = 0; i < pickler.tensors().size(); ++i) {
    const Tensor& tensor = pickler.tensors()[i];
    zip.add(c10::str("archive/data/", i), Bytes(static_cast<const uint8_t*>(tensor.const_data_ptr()), tensor.nbytes()));
  }
  zip.add("archive/version", bytes_of("3\n"));
  zip.finish();
  file.commit();
}

}  // namespace

void save_pt(const std::filesystem::path& path, const Tensor& tensor) {
  Pickler pickler;
  pickler.tensor(tensor);
  save(path, std::move(pickler));
}

void save_pt(const std::filesystem::path& path, const std::vector<std::pair<std::string, PtEntry>>& dict) {
  Pickler pickler;
  pickler.dict(dict);
  save(path, std::move(pickler));
}

}  // namespace factorise
