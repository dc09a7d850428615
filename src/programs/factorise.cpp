// The program `factorise`: `fit` factorises the matrix of any .pt file, `show` says what such a file holds.

#include "programs/command_line.h"
#include "programs/fit.h"
#include "programs/show.h"

int main(int argc, char** argv) {
  using namespace factorise::programs;
  FitOptions fit_options;
  ShowOptions show_options;
  bool fits = false, shows = false;
  const auto describe = [&](CLI::App& app) {
    set_description(app, "Matrix factorisation, A ≈ U Vᵀ, of tensors in .pt files.");
    set_examples(app,
                 "  factorise fit A.pt --method sgd --rank 2 --output factors.pt\n"
                 "  factorise show factors.pt\n"
                 "  factorise fit --help");
    add_fit_options(add_verb(app, "fit", "Factorise a matrix, all of it or its observed entries", fits), fit_options);
    add_show_options(add_verb(app, "show", "Say what a .pt file holds", shows), show_options);
  };
  return run_program(argc, argv, "factorise", describe, [&] { fits ? fit(fit_options) : show(show_options); });
}
