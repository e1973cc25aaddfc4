#pragma once
// Reading one entry of `mcpServers`, once its keys and kinds have been checked.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/config/configuration.hpp"
#include "gateway/config/problems.hpp"
#include "gateway/config/variables.hpp"
#include "gateway/core/document.hpp"

namespace toolgate::config {

// What every reader of a part of the file needs. The parts outlive it.
struct Reading {
  const Variables& variables;
  const std::filesystem::path& directory;  // of the configuration file
  Problems& problems;

  // A string with its variables expanded; records a problem and returns nothing where that fails.
  std::optional<std::string> expanded(const Value& text) const;
  // The same as an absolute, lexically normal path. `key` names it in messages.
  std::optional<std::filesystem::path> path(const Value& text, std::string_view key) const;
  // A whole number within bounds.
  std::optional<std::size_t> number(const Value& value, std::string_view key, std::size_t least,
                                    std::size_t most) const;
};

// `entry` fits the server section of keys.hpp. What is wrong is in `reading.problems`; the entry is
// good only if nothing was added there.
ServerEntry read_server(const Value& entry, const ServerName& name, const Reading& reading);

}  // namespace toolgate::config
