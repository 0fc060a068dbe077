#include <ostream>

#include "agent/contend/reports.h"

namespace tidelock::agent::contend {

void print_html(std::ostream& out, const Settings&, const Comparison&) {
  out << "<!doctype html>\n";
}

}  // namespace tidelock::agent::contend
