#include "gateway/core/within.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

namespace toolgate {

bool is_cancellation(const std::exception_ptr& fault) {
  try {
    std::rethrow_exception(fault);
  } catch (const boost::system::system_error& error) {
    return error.code() == asio::error::operation_aborted;
  } catch (...) {
    return false;
  }
}

}  // namespace toolgate
