// Fibers, clocks, and what may be seen of other warps' words.

#include "simulation.h"

#include <algorithm>

namespace factorise::tests {

namespace {

constexpr size_t kStack = 256 << 10;
constexpr size_t kValuesKept = 4;  // of a word: older ones than that are taken for seen

}  // namespace

Simulation::Simulation(uint64_t seed, int warps, int resident, size_t shared_bytes)
    : random_(seed), warps_(warps), resident_(resident), shared_bytes_(shared_bytes), fibers_(warps) {
  clocks_.assign(warps, Clock(warps, 0));
  for (int warp = 0; warp < warps; ++warp) clocks_[warp][warp] = 1;
}

void Simulation::start(uint32_t high, uint32_t low) {
  auto* const simulation = reinterpret_cast<Simulation*>(static_cast<uintptr_t>(high) << 32 | low);
  Fiber& fiber = simulation->fibers_[simulation->running_];
  try {
    (*simulation->program_)(*fiber.warp);
  } catch (const Abandoned&) {
  } catch (...) {
    if (!simulation->error_) simulation->error_ = std::current_exception();
    simulation->ending_ = true;
  }
  fiber.ended = true;
  swapcontext(&fiber.context, &simulation->scheduler_);
}

void Simulation::launch(int warp) {
  Fiber& fiber = fibers_[warp];
  fiber.stack = std::make_unique<char[]>(kStack);
  fiber.warp = std::make_unique<SimulatedWarp>(*this, warp);
  getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = fiber.stack.get();
  fiber.context.uc_stack.ss_size = kStack;
  const auto address = reinterpret_cast<uintptr_t>(this);
  makecontext(&fiber.context, reinterpret_cast<void (*)()>(&Simulation::start), 2, static_cast<uint32_t>(address >> 32),
              static_cast<uint32_t>(address));
}

void Simulation::run(const std::function<void(SimulatedWarp&)>& program) {
  program_ = &program;
  std::vector<int> order(warps_), alive;
  for (int warp = 0; warp < warps_; ++warp) order[warp] = warp;
  std::shuffle(order.begin(), order.end(), random_);
  while (!order.empty() || !alive.empty()) {
    while (!order.empty() && std::ssize(alive) < resident_) {
      launch(order.back());
      alive.push_back(order.back());
      order.pop_back();
    }
    const auto next = static_cast<size_t>(draw(std::ssize(alive)));
    running_ = alive[next];
    swapcontext(&scheduler_, &fibers_[running_].context);
    if (fibers_[running_].ended) {
      fibers_[running_].stack.reset();
      alive.erase(alive.begin() + static_cast<std::ptrdiff_t>(next));
      idle_ = 0;
    }
    if (ending_) order.clear();
    if (!ending_ && idle_ > 20'000 * std::ssize(alive)) {
      error_ = std::make_exception_ptr(std::logic_error("deadlock: all resident warps wait"));
      ending_ = true;
    }
  }
  program_ = nullptr;
  if (error_) std::rethrow_exception(error_);
}

void Simulation::suspend(bool waiting) {
  if (waiting) ++idle_;
  ++switches_;
  const int warp = running_;
  swapcontext(&fibers_[warp].context, &scheduler_);
  if (ending_) throw Abandoned();
}

void Simulation::check_read(int warp, const void* at, size_t bytes) {
  for (size_t i = 0; i < bytes; i += 4) {
    Access& access = accesses_[reinterpret_cast<uintptr_t>(at) + i];
    if (access.writer >= 0 && !before(access.writer, access.written, warp)) {
      fail("warp " + std::to_string(warp) + " reads what warp " + std::to_string(access.writer) +
           " writes, and nothing orders the two");
    }
    access.read[warp] = clocks_[warp][warp];
  }
}

void Simulation::check_write(int warp, const void* at, size_t bytes) {
  for (size_t i = 0; i < bytes; i += 4) {
    Access& access = accesses_[reinterpret_cast<uintptr_t>(at) + i];
    if (access.writer >= 0 && !before(access.writer, access.written, warp)) {
      fail("warps " + std::to_string(warp) + " and " + std::to_string(access.writer) +
           " write to one place, and nothing orders the two");
    }
    for (const auto& [reader, clock] : access.read) {
      if (!before(reader, clock, warp)) {
        fail("warp " + std::to_string(warp) + " writes what warp " + std::to_string(reader) +
             " reads, and nothing orders the two");
      }
    }
    access = {warp, clocks_[warp][warp], {}};
  }
}

uint64_t Simulation::load_word(int warp, const uint64_t* at) {
  Word& word = words_[reinterpret_cast<uintptr_t>(at)];
  if (word.values.empty()) return *at;
  // The oldest that this warp may still see: not older than it has seen, or than is known to come before.
  int64_t oldest = std::max(word.first, word.seen[warp]);
  const int64_t newest = word.first + std::ssize(word.values) - 1;
  for (int64_t i = newest; i > oldest; --i) {
    const Written& written = word.values[static_cast<size_t>(i - word.first)];
    if (written.writer >= 0 && before(written.writer, written.clock, warp)) oldest = i;
  }
  const int64_t shown = draw(2) ? newest : oldest + draw(newest - oldest + 1);
  word.seen[warp] = shown;
  return word.values[static_cast<size_t>(shown - word.first)].value;
}

void Simulation::store_word(int warp, uint64_t* at, uint64_t value) {
  Word& word = words_[reinterpret_cast<uintptr_t>(at)];
  if (word.values.empty()) word.values.push_back({*at, -1, 0});  // as it was before the launch
  word.values.push_back({value, warp, clocks_[warp][warp]});
  word.seen[warp] = word.first + std::ssize(word.values) - 1;
  if (word.values.size() > kValuesKept) {
    word.values.erase(word.values.begin());
    ++word.first;
  }
  *at = value;
  idle_ = 0;
}

SimulatedWarp::SimulatedWarp(Simulation& simulation, int number)
    : simulation_(simulation),
      number_(number),
      memory_(simulation.shared_bytes_, std::byte{0xA5}),
      cells_(simulation.shared_bytes_) {}

void SimulatedWarp::announce(uint32_t* counter) {
  sync();
  maybe_suspend();
  Simulation::Clock& known = simulation_.counters_[reinterpret_cast<uintptr_t>(counter)];
  Simulation::Clock& mine = simulation_.clocks_[number_];
  known.resize(mine.size(), 0);
  for (size_t i = 0; i < mine.size(); ++i) known[i] = std::max(known[i], mine[i]);
  ++mine[number_];
  ++*counter;
  simulation_.idle_ = 0;
}

bool SimulatedWarp::has_come(const uint32_t* counter, uint32_t count) {
  maybe_suspend();
  const auto known = simulation_.counters_.find(reinterpret_cast<uintptr_t>(counter));
  if (known != simulation_.counters_.end()) {
    Simulation::Clock& mine = simulation_.clocks_[number_];
    for (size_t i = 0; i < mine.size(); ++i) mine[i] = std::max(mine[i], known->second[i]);
  }
  sync();
  return *counter >= count;
}

void SimulatedWarp::touch(int lane, size_t offset, size_t bytes, bool writes) {
  if (offset + bytes > cells_.size()) fail("shared memory of " + std::to_string(cells_.size()) + " bytes exceeded");
  if (offset % bytes) fail("an access to shared memory that is not aligned");
  for (size_t i = offset; i < offset + bytes; ++i) {
    Cell& cell = cells_[i];
    if (cell.in_flight) fail("shared memory touched while a copy to it was on its way");
    const bool others_wrote = cell.written == interval_ && cell.writer != lane;
    if (others_wrote)
      fail("lanes " + std::to_string(lane) + " and " + std::to_string(cell.writer) +
           " touch a number in shared memory, one writes it, and no sync lies between");
    if (!writes) {
      if (cell.writer == -1) fail("shared memory read before it was written");
      cell.reader = cell.read == interval_ && cell.reader != lane ? kMany : lane;
      cell.read = interval_;
    } else {
      if (cell.read == interval_ && cell.reader != lane) {
        fail("lane " + std::to_string(lane) + " writes to shared memory what another reads, and no sync lies between");
      }
      cell.writer = lane;
      cell.written = interval_;
    }
  }
}

void SimulatedWarp::begin_copy(int lane, size_t to, const void* from) {
  if (to + 16 > cells_.size()) fail("shared memory of " + std::to_string(cells_.size()) + " bytes exceeded by a copy");
  touch(lane, to, 1, true);
  for (size_t i = to; i < to + 16; ++i) {
    if (i > to) touch(lane, i, 1, true);
    cells_[i].in_flight = true;
  }
  copies_.back().push_back({lane, to, from});
}

void SimulatedWarp::finish_copies() {
  for (const Copy& copy : copies_.front()) {
    std::memcpy(memory_.data() + copy.to, copy.from, 16);
    for (size_t i = copy.to; i < copy.to + 16; ++i) {
      cells_[i].in_flight = false;
      cells_[i].writer = copy.lane;
      cells_[i].written = interval_;
    }
  }
  copies_.erase(copies_.begin());
}

}  // namespace factorise::tests
