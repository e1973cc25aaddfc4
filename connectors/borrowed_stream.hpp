#pragma once
// A descriptor that the program was started with (stdin, stdout), for the event loop; given back as
// it was.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "connectors/descriptor.hpp"
#include "gateway/core/result.hpp"
#include "gateway/core/task.hpp"

namespace toolgate {

class BorrowedStream {
 public:
  // Look at status() before stream().
  BorrowedStream(const asio::any_io_executor& executor, int number, Direction direction);
  BorrowedStream(const BorrowedStream&) = delete;
  ~BorrowedStream();

  const Status& status() const { return status_; }
  asio::posix::stream_descriptor& stream() { return stream_; }

 private:
  Result<BorrowedDescriptor> borrowed_;
  asio::posix::stream_descriptor stream_;
  Status status_;
};

}  // namespace toolgate
