#pragma once
// The custodian of a running gateway: remembers refused changes at once, and copies content on a
// thread of its own, so that a large file delays nobody but the server that changes it.

#include <boost/asio/thread_pool.hpp>
#include <filesystem>
#include <memory>

#include "connectors/custodian.hpp"
#include "gateway/core/task.hpp"
#include "gateway/store/custody_book.hpp"

namespace toolgate {

// One thread: that of the event loop.
class StoreCustodian : public Custodian {
 public:
  static Result<std::unique_ptr<StoreCustodian>> open(const std::filesystem::path& home);
  StoreCustodian(const StoreCustodian&) = delete;
  // What is being copied is copied to its end.
  ~StoreCustodian() override;

  void keep(const ServerName& server, const FileNote& note, Descriptor file,
            std::function<void(int error)> done) override;
  std::string hold(const ServerName& server, const FileNote& note) override;

 private:
  StoreCustodian(std::unique_ptr<CustodyBook> book, std::unique_ptr<CustodyBook> copying);

  std::unique_ptr<CustodyBook> book_;
  std::unique_ptr<CustodyBook> copying_;  // used on the thread alone
  asio::thread_pool thread_{1};
};

}  // namespace toolgate
