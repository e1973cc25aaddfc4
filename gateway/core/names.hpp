#pragma once
// Identifiers that cannot be mixed up: a server's name is not a tool's. No implicit conversion
// either way.

#include <compare>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "gateway/core/result.hpp"

namespace toolgate {

template <class Tag>
class Name {
 public:
  Name() = default;
  explicit Name(std::string text) : text_(std::move(text)) {}
  const std::string& text() const { return text_; }
  bool empty() const { return text_.empty(); }
  friend auto operator<=>(const Name&, const Name&) = default;

 private:
  std::string text_;
};

using ServerName = Name<struct ServerTag>;  // a key of `mcpServers`
using ToolName = Name<struct ToolTag>;      // a tool as its server calls it
using AgentName = Name<struct AgentTag>;    // who calls: `agent add NAME`, or "local"

// Server and agent names: 1-64 of [A-Za-z0-9_.-], starting with a letter or digit, without "__".
Status check_plain_name(std::string_view text, std::string_view what);

}  // namespace toolgate

template <class Tag>
struct std::hash<toolgate::Name<Tag>> {
  std::size_t operator()(const toolgate::Name<Tag>& name) const noexcept {
    return std::hash<std::string>()(name.text());
  }
};
