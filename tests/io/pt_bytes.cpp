// The builders.

#include "io/pt_bytes.h"

#include <cstdint>

#include "io/crc32.h"

namespace factorise::tests {
namespace {

uint32_t checksum(const std::string& text) {
  return crc32_of({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

template <class T>
std::string raw_of(std::initializer_list<T> values) {
  std::string result;
  for (const T value : values) result += raw(value);
  return result;
}

}  // namespace

namespace pickle {

std::string text(const std::string& value) { return "X" + raw(static_cast<uint32_t>(value.size())) + value; }

std::string integer(int64_t value) {
  if (value >= 0 && value < 256) return "K" + raw(static_cast<uint8_t>(value));
  return "\x8a\x08" + raw(value);
}

std::string integers(const std::vector<int64_t>& values) {
  std::string result = "(";
  for (const int64_t value : values) result += integer(value);
  return result + "t";
}

std::string global(const std::string& module, const std::string& name) { return "c" + module + "\n" + name + "\n"; }

std::string storage(const std::string& type, const std::string& key, int64_t elements, const std::string& more) {
  return "(" + text("storage") + global("torch", type) + text(key) + text("cpu") + integer(elements) + more + "tQ";
}

std::string tensor(const std::string& storage, int64_t offset, const std::vector<int64_t>& sizes,
                   const std::vector<int64_t>& strides) {
  return global("torch._utils", "_rebuild_tensor_v2") + "(" + storage + integer(offset) + integers(sizes) +
         integers(strides) + "\x89" + global("collections", "OrderedDict") + ")RtR";
}

std::string sparse(const std::string& layout, const std::vector<std::string>& parts) {
  std::string tuple = "(";
  for (const std::string& part : parts) tuple += part;
  return global("torch._utils", "_rebuild_sparse_tensor") + global("torch.serialization", "_get_layout") +
         text(layout) + "\x85R" + tuple + "t\x86R";
}

std::string object(const std::string& type, const std::string& attributes) {
  return global(type, "Module") + ")\x81}(" + attributes + "ub";
}

std::string bytes2(const std::string& value) { return "U" + raw(static_cast<uint8_t>(value.size())) + value; }

std::string ordered2(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string pairs = "](";
  for (const auto& [key, value] : items) pairs += "](" + key + value + "e";
  return global("collections", "OrderedDict") + pairs + "e\x85R";
}

}  // namespace pickle

std::string zip_of(const Entries& entries, const std::string& compressed) {
  std::string file, directory;
  for (const auto& [name, content] : entries) {
    const auto header = static_cast<uint32_t>(file.size()), size = static_cast<uint32_t>(content.size());
    const auto padding = static_cast<uint16_t>((64 - (file.size() + 34 + name.size()) % 64) % 64);
    const bool deflated = name == compressed;
    const std::string flags = raw_of<uint16_t>({0, 0x808, static_cast<uint16_t>(deflated ? 8 : 0), 0, 0});
    const uint32_t whole = deflated ? 2 * size : size;
    file += raw(uint32_t{0x04034b50}) + flags + raw_of<uint32_t>({0, 0, 0});
    file += raw(static_cast<uint16_t>(name.size())) + raw(static_cast<uint16_t>(4 + padding)) + name + "FB";
    file += raw(padding) + std::string(padding, 'Z') + content;
    file += raw_of<uint32_t>({0x08074b50, checksum(content), size, whole});
    directory += raw(uint32_t{0x02014b50}) + raw(uint16_t{0}) + flags;
    directory += raw_of<uint32_t>({checksum(content), size, whole}) + raw(static_cast<uint16_t>(name.size()));
    directory += raw_of<uint16_t>({0, 0, 0, 0}) + raw_of<uint32_t>({0, header}) + name;
  }
  const uint64_t offset = file.size(), size = directory.size(), count = entries.size(), end = offset + size;
  file += directory;
  file += raw(uint32_t{0x06064b50}) + raw(uint64_t{44}) + raw_of<uint16_t>({0x031e, 45}) + raw_of<uint32_t>({0, 0});
  file += raw_of<uint64_t>({count, count, size, offset});
  file += raw_of<uint32_t>({0x07064b50, 0}) + raw(end) + raw(uint32_t{1});
  file += raw(uint32_t{0x06054b50}) + raw_of<uint16_t>({0, 0}) + raw(static_cast<uint16_t>(count));
  file += raw(static_cast<uint16_t>(count)) + raw(static_cast<uint32_t>(size)) + raw(static_cast<uint32_t>(offset));
  return file + raw(uint16_t{0});
}

std::string zip_file(const std::string& pickle, const std::vector<std::string>& storages) {
  Entries entries = {{"archive/data.pkl", pickle}, {"archive/byteorder", "little"}};
  for (size_t i = 0; i < storages.size(); ++i) entries.emplace_back("archive/data/" + std::to_string(i), storages[i]);
  entries.emplace_back("archive/version", "3\n");
  return zip_of(entries);
}

std::string stream_file(const std::string& pickle, const std::vector<StreamStorage>& storages, bool little_endian) {
  std::string file = pickle::begin + "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19" + pickle::end;
  file += pickle::begin + "M" + raw(uint16_t{1001}) + pickle::end;
  file += pickle::begin + "}(" + pickle::text("protocol_version") + "M" + raw(uint16_t{1001}) +
          pickle::text("little_endian") + (little_endian ? "\x88" : "\x89") + pickle::text("type_sizes") + "}(" +
          pickle::text("short") + "K\x02" + pickle::text("int") + "K\x04uu" + pickle::end;
  file += pickle;
  file += pickle::begin + "](";
  for (const StreamStorage& storage : storages) file += pickle::text(storage.key);
  file += "e" + pickle::end;
  for (const StreamStorage& storage : storages) file += raw(storage.elements) + storage.bytes;
  return file;
}

namespace {

std::string numbers(size_t count) {
  std::string bytes;
  for (size_t i = 0; i < count; ++i) bytes += raw(static_cast<float>(i));
  return bytes;
}

const std::string kTruths("\1\0\1", 3);

std::string small_pickle() {
  using namespace pickle;
  std::string value = begin + "}q" + raw(uint8_t{0}) + "(";
  value += text("a") + "q\x01" + tensor(storage("FloatStorage", "0", 6), 0, {2, 3}, {3, 1}) + "q\x02";
  value += text("b") + tensor(storage("FloatStorage", "0", 6), 1, {2}, {3});
  value += text("t") + tensor(storage("BoolStorage", "1", 3), 0, {3}, {1});
  value += text("n") + "N" + text("i") + integer(-5) + text("l") + "](K\x01h\x02" + text("x") + "e";
  value += text("f") + "G" + std::string("\x3f\xf8\0\0\0\0\0\0", 8) + integer(7) + "\x88u";
  return value + end;
}

}  // namespace

std::string small_zip() { return zip_file(small_pickle(), {numbers(6), kTruths}); }

std::string small_stream() { return stream_file(small_pickle(), {{"0", 6, numbers(6)}, {"1", 3, kTruths}}); }

std::string small_sparse() {
  using namespace pickle;
  const std::string sizes = global("torch", "Size") + integers({3, 2}) + "\x85R";
  const std::string indices = tensor(storage("LongStorage", "0", 6), 0, {2, 3}, {3, 1});
  const std::string values = tensor(storage("FloatStorage", "1", 3), 0, {3}, {1});
  const std::string ends = tensor(storage("LongStorage", "2", 4), 0, {4}, {1});
  const std::string columns = tensor(storage("LongStorage", "0", 6), 3, {3}, {1});
  const std::string value = begin + "}(" + text("coo") + sparse("torch.sparse_coo", {indices, values, sizes, "\x88"}) +
                            text("csr") + sparse("torch.sparse_csr", {ends, columns, values, sizes}) + "u" + end;
  return zip_file(value, {raw_of<int64_t>({0, 1, 2, 1, 0, 1}), numbers(3), raw_of<int64_t>({0, 1, 2, 3})});
}

std::string small_script() {
  using namespace pickle;
  const std::string weight = tensor(storage("FloatStorage", "0", 6), 0, {2, 3}, {3, 1});
  const std::string inner = object("__torch__.___torch_mangle_0", text("weight") + weight + text("training") + "\x88");
  const std::string names = global("torch.jit._pickle", "restore_type_tag") + "](" + text("a") + text("b") + "e" +
                            text("List[str]") + "\x86R";
  const std::string value = begin + object("__torch__", text("fc") + inner + text("names") + names) + end;
  return zip_of({{"m/data/0", numbers(6)},
                 {"m/data.pkl", value},
                 {"m/code/__torch__.py", "class Module(Module):\n  pass\n"},
                 {"m/constants.pkl", begin + ")" + end},
                 {"m/version", "3\n"},
                 {"m/byteorder", "little"}},
                "m/code/__torch__.py");
}

std::string small_python2() {
  using namespace pickle;
  const std::string id =
      "(" + bytes2("storage") + global("torch", "FloatStorage") + bytes2("140") + bytes2("cpu") + integer(6) + "NtQ";
  const std::string weight = tensor(id, 0, {2, 3}, {3, 1});
  const std::string value = begin + "}(" + bytes2("state_dict") + ordered2({{bytes2("fc.weight"), weight}}) +
                            bytes2("epoch") + "I5000000000\n" + "T" + raw(int32_t{4}) + "best" + "I01\nu" + end;
  return stream_file(value, {{"140", 6, numbers(6)}});
}

}  // namespace factorise::tests
