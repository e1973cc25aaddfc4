// Where paths lead, compared with an oracle that asks the kernel: it opens each path (and makes it,
// where it is not there) and looks at what /proc/self/fd says that it opened.

#include "gateway/scopes/file_scopes.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <optional>

#include "tests/gateway/scopes_tree.hpp"

namespace toolgate::test {
namespace {

std::string path_of(int descriptor) {
  return fs::read_symlink("/proc/self/fd/" + std::to_string(descriptor)).string();
}

bool lies_below(const fs::path& path, const fs::path& folder) {
  return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first ==
         folder.end();
}

// The real path that `text` leads to from `directory`, or would be made at; nothing where the
// kernel refuses.
std::optional<fs::path> real_path(const fs::path& directory, const fs::path& text) {
  if (text.native().size() > 4'000) return std::nullopt;
  Descriptor from(::open(directory.c_str(), O_PATH | O_CLOEXEC));
  Descriptor found(::openat(from.number(), text.c_str(), O_PATH | O_CLOEXEC));
  if (found) return path_of(found.number());
  if (errno != ENOENT && errno != ENOTDIR) return std::nullopt;
  Descriptor made(::openat(from.number(), text.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  if (made) {
    fs::path path = path_of(made.number());
    fs::remove(path);
    return path;
  }
  fs::path whole = text;
  while (!whole.has_filename() && whole.has_relative_path()) whole = whole.parent_path();
  if (!whole.has_filename() || whole.filename() == "..") return std::nullopt;
  const fs::path parent = whole.has_parent_path() ? whole.parent_path() : fs::path(".");
  auto above = real_path(directory, parent);
  if (!above) return std::nullopt;
  return whole.filename() == "." ? *above : *above / whole.filename();
}

struct Oracle {
  std::vector<FileScope> scopes;
  fs::path working_directory;

  // The innermost scope's index.
  std::optional<std::size_t> scope_of(const std::optional<fs::path>& path) const {
    std::optional<std::size_t> best;
    for (std::size_t at = 0; path && at < scopes.size(); ++at) {
      if (!lies_below(*path, fs::canonical(scopes[at].path))) continue;
      const bool inner = !best || lies_below(scopes[at].path, scopes[*best].path);
      if (inner) best = at;
    }
    return best;
  }
  std::optional<fs::path> path_of_kernel(const std::string& text) const {
    return real_path(working_directory, text);
  }
  // As programs do that take "name/.." out first.
  std::optional<fs::path> path_of_program(const std::string& text) const {
    return real_path(working_directory, (working_directory / text).lexically_normal());
  }
};

// What locate() says of all readings; of the first one where it leads.
struct Answer {
  bool inside = false;
  std::size_t scope = 0;
  fs::path path;
};

Answer answer_of(FileScopes& scopes, const std::string& text) {
  Answer answer;
  auto readings = readings_of(text, scopes.working_directory());
  if (!readings) return answer;
  for (std::size_t at = 0; at < readings->size(); ++at) {
    std::size_t steps = 10'000;
    auto place = scopes.locate((*readings)[at], steps);
    if (!place) {
      CHECK(place.refusal().reason == Reason::out_of_scope);
      return Answer();
    }
    if (at > 0) continue;
    answer.scope = place->scope;
    answer.path = path_of(place->reached.number());
    if (!place->missing.empty()) answer.path /= place->missing;
    fs::path told = scopes.scopes()[place->scope].path;
    if (!place->beneath.empty()) told /= place->beneath;
    CHECK(told == answer.path);
  }
  answer.inside = true;
  return answer;
}

const std::vector<std::string> tails = {"a.txt",
                                        "sub",
                                        "sub/",
                                        "sub/.",
                                        "sub//deep",
                                        "sub/deep/file",
                                        "sub/../a.txt",
                                        "./a.txt",
                                        "sub/deep/../../a.txt",
                                        "new.txt",
                                        "new/er/file",
                                        "sub/new.txt",
                                        "new/../a.txt",
                                        "a.txt/",
                                        "a.txt/x",
                                        "a.txt/../a.txt",
                                        "in_rel",
                                        "in_rel/deep",
                                        "in_rel/../a.txt",
                                        "in_abs",
                                        "in_abs/deep/file",
                                        "in_abs/../a.txt",
                                        "in_rel/new",
                                        "to_file",
                                        "to_file/x",
                                        "self/self/a.txt",
                                        "self/../a.txt",
                                        "up",
                                        "up/notes/a.txt",
                                        "up/secret/key",
                                        "up/data/x.txt",
                                        "archive",
                                        "archive/old.txt",
                                        "archive/../a.txt",
                                        "archive/drafts/new.txt",
                                        "archive/drafts/../old.txt",
                                        "to_archive/old.txt",
                                        "to_archive/../a.txt",
                                        "to_data/x.txt",
                                        "to_data/back",
                                        "to_data/../secret/key",
                                        "out_rel",
                                        "out_rel/key",
                                        "out_rel/..",
                                        "out_abs/key",
                                        "out_abs/new",
                                        "out_file",
                                        "out_etc/shadow",
                                        "out_root",
                                        "out_root/etc/passwd",
                                        "out_prefix/key",
                                        "dangling_in",
                                        "dangling_out",
                                        "dangling_in/x",
                                        "dangling_out/x",
                                        "loop",
                                        "loop/x",
                                        "ping",
                                        "chain0",
                                        "chain0/key",
                                        "chain9",
                                        "long10",
                                        "long0",
                                        "..",
                                        "../",
                                        "../secret/key",
                                        "../notes/a.txt",
                                        "../notes_evil/key",
                                        "../../etc/passwd",
                                        "../../../../../../../../etc/shadow",
                                        "sub/../../secret/key",
                                        "../data/x.txt",
                                        "../single.txt",
                                        "../single.txt/x",
                                        "...",
                                        ".../x",
                                        "..x",
                                        "..x/..",
                                        "with space/f",
                                        "with space/../a.txt",
                                        "",
                                        ".",
                                        "x/../../notes/y",
                                        "sub/deep/../../../secret"};

TEST_CASE("file scopes: hundreds of paths lead where the kernel says") {
  ScopesTree tree;
  struct Base {
    const char* working_directory;
    const char* before;  // the path's beginning; "/" alone: absolute, from the tree
  };
  const Base bases[] = {{"notes", ""},         {"notes/sub", ""},   {"work", ""},
                        {"data", "../notes/"}, {"work", "/notes/"}, {"work", "/"},
                        {"notes", "/data/"}};
  const std::vector<std::vector<FileScope>> sets = {
      tree.all(), {{tree / "data", FileMode::rw}, {tree / "notes/archive", FileMode::ro}}};
  std::size_t cases = 0;
  std::size_t inside = 0;
  for (const auto& set : sets) {
    for (const Base& base : bases) {
      Oracle oracle{set, tree / base.working_directory};
      FileScopes scopes(set, oracle.working_directory);
      for (const std::string& tail : tails) {
        std::string text = base.before + tail;
        if (text.starts_with('/')) text.insert(0, tree.root().string());
        if (text.empty()) continue;
        CAPTURE(oracle.working_directory);
        CAPTURE(text);
        const auto kernel = oracle.path_of_kernel(text);
        const auto scope = oracle.scope_of(kernel);
        // Where notes is no scope, nothing tells whether it is there.
        const bool tells = set.size() == 2 && text.find("notes/../") != std::string::npos;
        const bool expected = scope && oracle.scope_of(oracle.path_of_program(text)) && !tells;
        const Answer answer = answer_of(scopes, text);
        CHECK(answer.inside == expected);
        if (answer.inside && expected) {
          CHECK(answer.scope == *scope);
          CHECK(answer.path.lexically_normal() == kernel->lexically_normal());
        }
        ++cases;
        inside += expected ? 1 : 0;
      }
    }
  }
  CHECK(cases >= 1'000);
  CHECK(inside >= 200);
  CHECK(cases - inside >= 200);
}

struct Told {
  const char* name;
  const char* text;  // "@" is the tree
  const char* said;  // of the first reading that is refused; "" for none
};

constexpr const char* outside = "is outside of the file scopes";

const Told incidents[] = {
    {"CVE-2025-53109: a link in the folder leads to a file outside", "@/notes/out_file", outside},
    {"CVE-2025-53109: a link in the folder leads to /etc", "@/notes/out_etc/passwd", outside},
    {"CVE-2025-53110: a folder whose name begins like the allowed one", "@/notes_evil/key",
     outside},
    {"CVE-2025-53110: reached by a link, too", "@/notes/out_prefix/key", outside},
    {"CVE-2026-39861: a chain of ten links, the last one leads out", "@/notes/chain0/key", outside},
    {"a new file behind a link that leads out", "@/notes/dangling_out", outside},
    {"forty levels of ..",
     "@/notes/../../../../../../../../../../../../../../../../../../../../etc/shadow", outside},
    {"the prefix and then ..", "@/notes/../notes_evil/key", outside},
    {"programs that drop name/.. first: the link is never followed",
     "@/notes/to_data/../secret/key", outside},
    {"programs that follow first: the link's parent counts", "@/notes/in_rel/../a.txt", ""},
    {"a link outside that leads into a scope", "@/alias/a.txt", ""},
    {"a link of /proc", "/proc/self/root/etc/passwd", outside},
    {"a link of /proc, from inside", "@/notes/through_proc/etc/passwd", outside},
    {"what a process has open", "/proc/self/fd/0", outside},
    {"a loop of links", "@/notes/loop",
     "cannot be followed within the file scopes (too many symbolic links)"},
    {"more links than the kernel follows", "@/notes/long0",
     "cannot be followed within the file scopes (too many symbolic links)"},
    {"a .. after what does not exist", "@/notes/new/../a.txt",
     "cannot be followed within the file scopes (a '..' after what does not exist)"},
    {"whether something outside exists: it does", "@/secret/../notes/a.txt", outside},
    {"whether something outside exists: it does not", "@/nothing/../notes/a.txt", outside},
    {"the same through a link of the scope", "@/notes/round", outside},
    {"from one scope over their parent into the other", "@/notes/../data/x.txt", ""},
    {"the root of the file system", "/", outside},
    {"a file that is a scope", "@/single.txt", ""},
    {"what stands below a file that is a scope", "@/single.txt/../secret/key",
     "cannot be followed within the file scopes (a '..' after a file)"},
};

TEST_CASE("file scopes: incidents and what is said") {
  ScopesTree tree;
  FileScopes scopes(tree.all(), tree / "work");
  for (const Told& one : incidents) {
    CAPTURE(std::string(one.name));
    std::string text = one.text;
    if (text.starts_with('@')) text = tree.root().string() + text.substr(1);
    std::string said;
    auto readings = readings_of(text, scopes.working_directory());
    REQUIRE(readings);
    for (const PathReading& reading : *readings) {
      std::size_t steps = 10'000;
      auto place = scopes.locate(reading, steps);
      if (!place && said.empty()) said = place.refusal().detail;
    }
    CHECK(said == one.said);
  }
}

std::optional<FileMode> mode_at(FileScopes& scopes, const fs::path& path) {
  std::size_t steps = 1'000;
  auto place = scopes.locate({path_names(path.string())}, steps);
  return place ? std::optional(scopes.scopes()[place->scope].mode) : std::nullopt;
}

TEST_CASE("file scopes: the innermost scope decides, in whatever order they are written") {
  ScopesTree tree;
  auto set = tree.all();
  for (int order = 0; order < 2; ++order) {
    FileScopes scopes(set, tree / "work");
    CHECK(mode_at(scopes, tree / "notes/a.txt") == FileMode::rw);
    CHECK(mode_at(scopes, tree / "notes/archive") == FileMode::ro);
    CHECK(mode_at(scopes, tree / "notes/archive/old.txt") == FileMode::ro);
    CHECK(mode_at(scopes, tree / "notes/archive/drafts/new.txt") == FileMode::rw);
    CHECK(mode_at(scopes, tree / "notes/to_archive/old.txt") == FileMode::ro);
    CHECK(mode_at(scopes, tree / "data/x.txt") == FileMode::rw_no_delete);
    CHECK(mode_at(scopes, tree / "data/back") == FileMode::rw);
    CHECK(mode_at(scopes, tree / "secret/key") == std::nullopt);
    std::ranges::reverse(set);
  }
}

TEST_CASE("file scopes: the whole file system as a scope") {
  ScopesTree tree;
  FileScopes scopes({{"/", FileMode::ro}}, tree / "work");
  CHECK(mode_at(scopes, tree / "secret/key") == FileMode::ro);
  CHECK(mode_at(scopes, "/") == FileMode::ro);
  CHECK(mode_at(scopes, "/proc/self/root/etc") == std::nullopt);
}

TEST_CASE("file scopes: the root that was opened counts, not who takes its name") {
  ScopesTree tree;
  FileScopes scopes({{tree / "data", FileMode::rw}}, tree / "work");
  CHECK(mode_at(scopes, tree / "data/x.txt"));
  fs::rename(tree / "data", tree / "moved");
  SUBCASE("a link") { fs::create_symlink("secret", tree / "data"); }
  SUBCASE("another folder") { fs::create_directory(tree / "data"); }
  SUBCASE("nothing") {}
  CHECK_FALSE(mode_at(scopes, tree / "data/key"));
  CHECK_FALSE(mode_at(scopes, tree / "data"));
  CHECK(mode_at(scopes, tree / "moved/x.txt"));  // it is what was granted
}

TEST_CASE("file scopes: a root that is missing or behind a link") {
  ScopesTree tree;
  FileScopes scopes({{tree / "later", FileMode::rw}, {tree / "alias", FileMode::rw}},
                    tree / "work");
  CHECK_FALSE(mode_at(scopes, tree / "later/x"));
  CHECK_FALSE(mode_at(scopes, tree / "alias/a.txt"));
  CHECK_FALSE(mode_at(scopes, tree / "notes/a.txt"));
  fs::create_directory(tree / "later");
  CHECK(mode_at(scopes, tree / "later/x"));
}

TEST_CASE("file scopes: bounds") {
  ScopesTree tree;
  FileScopes scopes(tree.all(), tree / "notes");
  PathReading deep{path_names((tree / "notes").string())};
  for (int level = 0; level < 300; ++level) deep.names.emplace_back("self");
  std::size_t steps = 10'000;
  auto links = scopes.locate(deep, steps);
  REQUIRE_FALSE(links);
  CHECK(links.refusal().detail.ends_with("(too many symbolic links)"));
  steps = 3;
  auto poor = scopes.locate({path_names((tree / "notes/sub/deep").string())}, steps);
  REQUIRE_FALSE(poor);
  CHECK(poor.refusal().detail == "takes too long to be followed within the file scopes");
  CHECK(steps == 0);
  fs::path below = tree / "notes";
  fs::path far = below;
  for (int level = 0; level < 300; ++level) far /= "d";
  fs::create_directories(far);
  steps = 10'000;
  CHECK(scopes.locate({path_names(far.string())}, steps));  // the kernel walks
  steps = 10'000;
  auto too_deep = scopes.locate({path_names((far / "new/er").string())}, steps);
  REQUIRE_FALSE(too_deep);
  CHECK(too_deep.refusal().detail == "cannot be followed within the file scopes (it is too deep)");
}

}  // namespace
}  // namespace toolgate::test
