#include "tests/bench/inspection/records.hpp"

#include <stdexcept>

#include "gateway/core/document.hpp"

namespace toolgate::bench {
namespace {

std::string text_of(const Value& record, std::string_view name) {
  auto value = record.find(name);
  return value && value->is_string() ? value->text() : std::string();
}

bool is_true(const Value& record, std::string_view name) {
  auto value = record.find(name);
  return value && value->raw() != "false" && value->raw() != "null";
}

}  // namespace

std::size_t read_records(std::istream& in, const std::function<void(LabelledText)>& use) {
  std::size_t number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    auto document = parse_document(Untrusted<std::string>(std::move(line)), JsonLimits());
    if (!document || !document->root().is_object()) {
      throw std::runtime_error("line " + std::to_string(number) + " is no JSON object");
    }
    auto record = document->root();
    auto kind = text_of(record, "kind");
    if (kind != "attack" && kind != "benign") {
      throw std::runtime_error("line " + std::to_string(number) +
                               ": `kind` is neither attack nor benign");
    }
    use({.id = text_of(record, "id"),
         .source = text_of(record, "source"),
         .tier = text_of(record, "tier"),
         .text = text_of(record, "text"),
         .attack = kind == "attack",
         .hard = is_true(record, "hard"),
         .surface = text_of(record, "surface") == "tool_definition" ? Surface::definition
                                                                    : Surface::result});
  }
  return number;
}

}  // namespace toolgate::bench
