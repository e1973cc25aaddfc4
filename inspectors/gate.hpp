#pragma once
// The one way for text from outside to reach an agent. The gate runs every inspector over every
// string of a JSON value, and alone can make the types that the agent-facing side accepts:
//   Cleared    JSON whose strings have all passed (some of them shortened)
//   Inspected  a whole message, put together from Cleared parts or written by the broker itself
// An inspector that throws withholds the text.
//
//   InspectionGate gate(all_inspectors());
//   auto inspection = gate.inspect(Channel::tool_result, message.body());
//   if (inspection.verdict != Verdict::withhold) {
//     stream.send(InspectionGate::result(id, std::move(*inspection.cleared)));
//   }

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/core/finding.hpp"
#include "gateway/core/message.hpp"
#include "gateway/core/untrusted.hpp"
#include "inspectors/inspector.hpp"

namespace toolgate {

// Never holds a line end: the server's line breaks between values, which mean nothing in JSON, have
// become spaces. On a transport where a message is a line they would end it, and what follows them
// could pass for a message that nobody asked for.
class Cleared {
 public:
  const std::string& json() const { return json_; }

 private:
  friend class InspectionGate;
  explicit Cleared(std::string json) : json_(std::move(json)) {}
  std::string json_;
};

enum class Verdict {
  allow,     // every byte of every string as it came
  sanitise,  // parts of strings were removed
  withhold,  // nothing goes on
};
std::string_view verdict_name(Verdict verdict);

struct Inspection {
  Verdict verdict = Verdict::withhold;
  // In the order of the text, and for each leaf that of the inspectors. `begin` and `end` are the
  // place in Document::text(), escapes and all. Of one id and severity only the first 100 are told.
  // In `pointer` the names are the server's, so a name that is not short and harmless shows as
  // "#N", N being its place in its object, counted from 0.
  std::vector<Finding> findings;
  std::optional<Cleared> cleared;  // nothing when withheld
};

class InspectionGate {
 public:
  // Without inspectors nothing is looked at and everything passes: give it all_inspectors().
  explicit InspectionGate(std::vector<std::unique_ptr<Inspector>> inspectors);

  // Inspects every string in `value`, property names included. What is not removed keeps its exact
  // bytes, in shortened strings too. A name is never shortened: it withholds the whole, since
  // whoever looked at the message before, the broker itself, knew the member by another one.
  // The gate's own finding: "inspector.fault".
  // Members of `value` itself whose names are in `omitted` are neither looked at nor passed on.
  Inspection inspect(Channel channel, const Value& value,
                     std::span<const std::string_view> omitted = {}) const;

  // Whole messages made of cleared parts.
  // `added`: members of the broker's own for the result, as JSON without braces; the result must
  // not have them.
  static Inspected result(const RequestId& id, const Cleared& result, std::string_view added = "");
  static Inspected error(const RequestId& id, Cleared error);
  static Inspected notification(std::string_view method, Cleared params);
  static Inspected request(std::string_view id_raw, std::string_view method, Cleared params);

  // Messages that the broker wrote itself: no text from outside is in them, or it is in `Cleared`
  // pieces.
  static Inspected own(std::string message);

 private:
  std::vector<std::unique_ptr<Inspector>> inspectors_;
  bool skips_plain_ascii_;
};

}  // namespace toolgate
