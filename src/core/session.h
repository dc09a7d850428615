#pragma once
// A run between its epochs: packed data and factors on one device. Methods make one (src/methods), and the driver
// (core/driver.h) advances it.

#include <factorise/factors.h>

#include <cstdint>

namespace factorise {

/// A sequence of epochs that can be run in parts.
class Advancing {
 public:
  virtual ~Advancing() = default;

  /// Runs this many epochs. Returns the first of them (from 1) after which a factor was not finite, and the factors are
  /// then not usable; 0 where all stayed finite.
  virtual int64_t advance(int64_t epochs) = 0;

 protected:
  Advancing() = default;
  Advancing(const Advancing&) = default;
  Advancing& operator=(const Advancing&) = default;
};

/// A run whose loss and factors can be read between epochs.
class Session : public Advancing {
 public:
  /// The loss that the method reports, at the current factors.
  virtual double loss() = 0;

  /// The factors, in memory of their own.
  virtual Factors factors() = 0;

  /// The factors after the last epoch, in memory that the session may share.
  virtual Factors result() { return factors(); }
};

}  // namespace factorise
