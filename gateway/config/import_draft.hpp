#pragma once
// One entry of ours in the making, and the notes about it: what the translations from all harnesses
// share. Nothing here reads a file or asks for a variable.

#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/config/import_entry.hpp"

namespace toolgate::config {

// Keys that have no counterpart, and what losing them means.
struct Lost {
  std::string_view key;
  ImportNote::Kind kind;
  std::string_view why;
};

inline constexpr std::string_view not_believed =
    "is not taken over: what may run without asking is decided here, not by the harness";
inline constexpr std::string_view restriction =
    "restricts the server and is not taken over; write it anew in \"toolgate\" (tools, agents)";
inline constexpr std::string_view sign_in =
    "is not taken over; put what the server needs into 'headers'";

class Draft {
 public:
  // All references outlive this object.
  Draft(const std::string& server, const Harness& harness, std::vector<ImportNote>& notes)
      : server_(server), harness_(harness), notes_(notes) {}

  const Harness& harness() const { return harness_; }
  void note(ImportNote::Kind kind, const Value& at, std::string what);
  // The first reason stays.
  void give_up(std::string why);
  void disable() { disabled_ = true; }

  void put(std::string_view key, const std::string& json);        // of the entry
  void put_limit(std::string_view key, const std::string& json);  // of its "toolgate.limits"

  // A string, or an array or object of strings, with the harness's variables in our form. All else
  // stays as it is, for the parser to judge.
  std::string value_json(const Value& value, const Value& member);
  std::string with_our_variables(const std::string& text, const Value& member);
  // The directory, absolute where the harness takes it as relative to its own file.
  void put_directory(const Value& value);

  // "These tools not": each is denied and hidden. What is no plain name is a danger.
  void forbid_tools(const Value& list);
  // "These tools only": cannot be expressed here, which is a danger.
  void only_tools(const Value& list);
  // Does that one list of lost keys name the member? Then it is noted.
  bool lose(const Member& member, std::span<const Lost> keys);

  // Notes on the command with its arguments, and on each text of `env` and `headers`.
  void look_at_command(const Value& entry);
  void look_at_secrets(std::string_view key, const Value& list);

  Translated finish(bool local) &&;

 private:
  std::string brace_variable(const std::string& inside, const Value& member);
  std::string gemini_variables(const std::string& text, const Value& member);

  const std::string& server_;
  const Harness& harness_;
  std::vector<ImportNote>& notes_;
  std::string out_;
  std::string limits_;
  std::set<std::string> forbidden_;
  bool disabled_ = false;
  std::optional<std::string> hopeless_;
};

}  // namespace toolgate::config
