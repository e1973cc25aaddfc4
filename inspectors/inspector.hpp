#pragma once
// The extension point: text in, findings out. Inspectors are pure and const, do no I/O and keep no
// state between texts, so their tests need nothing but a table. A new one is one file here and one
// line in all.cpp:
//
//   class NoShouting final : public Inspector {
//    public:
//     std::string_view name() const override { return "no_shouting"; }
//     void inspect(const Leaf& leaf, Channel, std::vector<Mark>& marks) const override {
//       if (leaf.text != "HEY") return;
//       marks.push_back({.finding = "shouting.hey", .severity = Severity::note, .begin = 0,
//                        .end = leaf.text.size(), .why = "somebody shouts"});
//     }
//   };
//   std::unique_ptr<Inspector> make_no_shouting() { return std::make_unique<NoShouting>(); }

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "gateway/core/finding.hpp"

namespace toolgate {

// Where a text comes from. Every channel that reaches a model has a name here.
enum class Channel {
  definition,    // of a tool, prompt, resource or template: every string in it, schemas included
  instructions,  // a server's `instructions`
  tool_result,   // content, structuredContent, embedded resources, links
  error,         // a JSON-RPC error of a server
  prompt,        // prompts/get
  resource,      // resources/read
  completion,    // completion/complete
  progress,      // notifications/progress
  log_message,   // notifications/message
  notification,  // every other notification
  elicitation,   // elicitation/create
  sampling,      // sampling/createMessage
  task,          // a task's status
  skill,         // skills/get, the files of a skill, resources/directory/read
};
std::string_view channel_name(Channel channel);

// One decoded string of a message: UTF-8, with JSON's escapes resolved.
struct Leaf {
  std::string_view text;
  bool is_name = false;  // a property name, not a value
};

// A part of a leaf's decoded text, in bytes. It stands on whole characters; marks may overlap and
// come in any order. A mark outside of its text is a fault and withholds the message.
struct Mark {
  // The id of the finding. Like `why`, a literal or something that lives as long as the inspector;
  // never a part of the text that was inspected.
  std::string_view finding;
  Severity severity = Severity::note;
  std::size_t begin = 0;
  std::size_t end = 0;
  std::string_view why;
  enum class Action {
    keep,      // tell, change nothing
    remove,    // the message is forwarded without these bytes
    withhold,  // the message is not forwarded
  } action = Action::keep;
};

class Inspector {
 public:
  virtual ~Inspector() = default;
  virtual std::string_view name() const = 0;
  // Appends to `marks` and leaves those that are there. What it would remove must not be needed to
  // understand the rest: text without the removed bytes must pass when it is inspected again. If it
  // throws, the message is withheld.
  virtual void inspect(const Leaf& leaf, Channel channel, std::vector<Mark>& marks) const = 0;
  // Can this inspector have anything to say about a text of nothing but TAB, LF, CR and printable
  // ASCII (0x20..0x7E) without a backslash? Where every inspector answers no, the gate never shows
  // them such texts, and most messages pass in one scan over their bytes. The default is the safe
  // answer.
  virtual bool cares_about_plain_ascii() const { return true; }
};

// Every inspector of this build, in the order in which they run: a list that you can read
// (all.cpp).
std::vector<std::unique_ptr<Inspector>> all_inspectors();

// One by one, for tests and for programs that want a part of the list.
std::unique_ptr<Inspector> make_terminal_escapes();
std::unique_ptr<Inspector> make_tag_characters();
std::unique_ptr<Inspector> make_text_signals();

}  // namespace toolgate
