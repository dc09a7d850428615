#pragma once
// What JSON must look like: keys and the kinds of their values. Keys that a schema does not have are a violation, so
// that what is documented and what is written stay one.

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace factorise::tests {

class Schema {
 public:
  static Schema number() { return Schema(Kind::number); }
  static Schema whole() { return Schema(Kind::whole); }
  static Schema text() { return Schema(Kind::text); }
  static Schema truth() { return Schema(Kind::truth); }
  static Schema anything() { return Schema(Kind::anything); }
  /// A list whose items are all alike; `size` -1: of any length.
  static Schema list(Schema item, int size = -1) {
    Schema schema(Kind::list);
    schema.parts_.emplace_back("", std::move(item));
    schema.size_ = size;
    return schema;
  }
  /// Rows of numbers.
  static Schema matrix(int rows = -1, int columns = -1) { return list(list(number(), columns), rows); }
  /// Exactly these keys.
  static Schema object(std::vector<std::pair<std::string, Schema>> keys) {
    Schema schema(Kind::object);
    schema.parts_ = std::move(keys);
    return schema;
  }
  Schema or_null() const {
    Schema schema = *this;
    schema.null_ = true;
    return schema;
  }

  /// Where a value departs from this and how, as "comparison.3.low must be a number, but was "x""; "" where nowhere.
  std::string violation(const nlohmann::ordered_json& value, const std::string& where = "the value") const {
    if (value.is_null() && null_) return "";
    if (!is_of_kind(value)) return where + " must be " + kind_name() + ", but was " + value.dump();
    if (kind_ == Kind::list) return violation_in_list(value, where);
    if (kind_ == Kind::object) return violation_in_object(value, where);
    return "";
  }

 private:
  enum class Kind { number, whole, text, truth, anything, list, object };
  explicit Schema(Kind kind) : kind_(kind) {}

  bool is_of_kind(const nlohmann::ordered_json& value) const {
    switch (kind_) {
      case Kind::number:
        return value.is_number();
      case Kind::whole:
        return value.is_number_integer();
      case Kind::text:
        return value.is_string();
      case Kind::truth:
        return value.is_boolean();
      case Kind::list:
        return value.is_array();
      case Kind::object:
        return value.is_object();
      case Kind::anything:
        return true;
    }
    return false;
  }

  std::string kind_name() const {
    constexpr const char* names[] = {"a number", "a whole number", "a text",   "true or false",
                                     "anything", "a list",         "an object"};
    return std::string(names[static_cast<int>(kind_)]) + (null_ ? " or null" : "");
  }

  std::string violation_in_list(const nlohmann::ordered_json& value, const std::string& where) const {
    if (size_ >= 0 && value.size() != static_cast<size_t>(size_)) {
      return where + " must have " + std::to_string(size_) + " items, but has " + std::to_string(value.size());
    }
    for (size_t i = 0; i < value.size(); ++i) {
      std::string found = parts_[0].second.violation(value[i], where + "." + std::to_string(i));
      if (!found.empty()) return found;
    }
    return "";
  }

  std::string violation_in_object(const nlohmann::ordered_json& value, const std::string& where) const {
    for (const auto& [key, schema] : parts_) {
      if (!value.contains(key)) return where + " must have the key " + key;
      std::string found = schema.violation(value[key], where + "." + key);
      if (!found.empty()) return found;
    }
    for (const auto& [key, ignored] : value.items()) {
      bool known = false;
      for (const auto& part : parts_) known = known || part.first == key;
      if (!known) return where + " must not have the key " + key;
    }
    return "";
  }

  Kind kind_;
  bool null_ = false;
  int size_ = -1;
  std::vector<std::pair<std::string, Schema>> parts_;
};

/// The list that lab1 and lab2 write under "comparison".
inline Schema comparison_schema() {
  return Schema::list(Schema::object({{"what", Schema::text()},
                                      {"reported", Schema::number().or_null()},
                                      {"ours", Schema::number().or_null()},
                                      {"low", Schema::number().or_null()},
                                      {"high", Schema::number().or_null()},
                                      {"percentile", Schema::number().or_null()},
                                      {"diverged", Schema::whole()},
                                      {"within", Schema::truth().or_null()}}));
}

/// How good predictions are, after some other keys.
inline Schema judgement_schema(std::vector<std::pair<std::string, Schema>> keys = {}) {
  keys.insert(keys.end(), {{"entries", Schema::whole()},
                           {"fallbacks", Schema::whole()},
                           {"rmse", Schema::number()},
                           {"mae", Schema::number()},
                           {"known_rmse", Schema::number().or_null()},
                           {"known_mae", Schema::number().or_null()},
                           {"within_50", Schema::number().or_null()},
                           {"within_90", Schema::number().or_null()}});
  return Schema::object(std::move(keys));
}

/// Their "pictures.over_seeds".
inline Schema over_seeds_schema() {
  return Schema::list(Schema::object({{"what", Schema::text()}, {"values", Schema::list(Schema::number())}}));
}

}  // namespace factorise::tests
