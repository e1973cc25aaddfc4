#include "connectors/custody_desk.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "connectors/launcher/handover.hpp"
#include "gateway/core/task_group.hpp"

namespace toolgate {
namespace {

using std::string_literals::operator""s;

class Notebook : public Custodian {
 public:
  void keep(const ServerName&, const FileNote& note, Descriptor file,
            std::function<void(int error)> done) override {
    char text[64] = {};
    [[maybe_unused]] const ssize_t count = ::pread(file.number(), text, sizeof text - 1, 0);
    said += "keep " + note.path + " " + text + ";";
    done(error);
  }
  void hold(const ServerName&, const FileNote& note,
            std::function<void(std::string id)> done) override {
    said += std::string(effect_name(note.effect)) + " " + note.path + " " + note.to + ";";
    ++heard;
    if (answers) return done("id");
    later.push_back(std::move(done));
  }
  void unclaimed(const ServerName&, const std::string& agent,
                 std::shared_ptr<OpenNotes> notes) override {
    agents += agent;
    outside.push_back(std::move(notes));
  }
  std::string said;
  int heard = 0;
  int error = 0;
  bool answers = true;
  std::vector<std::function<void(std::string id)>> later;
  std::string agents;
  std::vector<std::shared_ptr<OpenNotes>> outside;
};

// The other end, as the supervisor is.
class Sandbox {
 public:
  Sandbox() : desk(loop.get_executor(), ServerName("s"), notebook, "a") {
    auto opened = desk.open();
    REQUIRE(opened);
    socket = std::move(*opened);
  }
  void send(const std::string& message, int file = -1) const {
    iovec part{const_cast<char*>(message.data()), message.size()};
    REQUIRE(send_with(socket.number(), &part, 1, file));
  }
  // What the desk said: nothing where there is nothing, "end" where it gave up.
  std::string heard() {
    char text[64];
    const ssize_t count = ::recv(socket.number(), text, sizeof text, MSG_DONTWAIT);
    if (count > 0) return std::string(text, static_cast<std::size_t>(count));
    return count == 0 ? "end" : "";
  }
  FileNotes notes_of(BrokerId call) {
    const auto notes = desk.notes_of(call);
    loop.restart();
    loop.poll();
    return notes ? notes->notes() : FileNotes();
  }

  asio::io_context loop;
  Notebook notebook;
  CustodyDesk desk;
  Descriptor socket;
};

Descriptor some_file(int flags) {
  Descriptor file(::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  REQUIRE(::write(file.number(), "content", 7) == 7);
  const std::string link = "/proc/self/fd/" + std::to_string(file.number());
  return Descriptor(::open(link.c_str(), flags | O_CLOEXEC));
}

}  // namespace

TEST_CASE("custody desk: a window begins with the first call after none") {
  Sandbox sandbox;
  sandbox.desk.begin_call(1);
  CHECK(sandbox.heard() == "w");
  sandbox.desk.begin_call(2);
  sandbox.desk.end_call(1);
  sandbox.desk.begin_call(3);
  CHECK(sandbox.heard().empty());
  sandbox.desk.end_call(2);
  sandbox.desk.end_call(3);
  sandbox.desk.begin_call(4);
  CHECK(sandbox.heard() == "w");
}

TEST_CASE("custody desk: unread beginnings of windows do not pile up") {
  Sandbox sandbox;
  for (BrokerId call = 1; call < 10'000; ++call) {
    sandbox.desk.begin_call(call);
    sandbox.desk.end_call(call);
  }
  int unread = 0;
  while (sandbox.heard() == "w") ++unread;
  CHECK(unread >= 1);
  CHECK(unread < 100);
}

TEST_CASE("custody desk: what happens is noted for the calls under way") {
  Sandbox sandbox;
  sandbox.desk.begin_call(1);
  sandbox.heard();
  sandbox.send("r/a\0"s);
  CHECK(sandbox.notes_of(1).list.size() == 1);
  sandbox.desk.begin_call(2);
  sandbox.send("m/a\0/b\0"s);
  CHECK(sandbox.notes_of(1).list.size() == 2);
  const FileNotes second = sandbox.notes_of(2);
  REQUIRE(second.list.size() == 1);
  CHECK(second.list[0].effect == FileNote::Effect::move);
  CHECK(second.list[0].to == "/b");
  CHECK(second.list[0].id == "id");
  for (int i = 0; i < 150; ++i) sandbox.send("r/a\0"s);
  CHECK(sandbox.notes_of(2).list.size() == FileNotes::most);
  CHECK(sandbox.notes_of(2).more == 51);
  CHECK(sandbox.notes_of(9).list.empty());
}

TEST_CASE("custody desk: a content is handed on, and the answer comes back") {
  Sandbox sandbox;
  const Descriptor file = some_file(O_RDONLY);
  sandbox.desk.begin_call(1);
  sandbox.heard();
  sandbox.send("k/a\0"s, file.number());
  sandbox.notes_of(1);
  CHECK(sandbox.heard() == "y");
  CHECK(sandbox.notes_of(1).list.size() == 1);
  sandbox.notebook.error = ENOSPC;
  sandbox.send("k/a\0"s, file.number());
  sandbox.notes_of(0);
  CHECK(sandbox.heard() == "n28");
  const FileNotes refused = sandbox.notes_of(1);
  REQUIRE(refused.list.size() == 2);
  CHECK(refused.list[1].effect == FileNote::Effect::unkept);
  CHECK(!refused.list[1].waits());
  CHECK(refused.list[1].id.empty());
  CHECK(refused.list[1].why.find("make room there") != std::string::npos);
  sandbox.notebook.error = EAGAIN;  // it asks again
  sandbox.send("k/a\0"s, file.number());
  sandbox.notes_of(0);
  CHECK(sandbox.heard() == "n11");
  CHECK(sandbox.notes_of(1).list.size() == 2);
  CHECK(sandbox.notebook.said == "keep /a content;keep /a content;keep /a content;");
}

TEST_CASE("custody desk: what has another form ends it") {
  struct Row {
    const char* name;
    std::string message;
    std::optional<int> file_flags = std::nullopt;
  };
  for (const Row& row :
       {Row{"an unknown kind", "x/a\0"s}, Row{"a relative path", "ra\0"s},
        Row{"an empty path", "r\0"s}, Row{"no NUL", "r/a"s}, Row{"a path too many", "r/a\0/b\0"s},
        Row{"a path too few", "m/a\0"s}, Row{"a relative target", "m/a\0b\0"s},
        Row{"bytes behind it", "m/a\0/b\0x"s}, Row{"nothing to keep", "k/a\0"s},
        Row{"a file that can be written", "k/a\0"s, O_RDWR},
        Row{"no file that can be read", "k/a\0"s, O_PATH}}) {
    CAPTURE(row.name);
    Sandbox sandbox;
    Descriptor file;
    if (row.file_flags) file = some_file(*row.file_flags);
    sandbox.send(row.message, file.number());
    sandbox.notes_of(0);
    CHECK(sandbox.notebook.said.empty());
    CHECK(sandbox.heard() == "end");
  }
}

TEST_CASE("custody desk: what is no regular file is not kept") {
  Sandbox sandbox;
  const Descriptor device(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  sandbox.send("k/a\0"s, device.number());
  sandbox.notes_of(0);
  CHECK(sandbox.heard() == "end");
}

TEST_CASE("custody desk: an answer of the store may come late, and the notes wait for it") {
  Sandbox sandbox;
  sandbox.notebook.answers = false;
  sandbox.desk.begin_call(1);
  sandbox.desk.begin_call(2);
  sandbox.send("r/a\0"s);
  const auto notes = sandbox.desk.notes_of(1);
  sandbox.desk.end_call(1);
  CHECK(notes->notes().list[0].id.empty());
  TaskGroup group(sandbox.loop.get_executor(), "notes");
  FileNotes settled;
  auto wait = [](std::shared_ptr<OpenNotes> open, FileNotes& into) -> Task<> {
    into = co_await OpenNotes::settled(std::move(open));
  };
  group.spawn(wait(notes, settled));
  sandbox.loop.poll();
  CHECK(settled.list.empty());
  REQUIRE(sandbox.notebook.later.size() == 1);
  sandbox.notebook.later[0]("late");
  sandbox.loop.restart();
  sandbox.loop.run();
  REQUIRE(settled.list.size() == 1);
  CHECK(settled.list[0].id == "late");
  CHECK(sandbox.notes_of(2).list[0].id == "late");
}

TEST_CASE("custody desk: what no call claims is told apart, with the agent, and bounded") {
  Sandbox sandbox;
  for (int i = 0; i < 120; ++i) sandbox.send("r/a\0"s);
  const Descriptor file = some_file(O_RDONLY);
  sandbox.send("k/b\0"s, file.number());
  sandbox.desk.begin_call(1);
  sandbox.send("r/own\0"s);
  sandbox.desk.end_call(1);  // that of a request of the gateway's own: nobody asked for its notes
  sandbox.desk.begin_call(2);
  sandbox.send("r/claimed\0"s);
  CHECK(sandbox.notes_of(2).list.size() == 1);
  sandbox.desk.end_call(2);
  sandbox.send("r/last\0"s);
  sandbox.desk.stop();
  CHECK(sandbox.notebook.agents.find_first_not_of('a') == std::string::npos);
  std::size_t listed = 0;
  std::size_t all = 0;
  for (const auto& notes : sandbox.notebook.outside) {
    CHECK(notes->notes().list.size() <= FileNotes::most);
    listed += notes->notes().list.size();
    all += notes->notes().list.size() + notes->notes().more;
    for (const FileNote& note : notes->notes().list) CHECK(note.path != "/claimed");
  }
  CHECK(all == 123);
  CHECK(listed >= FileNotes::most);
}

TEST_CASE("custody desk: what was said before the sandbox ended belongs to the call") {
  Sandbox sandbox;
  const Descriptor file = some_file(O_RDONLY);
  sandbox.desk.begin_call(1);
  sandbox.send("k/a\0"s, file.number());
  sandbox.send("r/b\0"s);
  sandbox.socket.close();
  TaskGroup group(sandbox.loop.get_executor(), "desk");
  group.spawn(sandbox.desk.run());
  sandbox.loop.run();
  CHECK(sandbox.notes_of(1).list.size() == 2);
  sandbox.desk.end_call(1);
  sandbox.desk.stop();
  CHECK(sandbox.notebook.outside.empty());
}

TEST_CASE("custody desk: many messages leave others their turns") {
  Sandbox sandbox;
  for (int i = 0; i < 150; ++i) sandbox.send("r/a\0"s);
  sandbox.socket.close();
  TaskGroup group(sandbox.loop.get_executor(), "desk");
  group.spawn(sandbox.desk.run());
  int most = 0;
  int before = 0;
  while (sandbox.loop.run_one() > 0) {
    most = std::max(most, sandbox.notebook.heard - before);
    before = sandbox.notebook.heard;
  }
  CHECK(sandbox.notebook.heard == 150);
  CHECK(most <= 64);
}

TEST_CASE("custody desk: it serves by itself, and ends with the sandbox") {
  Sandbox sandbox;
  TaskGroup group(sandbox.loop.get_executor(), "desk");
  group.spawn(sandbox.desk.run());
  sandbox.send("r/a\0"s);
  sandbox.socket.close();
  sandbox.loop.run();
  CHECK(sandbox.notebook.said == "remove /a ;");
}

}  // namespace toolgate
