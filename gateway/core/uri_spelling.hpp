#pragma once
// How a URI is spelled, for decisions that depend on where it leads. Servers read URIs in their own
// ways: some decode escapes twice, fold cases, resolve "..", or forget what stands behind a '?'.
// So where a URI decides what is read, only a plain one is let through, and two plain ones are held
// to be the same place when they differ in escapes, in case or in an empty authority alone.
//
// Does not protect against a server that takes two different names for one file, such as Unicode's
// composed and decomposed forms.

#include <string>
#include <string_view>

namespace toolgate {

// SCHEME "://" and segments between '/', of which only the first (the authority) may be empty, and
// none ends with a '/': printable ASCII without space, '\', '?' and '#', and, however often escapes
// are decoded, no segment that is "." or ".." or holds '/', '\' or a control character.
bool is_plain_uri(std::string_view uri);

// Of what stands before the first ':', in lower case; "" where there is none.
std::string uri_scheme(std::string_view uri);

// Escapes decoded until none is left.
std::string unescaped_uri(std::string_view uri);
// The same for all spellings of a place: unescaped, in lower case, without an empty authority,
// which is one to a reader of URIs and nothing to a reader of paths.
std::string folded_uri(std::string_view uri);

// Is this the directory (without a '/' at its end), or something inside it? Both in one spelling.
bool lies_in(std::string_view directory, std::string_view uri);

}  // namespace toolgate
