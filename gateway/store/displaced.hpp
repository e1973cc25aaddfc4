#pragma once
// What gives way on the host when an administrator allows or restores something. It is kept before,
// and goes only if it is still what was kept: others may save the same file at the same moment.

#include <sys/stat.h>

#include <optional>
#include <string>

#include "gateway/core/result.hpp"
#include "gateway/store/custody_book.hpp"
#include "gateway/store/host_place.hpp"

namespace toolgate {

class Displaced {
 public:
  // Keeps what a file holds or where a link leads to. There is nothing to keep of anything else.
  // Refused where another file than `file` stands there.
  static Result<Displaced> keep(CustodyBook& book, const std::string& server,
                                const HostPlace& place, const HostFile& file);

  const std::optional<std::string>& kept() const { return kept_; }  // the id of the content
  bool is_directory() const { return S_ISDIR(about_.st_mode); }
  // The same file, holding the same, as far as its times tell.
  bool stands_at(const HostPlace& place) const;
  // Refused: something else stands there, or it is a directory that is not empty; then it stays.
  Status take_away(const HostPlace& place) const;
  // It did not give way: it need not be kept.
  void stays(CustodyBook& book) const;

 private:
  Status move_away(const HostPlace& place) const;

  HostFile file_;
  struct stat about_{};
  std::optional<std::string> kept_;
};

}  // namespace toolgate
