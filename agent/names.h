#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/settings.h"

namespace tidelock::agent {

// How the values of options are written on the command line and in the JSON report.
template <typename Value>
using Names = std::vector<std::pair<std::string, Value>>;

inline const Names<KeyOrder> kKeyOrderNames{
    {"uniform", KeyOrder::kUniform},     {"zipfian", KeyOrder::kZipfian},
    {"scrambled", KeyOrder::kScrambled}, {"latest", KeyOrder::kLatest},
    {"hotspot", KeyOrder::kHotspot},     {"sequential", KeyOrder::kSequential},
    {"weighted", KeyOrder::kWeighted}};
inline const Names<ReplayTiming> kReplayTimingNames{{"original", ReplayTiming::kOriginal},
                                                    {"fast", ReplayTiming::kFast}};
inline const Names<Verify> kVerifyNames{
    {"none", Verify::kNone}, {"values", Verify::kValues}, {"history", Verify::kHistory}};
inline const Names<Durability> kDurabilityNames{{"process", Durability::kProcess},
                                                {"durable", Durability::kDurable},
                                                {"periodic", Durability::kPeriodic}};
inline const Names<Wait::Policy> kWaitNames{{"queue", Wait::Policy::kQueue},
                                            {"fail-fast", Wait::Policy::kFailFast}};
inline const Names<Handover> kHandoverNames{{"bounded", Handover::kBounded},
                                            {"strict", Handover::kStrict}};
using Jitter = std::optional<Backoff::Jitter>;  // nullopt: no backoff at all
inline const Names<Jitter> kBackoffNames{{"off", std::nullopt},
                                         {"exponential", Backoff::Jitter::kNone},
                                         {"full-jitter", Backoff::Jitter::kFull},
                                         {"equal-jitter", Backoff::Jitter::kEqual},
                                         {"decorrelated-jitter", Backoff::Jitter::kDecorrelated}};

template <typename Value>
[[nodiscard]] std::string name_of(const Names<Value>& names, const Value& value) {
  for (const auto& [name, named] : names) {
    if (named == value) return name;
  }
  return {};
}

template <typename Value>
[[nodiscard]] std::optional<Value> value_of(const Names<Value>& names, std::string_view wanted) {
  for (const auto& [name, named] : names) {
    if (name == wanted) return named;
  }
  return std::nullopt;
}

[[nodiscard]] inline std::string backoff_name(const Settings& settings) {
  return name_of<Jitter>(kBackoffNames,
                         settings.backoff ? Jitter(settings.backoff->jitter) : Jitter());
}

}  // namespace tidelock::agent
