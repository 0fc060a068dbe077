#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "agent/stores/store.h"

namespace tidelock::test {

// Those that the agent was built with.
inline auto all_stores() {
  std::vector<const agent::StoreKind*> kinds;
  for (const agent::StoreKind& kind : agent::store_kinds()) kinds.push_back(&kind);
  return ::testing::ValuesIn(kinds);
}

inline std::string store_name(const ::testing::TestParamInfo<const agent::StoreKind*>& info) {
  return info.param->name;
}

}  // namespace tidelock::test
