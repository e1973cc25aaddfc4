#pragma once
// Translating one server's entry of a harness into one of ours.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/config/import.hpp"
#include "gateway/core/document.hpp"

namespace toolgate::config {

// What is the same for all entries of one harness's file.
struct Harness {
  const std::string& text;          // of the file, for places
  std::filesystem::path directory;  // what relative paths are relative to
  bool url_means_sse = false;       // Gemini CLI
  ImportOptions options;
};

struct Translated {
  std::string entry;                    // JSON; may still be refused by the parser
  std::optional<std::string> hopeless;  // why the server must stay behind
};

// `entry` is an object. Notes are added with `server` as their server.
Translated translate_entry(const Value& entry, const std::string& server, const Harness& harness,
                           std::vector<ImportNote>& notes);

}  // namespace toolgate::config
