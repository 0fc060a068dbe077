#include "agent/history/key_order.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace tidelock::agent::history {
namespace {

// An operation: a write or a read, by its index.
struct Operand {
  bool is_write = false;
  std::size_t index = 0;
};

// A write and all reads that found it. In force from `first_end` to `last_begin`, if that is later.
struct Cluster {
  std::optional<std::size_t> write;  // none: what was there before the run
  std::uint64_t first_end_ns = 0;
  std::uint64_t last_begin_ns = 0;
  std::optional<Operand> ends_first, begins_last;

  [[nodiscard]] bool in_force() const noexcept { return first_end_ns < last_begin_ns; }
};

// Of the puts that were seen or answered first, up to one: which was in force last.
struct Shown {
  std::uint64_t first_end_ns = 0;
  const Cluster* last = nullptr;
};

class KeyOrder {
 public:
  KeyOrder(const Recorded& recorded, std::uint32_t key, Violations& violations)
      : recorded_(recorded), key_(key), violations_(violations) {}

  void check() {
    make_clusters();
    check_overlaps();
    check_moments();
    check_absences();
  }

 private:
  [[nodiscard]] const Write& write(std::size_t index) const { return recorded_.writes()[index]; }
  [[nodiscard]] const Read& read(std::size_t index) const { return recorded_.reads()[index]; }
  [[nodiscard]] const Point& when(const Read& read) const { return recorded_.points()[read.point]; }

  void make_clusters();
  void add_read(Cluster& cluster, std::size_t index);
  void check_overlaps();
  void check_moments();
  void check_moment(std::uint64_t last_begin_ns, std::uint64_t first_end_ns,
                    std::vector<Operand> operands);
  [[nodiscard]] std::vector<Shown> shown_puts() const;
  [[nodiscard]] std::vector<std::pair<std::uint64_t, std::uint64_t>> erases() const;
  void check_absences();
  void report(Violation::Kind kind, const std::vector<Operand>& operands);

  const Recorded& recorded_;
  const std::uint32_t key_;
  Violations& violations_;
  std::vector<Cluster> clusters_;
  std::vector<const Cluster*> in_force_;  // by first end; they do not overlap, or are reported
  std::vector<std::size_t> absences_;     // reads that found nothing
};

void KeyOrder::make_clusters() {
  std::map<std::size_t, std::size_t> cluster_of;  // by write
  for (const std::size_t index : recorded_.writes_of(key_)) {
    if (!write(index).happened()) continue;
    cluster_of[index] = clusters_.size();
    const Operand self{.is_write = true, .index = index};
    clusters_.push_back({.write = index,
                         .first_end_ns = write(index).end_ns,
                         .last_begin_ns = write(index).begin_ns,
                         .ends_first = self,
                         .begins_last = self});
  }
  for (const std::size_t index : recorded_.reads_of(key_)) {
    const std::size_t found = read(index).write;
    if (found == kNothing) {
      absences_.push_back(index);
      continue;
    }
    const auto [at, is_new] = cluster_of.try_emplace(found, clusters_.size());
    if (is_new) clusters_.emplace_back();  // from before the run
    add_read(clusters_[at->second], index);
  }
  for (const Cluster& cluster : clusters_) {
    if (cluster.in_force()) in_force_.push_back(&cluster);
  }
  std::sort(in_force_.begin(), in_force_.end(), [](const Cluster* left, const Cluster* right) {
    return left->first_end_ns < right->first_end_ns;
  });
}

void KeyOrder::add_read(Cluster& cluster, std::size_t index) {
  const Operand self{.is_write = false, .index = index};
  const Point& point = when(read(index));
  if (cluster.write && point.end_ns < write(*cluster.write).begin_ns) {
    report(Violation::Kind::kNotYetBegun, {{.is_write = true, .index = *cluster.write}, self});
  }
  if (point.end_ns < cluster.first_end_ns) {
    cluster.first_end_ns = point.end_ns;
    cluster.ends_first = self;
  }
  if (point.begin_ns > cluster.last_begin_ns) {
    cluster.last_begin_ns = point.begin_ns;
    cluster.begins_last = self;
  }
}

std::vector<Operand> witnesses(const Cluster& cluster) {
  std::vector<Operand> operands;
  for (const std::optional<Operand>& operand : {cluster.ends_first, cluster.begins_last}) {
    if (operand) operands.push_back(*operand);
  }
  if (cluster.write) operands.push_back({.is_write = true, .index = *cluster.write});
  return operands;
}

std::vector<Operand> joined(std::vector<Operand> left, const std::vector<Operand>& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

void KeyOrder::check_overlaps() {
  const Cluster* longest = nullptr;
  for (const Cluster* cluster : in_force_) {
    if (longest != nullptr && cluster->first_end_ns < longest->last_begin_ns) {
      report(Violation::Kind::kNoOrder, joined(witnesses(*longest), witnesses(*cluster)));
    }
    if (longest == nullptr || cluster->last_begin_ns > longest->last_begin_ns) longest = cluster;
  }
}

void KeyOrder::check_moments() {
  for (const Cluster& cluster : clusters_) {
    if (cluster.in_force() || !cluster.write) continue;
    check_moment(cluster.last_begin_ns, cluster.first_end_ns, witnesses(cluster));
  }
  for (const std::size_t index : absences_) {
    const Point& point = when(read(index));
    check_moment(point.begin_ns, point.end_ns, {{.is_write = false, .index = index}});
  }
}

// No put may be in force all the time from `last_begin_ns` to `first_end_ns`.
void KeyOrder::check_moment(std::uint64_t last_begin_ns, std::uint64_t first_end_ns,
                            std::vector<Operand> operands) {
  const auto behind = std::partition_point(
      in_force_.begin(), in_force_.end(),
      [&](const Cluster* cluster) { return cluster->first_end_ns < last_begin_ns; });
  if (behind == in_force_.begin()) return;
  const Cluster& before = **std::prev(behind);
  if (first_end_ns < before.last_begin_ns) {
    report(Violation::Kind::kNoOrder, joined(std::move(operands), witnesses(before)));
  }
}

std::vector<Shown> KeyOrder::shown_puts() const {
  std::vector<Shown> shown;
  for (const Cluster& cluster : clusters_) {
    if (cluster.write && write(*cluster.write).kind == OperationKind::kErase) continue;
    shown.push_back({.first_end_ns = cluster.first_end_ns, .last = &cluster});
  }
  std::sort(shown.begin(), shown.end(), [](const Shown& left, const Shown& right) {
    return left.first_end_ns < right.first_end_ns;
  });
  for (std::size_t i = 1; i < shown.size(); ++i) {
    const Cluster* const before = shown[i - 1].last;
    if (before->last_begin_ns > shown[i].last->last_begin_ns) shown[i].last = before;
  }
  return shown;
}

// Erases by begin; of each and those before it, the latest end.
std::vector<std::pair<std::uint64_t, std::uint64_t>> KeyOrder::erases() const {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> erases;
  for (const std::size_t index : recorded_.writes_of(key_)) {
    const Write& each = write(index);
    if (each.refused || each.kind != OperationKind::kErase) continue;
    erases.emplace_back(each.begin_ns, each.end_ns);
  }
  std::sort(erases.begin(), erases.end());
  for (std::size_t i = 1; i < erases.size(); ++i) {
    erases[i].second = std::max(erases[i].second, erases[i - 1].second);
  }
  return erases;
}

void KeyOrder::check_absences() {
  if (absences_.empty()) return;
  const std::vector<Shown> shown = shown_puts();
  const auto erases = this->erases();
  for (const std::size_t index : absences_) {
    const Point& point = when(read(index));
    const auto behind = std::partition_point(shown.begin(), shown.end(), [&](const Shown& put) {
      return put.first_end_ns < point.begin_ns;
    });
    if (behind == shown.begin()) continue;
    const Cluster& last = *std::prev(behind)->last;
    if (last.last_begin_ns > point.end_ns) continue;  // in force during the read: reported
    const auto later = std::partition_point(erases.begin(), erases.end(), [&](const auto& erase) {
      return erase.first <= point.end_ns;
    });
    if (later == erases.begin() || std::prev(later)->second < last.last_begin_ns) {
      report(Violation::Kind::kNoErase,
             joined({{.is_write = false, .index = index}}, witnesses(last)));
    }
  }
}

void KeyOrder::report(Violation::Kind kind, const std::vector<Operand>& operands) {
  Violation violation{.kind = kind, .key = key_, .writes = {}, .readings = {}};
  std::vector<std::size_t> told[2];
  for (const Operand& operand : operands) {
    std::vector<std::size_t>& same = told[operand.is_write ? 1 : 0];
    if (std::find(same.begin(), same.end(), operand.index) != same.end()) continue;
    same.push_back(operand.index);
    if (operand.is_write) {
      violation.writes.push_back(write(operand.index).id);
    } else {
      violation.readings.push_back(read(operand.index).id);
    }
  }
  violations_.add(std::move(violation));
}

}  // namespace

void check_key_order(const Recorded& recorded, Violations& violations) {
  for (std::uint32_t key = 0; key < recorded.key_count(); ++key) {
    KeyOrder(recorded, key, violations).check();
  }
}

}  // namespace tidelock::agent::history
