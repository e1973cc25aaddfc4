#pragma once
// JSON Pointers (RFC 6901) as the configuration writes them, to name arguments of a tool. "/a/b" is
// the member `b` of the member `a`, "/a/0" an element; "~1" stands for "/", "~0" for "~". A token
// that is "*" alone stands for every element or member at its place (an extension; a member whose
// name is "*" cannot be named without the others). "" is all arguments together.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/core/result.hpp"

namespace toolgate {

using PointerTokens = std::vector<std::string>;  // unescaped

// Refuses with `bad_configuration`: the detail says what is wrong, without the text.
Result<PointerTokens> parse_pointer(std::string_view text);

// Does the pattern name this place, or one that it lies below? Then how long the pattern is: the
// longest says most.
std::optional<std::size_t> matches_pointer(const PointerTokens& pattern,
                                           const PointerTokens& place);

// "/a/b" of tokens that are fit for a message.
std::string pointer_text(const PointerTokens& tokens);

}  // namespace toolgate
