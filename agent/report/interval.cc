#include "agent/report/interval.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "agent/report/spread.h"

namespace tidelock::agent {
namespace {

constexpr double kSecond = 1e9;  // ns

double seconds(std::uint64_t ns) noexcept {
  return static_cast<double>(ns) / kSecond;
}

}  // namespace

std::uint64_t Interval::operations() const noexcept {
  return std::accumulate(actions.begin(), actions.end(), std::uint64_t{0});
}

double Interval::per_second(std::uint64_t count) const noexcept {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

// Sums over all writers from the start of the run.
struct Sampler::Counts {
  std::array<std::uint64_t, kActions> actions{};
  std::uint64_t reads = 0, writes = 0, retries = 0, refused = 0, failed = 0, backed_off_ns = 0;
  std::vector<std::uint64_t> clients;
  Histogram read_latency, write_latency;
};

Sampler::Sampler(std::span<const WriterStats> writers, std::uint32_t threads,
                 std::uint64_t length_ns)
    : writers_(writers), threads_(threads), length_ns_(length_ns) {}
Sampler::~Sampler() = default;

std::unique_ptr<Sampler::Counts> Sampler::count() const {
  auto counts = std::make_unique<Counts>();
  counts->clients.resize(writers_.size() / threads_);
  for (std::size_t i = 0; i < writers_.size(); ++i) {
    const WriterStats& writer = writers_[i];
    counts->reads += writer.reads.get();
    counts->writes += writer.writes.get();
    counts->retries += writer.retries.get();
    counts->refused += writer.refused.get();
    counts->failed += writer.failed.get();
    counts->backed_off_ns += writer.backed_off_ns.get();
    for (std::size_t action = 0; action < kActions; ++action) {
      const std::uint64_t done = writer.actions[action].get();
      if (done == 0) continue;
      counts->actions[action] += done;
      counts->clients[i / threads_] += done;
      (only_reads(static_cast<Action>(action)) ? counts->read_latency : counts->write_latency)
          .merge(writer.latency[action]);
    }
  }
  return counts;
}

void Sampler::begin(std::uint64_t now_ns, const Footprint& footprint) {
  start_ns_ = begin_ns_ = now_ns;
  due_ns_ = now_ns + length_ns_;
  footprint_ = footprint;
  before_ = count();
}

void Sampler::take(std::uint64_t now_ns, const Footprint& footprint, std::uint64_t kills) {
  std::unique_ptr<Counts> now = count();
  Interval interval{
      .end_s = seconds(now_ns - start_ns_),
      .seconds = seconds(now_ns - begin_ns_),
      .reads = now->reads - before_->reads,
      .writes = now->writes - before_->writes,
      .retries = now->retries - before_->retries,
      .refused = now->refused - before_->refused,
      .failed = now->failed - before_->failed,
      .kills = kills - kills_,
      .backed_off_s = seconds(now->backed_off_ns - before_->backed_off_ns),
      // A client that ends between two looks may have been counted a little ahead.
      .cpu_s = seconds(std::max(footprint.cpu_ns, footprint_.cpu_ns) - footprint_.cpu_ns),
      .memory_bytes = footprint.memory_bytes,
      .directory_bytes = footprint.directory_bytes};
  for (std::size_t i = 0; i < kActions; ++i) {
    interval.actions[i] = now->actions[i] - before_->actions[i];
  }
  clients_.clear();
  for (std::size_t i = 0; i < now->clients.size(); ++i) {
    clients_.push_back(static_cast<double>(now->clients[i] - before_->clients[i]));
  }
  interval.jain = jain_index(clients_);
  Histogram reads, writes;
  reads.merge(now->read_latency);
  reads.remove(before_->read_latency);
  writes.merge(now->write_latency);
  writes.remove(before_->write_latency);
  interval.read_latency_us = microseconds(reads);
  interval.write_latency_us = microseconds(writes);
  reads.merge(writes);
  interval.latency_us = microseconds(reads);
  intervals_.push_back(interval);
  before_ = std::move(now);
  begin_ns_ = now_ns;
  due_ns_ += length_ns_;
  if (due_ns_ <= now_ns) due_ns_ = now_ns + length_ns_;
  footprint_ = footprint;
  kills_ = kills;
}

}  // namespace tidelock::agent
