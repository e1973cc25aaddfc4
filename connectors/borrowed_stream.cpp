#include "connectors/borrowed_stream.hpp"

#include <string>

namespace toolgate {

BorrowedStream::BorrowedStream(const asio::any_io_executor& executor, int number,
                               Direction direction)
    : borrowed_(BorrowedDescriptor::open(number, direction)), stream_(executor), status_(done()) {
  if (!borrowed_) {
    status_ = borrowed_.refusal();
    return;
  }
  boost::system::error_code error;
  stream_.assign(borrowed_->number(), error);
  if (error) {
    status_ = Refusal(Reason::unsupported, "descriptor " + std::to_string(number) +
                                               " is of a kind that cannot be waited for: use a "
                                               "pipe, a socket, a terminal or a file");
  }
}

BorrowedStream::~BorrowedStream() {
  if (stream_.is_open()) stream_.release();  // borrowed_ closes it
}

}  // namespace toolgate
