#pragma once
// What the store knows of staged file scopes: changes that were refused and wait for a person, and
// the content that files had before a server changed them. Contents lie beside the database, one
// file each: kept/ID in the home (mode 0600). A file without a row is one that is being written,
// which its lock says (flock(2)), or litter of a process that was killed.
//
// Blocking. One book has one thread; several books, in several processes too, share a home.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gateway/core/file_note.hpp"
#include "gateway/core/result.hpp"
#include "gateway/store/host_place.hpp"
#include "gateway/store/store.hpp"

namespace toolgate {

struct HeldChange {
  enum class State { waits, allowed, denied };
  FileNote note;
  std::string server;
  State state = State::waits;
  std::int64_t time_ns = 0;
  // What stood at `note.path` and at `note.to` then. Another file there is another question.
  HostFile at_path;
  HostFile at_target;
};
// As it stands on the host now.
HeldChange asked_now(std::string server, FileNote note);

struct KeptContent {
  enum class Kind { file, link };  // of a symbolic link the content is where it leads to
  static constexpr std::uint32_t no_owner = ~std::uint32_t{0};  // it could not be known

  std::string id;  // UUIDv7
  std::string server;
  std::string path;
  Kind kind = Kind::file;
  std::int64_t time_ns = 0;
  std::uint64_t bytes = 0;
  std::uint32_t mode = 0;  // permissions
  std::uint32_t owner = 0;
  std::uint32_t group = 0;
};

class CustodyBook {
 public:
  // Of one server each.
  struct Limits {
    // What is kept: then its files cannot be changed any more, until an administrator discards some
    // of it. The smallest content counts as a block of the disk.
    std::uint64_t kept_bytes = std::uint64_t{4} << 30;
    std::uint64_t kept_rows = 100'000;
    // Of all together: what stays free on the disk of the home, for the log and whoever else
    // writes there. It holds for servers, an administrator sees what he does.
    std::uint64_t free_bytes = std::uint64_t{256} << 20;
    std::uint64_t waiting = 1000;  // what comes then is refused all the same, and not listed
    std::uint64_t decided = 1000;  // that are remembered
  };
  static constexpr std::uint64_t least_bytes = 4096;
  // An administrator who makes or restores something keeps what it replaces in any case.
  enum class Room { bounded, unbounded };

  static Result<std::unique_ptr<CustodyBook>> open(const std::filesystem::path& home,
                                                   Limits limits);
  static Result<std::unique_ptr<CustodyBook>> open(const std::filesystem::path& home) {
    return open(home, Limits());
  }
  CustodyBook(const CustodyBook&) = delete;
  ~CustodyBook();

  // The ids of the decisions that wait: that of the note, or of the same question asked before,
  // even if it was denied, as long as the same files stand there. Empty: there are too many.
  Result<std::vector<std::string>> hold(std::span<const HeldChange> changes);
  Result<std::vector<HeldChange>> waiting();  // oldest first
  Result<std::optional<HeldChange>> held(const std::string& id);
  // Refused when it does not wait.
  Status decide(const std::string& id, HeldChange::State state);

  // Keeps what an open file holds; durable when it returns. 0 or an errno, for the server: EAGAIN
  // where it changed meanwhile, EDQUOT, ENOSPC where too little would be left free, ECANCELED
  // (`stop`, looked at now and then, may be null).
  int keep(KeptContent content, int file, Room room, const std::atomic<bool>* stop = nullptr);
  int keep_link(KeptContent content, const std::string& target, Room room);
  Result<std::vector<KeptContent>> kept();  // oldest first
  Result<std::optional<KeptContent>> kept(const std::string& id);
  Status discard(const std::string& id);
  std::filesystem::path content_file(const std::string& id) const;
  // Removes what processes left behind that were killed while they kept something.
  void sweep();

 private:
  CustodyBook(std::unique_ptr<Store> store, std::filesystem::path folder, Limits limits);
  Result<std::string> hold_one(const HeldChange& change);
  void forget_old(const std::string& server);
  // `fill` writes the content; an errno.
  int keep_as(const KeptContent& content, Room room, const std::function<int(int to)>& fill);
  int room_for(const KeptContent& content, Room room);
  // 0 where so many bytes can be written and enough stays free; else an errno.
  int room_on_disk(std::uint64_t bytes, Room room) const;
  int enter(const KeptContent& content, Room room);
  Status insert(const KeptContent& content);

  std::unique_ptr<Store> store_;
  std::filesystem::path folder_;
  Limits limits_;
};

std::string_view state_name(HeldChange::State state);
std::string_view kind_name(KeptContent::Kind kind);

}  // namespace toolgate
