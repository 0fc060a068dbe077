#include "agent/shootout/comparison.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>

#include "agent/shootout/machine.h"
#include "agent/shootout/measurement.h"
#include "agent/words.h"

namespace tidelock::agent::shootout {
namespace {

namespace fs = std::filesystem;

// A new directory below the one that was named, removed with all it holds at the end of the scope;
// the named one, too, if it was not there.
class Site {
 public:
  explicit Site(fs::path parent) : parent_(std::move(parent)) {}
  ~Site() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
    if (parent_is_new_) fs::remove(parent_, ignored);
  }
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;

  Status make() {
    std::error_code error;
    parent_is_new_ = fs::create_directories(parent_, error);
    if (error)
      return Status(StatusCode::kIo, "create " + parent_.string() + ": " + error.message());
    std::string name = (parent_ / "shootout-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
      return Status(StatusCode::kIo, "create " + name + ": " + std::strerror(errno));
    }
    path_ = name;
    return {};
  }
  [[nodiscard]] const fs::path& path() const noexcept { return path_; }

 private:
  fs::path parent_, path_;
  bool parent_is_new_ = false;
};

// The order in which workloads run on a database. Those that insert come last, as YCSB has it: d
// after all that do not, e on a database of its own.
constexpr std::string_view kOrder = "abcfde";

class Shootout {
 public:
  Shootout(const Settings& settings, const Site& site) : settings_(settings), site_(site) {
    comparison_.machine = look_at_machine(site.path());
    for (const std::string& name : settings.workloads) {
      comparison_.workloads.push_back({.name = name, .mix = {}, .verify = {}, .stores = {}});
      comparison_.workloads.back().stores.resize(settings.stores.size());
    }
    order_ = running_order();
  }

  Comparison run() {
    const std::size_t stores = settings_.stores.size();
    for (std::uint32_t round = 0; round < settings_.rounds; ++round) {
      for (std::size_t turn = 0; turn < stores; ++turn) {
        run_store((round + turn) % stores, round);
      }
    }
    if (comparison_.interrupted) {
      comparison_.exit_code = worse(comparison_.exit_code, ExitCode::kInterrupted);
    }
    return std::move(comparison_);
  }

 private:
  // Indices of workloads.
  [[nodiscard]] std::vector<std::size_t> running_order() const {
    std::vector<std::size_t> order;
    for (const char letter : kOrder) {
      for (std::size_t i = 0; i < settings_.workloads.size(); ++i) {
        if (settings_.workloads[i] == std::string(1, letter)) order.push_back(i);
      }
    }
    return order.empty() ? std::vector<std::size_t>{0} : order;
  }

  void run_store(std::size_t store, std::uint32_t round) {
    const fs::path directory = site_.path() / settings_.stores[store]->name;
    bool load = true;
    for (const std::size_t workload : order_) {
      if (comparison_.interrupted) break;
      if (load || settings_.workloads[workload] == "e") {
        std::error_code ignored;
        fs::remove_all(directory, ignored);
        load = true;
      }
      const Measurement measurement = measure(settings_,
                                              {.store = *settings_.stores[store],
                                               .workload = settings_.workloads[workload],
                                               .directory = directory.string(),
                                               .load = load},
                                              parent_, comparison_.interrupted);
      load = !measurement.figures;  // what a failure leaves is no basis for the next run
      if (comparison_.interrupted) break;
      note(measurement, workload, store, round);
    }
    std::error_code ignored;
    fs::remove_all(directory, ignored);
  }

  void note(const Measurement& measurement, std::size_t workload, std::size_t store,
            std::uint32_t round) {
    WorkloadOutcome& all = comparison_.workloads[workload];
    Outcome& outcome = all.stores[store];
    comparison_.exit_code = worse(comparison_.exit_code, measurement.exit_code);
    if (!measurement.mix.empty()) all.mix = measurement.mix;
    if (!measurement.verify.empty()) all.verify = measurement.verify;
    const std::size_t runs = settings_.rounds * settings_.stores.size() * order_.size();
    std::cerr << ++done_ << " of " << runs << ": round " << round + 1 << ", "
              << settings_.stores[store]->name << ", workload " << all.name << ": ";
    if (measurement.figures) {
      outcome.rounds.push_back(*measurement.figures);
      std::cerr << rounded(measurement.figures->ops_per_second) << " operations/s\n";
    } else {
      outcome.failures.push_back("round " + std::to_string(round + 1) + ": " + measurement.message);
      std::cerr << "failed: " << measurement.message << '\n';
    }
  }

  const Settings& settings_;
  const Site& site_;
  Parent parent_;
  Comparison comparison_;
  std::vector<std::size_t> order_;
  std::size_t done_ = 0;
};

}  // namespace

Result<Comparison> compare(const Settings& settings) {
  Site site(settings.directory);
  if (Status status = site.make(); !status.ok()) return status;
  return Shootout(settings, site).run();
}

}  // namespace tidelock::agent::shootout
