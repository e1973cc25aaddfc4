#pragma once
// From the text of an argument to the paths that it may mean. Pure: nothing here asks the kernel.
//
// Programs do not agree on what a text means: one trims blanks and quotes, one decodes %2e, one
// takes '\' for '/', one drops "a/.." before it follows links and another does not. So a text has
// *readings*, and it is within a scope when all of them are:
//   - the text itself, and the text without blanks and quotes around it;
//   - where it holds %2e, %2f, %5c or %25: also decoded, once and twice;
//   - where it holds '\': also with '/' instead;
//   - where it holds "..": also with each "name/.." taken out beforehand, as path.resolve() does.
// A relative reading begins at the server's working directory.
//
// `file:` URIs are decoded (RFC 8089); their host must be empty or "localhost". Refused, because
// programs differ too much to list the readings: an encoded '/', '\' or NUL, a '\', '?' or '#' in a
// URI; an escape that is none; text that is no UTF-8; control characters; 4,096 bytes and more;
// names of more than 255 bytes; and a leading "~", "~user" or "~/", which some programs expand and
// others do not (write the path out, or "./~name" for a file of that name). Variables ($HOME) are
// names like any other here: a server that expands them is held by its sandbox alone.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/core/result.hpp"

namespace toolgate {

inline constexpr std::size_t longest_path = 4'095;  // PATH_MAX without its NUL
inline constexpr std::size_t longest_path_name = 255;

// An absolute path: names and "..", no "." and no empty names.
struct PathReading {
  std::vector<std::string> names;
  std::size_t given = 0;  // names before this one are the working directory's

  friend bool operator==(const PathReading&, const PathReading&) = default;
};

// The names in a path: "/a//./b/" is {"a", "b"}.
std::vector<std::string> path_names(std::string_view path);

// `working_directory`: names of an absolute path without "..". Refuses with `out_of_scope`; the
// detail says what is wrong with the text, without the text: "it holds a control character".
Result<std::vector<PathReading>> readings_of(std::string_view text,
                                             const std::vector<std::string>& working_directory);

// Is the whole text a file: URI, as programs would take it? Blanks around it and the case of the
// scheme do not matter; text with blanks inside, and "file:name" (a word of search languages), is
// none.
bool is_file_uri(std::string_view text);
// For what is known to be a URI: does it begin with "file:"?
bool has_file_scheme(std::string_view uri);

// Absolute, or with "." or ".." or "~" as its beginning, or with ".." somewhere, or file: and more.
// Text of several lines does only where it begins like a path and has ".." in it.
bool looks_like_path(std::string_view text);
// Could it be the name of a file at all?
bool may_be_path(std::string_view text);
// "https://..." and the like, but for file:, and without ".." in it.
bool is_other_url(std::string_view text);

}  // namespace toolgate
