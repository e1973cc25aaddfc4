#include "gateway/broker/probe.hpp"

#include <boost/asio/io_context.hpp>

#include "gateway/broker/upstream.hpp"
#include "gateway/core/task_group.hpp"

namespace toolgate {
namespace {

// A probe has no agent: what the server asks is refused, what it says besides answers is dropped.
class NoAgent : public UpstreamEvents {
 public:
  void started(Upstream&) override {}
  void offered(Upstream&) override {}
  void unlisted(Upstream&, const Refusal&) override {}
  void stopped(Upstream&, const Refusal&) override {}
  void notified(Upstream&, const Message&, CallRoute*) override {}
  void asked(Upstream& server, Message message, CallRoute*) override {
    server.answer(error_text(message.id().raw(),
                             Refusal(Reason::unknown_method, "nobody is there to be asked")));
  }
};

// A probe has nobody who keeps content: in staged scopes it changes nothing, whatever was said.
void narrow(ServerEntry& entry, ProbeFiles files) {
  for (FileScope& scope : entry.files) {
    const bool staged = std::exchange(scope.is_staged, false);
    if (staged || files == ProbeFiles::read_only) scope.mode = FileMode::ro;
  }
}

Task<> probe(asio::any_io_executor executor, SandboxProof& proof, Probed& probed,
             ProbeFiles files) {
  NoAgent nobody;
  ServerEntry entry = probed.entry;
  narrow(entry, files);
  auto upstream =
      std::make_shared<Upstream>(executor, std::move(entry), nobody, make_links(proof, nullptr));
  Status status = co_await upstream->probe();
  if (status) {
    probed.offer = *upstream->offer();
  } else {
    probed.offer = status.refusal();
  }
  co_await upstream->stop();
  probed.last_words = upstream->last_words();
}

}  // namespace

std::vector<Probed> probe_servers(std::vector<ServerEntry> entries, ProbeFiles files) {
  std::vector<Probed> probed;
  for (ServerEntry& entry : entries) {
    probed.push_back(Probed{std::move(entry), Refusal(Reason::internal, "the probe did not run")});
  }
  asio::io_context loop(1);
  SandboxProof proof(loop.get_executor());
  TaskGroup group(loop.get_executor(), "review");
  for (Probed& one : probed) group.spawn(probe(loop.get_executor(), proof, one, files));
  loop.run();
  return probed;
}

}  // namespace toolgate
