// The pipeline's order and its ends, apart from any arithmetic: no column is entered before the block above has left
// it, no block twice at once, and no run hangs.

#include "cpu/threads/pipeline.h"

#include <algorithm>
#include <random>
#include <thread>
#include <vector>

#include "catch.h"

namespace factorise::cpu {
namespace {

/// What a run must keep to, noted by its workers and looked at by them.
struct Ledger {
  explicit Ledger(const Wave& wave_) : wave(wave_), left(static_cast<size_t>(wave.blocks)), entered(left.size()) {}

  const Wave wave;
  std::vector<std::atomic<int64_t>> left;     ///< positions done, over all epochs
  std::vector<std::atomic<int64_t>> entered;  ///< epochs begun
  std::atomic<int> faults{0};
  std::atomic<int64_t> ends{0};
};

class Worker {
 public:
  Worker(Ledger& ledger, int64_t last_epoch) : ledger_(ledger), last_epoch_(last_epoch) {}

  bool begin(int64_t epoch, int64_t block) {
    if (block == 0 && epoch > last_epoch_) return false;
    epoch_ = epoch;
    block_ = block;
    const auto at = static_cast<size_t>(block);
    // The block's own rows are done with the epoch before, and begun for the first time in this.
    if (ledger_.left[at] != epoch * ledger_.wave.positions()) ++ledger_.faults;
    if (ledger_.entered[at].exchange(epoch + 1) != epoch) ++ledger_.faults;
    return true;
  }

  void advance(int64_t from, int64_t to) {
    const Wave& wave = ledger_.wave;
    const int64_t entering = std::min(to, wave.columns) + wave.lag, positions = wave.positions();
    if (from < wave.columns) {
      if (block_ > 0 && ledger_.left[static_cast<size_t>(block_ - 1)] < epoch_ * positions + entering) ++ledger_.faults;
      if (block_ == 0 && epoch_ > 0 && ledger_.left.back() < (epoch_ - 1) * positions + entering) ++ledger_.faults;
    }
    if (ledger_.left[static_cast<size_t>(block_)] != epoch_ * positions + from) ++ledger_.faults;
    ledger_.left[static_cast<size_t>(block_)] = epoch_ * positions + to;
  }

  void end() { ++ledger_.ends; }

 private:
  Ledger& ledger_;
  int64_t last_epoch_;
  int64_t epoch_ = 0, block_ = 0;
};

void check_run(const Wave& wave, int64_t epochs, int threads, int64_t last_epoch) {
  INFO(wave.blocks << " blocks, " << wave.columns << " columns, lag " << wave.lag << ", chunk " << wave.chunk << ", "
                   << epochs << " epochs, " << threads << " threads, to end after epoch " << last_epoch);
  Ledger ledger(wave);
  const int64_t walked = Pipeline(wave, epochs).run(threads, [&] { return Worker(ledger, last_epoch); });
  CHECK(walked == std::min(epochs, last_epoch + 1));
  CHECK(ledger.faults == 0);
  CHECK(ledger.ends == walked * wave.blocks);
}

}  // namespace

TEST_CASE("the pipeline keeps the serial order, whatever the blocks, chunks and threads", "[pipeline][threads]") {
  for (const int64_t blocks : {1, 2, 3, 16}) {
    for (const int64_t columns : {1, 5, 64, 200}) {
      for (const int64_t lag : {0, 1, 15, 63, 300}) {
        for (const int64_t chunk : {1, 16, 128}) {
          for (const int threads : {1, 2, 3, 7}) check_run({blocks, columns, lag, chunk}, 3, threads, 1000);
        }
      }
    }
  }
}

TEST_CASE("a run that is ended ends after a whole epoch, and no thread waits for ever", "[pipeline][threads]") {
  for (const int64_t last : {-1, 0, 1, 4}) {
    for (const int64_t blocks : {1, 2, 5}) {
      for (const int threads : {1, 2, 3, 7}) check_run({blocks, 300, 15, 32}, 50, threads, last);
    }
  }
}

TEST_CASE("more threads than cores and a busy machine", "[pipeline][threads]") {
  std::atomic<bool> done{false};
  std::vector<std::thread> busy;
  for (unsigned i = 0; i < 2 * std::max(1u, std::thread::hardware_concurrency()); ++i) {
    busy.emplace_back([&] {
      while (!done) {
      }
    });
  }
  for (int i = 0; i < 5; ++i) check_run({20, 500, 31, 16}, 10, 16, 1000);
  done = true;
  for (auto& thread : busy) thread.join();
}

TEST_CASE("runs in several threads of one process do not meet", "[pipeline][threads]") {
  std::vector<std::thread> callers;
  std::atomic<int> faults{0};
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      for (int k = 0; k < 20; ++k) {
        const Wave wave{5, 200, 15, 32};
        Ledger ledger(wave);
        Pipeline(wave, 5).run(3, [&] { return Worker(ledger, 1000); });
        faults += ledger.faults + (ledger.ends != 25);
      }
    });
  }
  for (auto& caller : callers) caller.join();
  CHECK(faults == 0);
}

}  // namespace factorise::cpu
