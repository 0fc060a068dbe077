#include "cli/repair_text.h"

#include "cli/encoding.h"
#include "cli/units.h"

namespace tidelock::cli {
namespace {

using Effect = RepairFinding::Effect;

const char* name_of(Effect effect) {
  switch (effect) {
    case Effect::kNone:
      return "harmless";
    case Effect::kLost:
      return "lost";
    case Effect::kPresumed:
      return "presumed";
  }
  return "unknown";
}

std::string keys_text(const KeyRange& keys) {
  if (!keys.lower && !keys.upper) return "";
  return "; keys " + (keys.lower ? "from " + escape(*keys.lower) + " " : std::string()) +
         (keys.upper ? "below " + escape(*keys.upper) : std::string("and above"));
}

std::string finding_text(const RepairFinding& finding) {
  std::string text = std::string(name_of(finding.effect)) + ": " + printable(finding.file);
  if (finding.to != 0) {
    text += ", bytes " + std::to_string(finding.from) + " to " + std::to_string(finding.to);
  }
  const std::string keys = finding.effect == Effect::kNone ? "" : keys_text(finding.keys);
  return text + ": " + printable(finding.what) + keys + "\n";
}

Json finding_json(const RepairFinding& finding) {
  Json json{{"effect", name_of(finding.effect)},
            {"file", printable(finding.file)},
            {"from", finding.from},
            {"to", finding.to},
            {"what", printable(finding.what)}};
  if (finding.keys.lower) set_bytes(json, "lower", *finding.keys.lower);
  if (finding.keys.upper) set_bytes(json, "upper", *finding.keys.upper);
  return json;
}

}  // namespace

std::string repair_text(const RepairReport& report) {
  std::string text;
  for (const RepairFinding& finding : report.findings) text += finding_text(finding);
  return text + "saved " + show_entries(report.entries) + " from " + show_count(report.tables) +
         " tables with " + show_count(report.blocks) + " blocks and " +
         show_count(report.log_records) + " log records; " +
         (report.complete() ? "nothing was lost\n" : "see above for what may be lost\n");
}

Json repair_json(const RepairReport& report) {
  Json findings = Json::array();
  for (const RepairFinding& finding : report.findings) findings.push_back(finding_json(finding));
  return Json{{"complete", report.complete()},     {"entries", report.entries},
              {"tables", report.tables},           {"blocks", report.blocks},
              {"log_records", report.log_records}, {"findings", findings}};
}

}  // namespace tidelock::cli
