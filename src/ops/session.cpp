// A run in parts as a class of torch, torch.classes.factorise.Session, which Python's functions drive. Its constructor
// has the checks, the start and the sentences of the C++ functions. And SgdRatings, the packed ratings of exact SGD.

#include "core/session.h"

#include <ATen/Parallel.h>
#include <ATen/core/Dict.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <factorise/fit.h>
#include <torch/custom_class.h>

#include <array>
#include <map>
#include <memory>
#include <string>

#include "core/backend.h"
#include "core/checks.h"
#include "core/derivatives.h"
#include "core/driver.h"
#include "cpu/sgd/sgd.h"
#include "methods/gibbs.h"
#include "methods/method.h"
#include "methods/sgd_packing.h"
#include "ops/transforms.h"

namespace factorise {
namespace {

using c10::IValue;
using OptionalTensor = std::optional<Tensor>;
using Values = c10::Dict<std::string, IValue>;

/// While one exists, operators take tensors as they are: transforms of torch.func and Python's modes, which would take
/// each operator of an epoch apart, are left. Tensors that they track were refused before.
struct OutsideOfTransforms {
  c10::impl::ExcludeDispatchKeyGuard guard{c10::DispatchKeySet(
      {c10::DispatchKey::FuncTorchDynamicLayerFrontMode, c10::DispatchKey::FuncTorchDynamicLayerBackMode,
       c10::DispatchKey::Python, c10::DispatchKey::PythonTLSSnapshot})};
};

/// For epochs, losses and copies of factors.
struct Guards : OutsideOfTransforms, PlainComputation {
  at::NoGradGuard no_grad;
};

/// A posterior as tensors, in this order; those that there are none of are empty. Python's Posterior names them.
std::vector<Tensor> tensors_of(const Posterior& posterior) {
  const auto f64 = at::TensorOptions(at::kDouble);
  const auto stacked = [&](const std::vector<Factors>& draws, Tensor Factors::*factor) {
    std::vector<Tensor> all;
    for (const Factors& draw : draws) all.push_back(draw.*factor);
    return all.empty() ? at::empty({0}, f64) : at::stack(all);
  };
  const auto given = [&](const Tensor& tensor) { return tensor.defined() ? tensor : at::empty({0}, f64); };
  return {posterior.rows,
          posterior.columns,
          posterior.mean.U,
          posterior.mean.V,
          given(posterior.means),
          given(posterior.squares),
          posterior.noise,
          posterior.errors,
          stacked(posterior.draws, &Factors::U),
          stacked(posterior.draws, &Factors::V),
          stacked(posterior.unseen, &Factors::U),
          stacked(posterior.unseen, &Factors::V),
          posterior.row_priors.empty() ? at::empty({0}, f64) : at::stack(posterior.row_priors),
          at::tensor({static_cast<double>(posterior.burn_in), posterior.has_biases ? 1.0 : 0.0, posterior.observed_mean,
                      posterior.means.defined() ? 1.0 : 0.0},
                     f64)};
}

Posterior posterior_of(const std::vector<Tensor>& tensors) {
  TORCH_CHECK_VALUE(tensors.size() == 14 && tensors[13].numel() == 4,
                    "[Session] resume must be the tensors of a posterior, but is not.");
  Posterior posterior;
  posterior.rows = tensors[0];
  posterior.columns = tensors[1];
  posterior.mean = {tensors[2], tensors[3]};
  const double* numbers = tensors[13].const_data_ptr<double>();
  if (numbers[3] != 0) {
    posterior.means = tensors[4];
    posterior.squares = tensors[5];
  }
  posterior.noise = tensors[6];
  posterior.errors = tensors[7];
  for (int64_t i = 0; i < tensors[8].size(0); ++i) {
    posterior.draws.push_back({tensors[8][i].contiguous(), tensors[9][i].contiguous()});
    posterior.unseen.push_back({tensors[10][i].contiguous(), tensors[11][i].contiguous()});
    posterior.row_priors.push_back(tensors[12][i].contiguous());
  }
  posterior.burn_in = static_cast<int64_t>(numbers[0]);
  posterior.has_biases = numbers[1] != 0;
  posterior.observed_mean = numbers[2];
  return posterior;
}

/// What sets an option of that name.
template <class Options>
using Setters = std::map<std::string, void (*)(Options&, const IValue&)>;

/// The word of a list at whose place its meaning is.
template <class Choice>
Choice choice(const IValue& value, std::initializer_list<std::pair<const char*, Choice>> words) {
  for (const auto& [word, meaning] : words) {
    if (value.toStringRef() == word) return meaning;
  }
  TORCH_CHECK_VALUE(false, "[Session] '", value.toStringRef(), "' is none of the words of its option.");
}

template <class Options>
Setters<Options> shared_setters() {
  return {
      {"num_epochs", [](Options& o, const IValue& v) { o.num_epochs(v.toInt()); }},
      {"overcomplete", [](Options& o, const IValue& v) { o.overcomplete(v.toBool()); }},
      // The bits of a number without a sign.
      {"seed", [](Options& o, const IValue& v) { o.seed(static_cast<uint64_t>(v.toInt())); }},
      {"initial",
       [](Options& o, const IValue& v) {
         const auto pair = v.toTensorVector();
         o.initial(Factors{pair.at(0), pair.at(1)});
       }},
      {"epochs_done", [](Options& o, const IValue& v) { o.epochs_done(v.toInt()); }},
      {"report_every", [](Options& o, const IValue& v) { o.report_every(v.toInt()); }},
      {"factors_every", [](Options& o, const IValue& v) { o.factors_every(v.toInt()); }},
      {"engine",
       [](Options& o, const IValue& v) {
         o.engine(choice<Engine>(v, {{"fused", Engine::fused}, {"reference", Engine::reference}}));
       }},
  };
}

template <class Options>
Setters<Options> step_setters() {
  return {{"lr", [](Options& o, const IValue& v) { o.lr(v.toDouble()); }}};
}

template <class Options>
Method method_of(const Values& values, const Setters<Options>& own) {
  Setters<Options> setters = shared_setters<Options>();
  setters.insert(own.begin(), own.end());
  if constexpr (std::is_base_of_v<StepOptions<Options>, Options>) setters.merge(step_setters<Options>());
  Options options;
  for (const auto& entry : values) {
    const auto found = setters.find(entry.key());
    TORCH_CHECK_VALUE(found != setters.end(), "[Session] ", entry.key(), " is no option of this method.");
    if (!entry.value().isNone()) found->second(options, entry.value());
  }
  return options;
}

Method method_of(const std::string& name, const Values& values) {
  if (name == "sgd") {
    return method_of<SgdOptions>(
        values, {{"weight_decay", [](SgdOptions& o, const IValue& v) { o.weight_decay(v.toDouble()); }},
                 {"lr_decay", [](SgdOptions& o, const IValue& v) { o.lr_decay(v.toDouble()); }},
                 {"path", [](SgdOptions& o, const IValue& v) {
                    o.path(choice<SgdPath>(v, {{"automatic", SgdPath::automatic},
                                               {"wavefront", SgdPath::wavefront},
                                               {"entries", SgdPath::entries}}));
                  }}});
  }
  if (name == "gd") return method_of<GdOptions>(values, {});
  if (name == "als") {
    return method_of<AlsOptions>(
        values, {{"regularisation", [](AlsOptions& o, const IValue& v) { o.regularisation(v.toDouble()); }},
                 {"bias_regularisation", [](AlsOptions& o, const IValue& v) { o.bias_regularisation(v.toDouble()); }},
                 {"biases", [](AlsOptions& o, const IValue& v) { o.biases(v.toBool()); }},
                 {"weighted", [](AlsOptions& o, const IValue& v) { o.weighted(v.toBool()); }}});
  }
  if (name == "gibbs") {
    return method_of<GibbsOptions>(
        values, {{"burn_in", [](GibbsOptions& o, const IValue& v) { o.burn_in(v.toInt()); }},
                 {"keep_every", [](GibbsOptions& o, const IValue& v) { o.keep_every(v.toInt()); }},
                 {"scale", [](GibbsOptions& o, const IValue& v) { o.scale(v.toDouble()); }},
                 {"biases", [](GibbsOptions& o, const IValue& v) { o.biases(v.toBool()); }},
                 {"asked",
                  [](GibbsOptions& o, const IValue& v) {
                    const auto pair = v.toTensorVector();
                    o.asked(pair.at(0), pair.at(1));
                  }},
                 {"resume", [](GibbsOptions& o, const IValue& v) { o.resume(posterior_of(v.toTensorVector())); }}});
  }
  TORCH_CHECK_VALUE(name == "ad", "[Session] method must be sgd, gd, ad, als or gibbs, but was '", name, "'.");
  return method_of<AdOptions>(values,
                              {{"loss", [](AdOptions& o, const IValue& v) {
                                  o.loss(choice<AdLoss>(v, {{"squared", AdLoss::squared}, {"norm", AdLoss::norm}}));
                                }}});
}

void check_plain(const std::string& function, const Tensor& tensor) {
  if (!tensor.defined()) return;
  refuse_transforms(function.c_str(), {tensor});
  const c10::DispatchKeySet keys = tensor.unsafeGetTensorImpl()->key_set();
  if (keys.has(c10::DispatchKey::FuncTorchBatched)) refuse_batch_of(function);
  TORCH_CHECK_VALUE(!keys.has(c10::DispatchKey::Python), "[", function,
                    "] must be given tensors with values in memory, but was given one of a class with operators of its "
                    "own, such as FakeTensor or DTensor.");
}

class SessionOfTorch final : public torch::CustomClassHolder {
 public:
  /// function: for the sentences of errors. method: "sgd", "gd", "ad", "als" or "gibbs". options: by the names of the
  /// C++ options; None is one that is not given.
  SessionOfTorch(const std::string& function, const std::string& method, const Tensor& A, const OptionalTensor& M,
                 int64_t rank, const Values& options)
      : function_(function) {
    check_plain(function, A);
    if (M) check_plain(function, *M);
    if (const auto initial = options.find("initial"); initial != options.end() && !initial->value().isNone()) {
      for (const Tensor& factor : initial->value().toTensorVector()) check_plain(function, factor);
    }
    const OutsideOfTransforms outside;
    const Method chosen = method_of(method, options);
    run_.emplace(open_run(function.c_str(), A, M, rank, chosen));
    advice_ = std::visit([](const auto& of_method) { return advice_of(of_method); }, chosen);
  }

  int64_t advance(int64_t epochs) {
    const Guards guards;
    return run_->session->advance(epochs);
  }

  double loss() {
    const Guards guards;
    return run_->session->loss();
  }

  std::tuple<Tensor, Tensor> factors() {
    const Guards guards;
    const auto [U, V] = run_->session->factors();
    return {U, V};
  }

  /// Of method gibbs: what was drawn until now.
  std::vector<Tensor> posterior() {
    const Guards guards;
    auto* session = dynamic_cast<PosteriorSession*>(run_->session.get());
    TORCH_CHECK_VALUE(session, "[Session] posterior must be of method gibbs, but the method is another.");
    return tensors_of(session->posterior());
  }

  /// What the run starts from: A as the reference engine reads it (dense in its computing type, 0 where it is not
  /// observed, or sparse), what is observed (bool; None: all, or the entries), and U and V, which advance() changes.
  std::tuple<Tensor, OptionalTensor, Tensor, Tensor> given() const {
    const Observed::Data& data = run_->observed.data();
    return {data.is_sparse() ? data.A : data.dense(), data.is_sparse() ? std::nullopt : data.mask(), run_->start.U,
            run_->start.V};
  }

  /// The sentence for a run that diverges after this epoch.
  std::string divergence(int64_t epoch) const { return divergence_sentence(function_.c_str(), epoch, advice_); }

 private:
  std::string function_;
  const char* advice_;
  std::optional<OpenRun> run_;
};

/// Ratings packed for exact SGD, for callers that have factors and step sizes of their own, of several runs at once.
class SgdRatingsOfTorch final : public torch::CustomClassHolder {
 public:
  SgdRatingsOfTorch(const Tensor& A, const OptionalTensor& M, int64_t rank) : rank_(rank) {
    check_plain(kRatings, A);
    if (M) check_plain(kRatings, *M);
    const Guards guards;
    observed_.emplace(observe(kRatings, A, M, rank, RankLimit::none));
    ratings_ = A.is_cpu() ? pack_sgd(*observed_, rank, SgdPath::automatic)
                          : pack_sgd_on_device(kRatings, *observed_, rank, SgdPath::automatic);
  }

  /// Epochs on U (runs x m x rank) and V (runs x n x rank) in place, with an lr for each run, which is multiplied by
  /// lr_decay after each epoch. Returns for each run the first of these epochs (from 1) after which a factor was not
  /// finite, or 0: int64, on the CPU.
  Tensor epochs(const Tensor& U, const Tensor& V, const std::vector<double>& lrs, double weight_decay, double lr_decay,
                int64_t num_epochs) {
    const auto runs = static_cast<int64_t>(lrs.size());
    check_factor("U", U, runs, observed_->rows());
    check_factor("V", V, runs, observed_->columns());
    for (const double lr : lrs) {
      check_epochs(kRatings, num_epochs, 1);
      check_lr(kRatings, lr);
      check_decay(kRatings, lr, weight_decay, lr_decay);
    }
    const Guards guards;
    if (!observed_->device().is_cpu()) {
      return backend_of(kRatings, observed_->device())
          .sgd_epochs(ratings_, U, V, lrs, weight_decay, lr_decay, num_epochs);
    }
    check_instruction_set(ratings_);
    Tensor diverged = at::empty({runs}, at::TensorOptions(at::kLong));
    for (int64_t run = 0; run < runs; ++run) {
      diverged.mutable_data_ptr<int64_t>()[run] =
          cpu::run_sgd(ratings_, U.select(0, run), V.select(0, run), lrs[static_cast<size_t>(run)], weight_decay,
                       lr_decay, num_epochs, at::get_num_threads());
    }
    return diverged;
  }

 private:
  void check_factor(const char* name, const Tensor& factor, int64_t runs, int64_t rows) const {
    check_plain(kRatings, factor);
    const std::array<int64_t, 3> sizes{runs, rows, rank_};
    TORCH_CHECK_VALUE(!factor.requires_grad(), "[", kRatings, "] ", name, " is changed in place: give its detach().");
    TORCH_CHECK_VALUE(factor.sizes() == at::IntArrayRef(sizes) && factor.is_contiguous() &&
                          factor.scalar_type() == observed_->type() && factor.device() == observed_->device(),
                      "[", kRatings, "] ", name, " must be ", runs, " x ", rows, " x ", rank_, ", contiguous, ",
                      observed_->type(), " on ", observed_->device(), ", but was ", shape_of(factor), ", ",
                      factor.scalar_type(), " on ", factor.device(), ".");
  }

  static constexpr char kRatings[] = "SgdRatings";
  int64_t rank_;
  std::optional<Observed> observed_;
  Tensor ratings_;
};

TORCH_LIBRARY_FRAGMENT(factorise, library) {
  library.class_<SessionOfTorch>("Session")
      .def(torch::init<const std::string&, const std::string&, const Tensor&, const OptionalTensor&, int64_t,
                       const Values&>())
      .def("advance", &SessionOfTorch::advance)
      .def("loss", &SessionOfTorch::loss)
      .def("factors", &SessionOfTorch::factors)
      .def("posterior", &SessionOfTorch::posterior)
      .def("given", &SessionOfTorch::given)
      .def("divergence", &SessionOfTorch::divergence);
  library.class_<SgdRatingsOfTorch>("SgdRatings")
      .def(torch::init<const Tensor&, const OptionalTensor&, int64_t>())
      .def("epochs", &SgdRatingsOfTorch::epochs);
}

}  // namespace
}  // namespace factorise
