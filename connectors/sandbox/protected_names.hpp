#pragma once
// Names that a server may not change even where it may write, because a program outside of the
// sandbox acts on what they say: hooks and settings of git, start-up files of shells,
// configurations of harnesses and editors. And names that it may not even read there: keys.
//
// A name is a path of one or more components ("git hooks" are ".git/hooks"); it protects every file
// or directory whose path ends in it, at any depth of a scope. A scope that is itself named so is
// not protected against: whoever writes down "~/notes/.vscode" means it; in a scope "~/x/.git" the
// hooks still are.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/core/result.hpp"

namespace toolgate {

enum class Protection {
  unchanged,  // readable; cannot be changed, moved or replaced
  hidden,     // an empty file or directory stands in its place
};

struct ProtectedName {
  std::string name;
  Protection protection = Protection::unchanged;

  bool operator==(const ProtectedName&) const = default;
};

// The default list.
std::span<const std::string_view> unchanged_names();
std::span<const std::string_view> hidden_names();

class ProtectedNames {
 public:
  // The default list with the changes that an administrator wrote down: "NAME" adds one that stays
  // unchanged, "!NAME" takes a default one off. Refuses what is no relative path of plain
  // components, and "!NAME" for a name that is not on the list.
  static Result<ProtectedNames> make(const std::vector<std::string>& changes);

  // How the path, relative to a scope and "/" between its components, is protected by its end.
  const ProtectedName* find(std::string_view path) const;
  // The names that the path is the end or the beginning of, with what then has to follow it:
  // nothing for "a/.bashrc", and for "a/.git" the "/hooks" of ".git/hooks", and more.
  struct Continued {
    std::string name;
    std::string rest;
  };
  std::vector<Continued> continued(std::string_view path) const;
  std::span<const ProtectedName> all() const { return names_; }

 private:
  std::vector<ProtectedName> names_;
};

}  // namespace toolgate
