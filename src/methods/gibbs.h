#pragma once
// A run of Gibbs sampling, of which more can be read than factors.

#include <factorise/gibbs.h>

#include <memory>

#include "core/session.h"

namespace factorise {

class PosteriorSession : public Session {
 public:
  virtual Posterior posterior() = 0;
};

std::unique_ptr<PosteriorSession> open_posterior(const char* function, const Observed& observed, const Factors& start,
                                                 const GibbsOptions& options);

}  // namespace factorise
