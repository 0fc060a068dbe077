#include "agent/workload/ycsb.h"

#include <algorithm>
#include <map>
#include <set>

#include "agent/workload/fields.h"
#include "tidelock/options.h"

namespace tidelock::agent {
namespace {

// Reads properties one after the other; remembers the first that is wrong, and which were read.
class Reader {
 public:
  explicit Reader(const Properties& properties) : properties_(properties) {}

  std::string_view word(const char* name, std::string_view otherwise) {
    known_.insert(name);
    const auto found = properties_.find(name);
    return found == properties_.end() ? otherwise : std::string_view(found->second);
  }
  bool has(const char* name) {
    known_.insert(name);
    return properties_.contains(name);
  }
  double number(const char* name, double otherwise) {
    if (!has(name)) return otherwise;
    const auto parsed = parse_decimal(word(name, ""));
    if (!parsed) wrong(name, "a number");
    return parsed.value_or(otherwise);
  }
  std::uint64_t count(const char* name, std::uint64_t otherwise, std::uint64_t most) {
    if (!has(name)) return otherwise;
    const auto parsed = parse_count(word(name, ""));
    if (parsed && *parsed <= most) return *parsed;
    wrong(name, ("a number up to " + std::to_string(most)).c_str());
    return otherwise;
  }
  void wrong(const char* name, const char* wanted) {
    if (!status_.ok()) return;
    status_ =
        Status(StatusCode::kInvalid, "the property " + std::string(name) + " is '" +
                                         std::string(word(name, "")) + "', and not " + wanted);
  }
  [[nodiscard]] const Status& status() const { return status_; }
  // Properties that were never asked for.
  [[nodiscard]] std::vector<std::string> unknown() const {
    std::vector<std::string> names;
    for (const auto& [name, value] : properties_) {
      if (!known_.contains(name)) names.push_back(name);
    }
    return names;
  }

 private:
  const Properties& properties_;
  std::set<std::string, std::less<>> known_;
  Status status_;
};

void read_mix(Reader& in, ActionMix& mix) {
  mix.add(Action::kGet, in.number("readproportion", 0.95));
  mix.add(Action::kPut, in.number("updateproportion", 0.05));
  mix.add(Action::kInsert, in.number("insertproportion", 0));
  mix.add(Action::kScan, in.number("scanproportion", 0));
  mix.add(Action::kReadModifyWrite, in.number("readmodifywriteproportion", 0));
  if (mix.empty()) in.wrong("readproportion", "above 0, nor is any other proportion");
}

void read_keys(Reader& in, Workload& workload) {
  const std::string_view wanted = in.word("requestdistribution", "uniform");
  KeyChoice& keys = workload.keys;
  if (wanted == "uniform") {
    keys.order = KeyOrder::kUniform;
  } else if (wanted == "zipfian") {
    keys.order = KeyOrder::kScrambled;
  } else if (wanted == "latest") {
    keys.order = KeyOrder::kLatest;
  } else if (wanted == "hotspot") {
    keys.order = KeyOrder::kHotspot;
  } else if (wanted == "sequential") {
    keys.order = KeyOrder::kSequential;
  } else {
    in.wrong("requestdistribution", "uniform, zipfian, latest, hotspot or sequential");
  }
  keys.hot_keys = std::min(1.0, in.number("hotspotdatafraction", 0.2));
  keys.hot_operations = std::min(1.0, in.number("hotspotopnfraction", 0.8));
  const std::string_view order = in.word("insertorder", "hashed");
  if (order != "hashed" && order != "ordered") in.wrong("insertorder", "hashed or ordered");
  workload.key_names = order == "ordered" ? KeyNames::kYcsbOrdered : KeyNames::kYcsbHashed;
  workload.key_name_digits = static_cast<std::uint32_t>(in.count("zeropadding", 1, 100));
  workload.key_count = static_cast<std::uint32_t>(in.count("recordcount", 0, UINT32_MAX / 2));
}

// The sizes of records: sums of those of their fields, each of which is drawn.
void read_values(Reader& in, Workload& workload) {
  const std::uint64_t fields = in.count("fieldcount", 10, 100'000);
  const std::uint64_t length = in.count("fieldlength", 100, 1'000'000);
  const std::uint64_t least = in.count("minfieldlength", 1, 1'000'000);
  Sizes& sizes = workload.values.sizes;
  if (fields * length > kValueSizeMax) return in.wrong("fieldcount", "below 2^30 / fieldlength");
  const std::string_view wanted = in.word("fieldlengthdistribution", "constant");
  if (wanted == "constant") {
    sizes = Sizes::fixed(std::max<std::uint64_t>(kValueSizeMin, fields * length));
  } else if (least > length) {
    in.wrong("minfieldlength", "up to fieldlength");
  } else if (wanted == "uniform") {
    sizes = Sizes::sum(Sizes::uniform(least, length), fields, kValueSizeMin);
  } else if (wanted == "zipfian") {
    sizes = Sizes::sum(Sizes::zipfian(least, length), fields, kValueSizeMin);
  } else {
    in.wrong("fieldlengthdistribution", "constant, uniform or zipfian");
  }
}

void read_scans(Reader& in, Workload& workload) {
  const std::uint64_t most = in.count("maxscanlength", 1000, 1'000'000);
  const std::uint64_t least = in.count("minscanlength", 1, 1'000'000);
  const std::string_view wanted = in.word("scanlengthdistribution", "uniform");
  if (least == 0 || least > most) return in.wrong("minscanlength", "from 1 to maxscanlength");
  if (wanted == "uniform") {
    workload.scan_lengths = Sizes::uniform(least, most);
  } else if (wanted == "zipfian") {
    workload.scan_lengths = Sizes::zipfian(least, most);
  } else {
    in.wrong("scanlengthdistribution", "uniform or zipfian");
  }
}

}  // namespace

std::optional<Properties> ycsb_workload(std::string_view name) {
  static const std::map<std::string_view, std::string_view> kWorkloads{
      {"a", "readproportion=0.5\nupdateproportion=0.5\nrequestdistribution=zipfian"},
      {"b", "readproportion=0.95\nupdateproportion=0.05\nrequestdistribution=zipfian"},
      {"c", "readproportion=1\nupdateproportion=0\nrequestdistribution=zipfian"},
      {"d",
       "readproportion=0.95\nupdateproportion=0\ninsertproportion=0.05\n"
       "requestdistribution=latest"},
      {"e",
       "readproportion=0\nupdateproportion=0\nscanproportion=0.95\ninsertproportion=0.05\n"
       "requestdistribution=zipfian\nmaxscanlength=100\nscanlengthdistribution=uniform"},
      {"f",
       "readproportion=0.5\nupdateproportion=0\nreadmodifywriteproportion=0.5\n"
       "requestdistribution=zipfian"}};
  const auto found = kWorkloads.find(name);
  if (found == kWorkloads.end()) return std::nullopt;
  Properties properties{{"recordcount", "1000"}};
  (void)read_properties(found->second, properties);
  return properties;
}

Result<YcsbRun> understand(const Properties& properties) {
  Reader in(properties);
  YcsbRun run;
  const std::string_view workload = in.word("workload", "site.ycsb.workloads.CoreWorkload");
  if (!workload.ends_with(".CoreWorkload")) in.wrong("workload", "the core workload");
  read_mix(in, run.workload.mix);
  read_keys(in, run.workload);
  read_values(in, run.workload);
  read_scans(in, run.workload);
  if (in.has("operationcount")) run.operations = in.count("operationcount", 0, UINT64_MAX);
  if (in.has("maxexecutiontime")) run.seconds = in.number("maxexecutiontime", 0);
  if (in.has("target")) run.rate = in.number("target", 0);
  if (in.has("threadcount")) {
    run.threads = static_cast<std::uint32_t>(in.count("threadcount", 1, 100'000));
  }
  // They choose among fields, which there are none of.
  for (const char* name : {"readallfields", "writeallfields", "table"}) (void)in.has(name);
  if (!in.status().ok()) return in.status();
  run.unknown = in.unknown();
  return run;
}

}  // namespace tidelock::agent
