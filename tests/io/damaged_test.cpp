// Thousands of damaged .pt files, made from sound ones: cut off at every byte, flipped at every byte, with sizes that
// lie. Each is refused with a sentence (or, where a flip does no harm, read), without a crash and without much memory.
// Run under AddressSanitizer and UBSan too (preset sanitize).

#include <ATen/ops/arange.h>

#include <cstring>
#include <iterator>
#include <random>

#include "io/corpus.h"

namespace factorise {
namespace {

using namespace tests;
using namespace tests::pickle;

struct Sound {
  std::string name, bytes;
};

/// What the damage starts from.
std::vector<Sound> sound_files() {
  const Folder folder("sound");
  const auto ours = folder.path() / "ours.pt";
  save_pt(ours, {{"U", at::arange(6).view({2, 3})}, {"name", std::string("x")}, {"lr", 0.5}});
  std::ifstream written(ours, std::ios::binary);
  return {{"our own zip", std::string(std::istreambuf_iterator<char>(written), {})},
          {"torch's zip", small_zip()},
          {"legacy stream", small_stream()},
          {"sparse tensors", small_sparse()},
          {"TorchScript archive", small_script()},
          {"Python 2's stream", small_python2()}};
}

/// A torch-like zip of six() whose fields can be changed.
struct Zip {
  std::string bytes = in_zip(six());

  // Where the headers of an entry are: the first and the last time that its name is there.
  size_t local(const std::string& name) const { return bytes.find("archive/" + name) - 30; }
  size_t central(const std::string& name) const { return bytes.rfind("archive/" + name) - 46; }
  size_t end() const { return bytes.size() - 22; }
  size_t end64() const { return end() - 20 - 56; }

  template <class T>
  Zip& set(size_t at, T value) {
    std::memcpy(bytes.data() + at, &value, sizeof(T));
    return *this;
  }
  Zip& name(size_t at, const std::string& name) {
    bytes.replace(at, name.size(), name);
    return *this;
  }
};

}  // namespace

TEST_CASE("the files that the damage starts from are sound", "[damaged]") {
  Corpus corpus("damaged");
  for (const auto& [name, bytes] : sound_files()) {
    INFO(name);
    CHECK(corpus.read(bytes).empty());
  }
  CHECK(corpus.read(in_zip(six())).empty());
  CHECK(corpus.read(in_stream(six())).empty());
}

TEST_CASE("a file cut off at any byte is refused", "[damaged]") {
  Corpus corpus("damaged");
  for (const auto& [name, bytes] : sound_files()) {
    for (size_t size = 0; size < bytes.size(); ++size) {
      corpus.refused(bytes.substr(0, size), name + " cut off at " + std::to_string(size));
    }
  }
  CHECK(corpus.read_so_far() >= 1000);
}

TEST_CASE("a byte flipped anywhere is refused or does no harm", "[damaged]") {
  Corpus corpus("damaged");
  size_t refused = 0;
  for (const auto& [name, bytes] : sound_files()) {
    for (size_t at = 0; at < bytes.size(); ++at) {
      for (const int flip : {0x01, 0x80, 0xff}) {
        std::string damaged = bytes;
        damaged[at] = static_cast<char>(damaged[at] ^ flip);
        refused += !corpus.read(damaged).empty();
      }
    }
  }
  CHECK(corpus.read_so_far() >= 3000);
  CHECK(refused >= 1000);
}

TEST_CASE("a flipped byte of the numbers is found by its checksum", "[damaged]") {
  Corpus corpus("damaged");
  const std::string bytes = sound_files()[0].bytes;
  const size_t data = bytes.find(raw(int64_t{1}) + raw(int64_t{2}) + raw(int64_t{3}));
  REQUIRE(data != std::string::npos);
  for (size_t at = data; at < data + 24; ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    corpus.refused(damaged, "flipped data", "storage 0 is damaged: its checksum does not fit");
  }
}

TEST_CASE("tensors that lie about their storage are refused", "[damaged]") {
  Corpus corpus("damaged");
  constexpr int64_t kHuge = int64_t{1} << 62;
  const std::string beyond = "which holds 24 bytes", no_count = "more bytes than can be counted";
  struct Lie {
    int64_t offset;
    std::vector<int64_t> sizes, strides;
    std::string words;
  };
  const std::vector<Lie> lies{{0, {2, 4}, {4, 1}, beyond},
                              {1, {2, 3}, {3, 1}, beyond},
                              {0, {7}, {1}, beyond},
                              {6, {1}, {1}, beyond},
                              {7, {0}, {1}, beyond},
                              {-1, {2, 3}, {3, 1}, "an offset from 0"},
                              {0, {-2, 3}, {3, 1}, "sizes must be integers from 0"},
                              {0, {2, 3}, {-3, 1}, "strides must be integers from 0"},
                              {0, {2, 3}, {3}, "as many strides as sizes, but has 1 and 2"},
                              {0, {2}, {3, 1}, "as many strides as sizes, but has 2 and 1"},
                              {kHuge, {1}, {1}, beyond},
                              {0, {kHuge, kHuge}, {1, 1}, no_count},
                              {0, {kHuge, kHuge}, {0, 0}, no_count},
                              {0, {kHuge, 0, kHuge}, {0, 0, 0}, no_count},
                              {0, {2, 2}, {kHuge, kHuge}, no_count},
                              {0, {3}, {kHuge}, no_count},
                              {0, {2}, {INT64_MAX}, no_count},
                              {INT64_MAX, {2}, {1}, beyond},
                              {INT64_MAX, {1}, {1}, beyond},
                              {INT64_MIN, {1}, {1}, "an offset from 0"},
                              {0, {INT64_MIN}, {1}, "sizes must be integers from 0"},
                              {0, std::vector<int64_t>(65, 1), std::vector<int64_t>(65, 1), "at most 64 sizes"}};
  for (const Lie& lie : lies) {
    corpus.refused(in_zip(six(lie.offset, lie.sizes, lie.strides)), "in a zip", lie.words);
    corpus.refused(in_stream(six(lie.offset, lie.sizes, lie.strides)), "in a stream", lie.words);
  }
  // A tensor without elements may have any strides, and an expanded one more elements than numbers.
  CHECK(corpus.read(in_zip(six(0, {0, 5}, {5, 1}))).empty());
  CHECK(corpus.read(in_zip(six(0, {100}, {0}))).empty());
}

TEST_CASE("storages that lie about their size, type or key are refused", "[damaged]") {
  Corpus corpus("damaged");
  corpus.refused(in_zip(six(), floats(5)), "less data than promised", "must hold 24 bytes, but holds 20 in the file");
  corpus.refused(in_zip(six(), floats(7)), "more data than promised", "must hold 24 bytes, but holds 28 in the file");
  corpus.refused(in_zip(six(), ""), "no data", "must hold 24 bytes, but holds 0 in the file");
  corpus.refused(in_zip(six(0, {4}, {1}, "DoubleStorage")), "doubles", "must hold 48 bytes, but holds 24 in the file");
  corpus.refused(in_zip(six(0, {1}, {1}, "DoubleStorage", "0", INT64_MAX)), "doubles", "larger than any file");
  corpus.refused(in_zip(six(0, {1}, {1}, "FloatStorage", "0", -1)), "a negative size", "type, key, device and size");
  for (const std::string key : {"1", "../0", "0/", "", "0\n", "\x1b[31m"}) {
    corpus.refused(in_zip(six(0, {1}, {1}, "FloatStorage", key)), "another key", "must be in the file, but is not");
  }
  // What the file calls it is shown as far as it can be.
  const std::string odd("0\0\n\x1b", 4);
  corpus.refused(in_zip(six(0, {1}, {1}, "FloatStorage", odd)), "an odd key",
                 "storage 0\\x00\\x0a\\x1b must be in the file");
  corpus.refused(in_stream(six(0, {1}, {1}, "FloatStorage", odd)), "an odd key", "must be those of the tensors");
  corpus.refused(in_zip(six(0, {2}, {1}, "BoolStorage", "0", 2), "\x01\x02"), "a bool of 2",
                 "a bool must be 0 or 1, but byte 1 of storage 0 is 2");
  for (const int64_t elements : {int64_t{7}, int64_t{1} << 40, INT64_MAX, int64_t{-1}, INT64_MIN}) {
    corpus.refused(in_stream(six(), elements), "a size in a stream that lies", "is cut off or damaged at byte");
  }
  corpus.refused(in_stream(six(), 5), "fewer elements than promised", "must hold 24 bytes, but holds 20 in the file");
  // Two ideas of one storage.
  const std::string two = "](" + six() + six(0, {6}, {1}, "IntStorage") + six(0, {3}, {1}, "DoubleStorage", "0", 3);
  CHECK(corpus.read(in_zip(two + "e")).empty());
  corpus.refused(in_stream(two + "e"), "two types in a stream", "storage 0 must have one type, but has two");
  corpus.refused(in_zip("](" + six() + six(0, {5}, {1}, "FloatStorage", "0", 5) + "e"), "two sizes",
                 "must hold 20 bytes, but holds 24 in the file");
  const std::string value = pickled(six());
  corpus.refused(stream_file(value, {{"1", 6, floats(6)}}), "another key", "must be those of the tensors");
  corpus.refused(stream_file(value, {{"0", 6, floats(6)}, {"0", 6, floats(6)}}), "a key twice", "is there twice");
  corpus.refused(stream_file(value), "no storages", "must be in the file, but is not");
}

TEST_CASE("zips that lie are refused", "[damaged]") {
  Corpus corpus("damaged");
  const Zip zip;
  const size_t local = zip.local("data/0"), central = zip.central("data/0"), tail = zip.end(), end64 = zip.end64();
  const std::string bytes = zip.bytes;
  const auto with = [&](size_t at, auto value) { return Zip{bytes}.set(at, value).bytes; };
  const std::string contradicts = "contradicts its directory's archive/data/0";

  for (const uint16_t method : {uint16_t{8}, uint16_t{12}, uint16_t{99}}) {
    const std::string compressed = Zip{bytes}.set(central + 10, method).set(local + 8, method).bytes;
    corpus.refused(compressed, "compressed", "archive/data/0 compressed");
    corpus.refused(with(central + 10, method), "compressed, as the directory has it", contradicts);
    corpus.refused(with(local + 8, method), "compressed, as its own header has it", contradicts);
  }
  corpus.refused(with(central + 8, uint16_t{0x809}), "encrypted", "archive/data/0 encrypted");
  corpus.refused(with(local + 6, uint16_t{0x809}), "encrypted, as its own header has it", contradicts);
  corpus.refused(with(central + 24, uint32_t{25}), "two sizes", "two sizes for archive/data/0, 24 and 25");
  for (const uint32_t size : {uint32_t{1} << 30, uint32_t{0x7FFFFFFF}, uint32_t{0xFFFFFFFE}, uint32_t{0xFFFFFFFF}}) {
    const std::string large = Zip{bytes}.set(central + 20, size).set(central + 24, size).bytes;
    corpus.refused(large, "a size beyond the file", "would reach beyond its data");
  }
  // An entry that reaches over the next one: a small file that pretends to hold much.
  const auto over = static_cast<uint32_t>(zip.local("version") - local);
  corpus.refused(Zip{bytes}.set(central + 20, over).set(central + 24, over).bytes, "entries on the same bytes",
                 "entries that overlap");
  corpus.refused(with(central + 42, uint32_t{0}), "another's offset", contradicts);
  corpus.refused(with(central + 42, uint32_t{7}), "an offset in mid-entry", "where no entry begins");
  corpus.refused(with(central + 42, static_cast<uint32_t>(central)), "an offset in the directory", "no entry begins");
  corpus.refused(with(central + 42, uint32_t{0xFFFFFFF0}), "an offset beyond", "where no entry begins");
  corpus.refused(with(central + 16, uint32_t{1}), "another checksum", "checksum does not fit");
  corpus.refused(with(local + 14, uint32_t{1}), "another checksum in its header", contradicts);
  corpus.refused(with(local + 18, uint32_t{1}), "another size in its header", contradicts);
  corpus.refused(with(local + 22, uint32_t{1}), "another size in its header", contradicts);
  corpus.refused(with(local + 26, uint16_t{0xFFFF}), "a name without end", "would reach beyond its data");
  corpus.refused(with(local + 28, uint16_t{0xFFFF}), "an extra field without end", "would reach beyond its data");
  corpus.refused(with(central + 28, uint16_t{0xFFFF}), "a name longer than the directory", "longer than the directory");
  corpus.refused(with(central + 30, uint16_t{0xFFFF}), "an extra field longer than it", "longer than the directory");
  corpus.refused(with(central + 32, uint16_t{0xFFFF}), "a comment longer than it", "longer than the directory");
  corpus.refused(with(central, uint32_t{0}), "no entry in the directory", "has no directory entry at byte");
  corpus.refused(Zip{bytes}.name(local + 30, "archive/data/7").bytes, "another name in its header", contradicts);
  corpus.refused(Zip{bytes}.name(local + 30, "archive/data/\x1b").name(central + 46, "archive/data/\x1b").bytes,
                 "another name", "must be in the file, but is not");

  const std::string contradict = "two end records that contradict each other";
  for (const size_t at : {tail + 10, tail + 12, tail + 16}) corpus.refused(with(at, uint16_t{3}), "another end", "");
  corpus.refused(with(tail + 12, uint32_t{3}), "a directory of another size", contradict);
  corpus.refused(with(tail + 16, uint32_t{3}), "a directory elsewhere", contradict);
  corpus.refused(with(tail + 4, uint16_t{1}), "another volume", "one of several volumes");
  corpus.refused(with(tail + 20, uint16_t{9}), "a comment that is not there", "no end record");
  for (const uint64_t at : {uint64_t{0}, uint64_t{1} << 63, ~uint64_t{0}, uint64_t{end64} + 1}) {
    corpus.refused(with(tail - 12, at), "a 64-bit record elsewhere", "as its 64-bit end record's, where there is none");
  }
  // The narrow fields refer to the wide ones, and those lie.
  const std::string wide =
      Zip{bytes}.set(tail + 8, ~0U).set(tail + 12, ~uint64_t{0}).bytes;  // counts, then size and offset
  CHECK(corpus.read(wide).empty());
  const auto wide_with = [&](size_t field, uint64_t value) { return Zip{wide}.set(end64 + field, value).bytes; };
  for (const uint64_t value : {uint64_t{0}, uint64_t{3}, uint64_t{5}, uint64_t{1} << 40, ~uint64_t{0}}) {
    for (const size_t field : {32, 40, 48}) corpus.refused(wide_with(field, value), "a 64-bit field that lies");
  }
}

TEST_CASE("archives that hold something else are refused", "[damaged]") {
  Corpus corpus("damaged");
  const std::string value = pickled(six());
  const Entries::value_type pickle{"a/data.pkl", value}, data{"a/data/0", floats(6)};
  CHECK(corpus.read(zip_of({pickle, data})).empty());
  corpus.refused(zip_of({pickle, data, data}), "an entry twice", "holds a/data/0 twice");
  corpus.refused(zip_of({pickle, pickle, data}), "data.pkl twice", "twice");
  corpus.refused(zip_of({pickle, {"b/data.pkl", value}, data}), "two folders", "holds data.pkl twice");
  corpus.refused(zip_of({data}), "no pickle", "a zip archive without data.pkl");
  corpus.refused(zip_of({}), "nothing", "is not a .pt file");
  corpus.refused(zip_of({pickle}), "no storage", "storage 0 must be in the file, but is not");
  corpus.refused(zip_of({pickle, {"b/data/0", floats(6)}}), "a storage elsewhere", "must be in the file, but is not");
  corpus.refused(zip_of({pickle, data, {"a/byteorder", "big"}}), "big-endian", "big-endian");
  corpus.refused(zip_of({pickle, data, {"a/byteorder", "middle"}}), "an order of its own", "byteorder must be little");
  for (const std::string version : {"", "x", "-1", "11", "99999999999999999999"}) {
    corpus.refused(zip_of({pickle, data, {"a/version", version}}), "a version", "version must be a number up to 10");
  }
  corpus.refused(zip_of({pickle, data}, "a/data/0"), "compressed numbers", "holds a/data/0 compressed");
  corpus.refused(zip_of({pickle, data}, "a/data.pkl"), "a compressed pickle", "holds a/data.pkl compressed");
  corpus.refused(zip_of({{"a/data.pkl", ""}, data}), "an empty pickle", "cut off or damaged");
}

TEST_CASE("random damage, from a printed seed, is refused or does no harm", "[damaged]") {
  Corpus corpus("damaged");
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const auto files = sound_files();
  for (int i = 0; i < 3000; ++i) {
    std::string bytes = files[random() % files.size()].bytes;
    for (auto changes = 1 + random() % 4; changes-- > 0;) {
      const size_t at = random() % bytes.size(), size = 1 + random() % 8;
      switch (random() % 4) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes.erase(at, size);
          break;
        case 2:
          bytes.insert(at, bytes.substr(random() % bytes.size(), size));
          break;
        default:
          bytes.replace(at, size, std::string(size, "\x00\xff\x7f\x80"[random() % 4]));
      }
      if (bytes.empty()) bytes = "x";
    }
    corpus.read(bytes);
  }
}

}  // namespace factorise
