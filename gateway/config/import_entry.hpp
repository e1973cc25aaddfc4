#pragma once
// Translating one server's entry of a harness into one of ours.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/config/harness_text.hpp"
#include "gateway/config/import.hpp"
#include "gateway/core/document.hpp"

namespace toolgate::config {

// What is the same for all entries of one harness's file.
struct Harness {
  const HarnessText& text;
  std::filesystem::path directory;  // what relative paths are relative to
  ImportOptions options;
};

// Does the harness start the server at all, going by its lists of servers?
enum class Start { as_written, never };

struct Translated {
  std::string entry;                    // JSON; may still be refused by the parser
  std::optional<std::string> hopeless;  // why the server must stay behind
};

// `entry` is an object. Notes are added with `server` as their server.
Translated translate_entry(const Value& entry, const std::string& server, Start start,
                           const Harness& harness, std::vector<ImportNote>& notes);

}  // namespace toolgate::config
