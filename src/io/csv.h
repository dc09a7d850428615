#pragma once
// The CSV parser with line numbers, for readers that have errors of their own to report.

#include <cstdint>
#include <string>
#include <vector>

namespace factorise {

/// A row and the line, from 1, that it begins on. Quoted line breaks make the two differ.
struct CsvRow {
  int64_t line;
  std::vector<std::string> fields;
};

/// A field as it is written: quoted where it must be.
std::string csv_field(const std::string& text);

/// As parse_csv; `function` and `name` are what errors name.
std::vector<CsvRow> parse_csv_rows(const char* function, const std::string& text, const std::string& name);

}  // namespace factorise
