#pragma once
// A home with a store and its book of custody, and a folder beside it to change files in.

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <span>
#include <string>

#include "connectors/sandbox/protected_names.hpp"
#include "gateway/core/clock.hpp"
#include "gateway/store/custody_book.hpp"
#include "gateway/store/held_change.hpp"
#include "tests/gateway/store_home.hpp"

namespace toolgate::test {

class CustodyCase {
 public:
  explicit CustodyCase(CustodyBook::Limits limits = CustodyBook::Limits()) {
    home_.open();
    auto opened = CustodyBook::open(home_.path(), limits);
    REQUIRE(opened);
    book_ = std::move(*opened);
    folder_ = home_.path() / "scope";
    std::filesystem::create_directory(folder_);
  }
  CustodyBook& book() { return *book_; }
  std::string at(const char* name) const { return (folder_ / name).string(); }
  std::string write(const char* name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
    return at(name);
  }
  static std::string read(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }
  // Empty where it is not listed.
  std::string hold(FileNote::Effect effect, const std::string& path, const std::string& to = "",
                   const std::string& server = "s") {
    const HeldChange change = asked_now(server, FileNote{make_uuid_v7(), effect, path, to});
    auto ids = book_->hold(std::span(&change, 1));
    REQUIRE(ids);
    return ids->front();
  }
  HeldChange held(const std::string& id) {
    auto change = book_->held(id);
    REQUIRE(change);
    REQUIRE(*change);
    return **change;
  }
  std::string why_not(const std::string& id) {
    auto names = ProtectedNames::make({});
    auto made = make_held_change(*book_, held(id), *names);
    return made ? "" : made.refusal().detail;
  }
  // The files beside the database, with or without a row.
  std::size_t stored() const {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& one :
         std::filesystem::directory_iterator(home_.path() / "kept")) {
      ++count;
    }
    return count;
  }
  std::string last_kept() { return read(book_->content_file(book_->kept()->back().id)); }
  const std::filesystem::path& folder() const { return folder_; }
  const std::filesystem::path& home() const { return home_.path(); }

 private:
  TemporaryHome home_;
  std::unique_ptr<CustodyBook> book_;
  std::filesystem::path folder_;
};

// As whoever keeps it says it is.
inline KeptContent some_content(const std::string& path = "/x") {
  KeptContent one;
  one.id = make_uuid_v7();
  one.server = "s";
  one.path = path;
  one.mode = 0640;
  return one;
}

}  // namespace toolgate::test
