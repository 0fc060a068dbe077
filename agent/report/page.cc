#include "agent/report/page.h"

#include <ostream>

namespace tidelock::agent {
namespace {

constexpr const char* kStyle = R"(
:root { color-scheme: light dark; --ink: #1c2330; --soft: #5b6678; --line: #d9dee7;
  --paper: #ffffff; --a: #1f6feb; --b: #d97706; --c: #b4236b; --d: #4b5563;
  --e: #0f8a5f; --f: #7c3aed; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf2; --soft: #9aa5b8; --line: #333c4a;
  --paper: #12161d; --a: #5aa2ff; --b: #f0a540; --c: #ef6aa8; --d: #a9b4c4;
  --e: #3fc796; --f: #b18cff; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 1100px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
p { max-width: 75ch; } .verdict { font-weight: 600; } .bad { color: var(--c); }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 500px), 1fr));
  gap: 1.5rem; }
figure { margin: 0; } figcaption { font-size: .9rem; color: var(--soft); }
figcaption b { color: var(--ink); }
svg { width: 100%; height: auto; font: 12px system-ui, sans-serif; }
.legend { margin: .2rem 0; font-size: .8rem; color: var(--soft); }
.legend svg { width: 12px; height: 12px; vertical-align: -1px; }
.legend span { margin-right: 1em; display: inline-block; }
.name { text-anchor: end; fill: var(--ink); } .tick { text-anchor: middle; fill: var(--soft); }
.unit { fill: var(--soft); text-anchor: end; }
.value { fill: var(--soft); } .grid { stroke: var(--line); }
.range { stroke: var(--soft); stroke-width: 2; } .each { stroke: var(--ink); opacity: .45; }
.s0 { fill: var(--a); } .s1 { fill: var(--d); } .s2 { fill: var(--b); } .s3 { fill: var(--c); }
.l0, .l1, .l2, .l3, .l4, .l5, .l6, .l7, .l8, .l9 { fill: none; stroke-width: 1.8;
  stroke-linejoin: round; }
.l0 { stroke: var(--a); } .l1 { stroke: var(--b); } .l2 { stroke: var(--c); }
.l3 { stroke: var(--e); } .l4 { stroke: var(--d); } .l5 { stroke: var(--f); }
.l6, .l7, .l8, .l9 { stroke: var(--soft); stroke-dasharray: 5 3; }
.f0 { fill: var(--a); } .f1 { fill: var(--b); } .f2 { fill: var(--c); } .f3 { fill: var(--e); }
.mark { stroke: var(--c); stroke-width: 1.5; opacity: .7; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .85rem; }
th, td { padding: .3rem .4rem; text-align: right; border-bottom: 1px solid var(--line);
  font-variant-numeric: tabular-nums; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
)";

}  // namespace

void begin_page(std::ostream& out, const std::string& title) {
  out << "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      << "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>"
      << escaped(title) << "</title>\n<style>" << kStyle << "</style></head><body>\n<h1>"
      << escaped(title) << "</h1>\n";
}

void end_page(std::ostream& out) {
  out << "</body></html>\n";
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace tidelock::agent
