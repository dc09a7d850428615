// The program `factorise`: `fit` factorises the matrix of any .pt file, the other verbs read and use the result.

#include "programs/command_line.h"
#include "programs/fit.h"
#include "programs/show.h"
#include "programs/verbs.h"

int main(int argc, char** argv) {
  using namespace factorise::programs;
  FitOptions fit_options;
  PredictOptions predict_options;
  TopOptions top_options;
  CompareOptions compare_options;
  ConvertOptions convert_options;
  ShowOptions show_options;
  bool fits = false, predicts = false, ranks = false, compares = false, converts = false, shows = false;
  const auto describe = [&](CLI::App& app) {
    set_description(app, "Matrix factorisation, A ≈ U Vᵀ, of tensors in .pt files.");
    set_examples(app,
                 "  factorise fit A.pt --method sgd --rank 2 --output factors.pt\n"
                 "  factorise predict factors.pt --row 1 --column 0\n"
                 "  factorise fit --help");
    add_fit_options(add_verb(app, "fit", "Factorise a matrix, all of it or its observed entries", fits), fit_options);
    add_predict_options(add_verb(app, "predict", "Say what a model predicts for an entry, or for many", predicts),
                        predict_options);
    add_top_options(add_verb(app, "top", "Rank the rows that a model predicts the most for", ranks), top_options);
    add_compare_options(add_verb(app, "compare", "Say how far two models are apart", compares), compare_options);
    add_convert_options(add_verb(app, "convert", "Write a matrix as another kind of file", converts), convert_options);
    add_show_options(add_verb(app, "show", "Say what a .pt file holds", shows), show_options);
  };
  return run_program(argc, argv, "factorise", describe, [&] {
    if (fits) fit(fit_options);
    if (predicts) predict(predict_options);
    if (ranks) top(top_options);
    if (compares) compare(compare_options);
    if (converts) convert(convert_options);
    if (shows) show(show_options);
  });
}
