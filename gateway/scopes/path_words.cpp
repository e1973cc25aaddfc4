#include "gateway/scopes/path_words.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <vector>

namespace toolgate {
namespace {

constexpr std::size_t longest_name = 128;     // a longer one is no name of an argument
constexpr std::size_t description_words = 5;  // of a description are looked at
constexpr std::size_t description_bytes = 256;

constexpr auto sure_words = std::to_array<std::string_view>(
    {"path",   "paths",        "filepath",  "filepaths", "pathname",    "pathnames",  "file",
     "files",  "dir",          "dirs",      "directory", "directories", "folder",     "folders",
     "cwd",    "workdir",      "basedir",   "rootdir",   "outdir",      "srcdir",     "tmpdir",
     "subdir", "subdirectory", "subfolder", "dirname",   "dirpath",     "folderpath", "symlink"});

// Before such a word they make another kind of path of it.
constexpr auto other_paths = std::to_array<std::string_view>(
    {"url",      "uri",  "http",     "json",     "api",        "request", "route",
     "endpoint", "key",  "property", "field",    "object",     "css",     "web",
     "x",        "j",    "menu",     "category", "breadcrumb", "class",   "import",
     "module",   "data", "node",     "xml",      "yaml",       "query",   "selector",
     "svg",      "git",  "ref",      "storage",  "topic"});

constexpr auto shared_words = std::to_array<std::string_view>(
    {"filename",     "filenames", "source",    "sources",    "src",         "destination",
     "destinations", "dest",      "dst",       "target",     "targets",     "root",
     "roots",        "location",  "locations", "input",      "inputs",      "output",
     "outputs",      "out",       "workspace", "workspaces", "project",     "repo",
     "repository",   "base",      "archive",   "image",      "images",      "attachment",
     "attachments",  "document",  "documents", "script",     "log",         "database",
     "db",           "config",    "from",      "to",         "certificate", "keyfile"});

constexpr auto formats = std::to_array<std::string_view>(
    {"path", "file", "filepath", "file-path", "file_path", "filename", "file-name", "directory",
     "directory-path", "dir", "folder", "folder-path", "uri-path", "absolute-path",
     "relative-path"});

constexpr auto telling_words =
    std::to_array<std::string_view>({"path", "paths", "filepath", "filepaths", "filename",
                                     "filenames", "directory", "directories", "folder", "folders"});

constexpr auto naming_words =
    std::to_array<std::string_view>({"name", "value", "location", "href", "src", "id"});

template <std::size_t n>
bool is_one_of(std::string_view word, const std::array<std::string_view, n>& words) {
  return std::ranges::find(words, word) != words.end();
}

bool is_small(char c) { return c >= 'a' && c <= 'z'; }
bool is_capital(char c) { return c >= 'A' && c <= 'Z'; }
bool is_letter(char c) { return is_small(c) || is_capital(c); }
char small(char c) { return is_capital(c) ? static_cast<char>(c - 'A' + 'a') : c; }

// Letters make words; "outputDir2", "output_dir" and "OUTPUT-DIR" are all {"output", "dir"}.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  bool open = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (!is_letter(c)) {
      open = false;
      continue;
    }
    const bool after_small = at > 0 && is_small(text[at - 1]);
    const bool before_small = at + 1 < text.size() && is_small(text[at + 1]);
    const bool after_capital = at > 0 && is_capital(text[at - 1]);
    const bool begins = is_capital(c) && (after_small || (after_capital && before_small));
    if (!open || begins) words.emplace_back();
    words.back() += small(c);
    open = true;
  }
  return words;
}

}  // namespace

Likelihood likelihood_of_name(std::string_view name) {
  if (name.size() > longest_name) return Likelihood::no;
  const std::vector<std::string> words = words_of(name);
  if (words.empty()) return Likelihood::no;
  const std::string& last = words.back();
  const std::string before = words.size() > 1 ? words[words.size() - 2] : "";
  if (is_one_of(last, sure_words)) {
    return is_one_of(before, other_paths) ? Likelihood::no : Likelihood::surely;
  }
  const bool named = last == "name" || last == "names" || last == "uri" || last == "location";
  if (named && is_one_of(before, sure_words)) return Likelihood::perhaps;
  return is_one_of(last, shared_words) ? Likelihood::perhaps : Likelihood::no;
}

Likelihood likelihood_of_format(std::string_view format) {
  return is_one_of(format, formats) ? Likelihood::surely : Likelihood::no;
}

Likelihood likelihood_of_description(std::string_view description) {
  const std::vector<std::string> words = words_of(description.substr(0, description_bytes));
  for (std::size_t at = 0; at < std::min(words.size(), description_words); ++at) {
    if (!is_one_of(words[at], telling_words)) continue;
    const bool another = at > 0 && is_one_of(words[at - 1], other_paths);
    if (!another) return Likelihood::perhaps;
  }
  return Likelihood::no;
}

bool names_its_parent(std::string_view name) { return is_one_of(name, naming_words); }

}  // namespace toolgate
