#pragma once
// A run between its epochs: packed data and factors on one device. Methods make one (src/methods), and the driver
// (core/driver.h) advances it.

#include <factorise/factors.h>

#include <cstdint>

namespace factorise {

/// What has epochs to run.
class Advancing {
 public:
  virtual ~Advancing() = default;

  /// Runs so many epochs. Returns the first of them (from 1) after which a factor was not finite, when the factors are
  /// of no use; 0 where all stayed finite.
  virtual int64_t advance(int64_t epochs) = 0;

 protected:
  Advancing() = default;
  Advancing(const Advancing&) = default;
  Advancing& operator=(const Advancing&) = default;
};

/// A run that can be observed.
class Session : public Advancing {
 public:
  /// What the method descends, or reports, at the factors as they are.
  virtual double loss() = 0;

  /// The factors, in memory of their own.
  virtual Factors factors() = 0;
};

}  // namespace factorise
