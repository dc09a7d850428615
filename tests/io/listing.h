#pragma once
// A value as plain text, one line for each part: the same that write_files.py and read_back.py write of it.

#include <factorise/io.h>

#include <map>
#include <string>

namespace factorise::tests {

class Listing {
 public:
  /// Storages are numbered in the order of the tensors, so that the text shows which tensors share one.
  std::string of(const PtValue& value) {
    text_.clear();
    add(value, 0);
    return text_;
  }

 private:
  void line(int indent, const std::string& content) { text_ += std::string(indent, ' ') + content + "\n"; }
  void add(const PtValue& value, int indent);
  std::string tensor(const Tensor& tensor);

  std::string text_;
  std::map<const void*, size_t> storages_;
};

}  // namespace factorise::tests
