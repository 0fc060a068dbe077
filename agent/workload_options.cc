#include "agent/workload_options.h"

#include <algorithm>
#include <fstream>
#include <iostream>

#include "agent/names.h"
#include "agent/option_kinds.h"
#include "agent/workload/fields.h"
#include "agent/workload/ycsb.h"

namespace tidelock::agent {
namespace {

constexpr const char* kGroup = "Workload";
constexpr std::uint32_t kInsertRoom = 1'000'000;  // keys, or as many as there are if that is more

// One weight a line; a complaint, or none.
std::string read_weights(const std::string& path, std::vector<double>& weights) {
  std::ifstream file(path);
  if (!file) return "cannot open " + path;
  std::string line;
  while (std::getline(file, line)) {
    const auto weight = parse_decimal(line);
    if (!weight) return path + ": '" + line + "' is no weight";
    weights.push_back(*weight);
  }
  const bool any = std::ranges::any_of(weights, [](double weight) { return weight > 0; });
  return any ? "" : path + " holds no weight above 0";
}

// As YCSB does it, twice as many as are to be expected, if the run has an end in operations; but so
// few that one in ten of those drawn is there from the beginning.
std::uint32_t keys_for_inserts(std::uint32_t keys, const Settings& settings) {
  const double expected =
      2 * settings.workload.mix.share(Action::kInsert) * static_cast<double>(settings.operations);
  return static_cast<std::uint32_t>(
      std::min({expected, 9.0 * keys, static_cast<double>(settings.insert_room)}));
}

}  // namespace

WorkloadOptions::WorkloadOptions(CLI::App& app, Settings& settings)
    : app_(app), settings_(settings) {
  add_actions(app);
  add_keys(app);
  add_values(app);
  add_traces(app);
}

void WorkloadOptions::add_actions(CLI::App& app) {
  app.add_option("--workload", ycsb_, "One of YCSB's core workloads, over its 1000 records of 1 kB")
      ->check(CLI::IsMember({"a", "b", "c", "d", "e", "f"}).description(""))
      ->type_name("a|b|c|d|e|f")
      ->group(kGroup);
  app.add_option("-P", property_files_, "A property file of YCSB's core workload; the later wins")
      ->type_name("FILE")
      ->expected(1)
      ->take_all()
      ->group(kGroup);
  app.add_option("-p", properties_, "One such property")
      ->type_name("NAME=VALUE")
      ->expected(1)
      ->take_all()
      ->group(kGroup);
  app.add_option("--mix", mix_,
                 "Weights of get, exists, scan, scan-back, view, put (or update), insert, delete, "
                 "batch, read-modify-write: get=95,put=5")
      ->type_name("MIX")
      ->group(kGroup);
  add_number(app, "--read-percent", read_percent_, "Instead of a mix: reads among the operations",
             0u, 100u)
      ->group(kGroup);
  add_number(app, "--snapshot-percent", snapshot_percent_,
             "Of several keys at one point, among the reads", 0u, 100u)
      ->group(kGroup);
  add_number(app, "--erase-percent", erase_percent_, "Erases among the writes, and within batches",
             0u, 100u)
      ->group(kGroup);
  add_number(app, "--batch-percent", batch_percent_, "Batches of several keys among the writes", 0u,
             100u)
      ->group(kGroup);
  add_number(app, "--durable-percent", settings_.durable_percent, "Durable ones among the writes",
             0u, 100u)
      ->group(kGroup);
  app.add_option("--rate", rate_,
                 "Operations a second that each client thread means to begin, late or not (an open "
                 "loop): 1000, or phases RATE:SECONDS over and over, 0-5000:30,5000:60,max:5,0:5")
      ->type_name("RATE")
      ->group(kGroup);
  app.add_option("--scan-length", scan_length_, "Entries of a scan [uniform:1-100]")
      ->type_name("SIZES")
      ->group(kGroup);
}

void WorkloadOptions::add_keys(CLI::App& app) {
  add_choice(app, "--keys", key_order_, kKeyOrderNames, "How keys are chosen [uniform]")
      ->group(kGroup);
  app.add_option("--key-weights", key_weights_,
                 "With weighted keys: how often each, one number a line")
      ->type_name("FILE")
      ->group(kGroup);
  add_number(app, "--hot-keys", hot_keys_percent_, "With hotspot keys: percent of the keys", 0.0,
             100.0)
      ->group(kGroup);
  add_number(app, "--hot-operations", hot_operations_percent_,
             "Percent of the operations that go there", 0.0, 100.0)
      ->group(kGroup);
  app.add_option("--key-file", settings_.key_file, "Take the lines of this file as keys")
      ->type_name("FILE")
      ->group(kGroup);
  add_number(app, "--key-count", key_count_, "How many keys [100000, or all lines of the file]", 1u,
             UINT32_MAX / 2)
      ->default_str("")
      ->group(kGroup);
  app.add_flag("--preload", settings_.preload,
               "Write every key once before the clients begin; so do --workload and -P")
      ->group(kGroup);
  app.add_flag("--no-preload", no_preload_, "They do not")->excludes("--preload")->group(kGroup);
}

void WorkloadOptions::add_traces(CLI::App& app) {
  app.add_option("--record", settings_.record, "Write what the clients did to this file")
      ->type_name("FILE")
      ->group(kGroup);
  app.add_option("--replay", settings_.replay,
                 "Do what such a file says, with as many clients as it has")
      ->type_name("FILE")
      ->excludes("--processes", "--threads", "--ops", "--seconds", "--mix", "--key-file",
                 "--key-count", "--value-size", "--rate")
      ->group(kGroup);
  add_choice(app, "--replay-timing", settings_.replay_timing, kReplayTimingNames,
             "Each operation when it was, or as fast as can [original]")
      ->group(kGroup);
}

void WorkloadOptions::add_values(CLI::App& app) {
  app.add_option("--value-size", value_size_,
                 "Bytes, at least 24: N, uniform:N-M, zipfian:N-M, or file:PATH with lines of a "
                 "size and its weight [100]")
      ->type_name("SIZES")
      ->group(kGroup);
  add_number(app, "--value-ratio", value_ratio_,
             "What a compressor may leave of values, roughly: 0.05 to 1", 0.05, 1.0)
      ->group(kGroup);
}

std::string WorkloadOptions::complete() {
  for (const auto take : {&WorkloadOptions::take_ycsb, &WorkloadOptions::take_mix,
                          &WorkloadOptions::take_keys, &WorkloadOptions::take_values}) {
    if (std::string complaint = (this->*take)(); !complaint.empty()) return complaint;
  }
  return {};
}

std::string WorkloadOptions::take_ycsb() {
  if (ycsb_.empty() && property_files_.empty() && properties_.empty()) return {};
  Properties properties;
  if (!ycsb_.empty()) properties = *ycsb_workload(ycsb_);
  Status status;
  for (const std::string& file : property_files_) {
    if (status.ok()) status = read_properties_file(file, properties);
  }
  for (const std::string& line : properties_) {
    if (status.ok()) status = read_properties(line, properties);
  }
  if (!status.ok()) return status.message();
  Result<YcsbRun> run = understand(properties);
  if (!run) return run.error().message();
  for (const std::string& name : run->unknown) {
    std::cerr << "tidelock-agent: the property " << name << " says nothing here\n";
  }
  settings_.workload = std::move(run->workload);
  settings_.workload.name = ycsb_.empty() ? "YCSB" : "YCSB " + ycsb_;
  settings_.preload = !no_preload_;
  if (run->operations && *run->operations != 0 && !given("--seconds") && !given("--ops")) {
    settings_.operations = *run->operations;
  }
  if (run->seconds && *run->seconds != 0 && !given("--seconds")) settings_.seconds = *run->seconds;
  if (run->rate && *run->rate != 0) ycsb_rate_ = run->rate;
  if (run->threads && !given("--processes") && !given("--threads")) {
    settings_.processes = *run->threads;
  }
  return {};
}

std::string WorkloadOptions::take_mix() {
  Workload& workload = settings_.workload;
  const bool shares = given("--read-percent") || given("--erase-percent") ||
                      given("--batch-percent") || given("--snapshot-percent");
  workload.erase_percent = erase_percent_;
  if (!mix_.empty()) {
    if (given("--workload")) return "--workload has a mix of its own: no --mix with it";
    if (given("--read-percent") || given("--batch-percent") || given("--snapshot-percent")) {
      return "--mix says it all: no --read-percent, --batch-percent or --snapshot-percent with it";
    }
    Result<ActionMix> mix = ActionMix::parse(mix_);
    if (!mix) return "--mix: " + mix.error().message();
    workload.mix = *mix;
  } else if (workload.mix.empty() || shares) {
    const double reads = read_percent_ / 100.0, views = snapshot_percent_ / 100.0;
    const double batches = batch_percent_ / 100.0, erases = erase_percent_ / 100.0;
    workload.mix = {};
    workload.mix.add(Action::kGet, reads * (1 - views));
    workload.mix.add(Action::kView, reads * views);
    workload.mix.add(Action::kBatch, (1 - reads) * batches);
    workload.mix.add(Action::kErase, (1 - reads) * (1 - batches) * erases);
    workload.mix.add(Action::kPut, (1 - reads) * (1 - batches) * (1 - erases));
  }
  if (given("--scan-length")) {
    Result<Sizes> lengths = Sizes::parse(scan_length_, 1, 1'000'000);
    if (!lengths) return "--scan-length: " + lengths.error().message();
    workload.scan_lengths = *std::move(lengths);
  }
  return {};
}

std::string WorkloadOptions::take_keys() {
  Workload& workload = settings_.workload;
  if (given("--keys")) workload.keys.order = key_order_;
  if (given("--key-count")) workload.key_count = key_count_;
  if (given("--hot-keys")) workload.keys.hot_keys = hot_keys_percent_ / 100;
  if (given("--hot-operations")) workload.keys.hot_operations = hot_operations_percent_ / 100;
  if ((workload.keys.order == KeyOrder::kWeighted) != !key_weights_.empty()) {
    return "--keys weighted and --key-weights belong together";
  }
  if (!key_weights_.empty()) {
    std::vector<double> weights;
    if (std::string complaint = read_weights(key_weights_, weights); !complaint.empty()) {
      return "--key-weights: " + complaint;
    }
    if (workload.key_count == 0) {
      workload.key_count = static_cast<std::uint32_t>(weights.size());
    }
    if (weights.size() != workload.key_count) {
      return "--key-weights: " + std::to_string(weights.size()) + " weights for " +
             std::to_string(workload.key_count) + " keys";
    }
    workload.keys.weights = std::make_shared<Weighted>(weights);
  }
  const bool ycsb = !workload.name.empty();
  if (ycsb && workload.key_count == 0 && settings_.key_file.empty()) {
    return "the properties have no recordcount, for which YCSB takes 2147483647";
  }
  if (workload.mix.share(Action::kInsert) > 0) {
    if (!settings_.key_file.empty()) return "keys that are inserted have no name in a --key-file";
    const std::uint32_t keys = workload.key_count == 0 ? kKeyCountDefault : workload.key_count;
    settings_.insert_room = std::max(kInsertRoom, keys);
    if (settings_.operations != 0 && settings_.operations < settings_.insert_room) {
      settings_.insert_room = static_cast<std::uint32_t>(settings_.operations);
    }
    workload.keys.scrambled_over = keys + keys_for_inserts(keys, settings_);
  }
  return {};
}

std::string WorkloadOptions::take_pace() {
  if (ycsb_rate_) settings_.pace = Pace::steady(*ycsb_rate_ / settings_.writers());
  if (rate_.empty()) return {};
  Result<Pace> pace = Pace::parse(rate_);
  if (!pace) return "--rate: " + pace.error().message();
  settings_.pace = *std::move(pace);
  return {};
}

std::string WorkloadOptions::take_values() {
  ValueShape& values = settings_.workload.values;
  if (given("--value-ratio")) values.ratio = value_ratio_;
  if (!given("--value-size")) return {};
  Result<Sizes> sizes = Sizes::parse(value_size_, kValueSizeMin, kValueSizeMax);
  if (!sizes) return "--value-size: " + sizes.error().message();
  values.sizes = *std::move(sizes);
  return {};
}

}  // namespace tidelock::agent
