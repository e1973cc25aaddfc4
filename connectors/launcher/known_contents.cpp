#include "connectors/launcher/known_contents.hpp"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <time.h>

#include <cstdlib>

namespace toolgate {
namespace {

constexpr std::int64_t recent_s = 60;

std::int64_t now_s() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec;
}

bool is_equal(const timespec& one, const timespec& other) {
  return one.tv_sec == other.tv_sec && one.tv_nsec == other.tv_nsec;
}

}  // namespace

bool OpenContent::look(int file) {
  struct stat about{};
  if (!identify(file, "", id) || fstat(file, &about) != 0) return false;
  size = about.st_size;
  modified = about.st_mtim;
  status_changed = about.st_ctim;
  long number = 0;
  generation =
      ioctl(file, FS_IOC_GETVERSION, &number) == 0 ? static_cast<std::uint32_t>(number) : 0;
  return true;
}

bool OpenContent::is_same(const OpenContent& other) const {
  return id == other.id && generation == other.generation && size == other.size &&
         is_equal(modified, other.modified) && is_equal(status_changed, other.status_changed);
}

struct KnownContents::Entry {
  Entry* next;
  OpenContent content;
  std::int64_t kept_s;
  bool is_own;
};

KnownContents::~KnownContents() { clear(); }

KnownContents::Entry** KnownContents::find(const FileId& file) const {
  Entry** at = &chain_[(file.inode ^ file.device) % chains];
  while (*at != nullptr && !((*at)->content.id == file)) at = &(*at)->next;
  return at;
}

bool KnownContents::has(const OpenContent& now, Loss loss) const {
  const Entry* entry = *find(now.id);
  if (entry == nullptr || entry->content.generation != now.generation) return false;
  if (entry->is_own || entry->content.is_same(now)) return true;
  return loss == Loss::recent && now_s() - entry->kept_s < recent_s;
}

void KnownContents::add_own(const OpenContent& made) { add(made, true); }
void KnownContents::add_kept(const OpenContent& kept) { add(kept, false); }

void KnownContents::add(const OpenContent& content, bool is_own) {
  remove(content.id);
  if (count_ >= most) clear();
  auto* entry = static_cast<Entry*>(std::malloc(sizeof(Entry)));
  if (entry == nullptr) return;
  Entry** at = find(content.id);
  *entry = Entry{nullptr, content, now_s(), is_own};
  *at = entry;
  ++count_;
}

void KnownContents::remove(const FileId& file) {
  Entry** at = find(file);
  Entry* entry = *at;
  if (entry == nullptr) return;
  *at = entry->next;
  std::free(entry);
  --count_;
}

void KnownContents::clear() {
  if (count_ == 0) return;
  for (Entry*& first : chain_) {
    while (first != nullptr) {
      Entry* next = first->next;
      std::free(first);
      first = next;
    }
  }
  count_ = 0;
}

}  // namespace toolgate
