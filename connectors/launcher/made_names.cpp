#include "connectors/launcher/made_names.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdlib>
#include <cstring>

namespace toolgate {
namespace {

std::uint64_t mixed(std::uint64_t hash, std::uint64_t value) {
  constexpr std::uint64_t prime = 0x100000001b3;
  return (hash ^ value) * prime;
}

// Which chain an entry is in matters for speed alone: entries are compared whole.
std::size_t hash_of(const FileId& directory, const char* name) {
  std::uint64_t hash = mixed(mixed(0xcbf29ce484222325, directory.inode), directory.device);
  for (; *name != '\0'; ++name) hash = mixed(hash, static_cast<unsigned char>(*name));
  return static_cast<std::size_t>(hash ^ (hash >> 32));
}

}  // namespace

bool identify(int directory, const char* name, FileId& id) {
  struct statx about{};
  const int flags = AT_SYMLINK_NOFOLLOW | (*name == '\0' ? AT_EMPTY_PATH : 0);
  constexpr unsigned asked = STATX_INO | STATX_BTIME;
  if (statx(directory, name, flags, asked, &about) != 0) return false;
  if ((about.stx_mask & asked) != asked) return false;
  id.device = (std::uint64_t{about.stx_dev_major} << 32) | about.stx_dev_minor;
  id.inode = about.stx_ino;
  id.born_s = about.stx_btime.tv_sec;
  id.born_ns = about.stx_btime.tv_nsec;
  return true;
}

struct MadeNames::Entry {
  Entry* next;
  FileId directory;
  FileId file;
  char name[1];  // and what follows
};

MadeNames::~MadeNames() { clear(); }

MadeNames::Entry** MadeNames::find(const FileId& directory, const char* name) const {
  Entry** at = &chain_[hash_of(directory, name) % chains];
  while (*at != nullptr && !((*at)->directory == directory && std::strcmp((*at)->name, name) == 0))
    at = &(*at)->next;
  return at;
}

void MadeNames::add(const FileId& directory, const char* name, const FileId& file) {
  Entry** at = find(directory, name);
  if (*at != nullptr) {
    (*at)->file = file;
    return;
  }
  if (count_ >= most) return;
  const std::size_t length = std::strlen(name);
  auto* entry = static_cast<Entry*>(std::malloc(sizeof(Entry) + length));
  if (entry == nullptr) return;
  entry->next = nullptr;
  entry->directory = directory;
  entry->file = file;
  std::memcpy(entry->name, name, length + 1);
  *at = entry;
  ++count_;
}

bool MadeNames::has(const FileId& directory, const char* name, const FileId& file) const {
  const Entry* entry = *find(directory, name);
  return entry != nullptr && entry->file == file;
}

void MadeNames::remove(const FileId& directory, const char* name) {
  Entry** at = find(directory, name);
  if (*at != nullptr) drop(at);
}

void MadeNames::drop(Entry** at) {
  Entry* entry = *at;
  *at = entry->next;
  std::free(entry);
  --count_;
}

void MadeNames::clear() {
  if (count_ == 0) return;
  for (Entry*& first : chain_) {
    while (first != nullptr) drop(&first);
  }
}

}  // namespace toolgate
