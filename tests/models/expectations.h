#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdio>
#include <string>

#include "models/explorer.h"

// What tests of models assert of an exploration, and print of it.
namespace tidelock::models {

inline std::string told(const Exploration& found) {
  std::string text = found.violation;
  for (const std::string& step : found.trace) text += "\n  " + step;
  return text;
}

// Everything reachable is sound, and there is at least as much of it as there was when the floor
// was written down: a model that lost its transitions would be sound too.
template <typename Model>
void expect_sound(const Model& model, std::size_t states_floor) {
  const Exploration found = explore(model);
  std::printf("  %zu states, %zu transitions\n", found.states, found.transitions);
  EXPECT_EQ(told(found), "");
  EXPECT_TRUE(found.complete);
  EXPECT_GE(found.states, states_floor);
}

// The rule that this model leaves out is needed: without it the explorer finds this.
template <typename Model>
void expect_broken(const Model& model, const std::string& violation) {
  const Exploration found = explore(model);
  std::printf("  after %zu states, %zu steps: %s\n", found.states, found.trace.size(),
              found.violation.c_str());
  EXPECT_EQ(found.violation, violation) << told(found);
}

}  // namespace tidelock::models
