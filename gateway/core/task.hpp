#pragma once
// Coroutines. A task is a named function; its parameters are values, or references that outlive it.

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace toolgate {

namespace asio = boost::asio;

template <class T = void>
using Task = asio::awaitable<T>;

// For operations whose failure is normal: auto [error, n] = co_await async_x(..., as_result);
constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

}  // namespace toolgate
