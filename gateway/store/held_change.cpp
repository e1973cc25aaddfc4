#include "gateway/store/held_change.hpp"

#include <cerrno>

#include "gateway/store/displaced.hpp"
#include "gateway/store/moved_names.hpp"

namespace toolgate {
namespace {

using Kept = std::optional<std::string>;

Refusal refuse(const std::string& path, const std::string& what) {
  return Refusal(Reason::storage, path + " " + what);
}

Status is_still_there(const HostPlace& place, const HostFile& asked) {
  const HostFile now = place.file();
  if (!now.is_there()) return refuse(place.path, "is not there any more");
  if (now == asked) return done();
  return refuse(place.path, "is another file than the one that was asked about");
}

// One move of a name, over a name of its own beside the target: what lies there nobody else takes
// away or puts something else in its place, so that it can be looked at.
class Move {
 public:
  Move(const HeldChange& change, const HostPlace& from, const HostPlace& to,
       const ProtectedNames& names)
      : change_(change), from_(from), to_(to), names_(names), beside_(to.beside()) {}

  Result<Kept> rename() const;
  Result<Kept> replace(CustodyBook& book) const;

 private:
  Refusal failed() const { return cannot_be(from_.path, "moved to " + to_.path); }
  Status take() const;
  Status lies_well() const;
  Status put() const;
  Status put_instead(const Displaced& displaced) const;
  Status back(Status why) const;

  const HeldChange& change_;
  const HostPlace& from_;
  const HostPlace& to_;
  const ProtectedNames& names_;
  HostPlace beside_;
};

Status Move::back(Status why) const {
  if (rename_place(beside_, from_, Rename::no_replace)) return why;
  return Refusal(why.refusal().reason,
                 why.refusal().detail + "; what was to be moved is at " + beside_.path + " now");
}

Status Move::take() const {
  if (!rename_place(from_, beside_, Rename::no_replace)) return failed();
  if (beside_.file() == change_.at_path) return done();
  return back(refuse(from_.path, "is another file than the one that was asked about"));
}

// Again where it is now: it may have been filled meanwhile. What somebody else put there since is
// none of ours.
Status Move::lies_well() const {
  if (to_.file() != change_.at_path) return done();
  return may_lie_at(to_, from_.path, to_.path, names_);
}

Status Move::put() const {
  if (!rename_place(beside_, to_, Rename::no_replace)) return back(failed());
  Status well = lies_well();
  if (well) return done();
  if (rename_place(to_, beside_, Rename::no_replace)) return back(well);
  return Refusal(well.refusal().reason, well.refusal().detail + "; it could not be moved back");
}

// By an exchange, which shows what stood there in the very moment.
Status Move::put_instead(const Displaced& displaced) const {
  if (!rename_place(beside_, to_, Rename::exchange)) return back(failed());
  Status well = lies_well();
  if (well) well = displaced.take_away(beside_);
  if (well) return done();
  if (rename_place(beside_, to_, Rename::exchange)) return back(well);
  return Refusal(well.refusal().reason, well.refusal().detail + "; what was to be replaced is at " +
                                            beside_.path + " now");
}

Result<Kept> Move::rename() const {
  Status moved = take();
  if (moved) moved = put();
  return moved ? Result<Kept>(Kept()) : moved.refusal();
}

Result<Kept> Move::replace(CustodyBook& book) const {
  Status there = is_still_there(to_, change_.at_target);
  if (!there) return there.refusal();
  const bool is_alike = S_ISDIR(change_.at_path.type) == S_ISDIR(change_.at_target.type);
  errno = S_ISDIR(change_.at_target.type) ? EISDIR : ENOTDIR;
  if (!is_alike) return failed();
  auto displaced = Displaced::keep(book, change_.server, to_, change_.at_target);
  if (!displaced) return displaced.refusal();
  Status moved = take();
  if (moved) moved = put_instead(*displaced);
  if (moved) return displaced->kept();
  displaced->stays(book);
  return moved.refusal();
}

Result<Kept> move_it(CustodyBook& book, const HeldChange& change, const HostPlace& from,
                     const ProtectedNames& names) {
  auto to = open_place(change.note.to);
  if (!to) return to.refusal();
  Status may = may_lie_at(from, from.path, to->path, names);
  if (!may) return may.refusal();
  const Move move(change, from, *to, names);
  auto moved = change.note.effect == FileNote::Effect::replace ? move.replace(book) : move.rename();
  if (moved && (!to->sync() || !from.sync())) return cannot_be(to->path, "written to the disk");
  return moved;
}

Result<Kept> remove_it(CustodyBook& book, const HeldChange& change, const HostPlace& place) {
  auto displaced = Displaced::keep(book, change.server, place, change.at_path);
  if (!displaced) return displaced.refusal();
  Status taken = displaced->take_away(place);
  if (!taken) {
    displaced->stays(book);
    return taken.refusal();
  }
  if (!place.sync()) return cannot_be(place.path, "removed from the disk");
  return displaced->kept();
}

}  // namespace

Result<std::optional<std::string>> make_held_change(CustodyBook& book, const HeldChange& change,
                                                    const ProtectedNames& names) {
  auto place = open_place(change.note.path);
  if (!place) return place.refusal();
  Status there = is_still_there(*place, change.at_path);
  if (!there) return there.refusal();
  if (change.note.effect == FileNote::Effect::remove) return remove_it(book, change, *place);
  return move_it(book, change, *place, names);
}

}  // namespace toolgate
