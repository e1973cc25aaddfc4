#pragma once
// What the store knows of staged file scopes: changes that were refused and wait for a person, and
// the content that files had before a server changed them. Contents lie beside the database, one
// file each: kept/ID in the home (mode 0600).
//
// Blocking. One book has one thread; several books, in several processes too, share a home.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/core/file_note.hpp"
#include "gateway/core/result.hpp"
#include "gateway/store/store.hpp"

namespace toolgate {

struct HeldChange {
  enum class State { waits, allowed, denied };
  FileNote note;
  std::string server;
  State state = State::waits;
  std::int64_t time_ns = 0;
  // What stood at `note.path` then. Another file there is another question.
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
};

struct KeptContent {
  std::string id;  // UUIDv7
  std::string server;
  std::string path;
  std::int64_t time_ns = 0;
  std::uint64_t bytes = 0;
  std::uint32_t mode = 0;  // permissions
  std::uint32_t owner = 0;
  std::uint32_t group = 0;
};

class CustodyBook {
 public:
  // What is kept for one server: then its files cannot be changed any more, until an administrator
  // discards some of it.
  static constexpr std::uint64_t most_kept_bytes = std::uint64_t{4} << 30;
  static constexpr std::size_t most_waiting = 1000;  // of one server; what comes then is refused
                                                     // all the same, and not listed

  static Result<std::unique_ptr<CustodyBook>> open(const std::filesystem::path& home);
  CustodyBook(const CustodyBook&) = delete;
  ~CustodyBook();

  // The id of the decision that waits: `note.id`, or that of the same question asked before, even
  // if it was denied, as long as the same file stands there.
  Result<std::string> hold(const std::string& server, const FileNote& note);
  Result<std::vector<HeldChange>> waiting();  // oldest first
  Result<std::optional<HeldChange>> held(const std::string& id);
  // Refused when it does not wait.
  Status decide(const std::string& id, HeldChange::State state);

  // Durable when it returns. An errno, for the server, or 0.
  int keep(const KeptContent& content, int file);
  Result<std::vector<KeptContent>> kept();  // oldest first
  Result<std::optional<KeptContent>> kept(const std::string& id);
  Status discard(const std::string& id);
  std::filesystem::path content_file(const std::string& id) const;

 private:
  CustodyBook(std::unique_ptr<Store> store, std::filesystem::path folder);
  Result<std::uint64_t> kept_bytes(const std::string& server);
  Status insert(const KeptContent& content);

  std::unique_ptr<Store> store_;
  std::filesystem::path folder_;
};

std::string_view state_name(HeldChange::State state);

// Copies all that a descriptor reads into another, from its position on. 0 or an errno.
int copy_content(int from, int to);

}  // namespace toolgate
