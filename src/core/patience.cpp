// Keeps the best factors, and counts the judgements since.

#include <factorise/patience.h>

namespace factorise {

Patience::Patience(int64_t looks, std::function<double(const Factors&)> judge)
    : looks_(looks), judge_(std::move(judge)) {
  TORCH_CHECK_VALUE(looks >= 1, "[Patience] looks must be at least 1, but was ", looks, ".");
  TORCH_CHECK_VALUE(judge_, "[Patience] judge must be a function of factors, but was empty.");
}

Patience& Patience::resume(std::optional<Best> best, int64_t worse) {
  best_ = std::move(best);
  worse_ = worse;
  return *this;
}

bool Patience::operator()(int64_t epoch, const Factors& factors) {
  const double error = judge_(factors);
  if (!best_ || error < best_->error) {
    best_ = Best{factors, error, epoch};
    worse_ = 0;
  } else {
    ++worse_;
  }
  return !is_over();
}

}  // namespace factorise
