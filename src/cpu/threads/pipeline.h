#pragma once
// The order of exact SGD, kept by threads that work side by side: a pipeline over blocks of rows that runs on across
// epochs. Entry (r, c) needs (r, c - 1) and (r - 1, c) done, so a block may work on a column once the block above it
// has left that column, and block 0 of the next epoch follows the last block of this one.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>

#include "cpu/threads/crew.h"
#include "cpu/threads/spin.h"
#include "cpu/threads/wave.h"

namespace factorise::cpu {

/// Walks all blocks of all epochs on up to `threads` threads. `make_worker()` makes a thread's worker, with
///   bool begin(int64_t epoch, int64_t block)      false ends the run before this block; called at block 0 only
///   void advance(int64_t from, int64_t to)        positions of the block, in order
///   void end()                                    after its last position
/// Blocks are claimed in serial order, so a thread waits only for a block that another thread works on: no deadlock,
/// however few threads run. Returns the number of epochs walked.
class Pipeline {
 public:
  Pipeline(const Wave& wave, int64_t epochs)
      : wave_(wave), epochs_(epochs), progress_(std::make_unique<Progress[]>(wave.blocks)) {}

  template <class MakeWorker>
  int64_t run(int threads, MakeWorker make_worker) {
    threads = static_cast<int>(std::min<int64_t>(threads, wave_.blocks));
    for_workers(threads, [&](int64_t) {
      auto worker = make_worker();
      walk(worker, threads == 1 ? wave_.positions() : wave_.chunk);
    });
    return std::min(end_.load(), epochs_ * wave_.blocks) / wave_.blocks;
  }

 private:
  /// The progress of a block over all epochs: epoch * positions + position. Each has a cache line of its own.
  struct alignas(64) Progress {
    std::atomic<int64_t> done{0};
  };

  template <class Worker>
  void walk(Worker& worker, int64_t chunk) {
    const int64_t positions = wave_.positions(), total = epochs_ * wave_.blocks;
    for (;;) {
      const int64_t turn = next_.fetch_add(1), epoch = turn / wave_.blocks, block = turn % wave_.blocks;
      if (turn >= total || turn >= end_.load()) return;
      // The block's own rows must be done in the epoch before; with few blocks, waiting for the columns alone does not
      // ensure that.
      if (!wait_for(block, epoch * positions, turn)) return;
      if (!worker.begin(epoch, block)) {
        end_.store(turn);
        sleepers_.wake();
        return;
      }
      for (int64_t from = 0; from < positions; from += chunk) {
        const int64_t to = std::min(positions, from + chunk);
        if (from < wave_.columns && !wait_for_columns(epoch, block, std::min(to, wave_.columns), turn)) return;
        worker.advance(from, to);
        if (to == positions) worker.end();
        progress_[block].done.store(epoch * positions + to);
        sleepers_.wake();
      }
    }
  }

  /// Waits until the block above has left the columns before `columns`. False where the run ends before this turn.
  bool wait_for_columns(int64_t epoch, int64_t block, int64_t columns, int64_t turn) {
    const int64_t done = columns + wave_.lag, positions = wave_.positions();
    if (block > 0) return wait_for(block - 1, epoch * positions + done, turn);
    return epoch == 0 || wait_for(wave_.blocks - 1, (epoch - 1) * positions + done, turn);
  }

  bool wait_for(int64_t block, int64_t done, int64_t turn) {
    const auto reached = [&] { return progress_[block].done.load() >= done; };
    if (!reached()) sleepers_.wait_until([&] { return reached() || end_.load() <= turn; });
    return reached();
  }

  const Wave wave_;
  const int64_t epochs_;
  std::unique_ptr<Progress[]> progress_;
  alignas(64) std::atomic<int64_t> next_{0};
  std::atomic<int64_t> end_{std::numeric_limits<int64_t>::max()};  ///< the first turn that is not taken
  Sleepers sleepers_;
};

}  // namespace factorise::cpu
