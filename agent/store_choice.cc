#include "agent/store_choice.h"

#include "agent/option_kinds.h"

namespace tidelock::agent {
namespace {

const Names<const StoreKind*>& store_names() {
  static const auto kNames = [] {
    Names<const StoreKind*> names;
    for (const StoreKind& kind : store_kinds()) names.emplace_back(kind.name, &kind);
    return names;
  }();
  return kNames;
}

std::string only_of_tidelock(const CLI::App& run, const Settings& settings) {
  for (const char* option : {"--handover", "--aim-percent", "--lose-state", "--churn"}) {
    if (run.count(option) != 0) return std::string(option) + " is for Tidelock alone";
  }
  if (settings.durability == Durability::kPeriodic) {
    return "--durability periodic is for Tidelock alone";
  }
  return {};
}

}  // namespace

void add_store_choice(CLI::App& run, Settings& settings) {
  add_choice(run, "--store", settings.store, store_names(),
             "Which store; those that this program was built with [tidelock]")
      ->group("Store");
}

std::string fit_to_store(const CLI::App& run, Settings& settings) {
  const StoreKind& kind = *settings.store;
  if (is_tidelock(kind)) return {};
  const std::string name = kind.name;
  if (std::string complaint = only_of_tidelock(run, settings); !complaint.empty()) {
    return complaint + ", and the store is " + name;
  }
  if (!kind.many_processes && run.count("--processes") == 0) {
    if (run.count("--threads") == 0) settings.threads = settings.processes;
    settings.processes = 1;
  }
  if (!kind.many_processes && settings.processes > 1) {
    return "--processes is 1 with --store " + name + ", which one process opens at a time; try " +
           "--threads " + std::to_string(settings.processes);
  }
  if (!kind.survives_kills && run.count("--kill-every") != 0) {
    return "--kill-every is not for --store " + name +
           ": after a death all of its processes have to leave";
  }
  if (!kind.has_memtable && run.count("--memtable-size") != 0) {
    return "--memtable-size is not for --store " + name + ", which has none";
  }
  return {};
}

}  // namespace tidelock::agent
