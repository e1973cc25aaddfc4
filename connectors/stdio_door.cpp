#include "connectors/stdio_door.hpp"

#include <boost/asio/this_coro.hpp>
#include <utility>

#include "connectors/borrowed_stream.hpp"
#include "connectors/line_session.hpp"

namespace toolgate {

Task<Status> serve_stdio(Conversations& conversations, AgentName agent, int input, int output,
                         const Limits& limits) {
  auto executor = co_await asio::this_coro::executor;
  ignore_broken_pipes();
  BorrowedStream in(executor, input, Direction::reading);
  if (!in.status()) co_return in.status().refusal();
  BorrowedStream out(executor, output, Direction::writing);
  if (!out.status()) co_return out.status().refusal();

  LineReader lines(limits.json.bytes);
  LineSession session(in.stream(), out.stream(), lines, limits);
  co_await session.run(conversations, std::move(agent), "stdio");
  co_return done();
}

}  // namespace toolgate
