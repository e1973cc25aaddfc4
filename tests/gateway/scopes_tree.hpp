#pragma once
// A real tree in a temporary folder, for the tests of file scopes:
//
//   notes/          a.txt  sub/deep/file  "with space"  ...  links of every kind
//   notes/archive/  old.txt  drafts/new.txt
//   notes_evil/     key            (its name begins like a scope's)
//   data/           x.txt  back -> ../notes/a.txt
//   secret/         key
//   work/           b.txt  ~       (a working directory outside of the scopes)
//   single.txt
//   alias -> notes                 (a link outside that leads into a scope)

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "gateway/scopes/argument_scopes.hpp"

namespace toolgate::test {

namespace fs = std::filesystem;

class ScopesTree {
 public:
  ScopesTree() {
    std::string name = (fs::temp_directory_path() / "toolgate-scopes-XXXXXX").string();
    if (!::mkdtemp(name.data())) throw std::runtime_error("mkdtemp");
    root_ = fs::canonical(name);
    for (const char* folder :
         {"notes/sub/deep", "notes/archive/drafts", "notes/with space", "notes/...",
          "notes/https:", "notes_evil", "data", "secret", "work/~"}) {
      fs::create_directories(root_ / folder);
    }
    for (const char* name_of_file :
         {"notes/a.txt", "notes/sub/deep/file", "notes/archive/old.txt",
          "notes/archive/drafts/new.txt", "notes/..x", "notes/~lock", "notes/%2e%2e", "notes/b\\c",
          "notes/with space/f", "notes_evil/key", "data/x.txt", "secret/key", "work/b.txt",
          "single.txt"}) {
      std::ofstream(root_ / name_of_file) << name_of_file;
    }
    links();
  }
  ScopesTree(const ScopesTree&) = delete;
  ~ScopesTree() {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }

  fs::path operator/(const std::string& below) const {
    return below.empty() ? root_ : root_ / below;
  }
  const fs::path& root() const { return root_; }

  // notes rw, notes/archive ro, notes/archive/drafts rw, data rw-no-delete, single.txt ro.
  std::vector<FileScope> all() const {
    return {{root_ / "notes", FileMode::rw},
            {root_ / "notes/archive", FileMode::ro},
            {root_ / "notes/archive/drafts", FileMode::rw},
            {root_ / "data", FileMode::rw_no_delete},
            {root_ / "single.txt", FileMode::ro}};
  }

 private:
  void link(const std::string& name, const fs::path& target) {
    fs::create_symlink(target, root_ / name);
  }
  void links() {
    link("notes/in_rel", "sub");
    link("notes/in_abs", root_ / "notes/sub");
    link("notes/to_file", "a.txt");
    link("notes/self", ".");
    link("notes/up", "..");
    link("notes/to_archive", "archive");
    link("notes/to_data", "../data");
    link("notes/out_rel", "../secret");
    link("notes/out_abs", root_ / "secret");
    link("notes/out_file", "../secret/key");
    link("notes/out_etc", "/etc");
    link("notes/out_root", "/");
    link("notes/out_prefix", "../notes_evil");
    link("notes/dangling_in", "sub/new");
    link("notes/dangling_out", "../secret/new");
    link("notes/loop", "loop");
    link("notes/ping", "pong");
    link("notes/pong", "ping");
    link("notes/through_proc", "/proc/self/root");
    link("notes/round", root_ / "secret/../notes/a.txt");
    for (int at = 0; at < 10; ++at) {
      link("notes/chain" + std::to_string(at),
           at == 9 ? "../secret" : "chain" + std::to_string(at + 1));
    }
    for (int at = 0; at < 45; ++at) {
      link("notes/long" + std::to_string(at), at == 44 ? "a.txt" : "long" + std::to_string(at + 1));
    }
    link("data/back", "../notes/a.txt");
    link("alias", "notes");
    link("work/w_out", root_ / "secret");
  }

  fs::path root_;
};

}  // namespace toolgate::test
