#pragma once
// What the supervisor judges by: the writable scopes, and the names in them that nobody in the
// sandbox may make, write to, move or link, whether they exist or not
// (connectors/sandbox/protected_names.hpp says which and why).
//
// Names are compared without regard to the case of ASCII letters, since some file systems do.
// Holds pointers to the texts that it is given; allocates nothing.

#include <cstddef>

namespace toolgate {

// A list of texts that belong to somebody else.
struct Texts {
  const char* const* begin = nullptr;
  std::size_t count = 0;
};

class Guard {
 public:
  // Scopes are absolute paths inside the sandbox, without a slash at the end; `kept` are those of
  // them in which no name disappears. Names are relative, of one or more components.
  Guard(Texts scopes, Texts kept, Texts names) : scopes_(scopes), kept_(kept), names_(names) {}

  // Whether the innermost scope that holds the path, or is it, is one of the kept ones.
  bool keeps(const char* path) const;

  enum class Meaning {
    free,
    beginning,  // a protected name may follow below: only a directory may stand here
    guarded,    // a protected name, or something below one
  };
  // Of an absolute path without "." and ".." components. A name counts only as a whole, and only
  // where it ends below the innermost scope: a scope that is itself named so is not guarded, and in
  // a scope "a/.git" the "hooks" are.
  Meaning meaning(const char* path) const;

  // What has to follow the path to make it the protected name number `index`, as "hooks" follows
  // "a/.git"; nullptr where nothing does. There is more than one answer where a name repeats its
  // beginning, as "modules/.git/x" and "x" follow ".git/modules/.git" to make that name: `after` is
  // the answer before.
  const char* rest(const char* path, std::size_t index, const char* after = nullptr) const;
  std::size_t names() const { return names_.count; }

 private:
  const char* relative(const char* path) const;

  Texts scopes_;
  Texts kept_;
  Texts names_;
};

}  // namespace toolgate
