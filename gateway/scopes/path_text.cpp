#include "gateway/scopes/path_text.hpp"

#include <algorithm>

#include "gateway/core/document.hpp"
#include "gateway/core/json_text.hpp"

namespace toolgate {
namespace {

constexpr std::string_view around = " \t\r\n\"'`";  // what programs take off

bool is_control(char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

Refusal unreadable(std::string why) { return Refusal(Reason::out_of_scope, std::move(why)); }

std::string_view without(std::string_view text, std::string_view characters) {
  const std::size_t begin = text.find_first_not_of(characters);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(characters) - begin + 1);
}

bool has_prefix_ignoring_case(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() &&
         std::ranges::equal(text.substr(0, prefix.size()), prefix, [](char a, char b) {
           return a == b || (a >= 'A' && a <= 'Z' && a - 'A' + 'a' == b);
         });
}

// -1 where there is no escape at `at`.
int escaped_byte(std::string_view text, std::size_t at) {
  if (text[at] != '%' || at + 2 >= text.size()) return -1;
  const int high = hex_value(text[at + 1]);
  const int low = hex_value(text[at + 2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

// Escapes that can change where a path leads.
bool has_leading_escape(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    const int byte = escaped_byte(text, at);
    if (byte == '.' || byte == '/' || byte == '\\' || byte == '%' || byte == 0) return true;
  }
  return false;
}

// Every escape; a '%' that begins none stays.
std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const int byte = escaped_byte(text, at);
    if (byte < 0) {
      out += text[at];
    } else {
      out += static_cast<char>(byte);
      at += 2;
    }
  }
  return out;
}

// `uri` has the scheme, in any case.
Result<std::string> path_of_file_uri(std::string_view uri) {
  constexpr std::size_t scheme = 5;
  std::string_view rest = uri.substr(scheme);
  if (rest.starts_with("//")) {
    rest.remove_prefix(2);
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    const std::string_view host = rest.substr(0, slash);
    const bool here = host.empty() || (host.size() == std::string_view("localhost").size() &&
                                       has_prefix_ignoring_case(host, "localhost"));
    if (!here) return unreadable("its file: URI names another machine");
    rest.remove_prefix(slash);
  }
  if (!rest.starts_with('/')) return unreadable("its file: URI has no absolute path");
  if (rest.find_first_of("?#\\") != std::string_view::npos) {
    return unreadable("its file: URI has a '?', '#' or '\\', which must be percent-encoded");
  }
  for (std::size_t at = 0; at < rest.size(); ++at) {
    if (rest[at] != '%') continue;
    const int byte = escaped_byte(rest, at);
    if (byte < 0) return unreadable("its file: URI has a '%' that begins no escape");
    if (byte == '/' || byte == '\\' || byte == 0) {
      return unreadable("its file: URI has an encoded '/', '\\' or NUL");
    }
  }
  return decoded(rest);
}

// Programs that expand it do so up to the first slash.
bool has_tilde(std::string_view path) {
  if (!path.starts_with('~')) return false;
  if (path.find('/') != std::string_view::npos) return true;
  const std::string_view user = path.substr(1);
  const bool starts =
      user.empty() || is_letter(user[0]) || user[0] == '_' || user == "+" || user == "-";
  return starts && std::ranges::all_of(user, [](char c) {
           return is_letter(c) || is_digit(c) || c == '_' || c == '-' || c == '+';
         });
}

Status check_path(std::string_view path) {
  if (path.size() > longest_path) return unreadable("it is longer than 4,095 bytes");
  if (std::ranges::any_of(path, is_control)) return unreadable("it holds a control character");
  if (!is_utf8(path)) return unreadable("it is no UTF-8");
  if (has_tilde(path)) return unreadable("it begins with '~': write the path out");
  return done();
}

void add_once(std::vector<std::string>& texts, std::string text) {
  if (std::ranges::find(texts, text) == texts.end()) texts.push_back(std::move(text));
}

// The paths that the text may be, still relative or absolute.
Result<std::vector<std::string>> spellings_of(std::string_view text) {
  // A longer text is no path in any of its spellings, but for escapes, which are three for one.
  if (text.size() > 3 * longest_path + 64) return unreadable("it is longer than 4,095 bytes");
  std::vector<std::string> written{std::string(text)};
  const std::string_view trimmed = without(text, around);
  if (!trimmed.empty()) add_once(written, std::string(trimmed));
  if (has_file_scheme(text)) written = {std::string(trimmed)};

  std::vector<std::string> paths;
  for (const std::string& one : written) {
    std::string path = one;
    if (has_file_scheme(one)) {
      auto decoded_path = path_of_file_uri(one);
      if (!decoded_path) return decoded_path.refusal();
      path = std::move(*decoded_path);
    }
    for (int times = 0; times < 2 && has_leading_escape(path); ++times) {
      add_once(paths, path);
      path = decoded(path);
    }
    add_once(paths, std::move(path));
  }
  for (std::size_t at = 0, count = paths.size(); at < count; ++at) {
    std::string slashes = paths[at];
    std::ranges::replace(slashes, '\\', '/');
    add_once(paths, std::move(slashes));
  }
  for (const std::string& path : paths) {
    Status good = check_path(path);
    if (!good) return good.refusal();
  }
  return paths;
}

// "name/.." taken out; ".." of the root is the root.
std::vector<std::string> without_parents(const std::vector<std::string>& names) {
  std::vector<std::string> kept;
  for (const std::string& name : names) {
    if (name != "..") {
      kept.push_back(name);
    } else if (!kept.empty()) {
      kept.pop_back();
    }
  }
  return kept;
}

// A ".." between slashes or ends, with either slash.
bool has_parent(std::string_view text) {
  constexpr std::string_view slashes = "/\\";
  for (std::size_t at = text.find(".."); at != std::string_view::npos;
       at = text.find("..", at + 1)) {
    const bool begins = at == 0 || slashes.contains(text[at - 1]);
    const bool ends = at + 2 == text.size() || slashes.contains(text[at + 2]);
    if (begins && ends) return true;
  }
  return false;
}

}  // namespace

bool has_file_scheme(std::string_view uri) {
  return has_prefix_ignoring_case(without(uri, around), "file:");
}

std::vector<std::string> path_names(std::string_view path) {
  std::vector<std::string> names;
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    const std::string_view name = path.substr(0, slash);
    if (!name.empty() && name != ".") names.emplace_back(name);
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return names;
}

Result<std::vector<PathReading>> readings_of(std::string_view text,
                                             const std::vector<std::string>& working_directory) {
  auto paths = spellings_of(text);
  if (!paths) return paths.refusal();
  std::vector<PathReading> readings;
  const auto add = [&](PathReading reading) {
    if (std::ranges::find(readings, reading) == readings.end()) {
      readings.push_back(std::move(reading));
    }
  };
  for (const std::string& path : *paths) {
    PathReading reading;
    if (!path.starts_with('/')) {
      reading.names = working_directory;
      reading.given = working_directory.size();
    }
    for (std::string& name : path_names(path)) reading.names.push_back(std::move(name));
    const bool too_long = std::ranges::any_of(
        reading.names, [](const std::string& name) { return name.size() > longest_path_name; });
    if (too_long) return unreadable("it has a name of more than 255 bytes");
    PathReading direct;
    direct.names = without_parents(reading.names);
    while (direct.given < std::min(reading.given, direct.names.size()) &&
           direct.names[direct.given] == reading.names[direct.given]) {
      ++direct.given;
    }
    add(std::move(reading));
    add(std::move(direct));
  }
  return readings;
}

bool is_file_uri(std::string_view text) {
  const std::string_view uri = without(text, around);
  constexpr std::size_t scheme = 5;
  if (uri.size() <= scheme || uri.size() > 3 * longest_path + 64) return false;
  if (!has_prefix_ignoring_case(uri, "file:")) return false;
  const char next = uri[scheme];
  if (next != '/' && next != '\\' && next != '.') return false;
  return uri.find_first_of(" \t\r\n") == std::string_view::npos;
}

bool may_be_path(std::string_view text) {
  return !text.empty() && text.size() <= longest_path &&
         std::ranges::none_of(text, [](char c) { return is_control(c); });
}

bool looks_like_path(std::string_view text) {
  constexpr std::string_view slashes = "/\\";
  const std::string_view path = without(text, around);
  if (path.empty()) return false;
  if (std::ranges::any_of(path, is_control)) {
    return std::string_view("/\\.~").contains(path[0]) && has_parent(path);
  }
  if (slashes.contains(path[0]) || is_file_uri(path) || has_tilde(path)) return true;
  if (path == "." || path.starts_with("./") || path.starts_with(".\\")) return true;
  if (has_parent(path)) return true;
  return has_leading_escape(path) && looks_like_path(decoded(path));
}

bool is_other_url(std::string_view text) {
  const std::string_view url = without(text, around);
  const std::size_t colon = url.find("://");
  if (colon == std::string_view::npos || colon < 2 || !is_letter(url[0])) return false;
  const bool scheme = std::ranges::all_of(url.substr(0, colon), [](char c) {
    return is_letter(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
  });
  return scheme && !has_file_scheme(url) && !has_parent(decoded(decoded(url)));
}

}  // namespace toolgate
