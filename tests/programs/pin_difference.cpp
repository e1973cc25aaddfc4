// What the gateway makes of a changed definition, line by line: is it held, and which values does a
// review name? For the mutation tests, which know what they changed.
//
//   < {"kind":"tool","key":"read","json":"{...}"}     the approved definition; answers {}
//   < {"key":"read","json":"{...}"}                   what is offered now
//   > {"held":true,"refused":"","changes":[["/description","instruction-bearing"]]}

#include <iostream>
#include <string>

#include "gateway/broker/difference.hpp"
#include "gateway/core/document.hpp"
#include "signing/pins.hpp"

namespace toolgate {
namespace {

std::string text_of(const Value& line, std::string_view name) {
  const auto value = line.find(name);
  return value && value->is_string() ? value->text() : "";
}

// An approval of one definition, and nothing else.
class Approver {
 public:
  std::string answer(const Value& line) {
    if (const auto kind = item_kind_from(text_of(line, "kind"))) {
      approved_ = Definition{*kind, text_of(line, "key"), text_of(line, "json")};
      auto pinned = pin(server_, approved_);
      if (!pinned) return "{\"refused\":" + json_quote(pinned.refusal().detail) + "}";
      pin_ = pinned->pin;
      return "{}";
    }
    const Definition offered{approved_.kind, text_of(line, "key"), text_of(line, "json")};
    auto pinned = pin(server_, offered);
    const bool held = !pinned || pinned->pin != pin_;
    std::string out = std::string("{\"held\":") + (held ? "true" : "false") +
                      ",\"refused\":" + json_quote(pinned ? "" : pinned.refusal().detail) +
                      ",\"changes\":[";
    bool first = true;
    for (const Change& change : changes_between(approved_.kind, approved_.json, offered.json)) {
      out += std::exchange(first, false) ? "[" : ",[";
      out += json_quote(change.path) + "," + json_quote(change_class_name(change.change_class));
      out += "]";
    }
    return out + "]}";
  }

 private:
  ServerIdentity server_ = digest("test", "server");
  Definition approved_;
  Digest pin_;
};

int run() {
  Approver approver;
  for (std::string line; std::getline(std::cin, line);) {
    JsonLimits limits;
    limits.bytes = std::size_t{32} << 20;
    auto document = parse_document(Untrusted<std::string>(line), limits);
    if (!document) {
      std::cerr << document.refusal().detail << "\n";
      return 1;
    }
    std::cout << approver.answer(document->root()) << "\n";
  }
  return std::cout.flush() ? 0 : 1;
}

}  // namespace
}  // namespace toolgate

int main() { return toolgate::run(); }
