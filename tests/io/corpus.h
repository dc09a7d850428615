#pragma once
// What the tests of damaged files share: a small matrix in both formats, and a reader that checks every refusal.

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <factorise/io.h>

#include "catch.h"
#include "io/allocation_count.h"
#include "io/printable.h"
#include "io/pt_bytes.h"
#include "io/refusal.h"
#include "sandbox.h"

namespace factorise::tests {

inline std::string floats(size_t count) { return std::string(count * 4, '\0'); }
inline std::string pickled(const std::string& body) { return pickle::begin + body + pickle::end; }

/// The matrix that the lies are about: storage 0, of six floats.
inline std::string six(int64_t offset = 0, const std::vector<int64_t>& sizes = {2, 3},
                       const std::vector<int64_t>& strides = {3, 1}, const std::string& type = "FloatStorage",
                       const std::string& key = "0", int64_t elements = 6) {
  return pickle::tensor(pickle::storage(type, key, elements), offset, sizes, strides);
}

/// A body in both formats, with storage 0.
inline std::string in_zip(const std::string& body, const std::string& data = floats(6)) {
  return zip_file(pickled(body), {data});
}
inline std::string in_stream(const std::string& body, int64_t elements = 6, const std::string& data = floats(6)) {
  return stream_file(pickled(body), {{"0", elements, data}});
}

/// Files of the test's own, read one after another. `folder` must be the test's own.
class Corpus {
 public:
  explicit Corpus(const std::string& folder) : folder_(folder) {}

  /// Reads the bytes as a file, every number of every tensor; the sentence of its refusal, "" where it was read.
  std::string read(const std::string& bytes) {
    const auto file = folder_.write("file.pt", bytes);
    ++read_;
    const AllocationCount count;
    std::string sentence = refusal_of([&] {
      const PtValue value = load_pt(file);
      for (const auto& [name, tensor] : named_tensors(value)) {
        if (tensor.is_sparse()) tensor._indices().sum();
        (tensor.is_sparse() ? tensor._values() : tensor).sum();
      }
    });
    // The factor is for lists of a byte an item, the constant for an error's backtrace.
    const size_t allowed = 100 * bytes.size() + (size_t{1} << 20);
    if (count.peak() > allowed) FAIL("a file of " << bytes.size() << " bytes took " << count.peak());
    if (!sentence.empty()) {
      INFO(sentence);
      const std::string begin = "[load_pt] " + file.string() + ": ";
      REQUIRE(sentence.starts_with(begin));
      CHECK(sentence.size() < begin.size() + 700);
      CHECK(sentence.ends_with('.'));
      CHECK(printable(sentence) == sentence);
    }
    return sentence;
  }

  /// Reads what must be refused, with these words.
  void refused(const std::string& bytes, const std::string& why, const std::string& words = "") {
    const std::string sentence = read(bytes);
    INFO(why << ": " << (sentence.empty() ? "was read" : sentence));
    CHECK_FALSE(sentence.empty());
    CHECK(holds(sentence, words));
  }

  size_t read_so_far() const { return read_; }

 private:
  Folder folder_;
  size_t read_ = 0;
};

}  // namespace factorise::tests
