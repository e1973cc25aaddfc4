#pragma once
// The custodian of a running gateway: remembers refused changes and copies content on threads of
// its own. Each server has its turn, so that a large file delays nobody but the server that changes
// it; what it was refused is written together, however much.

#include <atomic>
#include <boost/asio/thread_pool.hpp>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "connectors/custodian.hpp"
#include "gateway/store/audit.hpp"
#include "gateway/store/custody_book.hpp"

namespace toolgate {

// One thread: that of the event loop.
class StoreCustodian : public Custodian {
 public:
  // What is to be recorded of what no call claimed: the record, but for the notes.
  using Recorder = std::function<void(Record record, std::shared_ptr<OpenNotes> notes)>;

  static Result<std::unique_ptr<StoreCustodian>> open(const std::filesystem::path& home);
  StoreCustodian(const StoreCustodian&) = delete;
  // What is being copied is given up: then nothing changes.
  ~StoreCustodian() override;

  // Without one, and after it was taken away, what no call claimed is on no record.
  void record_with(Recorder recorder) { recorder_ = std::move(recorder); }

  void keep(const ServerName& server, const FileNote& note, Descriptor file,
            std::function<void(int error)> done) override;
  void hold(const ServerName& server, const FileNote& note,
            std::function<void(std::string id)> done) override;
  void unclaimed(const ServerName& server, const std::string& agent,
                 std::shared_ptr<OpenNotes> notes) override;

 private:
  class Shelf;
  explicit StoreCustodian(std::filesystem::path home);
  Shelf& shelf(const ServerName& server);

  std::filesystem::path home_;
  Recorder recorder_;
  std::atomic<bool> stopping_ = false;
  asio::thread_pool threads_;
  std::map<std::string, std::unique_ptr<Shelf>> shelves_;  // as long as the threads
};

}  // namespace toolgate
