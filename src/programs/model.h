#pragma once
// A model in a file: the U and V that `fit --output` writes, that Python saved, or another program's under other names.

#include <factorise/factors.h>
#include <factorise/io.h>
#include <factorise/observations.h>
#include <factorise/predict.h>

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "io/pairs.h"
#include "programs/terminal.h"

namespace CLI {
class App;
}

namespace factorise::programs {

struct Model {
  std::string file;
  Factors factors;
  std::optional<double> loss;            ///< the squared error in the file, where it has one
  std::optional<Observations> observed;  ///< the observations that it was fitted to, where the file has them
  std::optional<Draws> draws;            ///< of --method gibbs: what the factors are of
  Axis rows{0}, columns{0};              ///< with the ids of --entries, where it was fitted to entries with ids
  bool is_named = false;                 ///< whether U and V were found by the names of --u and --v
  std::vector<std::string> left_out;     ///< then: tensors that may be biases, a value for each row or column
};

/// The names of U and V in a file that has others; empty: U and V, or a tuple of the two.
struct FactorNames {
  std::string u, v;

  bool given() const { return !u.empty(); }
};

/// Adds --u and --v. `of`: "MODEL", the file that they name tensors of.
void add_factor_names(CLI::App& app, FactorNames& names, const std::string& of);

/// Refuses one without the other. Throws UsageError.
void check_factor_names(const FactorNames& names);

/// Reads U and V: the tensors of these names, as `show` lists them; without names from a dict with U and V, or from a
/// tuple or list of two matrices, as `torch.save((U, V), ...)` writes what the sheet's functions return.
/// `only_where_missing`: names count where there are no U and V. Throws FileError where there are none, or none that
/// belong together.
Model load_model(const std::string& file, const FactorNames& names = {}, bool only_where_missing = false);

/// Prints a notice of the tensors of another program's file that U Vᵀ does not use.
void notice_left_out(const Model& model, const Output& out);

/// Adds to the values to be saved those from which load_model reads `observed`.
void add_observations(std::vector<std::pair<std::string, PtEntry>>& dict, const Observations& observed);

/// The row or column of this id. Throws c10::ValueError, naming the option, where there is none.
int64_t index_of(const Model& model, const Axis& axis, const char* option, const std::string& id);

/// The id of the row or column with this index: a number or a string.
nlohmann::ordered_json json_id(const Axis& axis, int64_t index);

/// The same for the i-th of a list.
nlohmann::ordered_json json_id(const Ids& ids, int64_t i);

/// Refuses a model without draws, from which `option` is read. Throws c10::ValueError.
void check_has_draws(const Model& model, const char* option);

/// "1000 x 10000, rank 5".
std::string shape_text(const Model& model);

/// --clip, predictions kept between two values, such as 1 and 5 for ratings: two values, `auto` for the lowest and
/// highest of training, or nothing.
struct Clip {
  std::string text;  ///< as given; empty: predictions stay as they are
};

/// Adds --clip; `what` is kept between the values, "predictions".
void add_clip(CLI::App& app, Clip& clip, const std::string& what);

/// Refuses a text that is neither auto nor two numbers. Throws UsageError.
void check_clip(const Clip& clip);

/// The values, of a checked clip. Throws c10::ValueError for auto where `observed` is nothing; `file` is then named.
std::optional<Range> range_of(const Clip& clip, const std::optional<Observations>& observed, const std::string& file);

}  // namespace factorise::programs
