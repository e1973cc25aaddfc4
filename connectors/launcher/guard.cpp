#include "connectors/launcher/guard.hpp"

#include <cstring>

namespace toolgate {
namespace {

char lower(char letter) {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

bool same(const char* one, const char* other, std::size_t length) {
  for (std::size_t i = 0; i < length; ++i) {
    if (lower(one[i]) != lower(other[i])) return false;
  }
  return true;
}

// Whether the first `length` bytes of a path end in the name's first `name_length`, whole
// components of both.
bool ends_in(const char* path, std::size_t length, const char* name, std::size_t name_length) {
  if (name_length > length) return false;
  const std::size_t begin = length - name_length;
  return (begin == 0 || path[begin - 1] == '/') && same(path + begin, name, name_length);
}

// The length of the longest of these that holds the path, or is it.
std::size_t innermost(const Texts& scopes, const char* path) {
  std::size_t longest = 0;
  for (std::size_t i = 0; i < scopes.count; ++i) {
    const std::size_t length = std::strlen(scopes.begin[i]);
    const bool holds = std::strncmp(path, scopes.begin[i], length) == 0 &&
                       (path[length] == '/' || path[length] == '\0');
    if (holds && length > longest) longest = length;
  }
  return longest;
}

}  // namespace

bool Guard::keeps(const char* path) const {
  const std::size_t longest = innermost(kept_, path);
  return longest != 0 && longest == innermost(scopes_, path);
}

const char* Guard::relative(const char* path) const {
  const char* found = nullptr;
  std::size_t longest = 0;
  for (std::size_t i = 0; i < scopes_.count; ++i) {
    const std::size_t length = std::strlen(scopes_.begin[i]);
    const bool holds = std::strncmp(path, scopes_.begin[i], length) == 0 && path[length] == '/';
    if (!holds || length < longest) continue;
    found = path + length + 1;
    longest = length;
  }
  return found;
}

Guard::Meaning Guard::meaning(const char* path) const {
  const char* below = relative(path);
  if (below == nullptr) return Meaning::free;
  const auto scope = static_cast<std::size_t>(below - path);
  for (std::size_t length = scope + 1; path[length - 1] != '\0'; ++length) {
    if (path[length] != '/' && path[length] != '\0') continue;
    for (std::size_t i = 0; i < names_.count; ++i) {
      const char* name = names_.begin[i];
      if (ends_in(path, length, name, std::strlen(name))) return Meaning::guarded;
    }
  }
  for (std::size_t i = 0; i < names_.count; ++i) {
    if (rest(path, i) != nullptr) return Meaning::beginning;
  }
  return Meaning::free;
}

const char* Guard::rest(const char* path, std::size_t index, const char* after) const {
  if (relative(path) == nullptr) return nullptr;
  const std::size_t length = std::strlen(path);
  const char* name = names_.begin[index];
  for (const char* slash = std::strchr(after == nullptr ? name : after, '/'); slash != nullptr;
       slash = std::strchr(slash + 1, '/')) {
    if (ends_in(path, length, name, static_cast<std::size_t>(slash - name))) return slash + 1;
  }
  return nullptr;
}

}  // namespace toolgate
